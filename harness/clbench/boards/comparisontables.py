"""A comparison of two methods as tables, as a data frame, and in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING

from clbench.boards.cells import NONE, Cell, Grid
from clbench.boards.comparing import Comparison
from clbench.boards.latex import grids_as_latex
from clbench.boards.writing import frame_as_csv, frame_as_json, grids_as_markdown, grids_as_text
from clbench.errors import UnknownNameError
from clbench.results.paired import ENOUGH, PairedDifference

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["FORMATS", "comparison_frame", "comparison_grids", "comparison_words", "render_comparisons"]

MINUS = "−"


def render_comparisons(comparisons: Sequence[Comparison], format: str, notes: Sequence[str] = ()) -> str:
    """Return ``comparisons`` in one of :data:`FORMATS`, without a line end after the last line.

    Raises:
        UnknownNameError: no such format.
    """
    if format not in FORMATS:
        raise UnknownNameError("format", format, FORMATS)
    return FORMATS[format](comparisons, notes).rstrip("\n")


def comparison_grids(comparison: Comparison) -> list[Grid]:
    """Return a table for each metric: a row for each task that the metric has, and its mean."""
    a, b = comparison.a, comparison.b
    headers = ("Task" if comparison.tasks else "", a, b, f"{a} {MINUS} {b}", "95 % interval", "separable")
    align = ("left", "right", "right", "right", "right", "left")
    grids = []
    for metric, mean in comparison.means.items():
        columns = comparison.columns.get(metric, ())
        rows = [
            _cells(task.title, found)
            for task, found in zip(comparison.tasks, columns, strict=True)
            if found.difference == found.difference  # NaN: the metric has no figure for this task
        ]
        rows.append(_cells("mean", mean, bold=bool(columns)))
        sections = ((0, ""), (len(rows) - 1, "")) if columns else ()
        caption = f"{metric.capitalize()}, {_place(comparison)}"
        label = "-".join(["compare", a, b, metric, *comparison.orders])
        grids.append(Grid(caption, headers, align, tuple(rows), (), sections, label=label))
    return grids


def _place(comparison: Comparison) -> str:
    group = comparison.group
    if len(comparison.orders) == 1:
        return str(group.title)
    return f"{group.titled()}".replace(f"order {group.order}", f"orders {_listed(comparison.orders)}")


def _cells(name: str, found: PairedDifference, *, bold: bool = False) -> tuple[Cell, ...]:
    bounds = NONE if found.bounds is None else f"{_signed(found.bounds[0])} to {_signed(found.bounds[1])}"
    verdict = NONE if found.bounds is None else "yes" if found.separable else "no"
    texts = (name, f"{found.a:.2f}", f"{found.b:.2f}", _signed(found.difference), bounds, verdict)
    return tuple(
        Cell(text.replace("-", MINUS) if n in (1, 2) else text, bold) for n, text in enumerate(texts)
    )


def _signed(points: float) -> str:
    text = f"{points:+.2f}".replace("-", MINUS)
    return text if float(f"{points:.2f}") else "0.00"


def comparison_words(comparison: Comparison) -> list[str]:
    """Return what may be said of the methods: a line on what was compared, and one for each metric."""
    mean = next(iter(comparison.means.values()))
    lines = [f"{_place(comparison)}: {_paired(comparison)}. {_range(comparison, mean)}"]
    for metric, found in comparison.means.items():
        words = f"{metric.capitalize()}: {_verdict(comparison, found)}"
        tasks = [each for each in comparison.columns.get(metric, ()) if each.bounds is not None]
        if tasks:
            separable = sum(task.separable for task in tasks)
            words += (
                f" Task by task, {separable} of {len(tasks)} {'is' if separable == 1 else 'are'} separable."
            )
        lines.append(words)
    return lines


def _paired(comparison: Comparison) -> str:
    several = len(comparison.orders) > 1
    pairs = comparison.pairs[0]
    if not any(each.seeds for each in comparison.pairs):
        return "neither is trained"
    if several:
        counts = {len(each) for each in comparison.pairs}
        number = f"{counts.pop()}" if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
        return f"{number} pairs of runs in each order"
    seeds = [x.seed if x.seed is not None else y.seed for x, y in zip(pairs.a, pairs.b, strict=True)]
    if not pairs.by_seed:
        theirs = ", ".join(str(trial.seed) for trial in pairs.b)
        return f"no seed in common: {', '.join(map(str, seeds))} beside {theirs}"
    return f"seed {seeds[0]} of each" if len(seeds) == 1 else f"seeds {_listed(seeds)}, paired"


def _range(comparison: Comparison, mean: PairedDifference) -> str:
    """Over what the intervals range, and over what they do not."""
    seeds = min(each.seeds for each in comparison.pairs)
    few = {1: "One seed each says", 2: "Two seeds each say"}.get(seeds, "This says")
    if mean.bounds is None:
        return (
            f"There are no intervals. {few} nothing of training noise, for which it takes {ENOUGH}; and "
            "without predictions nothing is known of the noise of test images."
        )
    words = {"images": "test images", "seeds": "training seeds", "orders": "orders of tasks"}
    said = f"Intervals are over {_listed([words[source] for source in mean.covers])}"
    if "images" not in mean.covers:
        return f"{said}; test images are held fixed, for want of predictions."
    if "seeds" not in mean.covers:
        if not seeds:
            return f"{said}: there is no training."
        return f"{said} alone. {few} nothing of training noise, for which it takes {ENOUGH}."
    if "orders" not in mean.covers and len(comparison.orders) > 1:
        return f"{said}; the orders are taken as they are, and nothing is said of others."
    return f"{said}."


def _verdict(comparison: Comparison, found: PairedDifference) -> str:
    points = f"{abs(found.difference):.2f} points"
    higher = found.difference > 0
    said = f"{comparison.a} is {points} {'above' if higher else 'below'} {comparison.b}"
    if not float(f"{found.difference:.2f}"):
        said = f"{comparison.a} and {comparison.b} are equal to two decimals"
    if found.bounds is None:
        return f"{said}; no interval."
    said += f" (95 % interval {_signed(found.bounds[0])} to {_signed(found.bounds[1])})"
    trained = any(each.seeds for each in comparison.pairs)
    if not found.separable:
        more = ", even for these trained models" if "seeds" not in found.covers and trained else ""
        return f"{said}: not separable{more}."
    if "seeds" not in found.covers and trained:
        return f"{said}: separable for these trained models; of the methods nothing is claimed."
    return f"{said}: separable."


def _listed(names: Sequence[object]) -> str:
    texts = [str(name) for name in names]
    return texts[0] if len(texts) == 1 else f"{', '.join(texts[:-1])} and {texts[-1]}"


def comparison_frame(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Return one row for each metric and task, and one for its mean (``task`` missing); points, unrounded.

    Columns: a, b (the methods), stream, order (several: joined by ``+``), backbone, label_space, fingerprint,
    metric, task, a_value, b_value, difference, low, high, separable, covers (joined by ``+``), p, images_low,
    images_high, training_low, training_high, pairs.
    """
    import pandas as pd

    rows = []
    for each in comparisons:
        place = {"a": each.a, "b": each.b, "stream": each.group.stream, "order": "+".join(each.orders)}
        place |= {name: getattr(each.group, name) for name in ("backbone", "label_space", "fingerprint")}
        for metric, mean in each.means.items():
            columns = zip(each.tasks, each.columns.get(metric, ()), strict=True)
            for task, found in (*((task.key, found) for task, found in columns), (None, mean)):
                rows.append({**place, "metric": metric, "task": task, **_flat(found)})
    return pd.DataFrame(rows)


