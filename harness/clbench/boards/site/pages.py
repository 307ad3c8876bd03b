"""The pages of a site as html."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from clbench import __version__
from clbench.boards.card import declared
from clbench.boards.formats.cells import NONE
from clbench.boards.formats.wording import gibibytes, percent
from clbench.boards.origin import origin_facts
from clbench.boards.rerun import rerun_command, rerun_remarks
from clbench.boards.site.contents import BoardPage, Contents, MethodPage, Run
from clbench.boards.site.courses import course_points, mean_matrix, run_matrices
from clbench.boards.site.downloads import run_downloads
from clbench.boards.site.figures import board_figures, scatter_rows, task_tables
from clbench.boards.site.filters import board_filters, literature_filters, row_tags, uses_tags
from clbench.boards.site.literature import Published, family_text, shots_text
from clbench.boards.site.runfacts import compared_with_mean, run_tasks, warnings
from clbench.boards.tables.columns import ranks_text
from clbench.config.options import as_typed
from clbench.printing import fit

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["Site", "html_pages"]


@dataclass(frozen=True)
class Site:
    """What all pages share.

    Attributes:
        title: of the whole site.
        base_url: where it will stand, for canonical links; empty: nowhere in particular.
        predictions: whether predictions are copied.
        libraries: name, version and licence of the scripts.
    """

    title: str
    base_url: str = ""
    predictions: bool = True
    libraries: tuple[Mapping[str, str], ...] = ()


def html_pages(site: Site, contents: Contents, literature: Published) -> Iterator[tuple[str, str]]:
    """Yield path and html of each page."""
    render = _Renderer(site, contents, literature)
    yield render.page(
        "index.html",
        "index.html",
        filters=board_filters(contents.boards),
        figures={board.name: board_figures(board, contents.board.columns) for board in contents.boards},
        charts={board.name: scatter_rows(board, contents.board.columns, "") for board in contents.boards},
    )
    for board in contents.boards:
        yield render.page(
            f"boards/{board.name}.html",
            "board.html",
            board=board,
            figures={board.name: board_figures(board, contents.board.columns)},
            charts={board.name: scatter_rows(board, contents.board.columns, "../")},
            task_tables=task_tables(board),
        )
    for method in contents.methods:
        yield render.page(
            f"methods/{method.name}.html",
            "method.html",
            method=method,
            declared=declared(method.known.spec),
            figures={b.name: board_figures(b, contents.board.columns) for b, _ in method.rows},
        )
    for run in contents.runs:
        yield render.run(run)
    yield render.page("literature.html", "literature.html", filters=literature_filters(literature))
    yield render.page("about.html", "about.html")


class _Renderer:
    def __init__(self, site: Site, contents: Contents, literature: Published) -> None:
        self.environment = _environment()
        self.shared: dict[str, Any] = {"site": site, "contents": contents, "literature": literature}
        self.predictions = site.predictions
        self.boards = {run.name: board for board in contents.boards for run in board.runs}
        self.methods = {run.name: method for method in contents.methods for _, run in method.runs}

    def page(self, path: str, template: str, **values: Any) -> tuple[str, str]:
        root = "../" * path.count("/")
        text = self.environment.get_template(template).render(
            **self.shared, **values, root=root, path=path, version=__version__
        )
        return path, text

    def run(self, run: Run) -> tuple[str, str]:
        record, board, method = run.record, self.boards[run.name], self.methods[run.name]
        return self.page(
            f"runs/{run.name}/index.html",
            "run.html",
            run=run,
            record=record,
            board=board,
            method=method,
            others=_others(run, board, method),
            matrices=run_matrices(record),
            course=course_points([run]),
            tasks=run_tasks(record),
            means=compared_with_mean(run, board),
            warnings=warnings(run),
            provenance=origin_facts(record),
            command=rerun_command(record),
            full_command=rerun_command(record, every_setting=True),
            remarks=rerun_remarks(record),
            downloads=run_downloads(run, predictions=self.predictions),
        )


def _others(run: Run, board: BoardPage, method: MethodPage) -> list[Run]:
    """The other seeds of the run's row."""
    mine = [r for b, r in method.runs if b.name == board.name]
    return [other for other in mine if other.label == run.label and other.name != run.name]


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("clbench.boards.site", "templates"),
        autoescape=True,
        finalize=fit,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "typed": as_typed,
        "initial": lambda text: f"{text[:1].upper()}{text[1:]}",
        "linked": linked,
        "count": lambda n: NONE if n is None else f"{n:,.0f}",
        "seconds": lambda x: NONE if x is None else f"{x:.1f} s",
        "gib": gibibytes,
        "percent": percent,
    }
    environment.globals |= {
        "row_tags": row_tags,
        "uses_tags": uses_tags,
        "shots_text": shots_text,
        "family_text": family_text,
        "mean_matrix": mean_matrix,
        "course_points": course_points,
        "NONE": NONE,
        "ranks_text": ranks_text,
    }
    return environment


_LINKS = re.compile(
    r"(?P<url>https?://[^\s<>\"'();,]+)"
    r"|\barXiv[ :](?P<arxiv>\d{4}\.\d{4,5})"
    r"|\bgithub:(?P<github>[\w.-]+/[\w.-]+)"
)


def linked(text: str) -> Markup:
    """Return ``text`` with links where it names an address, a paper on arXiv or a repository on GitHub."""
    from markupsafe import Markup, escape

    parts, end = [], 0
    for match in _LINKS.finditer(text):
        if match["arxiv"]:
            target = f"https://arxiv.org/abs/{match['arxiv']}"
        elif match["github"]:
            target = f"https://github.com/{match['github']}"
        else:
            target = match["url"]
        parts.append(escape(text[end : match.start()]))
        parts.append(Markup('<a href="{}" rel="noreferrer">{}</a>').format(target, match[0]))
        end = match.end()
    return Markup("").join([*parts, escape(text[end:])])
