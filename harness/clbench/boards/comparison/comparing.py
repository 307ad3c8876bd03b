"""Two methods compared in every order of the tasks that both have, task by task, and over these orders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from clbench.boards.comparison.sides import Side
from clbench.boards.tables.groups import Group, differing
from clbench.errors import ConfigError, RecordError, UnknownNameError
from clbench.results.fingerprint import FingerprintFields
from clbench.results.metrics import METRICS, PER_TASK
from clbench.results.records import TaskRecord
from clbench.results.statistics.paired import PairedDifference, paired_difference
from clbench.results.statistics.pairs import Pairs, column_weights, metric_weights, pair_up
from clbench.results.statistics.trials import Trial, load_trial, predictions_folder, zero_shot_trial
from clbench.results.store import StoredRecord

__all__ = ["ZERO_SHOT", "Comparison", "compare_sides"]

ZERO_SHOT = "zero-shot"
"""Names the initial model of the other side, where no record of a method has that name."""


@dataclass(frozen=True)
class Comparison:
    """Two methods under one protocol, in one order of tasks or over several.

    Attributes:
        a, b: their labels.
        group: what their runs share; of several orders the first one's.
        orders: the orders, each of which counts the same.
        pairs: the runs compared, for each order.
        tasks: in the order learned; empty over several orders, where a task has several places.
        columns: by metric, the difference on each task (NaN where the metric has none).
        means: by metric, the difference of the metric itself.
    """

    a: str
    b: str
    group: Group
    orders: tuple[str, ...]
    pairs: tuple[Pairs, ...]
    tasks: tuple[TaskRecord, ...]
    columns: Mapping[str, tuple[PairedDifference, ...]]
    means: Mapping[str, PairedDifference]


def compare_sides(a: Side | None, b: Side | None, metrics: Sequence[str]) -> list[Comparison]:
    """Compare two methods in every order and protocol that both have, and over the orders of each protocol.

    Args:
        a, b: the methods; ``None``: the initial model of the other one.
        metrics: of ``transfer, average, last, forgetting``.

    Raises:
        RecordError: no two runs may be compared, predictions are damaged, or test images differ.
        ConfigError: no metric is named, or an unknown one.
    """
    if not metrics:
        raise ConfigError("no metric is named", fix=f"name some of {', '.join(PER_TASK)}")
    for metric in metrics:
        if metric not in PER_TASK:
            raise UnknownNameError("metric", metric, PER_TASK)
    known = a or b
    if known is None:
        raise ConfigError("the initial model cannot be compared with itself", fix="name a method")
    common = [group for group in known.runs if all(side is None or group in side.runs for side in (a, b))]
    if not common:
        raise _incomparable(a or known, b or known)
    found = [_in_order(a, b, group, known.runs[group], metrics) for group in common]
    settings: dict[Group, list[Comparison]] = {}
    for each in found:
        settings.setdefault(replace(each.group, order="", tasks=()), []).append(each)
    for members in settings.values():
        groups = [each.group for each in members]
        if len(members) > 1 and all(side is None or side.is_one_recipe(groups) for side in (a, b)):
            found.append(_over_orders(members, metrics))
    return found


def _in_order(
    a: Side | None,
    b: Side | None,
    group: Group,
    samples: Sequence[StoredRecord],
    metrics: Sequence[str],
) -> Comparison:
    pairs = pair_up(_trials(a, group, samples), _trials(b, group, samples))
    columns = {
        metric: tuple(
            paired_difference([pairs], [weights])
            for weights in column_weights(PER_TASK[metric], len(group.tasks))
        )
        for metric in metrics
    }
    means = _means([pairs], metrics)
    labels = (a.label if a else ZERO_SHOT, b.label if b else ZERO_SHOT)
    tasks = samples[0].record.stream.tasks
    return Comparison(*labels, group, (group.order,), (pairs,), tasks, columns, means)


def _over_orders(members: Sequence[Comparison], metrics: Sequence[str]) -> Comparison:
    first = members[0]
    pairs = tuple(each.pairs[0] for each in members)
    orders = tuple(each.group.order for each in members)
    means = _means(pairs, metrics)
    return Comparison(first.a, first.b, first.group, orders, pairs, (), {}, means)


def _means(orders: Sequence[Pairs], metrics: Sequence[str]) -> dict[str, PairedDifference]:
    found = {}
    for metric in metrics:
        weights = metric_weights(METRICS[metric], len(orders[0].tasks))
        assert weights is not None, "the four standard metrics are sums over the matrix"
        found[metric] = paired_difference(orders, [weights] * len(orders))
    return found


def _trials(side: Side | None, group: Group, others: Sequence[StoredRecord]) -> list[Trial]:
    if side is not None:
        return [
            load_trial(run.record, predictions_folder(run.record, run.path.parent))
            for run in side.runs[group]
        ]
    run = others[0]
    trial = zero_shot_trial(run.record, predictions_folder(run.record, run.path.parent))
    return [] if trial is None else [trial]


def _incomparable(a: Side, b: Side) -> RecordError:
    if not a.runs or not b.runs:
        empty = a if not a.runs else b
        return RecordError(f"{empty.label} has no finished run", fix="run the same command again")
    names = min(
        (
            differing(one, other, _fields(mine), _fields(theirs))
            for one, mine in a.runs.items()
            for other, theirs in b.runs.items()
        ),
        key=len,
    )
    return RecordError(
        f"{a.label} and {b.label} cannot be compared",
        why=f"no run of one was made like one of the other: different {', '.join(names)}",
        fix="run both under one protocol",
    )


def _fields(runs: Sequence[StoredRecord]) -> FingerprintFields:
    return runs[0].record.fingerprint.fields
