"""What it costs to count pictures of one design as independent: the design effect of the stream's groups."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from clbench_mini.demands import by_order

if TYPE_CHECKING:
    from clbench.results.records import Record

__all__ = ["design_effects", "groups"]

METHODS = ("zscl", "gift")


def design_effects(records: Sequence[Record], named: dict[str, np.ndarray]) -> dict[str, float]:
    """Variance of Last's mean over test images that draws groups, over that of drawing images one by one.

    Args:
        records: of one method in one order, with their predictions.
        named: by task, the number of each test image's group, shape (n,).

    Returns:
        by task; ``all``: of Last itself, the mean over tasks. Tasks without groups, whose effect is 1, are
        missing.
    """
    from clbench.results.metrics import last, last_per_task
    from clbench.results.statistics.chance import Sampled, images_part
    from clbench.results.statistics.pairs import column_weights, metric_weights
    from clbench.results.statistics.trials import trial_of

    trials = [trial_of(record) for record in records]
    tasks = trials[0].tasks
    overall = metric_weights(last, len(tasks))
    if overall is None or any(trial.right is None for trial in trials):
        return {}
    weights = {**dict(zip(tasks, column_weights(last_per_task, len(tasks)), strict=True)), "all": overall}
    found = {}
    for name, w in weights.items():
        shares = {
            task: np.stack([trial.shares(w, j) for trial in trials])
            for j, task in enumerate(tasks)
            if name in (task, "all")
        }
        values = np.array([(w * trial.matrix).sum() for trial in trials])
        one_by_one, together = (
            images_part([Sampled(values, 0, shares, groups)]).variance for groups in ({}, named)
        )
        if (name in named or name == "all") and one_by_one:
            found[name] = together / one_by_one
    return found


def groups(paths: Iterable[Path]) -> Iterator[str]:
    """Lines of the report: images and groups of each task, and the design effect for two methods."""
    from clbench_mini.stream import mini

    stream = mini()
    named = {task.key: task.test.groups for task in stream.tasks if task.test.groups is not None}
    orders = by_order(list(paths))
    columns: dict[str, dict[str, float]] = {}
    for order, by_method in orders.items():
        for method in METHODS:
            same = [
                record
                for record in by_method.get(method, [])
                if record.fingerprint.fields.test_split == stream.digests["test_split"]
            ]
            effects = design_effects(same, named) if same else {}
            if effects:
                columns[f"{method} {order}"] = effects
    yield "8. Groups of test images, and the design effect: variance of Last's mean with groups over without"
    yield f"   {'':12s} images groups" + "".join(f" {name:>8s}" for name in columns)
    images = draws = 0
    for task in stream.tasks:
        count = task.test.group_count
        images, draws = images + len(task.test), draws + (count or len(task.test))
        said = "–" if count is None else f"{count:,}"
        yield f"   {task.key:12s} {len(task.test):6,} {said:>6s}" + _cells(columns, task.key)
    yield f"   {'all':12s} {images:6,} {draws:6,}" + _cells(columns, "all")
    if not columns:
        yield f"   no records of these methods with predictions: clbench run --methods {','.join(METHODS)}"


def _cells(columns: dict[str, dict[str, float]], name: str) -> str:
    return "".join(
        f" {effects[name]:8.2f}" if name in effects else f" {'–':>8s}" for effects in columns.values()
    )
