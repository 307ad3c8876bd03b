"""The card of a method, from its plugin and from recorded runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from clbench.boards.card import Card
    from clbench.plugins import Contribution
    from clbench.specs import MethodSpec

__all__ = ["card_of", "print_card"]


def card_of(method: Contribution[MethodSpec], paths: tuple[Path, ...] = ()) -> Card:
    """Return the card of ``method`` with what its runs under ``paths`` cost.

    Without ``paths``, the records under ``runs`` where there is such a folder, else none.

    Raises:
        RecordError: a path does not exist.
    """
    from clbench.boards.card import Card
    from clbench.boards.tables.costs import costs_of
    from clbench.results.claims import load_claims
    from clbench.results.store import load_records

    spec = method.spec
    claims = load_claims([spec])
    default = (Path("runs"),) if Path("runs").exists() else ()
    records = load_records(paths or default)
    problems = (*claims.problems, *(problem.error for problem in records.problems))
    return Card(
        spec=spec,
        package=f"{method.distribution} {method.version}",
        claims=claims.claims.get(spec.name, ()),
        costs=costs_of(r for r in records.records if r.method.name == spec.name),
        notes=tuple(f"left out: {problem.line}" for problem in problems),
    )


def print_card(card: Card) -> None:
    """Print what papers report and what was measured."""
    from clbench.boards.card import card_grids
    from clbench.boards.formats.writing import grids_as_text

    grids = card_grids(card, wrap=True)
    if grids or card.notes:
        click.echo("\n" + grids_as_text(grids, card.notes, empty="no claims and no runs"))
    if card.claims:
        click.secho(f"\nbeside recorded runs: clbench claims --methods {card.spec.name}", dim=True)
    if not card.costs:
        click.secho(f"measured costs: clbench show method {card.spec.name} --runs PATH", dim=True)
