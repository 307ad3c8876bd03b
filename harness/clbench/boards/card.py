"""The card of a method: what it declares, what its papers report, and what its runs were measured to cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from clbench.boards.claims.tables import plain_claims_grid
from clbench.boards.formats.cells import NONE, Cell, Grid
from clbench.boards.formats.wording import gibibytes
from clbench.boards.formats.writing import grids_as_markdown
from clbench.boards.tables.costs import Cost
from clbench.printing import as_json
from clbench.results.claims import AnyClaim
from clbench.specs import MethodSpec

__all__ = ["Card", "card_grids", "declared", "render_card"]


@dataclass(frozen=True)
class Card:
    """A method's card.

    Attributes:
        spec: the method.
        package: who provides it, with its version.
        claims: what papers report of it.
        costs: what was measured.
        notes: what could not be read.
    """

    spec: MethodSpec
    package: str
    claims: tuple[AnyClaim, ...] = ()
    costs: tuple[Cost, ...] = ()
    notes: tuple[str, ...] = ()


def declared(spec: MethodSpec) -> dict[str, str]:
    """Return what the method says of itself, in words."""
    uses = spec.assumptions
    return {
        "learns": {
            "stream": "task after task",
            "zero_shot": "nothing",
            "joint": "all tasks at once (a bound, not ranked)",
            "independent": "each task by itself (a bound, not ranked)",
        }[spec.protocol],
        "requires": ", ".join(spec.requires).replace("_", " ") or "nothing more",
        "extra data": "from outside of the tasks" if uses.extra_data else "no",
        "replay": "samples of earlier tasks" if uses.replay else "no",
        "generated images": "of a text-to-image model" if uses.generated_images else "no",
        "task identity": {"none": "not used", "given": "given at test", "inferred": "inferred at test"}[
            uses.task_identity
        ],
        "external models": ", ".join(uses.external_models) or "none",
    }


def card_grids(card: Card, *, wrap: bool = False) -> list[Grid]:
    """Return the published and the measured part as tables; ``wrap`` breaks long cells into lines."""
    grids = [plain_claims_grid(card.claims, wrap=wrap)] if card.claims else []
    places: dict[str, list[Cost]] = defaultdict(list)
    for cost in card.costs:
        machine = f"{cost.device}, {cost.threads} thread{'s' * (cost.threads != 1)}"
        places[f"{cost.stream}, order {cost.order}, {cost.backbone}, {machine}"].append(cost)
    return grids + [_cost_grid(f"Measured: {place}", costs) for place, costs in places.items()]


def _cost_grid(caption: str, costs: Sequence[Cost]) -> Grid:
    headers: tuple[str, ...] = ("Run", "Seeds", "Trainable", "Stored", "Growth a task", "Peak memory")
    headers += ("Learn a task", "Test after a task", "Images")
    rows = [
        (
            cost.run,
            str(cost.seeds),
            _count(cost.trainable_parameters),
            _count(cost.stored_parameters),
            _count(cost.growth_per_task),
            gibibytes(cost.peak_memory_bytes),
            _seconds(cost.learn_seconds),
            _seconds(cost.evaluate_seconds),
            _count(cost.generated_images),
        )
        for cost in costs
    ]
    align = ("left", *("right" for _ in headers[1:]))
    return Grid(caption, headers, align, tuple(tuple(Cell(text) for text in row) for row in rows), ())


def _count(number: float | None) -> str:
    return NONE if number is None else f"{number:,.0f}"


def _seconds(number: float | None) -> str:
    return NONE if number is None else f"{number:.1f} s"


def render_card(card: Card, format: str) -> str:
    """Return the card as ``md`` or ``json``."""
    if format == "json":
        document = {
            "name": card.spec.name,
            "title": card.spec.title,
            "summary": card.spec.summary,
            "package": card.package,
            "citation": card.spec.citation,
            "declared": declared(card.spec),
            "claims": [claim.model_dump(mode="json") for claim in card.claims],
            "measured": [asdict(cost) for cost in card.costs],
            "notes": card.notes,
        }
        return as_json(document, indent=2)
    facts = {"package": card.package, "cite": card.spec.citation or NONE, **declared(card.spec)}
    rows = tuple((Cell(name), Cell(text)) for name, text in facts.items())
    said = Grid(f"{card.spec.title}: {card.spec.summary}", ("Declared", ""), ("left", "left"), rows, ())
    return grids_as_markdown([said, *card_grids(card)], card.notes)
