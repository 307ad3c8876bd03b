"""From a folder of records to a folder of pages."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from clbench.boards.claims.frame import Comparison
from clbench.boards.literature.published import published_folder
from clbench.boards.site.assets import asset_files, libraries
from clbench.boards.site.contents import Contents, Known
from clbench.boards.site.downloads import data_files, published_records, record_files
from clbench.boards.site.gathering import SITE_METRICS, contents_of
from clbench.boards.site.literature import Published, published_of
from clbench.boards.site.pages import Site, html_pages
from clbench.boards.site.writing import MANIFEST, write_files
from clbench.errors import ConfigError, RecordError
from clbench.results.records import Record
from clbench.results.store import Problem, load_records
from clbench.specs import MetricSpec

__all__ = ["SiteWritten", "build_site"]


@dataclass(frozen=True)
class SiteWritten:
    """What was written: the folder, sizes in bytes by path, and what the site shows."""

    out: Path
    sizes: Mapping[str, int]
    contents: Contents
    literature: Published

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(self.sizes.values())


def build_site(
    leaderboards: Path,
    out: Path,
    *,
    title: str = "clbench leaderboard",
    base_url: str = "",
    predictions: bool = True,
    published: Path | None = None,
    known: Mapping[str, Known] | None = None,
    claims: Collection[Comparison] = (),
    metrics: Sequence[str] = SITE_METRICS,
    extra: Sequence[MetricSpec] = (),
    ranks: bool | None = None,
    form: Callable[[Record], str] = lambda _: "",
) -> SiteWritten:
    """Write the site of all records under ``leaderboards`` to ``out``; equal records give equal bytes.

    Args:
        leaderboards: a folder of records at any depth.
        out: where the site goes; an earlier site there is replaced, other files are left alone.
        title: of the site.
        base_url: where it will stand; adds canonical links and a site map.
        predictions: whether each run's predictions are copied to be downloaded.
        published: the literature's folder; default: ``published`` in ``leaderboards``, else clbench's own.
        known: what installed packages tell of methods, by name.
        claims: published figures beside the records, of any methods.
        metrics, extra: columns of the boards, as in :func:`clbench.boards.board_of`.
        ranks: whether rows get ranks and letters, as in :func:`clbench.boards.leaderboard`.
        form: tells in which form a record has its method's traps.

    Raises:
        RecordError: there is no record, or a published file cannot be read.
        ConfigError: ``out`` is in the way of other files or lies among the records, or libraries are missing.
        UnknownNameError: no such metric.
    """
    _apart(leaderboards, out)
    if published is not None and not published.is_dir():
        raise RecordError(f"there is no folder {published}", fix="name the folder of averages.csv")
    beside = leaderboards / "published"
    folder = published or (beside if beside.is_dir() else published_folder())
    loaded = load_records([leaderboards])
    if not loaded.stored:
        problems = "; ".join(problem.error.line for problem in loaded.problems[:3])
        raise RecordError(
            f"there is no record under {leaderboards} to show",
            why=problems or "no folder in it has a record.json",
            fix="name a folder of records: clbench site leaderboards --out site",
        )
    assets = asset_files()
    loaded = replace(loaded, problems=tuple(_public(problem, leaderboards) for problem in loaded.problems))
    contents = contents_of(
        loaded, known=known, claims=claims, metrics=metrics, extra=extra, ranks=ranks, form=form
    )
    literature = published_of(folder) if folder.is_dir() else Published()
    site = Site(title, base_url.rstrip("/"), predictions, tuple(libraries()))
    pages = {path: text.encode() for path, text in html_pages(site, contents, literature)}
    files = {**pages, **assets, **data_files(contents, literature), **published_records(contents)}
    # GitHub Pages would else run the files through Jekyll.
    files[".nojekyll"] = b""
    if site.base_url:
        files["sitemap.txt"] = "".join(f"{site.base_url}/{path}\n" for path in sorted(pages)).encode()
    sizes = write_files(out, files, record_files(contents, predictions=predictions))
    return SiteWritten(out, sizes, contents, literature)


def _public(problem: Problem, folder: Path) -> Problem:
    """The same without the place where the folder lies on this machine, which is nobody's business."""

    def short(text: str) -> str:
        return text.replace(f"{folder}{os.sep}", "")

    error = problem.error
    return replace(problem, error=RecordError(short(error.what), why=short(error.why), fix=short(error.fix)))


def _apart(leaderboards: Path, out: Path) -> None:
    inner, outer = out.resolve(), leaderboards.resolve()
    if inner == outer or outer in inner.parents:
        raise ConfigError(
            f"the site cannot lie in {leaderboards}",
            why="its copies of the records would be taken for records the next time",
            fix="give a folder outside of it with --out",
        )
    if (out / MANIFEST).is_dir() or out.is_file():
        raise ConfigError(f"no site can be written to {out}", fix="give another folder with --out")
