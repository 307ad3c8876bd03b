"""``clbench claims``: published figures beside recorded runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clbench.cli.recorded import names
from clbench.cli.session import Session, disable_plugin_option

if TYPE_CHECKING:
    from clbench.boards.claims.frame import ClaimsBoard
    from clbench.plugins import Registry

__all__ = ["claims", "claims_board"]


@click.command("claims", short_help="Set published figures beside recorded runs.")
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option("-m", "--methods", metavar="A,B,…", help="Only the claims of these methods.  [default: all]")
@click.option(
    "-f",
    "--format",
    "format_",
    default="text",
    show_default=True,
    type=click.Choice(["text", "md", "csv", "json"]),
    help="csv and json have the sources and unrounded figures.",
)
@click.option(
    "--tolerance",
    default=0.5,
    show_default=True,
    metavar="POINTS",
    help="How far from the published figure still counts as reproduced.",
)
@disable_plugin_option
@click.pass_context
def claims(
    ctx: click.Context, paths: tuple[Path, ...], methods: str | None, format_: str, tolerance: float
) -> None:
    """Set what the methods' papers report beside the records under PATHS (files or folders; default: runs).

    Each published row is reproduced, not reproduced, undecided (the seeds differ too much to tell), never
    run, or not comparable with any record: other stream, protocol, backbone, order, shots or settings.
    """
    from clbench.boards.claims.tables import render_claims

    board = claims_board(Session.of(ctx).registry, paths, methods=names(methods), tolerance=tolerance)
    click.echo(render_claims(board, format_))


def claims_board(
    registry: Registry,
    paths: tuple[Path, ...] = (),
    *,
    methods: Sequence[str] = (),
    tolerance: float = 0.5,
) -> ClaimsBoard:
    """Return the claims of ``methods`` (default: all installed) beside the records under ``paths``.

    Without ``paths``, the records under ``runs`` where there is such a folder, else none.

    Raises:
        RecordError: a path does not exist.
        UnknownNameError: a method is not installed.
    """
    from clbench.boards.claims.verdicts import compare
    from clbench.reproduction.plan import published_settings
    from clbench.results.claims import Claim, load_claims
    from clbench.results.store import load_records

    found = [registry.find("method", name) for name in methods or registry.methods]
    loaded = load_claims(contribution.spec for contribution in found)
    notes = [f"left out: {problem.line}" for problem in loaded.problems]
    default = (Path("runs"),) if Path("runs").exists() else ()
    records = load_records(paths or default)
    notes += [f"left out: {problem.error.line}" for problem in records.problems]

    def settings_of(claim: Claim) -> dict[str, Any]:
        settings, problems = published_settings(registry, claim)
        for problem in problems:
            note = f"{claim.method}, {claim.row}: {' '.join(str(problem).split())}"
            if note not in notes:
                notes.append(note)
        return settings

    every = [claim for each in loaded.claims.values() for claim in each]
    board = compare(every, records.records, tolerance=tolerance, settings_of=settings_of)
    return replace(board, notes=tuple(notes))
