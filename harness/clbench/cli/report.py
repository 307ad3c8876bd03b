"""``clbench report``: one self-contained html page about recorded runs."""

from __future__ import annotations

import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.recorded import choice_options, recorded
from clbench.cli.session import Session, disable_plugin_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from clbench.boards.card import Card
    from clbench.plugins import Registry
    from clbench.results import LoadedRecords, Record


@click.command("report", short_help="Write one html page: tables, figures, settings, runs.")
@click.argument("paths", metavar="[RUN]…", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("report.html"),
    show_default=True,
    metavar="FILE",
    help="Where to write it.",
)
@click.option("--title", metavar="TEXT", default="", help="The headline.  [default: told from the records]")
@click.option(
    "--each/--no-each",
    default=None,
    help="Figures of every method by itself, half a second each.  [default: for up to 6 rows; else the best]",
)
@choice_options
@disable_plugin_option
@click.pass_context
def report(
    ctx: click.Context,
    paths: tuple[Path, ...],
    output: Path,
    title: str,
    each: bool | None,
    methods: str | None,
    orders: str | None,
    streams: str | None,
    label_spaces: str | None,
) -> None:
    """Write a report of the records under RUN… (run folders, or folders of runs; default: runs).

    One html file that needs no network and no script: leaderboard, warnings, all figures, each run with its
    matrix, settings and their sources and the command that does it again, method cards, published figures,
    protocols and provenance. Records of different protocols stand in separate tables and figures. Passwords,
    tokens and absolute paths are left out.
    """
    from clbench.boards import board_of
    from clbench.boards.report import render_report, report_of
    from clbench.cli.claims import claims_board
    from clbench.results.atomic import atomic_write
    from clbench.traps import TrapBook

    registry = Session.of(ctx).registry
    loaded = recorded(paths, methods=methods, orders=orders, streams=streams, label_spaces=label_spaces)
    installed = [name for name in _methods(loaded.records) if name in registry.methods]
    claims = None
    if installed:
        claims = claims_board(registry, tuple(s.path for s in loaded.stored), methods=installed)
    loaded = _fit_to_leave(loaded)
    said = report_of(
        loaded,
        board_of(loaded.records),
        cards=_cards(registry, installed, loaded.records),
        claims=claims if claims and claims.comparisons else None,
        title=title,
        each=each,
        command=_command(
            paths,
            output,
            title,
            each,
            methods=methods,
            orders=orders,
            streams=streams,
            label_spaces=label_spaces,
        ),
        form=TrapBook.of(registry).told,
    )
    text = render_report(said, progress=lambda part: click.echo(f"drawing {part}", err=True))
    output.parent.mkdir(parents=True, exist_ok=True)
    atomic_write(output, text.encode())
    click.echo(f"wrote {output} ({len(text.encode()) / 2**20:.1f} MiB, {len(said.runs)} runs)")


def _fit_to_leave(loaded: LoadedRecords) -> LoadedRecords:
    """The same without what a page that is sent around should not tell."""
    from clbench.errors import RecordError
    from clbench.results import LoadedRecords, Problem, StoredRecord
    from clbench.results.personal import fit_to_leave

    def told(problem: Problem) -> Problem:
        error, near = problem.error, _near(problem.path)
        what, why, fix = (
            text.replace(str(problem.path), str(near)) for text in (error.what, error.why, error.fix)
        )
        return Problem(near, RecordError(what, why=why, fix=fix))

    return LoadedRecords(
        tuple(StoredRecord(_near(s.path), fit_to_leave(s.record)) for s in loaded.stored),
        tuple(map(told, loaded.problems)),
    )


def _near(path: Path) -> Path:
    """A path without where it is on this machine."""
    if not path.is_absolute():
        return path
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else Path(*path.parts[1:][-3:])


def _methods(records: Sequence[Record]) -> list[str]:
    return sorted({record.method.name for record in records})


def _cards(registry: Registry, installed: Sequence[str], records: Sequence[Record]) -> list[Card]:
    from clbench.boards.card import Card
    from clbench.boards.tables.costs import costs_of
    from clbench.results.claims import load_claims

    methods = [registry.methods[name] for name in installed]
    loaded = load_claims(method.spec for method in methods)
    cards = [
        Card(
            spec=method.spec,
            package=f"{method.distribution} {method.version}",
            claims=loaded.claims.get(method.spec.name, ()),
            costs=costs_of(record for record in records if record.method.name == method.spec.name),
        )
        for method in methods
    ]
    notes = tuple(f"left out: {problem.line}" for problem in loaded.problems)
    return [replace(cards[0], notes=notes), *cards[1:]] if notes and cards else cards


def _command(paths: Sequence[Path], output: Path, title: str, each: bool | None, **chosen: str | None) -> str:
    words = ["clbench", "report", *(str(_near(path)) for path in paths), "-o", str(_near(output))]
    words += ["--title", title] if title else []
    words += [] if each is None else ["--each" if each else "--no-each"]
    for name, given in chosen.items():
        words += [f"--{name.replace('_', '-')}", given] if given else []
    return shlex.join(words)
