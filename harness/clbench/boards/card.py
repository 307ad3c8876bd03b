"""The card of a method: what it declares, what its papers report, and what its runs were measured to cost."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from statistics import fmean

from clbench.boards.cells import NONE, Cell, Grid
from clbench.boards.claimtables import plain_claims_grid
from clbench.boards.groups import Group
from clbench.boards.variants import variants
from clbench.boards.wording import gibibytes
from clbench.boards.writing import grids_as_markdown
from clbench.results.claims import AnyClaim
from clbench.results.records import Record
from clbench.specs import MethodSpec

__all__ = ["Card", "Cost", "card_grids", "cost_of", "costs_of", "declared", "render_card"]


@dataclass(frozen=True)
class Cost:
    """What runs that differ in nothing but their seed cost on one kind of machine, measured by the harness.

    Attributes:
        run: the method, and the settings that tell it apart from its other runs.
        stream, order, backbone, device, threads: as in the records.
        tasks, seeds: how many.
        trainable_parameters: the most that a task trained.
        stored_parameters: after the last task, beside the initial backbone.
        growth_per_task: by how many the stored ones grew, mean over the tasks after the first.
        peak_memory_bytes: of the process, or of the device's allocator.
        learn_seconds, evaluate_seconds: mean over tasks: to learn one, and to test all after it.
        generated_images: in all.
    """

    run: str
    stream: str
    order: str
    backbone: str
    device: str
    threads: int
    tasks: int
    seeds: int
    trainable_parameters: int | None
    stored_parameters: int | None
    growth_per_task: float | None
    peak_memory_bytes: int | None
    learn_seconds: float | None
    evaluate_seconds: float | None
    generated_images: int


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


def costs_of(records: Iterable[Record]) -> tuple[Cost, ...]:
    """Return what the finished ones of ``records`` cost; different streams or machines are never averaged."""
    groups: dict[tuple[Group, str, int], list[Record]] = defaultdict(list)
    for record in records:
        if record.status == "finished":
            origin = record.provenance
            groups[Group.of(record), origin.device, origin.threads].append(record)
    costs = [cost_of(v.label, v.records) for group in groups.values() for v in variants(group)]
    return tuple(sorted(costs, key=lambda c: (c.stream, c.order, c.backbone, c.device, c.threads, c.run)))


def cost_of(run: str, records: Sequence[Record]) -> Cost:
    """Return what ``records`` cost, which differ in nothing but their seed and ran on one kind of machine."""
    sample, spent = records[0], [r.resources for r in records]
    stored = [s.stored_parameters for s in spent if s.stored_parameters]
    growth = [(row[-1] - row[0]) / (len(row) - 1) for row in stored if len(row) > 1]
    learned = [seconds for s in spent for seconds in s.learn_seconds]
    tested = [seconds for s in spent for seconds in s.evaluate_seconds]
    return Cost(
        run=run,
        stream=sample.stream.name,
        order=sample.stream.order,
        backbone=sample.backbone.name,
        device=sample.provenance.device,
        threads=sample.provenance.threads,
        tasks=len(sample.stream.tasks),
        seeds=len(records),
        trainable_parameters=max((n for s in spent for n in s.trainable_parameters), default=None),
        stored_parameters=max((row[-1] for row in stored), default=None),
        growth_per_task=fmean(growth) if growth else None,
        peak_memory_bytes=max(
            (s.peak_memory_bytes for s in spent if s.peak_memory_bytes is not None), default=None
        ),
        learn_seconds=fmean(learned) if learned else None,
        evaluate_seconds=fmean(tested) if tested else None,
        generated_images=max(s.generated_images for s in spent),
    )


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
        return json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    facts = {"package": card.package, "cite": card.spec.citation or NONE, **declared(card.spec)}
    rows = tuple((Cell(name), Cell(text)) for name, text in facts.items())
    said = Grid(f"{card.spec.title}: {card.spec.summary}", ("Declared", ""), ("left", "left"), rows, ())
    return grids_as_markdown([said, *card_grids(card)], card.notes)
