"""What may be said of a comparison of two methods: in words, and no more than its figures bear."""

from __future__ import annotations

from math import isnan

from clbench.boards.comparison.comparing import Comparison
from clbench.boards.formats.wording import listed, signed
from clbench.results.statistics.chance import ENOUGH
from clbench.results.statistics.paired import PairedDifference
from clbench.results.statistics.trials import groups_of

__all__ = ["comparison_words", "place_of"]


def comparison_words(comparison: Comparison) -> list[str]:
    """Return what may be said of the methods: a line on what was compared, and one for each metric."""
    means = list(comparison.means.values())
    mean = next((each for each in means if each.bounds is not None), means[0])
    lines = [f"{place_of(comparison)}: {_paired(comparison)}. {_range(comparison, mean)}"]
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
        said = f"no seed in common: {', '.join(map(str, seeds))} beside {theirs}"
        return said + (f" (without {listed(pairs.unpaired)})" if pairs.unpaired else "")
    said = f"seed {seeds[0]} of each" if len(seeds) == 1 else f"seeds {listed(seeds)}, paired"
    if pairs.unpaired:
        said += f" (only one of them has {listed(pairs.unpaired)})"
    return said


def _range(comparison: Comparison, mean: PairedDifference) -> str:
    """Over what the intervals range, and over what they do not."""
    seeds = min(each.seeds for each in comparison.pairs)
    said_by = {1: "One seed each says", 2: "Two seeds each say"}.get(seeds, "This says")
    if mean.bounds is None:
        return (
            f"There are no intervals. {said_by} nothing of training noise, for which it takes {ENOUGH}; and "
            "without predictions nothing is known of the noise of test images."
        )
    grouped = any(groups_of((*pairs.a, *pairs.b)) for pairs in comparison.pairs)
    images = "groups of test images" if grouped else "test images"
    words = {"images": images, "seeds": "training seeds", "orders": "orders of tasks"}
    said = f"Intervals are over {listed([words[source] for source in mean.covers])}"
    if "images" not in mean.covers:
        return f"{said}; test images are held fixed, for want of predictions."
    if "seeds" not in mean.covers:
        if not seeds:
            return f"{said}: there is no training."
        return f"{said} alone. {said_by} nothing of training noise, for which it takes {ENOUGH}."
    if "orders" not in mean.covers and len(comparison.orders) > 1:
        return f"{said}; the orders are taken as they are, and nothing is said of others."
    return f"{said}."


def _verdict(comparison: Comparison, found: PairedDifference) -> str:
    if isnan(found.difference):
        return "accuracies that it needs are missing."
    points = f"{abs(found.difference):.2f} points"
    higher = found.difference > 0
    said = f"{comparison.a} is {points} {'above' if higher else 'below'} {comparison.b}"
    if not float(f"{found.difference:.2f}"):
        said = f"{comparison.a} and {comparison.b} are equal to two decimals"
    if found.bounds is None:
        return f"{said}; no interval."
    said += f" (95 % interval {signed(found.bounds[0])} to {signed(found.bounds[1])})"
    trained = any(each.seeds for each in comparison.pairs)
    if not found.separable:
        more = ", even for these trained models" if "seeds" not in found.covers and trained else ""
        return f"{said}: not separable{more}."
    if "seeds" not in found.covers and trained:
        return f"{said}: separable for these trained models; of the methods nothing is claimed."
    return f"{said}: separable."


def place_of(comparison: Comparison) -> str:
    """Return the stream, order, backbone and label space that the runs share."""
    group = comparison.group
    if len(comparison.orders) == 1:
        return str(group.title)
    return f"{group.titled()}".replace(f"order {group.order}", f"orders {listed(comparison.orders)}")
