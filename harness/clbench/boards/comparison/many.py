"""Any number of methods compared: every pair, in every order that all of them have, and over these orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from clbench.boards.comparison.sides import Side
from clbench.boards.tables.groups import Group
from clbench.errors import ConfigError, RecordError, UnknownNameError
from clbench.results.metrics import METRICS
from clbench.results.statistics.chance import ENOUGH
from clbench.results.statistics.estimates import estimate
from clbench.results.statistics.intervals import Interval
from clbench.results.statistics.pairs import metric_weights
from clbench.results.statistics.ranks import Ranking, ranking_over
from clbench.results.statistics.trials import Trial, groups_of, trial_of

__all__ = ["Standing", "compare_many"]


@dataclass(frozen=True)
class Standing:
    """How methods stand to each other in one metric, under one protocol, in one order or over several.

    Attributes:
        group: what their runs share; of several orders the first one's.
        orders: the orders, each of which counts the same.
        metric: its name.
        labels: the methods, best first; ``values`` and ``ranking`` number them in this order.
        values: the metric of each.
        ranking: the tests of all pairs.
        trained: whether tests are of the trained models alone, for want of seeds: of the methods nothing is
            claimed.
        grouped: whether any run names groups of test images, which tests draw then.
    """

    group: Group
    orders: tuple[str, ...]
    metric: str
    labels: tuple[str, ...]
    values: tuple[Interval, ...]
    ranking: Ranking
    trained: bool
    grouped: bool


def compare_many(sides: Sequence[Side], metrics: Sequence[str]) -> list[Standing]:
    """Compare methods in every order and protocol that all of them have, and over each protocol's orders.

    Args:
        sides: the methods, two or more.
        metrics: of ``transfer, average, last, forgetting``.

    Raises:
        RecordError: no protocol has runs of all, predictions are damaged, or test images differ.
        ConfigError: no metric is named, or an unknown one.
    """
    if not metrics:
        raise ConfigError("no metric is named", fix=f"name some of {', '.join(METRICS)}")
    for metric in metrics:
        if metric not in METRICS:
            raise UnknownNameError("metric", metric, METRICS)
    common = [group for group in sides[0].runs if all(group in side.runs for side in sides)]
    if not common:
        raise RecordError(
            f"the {len(sides)} methods cannot be compared",
            why="there is no order and protocol in which all of them have finished runs",
            fix="name those that ran under one protocol, or compare two, which says what keeps them apart",
        )
    found = [_standing(sides, [group], metric) for group in common for metric in metrics]
    settings: dict[Group, list[Group]] = {}
    for group in common:
        settings.setdefault(replace(group, order="", tasks=()), []).append(group)
    for groups in settings.values():
        if len(groups) > 1 and all(side.is_one_recipe(groups) for side in sides):
            found += [_standing(sides, groups, metric) for metric in metrics]
    return found


def _standing(sides: Sequence[Side], groups: Sequence[Group], metric: str) -> Standing:
    weights = metric_weights(METRICS[metric], len(groups[0].tasks))
    assert weights is not None, "the standard metrics are sums over the matrix"
    each = [weights] * len(groups)
    runs = [[_trials(side, group) for group in groups] for side in sides]
    values = [estimate(orders, each) for orders in runs]
    known = [n for n, value in enumerate(values) if value is not None]
    if len(known) < 2:
        raise RecordError(
            f"{metric.capitalize()} cannot be compared", why="accuracies that it needs are missing"
        )
    known.sort(key=lambda n: -_mean(values[n]))
    few = any(len(trials) < ENOUGH for n in known for trials in runs[n]) and len(groups) < ENOUGH
    found = ranking_over([runs[n] for n in known], each, trained=few)
    return Standing(
        groups[0],
        tuple(group.order for group in groups),
        metric,
        tuple(sides[n].label for n in known),
        tuple(value for n in known if (value := values[n]) is not None),
        found,
        few,
        any(groups_of(trials) for n in known for trials in runs[n]),
    )


def _mean(value: Interval | None) -> float:
    return value.mean if value is not None else float("-inf")


def _trials(side: Side, group: Group) -> list[Trial]:
    return [trial_of(run.record) for run in side.runs[group]]