def _flat(found: PairedDifference) -> dict[str, object]:
    def ends(name: str, bounds: tuple[float, float] | None) -> dict[str, object]:
        low, high = bounds or (None, None)
        return {f"{name}low": low, f"{name}high": high}

    known = found.bounds is not None
    return {
        "a_value": found.a,
        "b_value": found.b,
        "difference": found.difference,
        **ends("", found.bounds),
        "separable": found.separable if known else None,
        "covers": "+".join(found.covers) or None,
        "p": found.p,
        **ends("images_", found.images),
        **ends("training_", found.training),
        "pairs": found.pairs,
    }


def _grids(comparisons: Sequence[Comparison]) -> list[Grid]:
    return [grid for comparison in comparisons for grid in comparison_grids(comparison)]


def _said(comparisons: Sequence[Comparison], notes: Sequence[str]) -> list[str]:
    return [*notes, *(line for comparison in comparisons for line in comparison_words(comparison))]


def _text(comparisons: Sequence[Comparison], notes: Sequence[str]) -> str:
    blocks = [grids_as_text(_grids(comparisons), notes)]
    for comparison in comparisons:
        first, *rest = comparison_words(comparison)
        blocks.append("\n".join([first, *(f"  {line}" for line in rest)]))
    return "\n\n".join(blocks)


FORMATS: Mapping[str, Callable[[Sequence[Comparison], Sequence[str]], str]] = MappingProxyType(
    {
        "text": _text,
        "md": lambda comparisons, notes: grids_as_markdown(_grids(comparisons), _said(comparisons, notes)),
        "latex": lambda comparisons, notes: grids_as_latex(_grids(comparisons), _said(comparisons, notes)),
        "csv": lambda comparisons, _: frame_as_csv(comparison_frame(comparisons)),
        "json": lambda comparisons, _: frame_as_json(comparison_frame(comparisons)),
    }
)
"""How a comparison may be written; ``csv`` and ``json`` are for programs."""
