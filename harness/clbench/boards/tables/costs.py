"""What runs were measured to cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean

from clbench.boards.tables.groups import Group
from clbench.boards.tables.variants import variants
from clbench.results.records import Record

__all__ = ["Cost", "cost_of", "costs_of"]


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
