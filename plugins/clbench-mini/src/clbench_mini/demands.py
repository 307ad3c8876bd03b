"""What the embedded benchmark must show, measured: each function returns the lines of one demand."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from clbench_mini.files import catalogue, class_names

if TYPE_CHECKING:
    from clbench.results.records import Record
    from clbench.results.statistics.intervals import Interval

__all__ = [
    "by_order",
    "forgetting",
    "generated",
    "identified",
    "relations",
    "resources",
    "value",
    "zero_shot",
    "zero_shot_accuracies",
]

PROMPTS = 100
SEEDS_WANTED = 3


def zero_shot_accuracies() -> dict[str, float]:
    """Top-1 accuracy in per cent of mini-clip on every task's test images, with the template ensemble."""
    import torch
    from torch.nn import functional as F

    from clbench_mini.models import mini_clip
    from clbench_mini.stream import mini

    backbone = mini_clip("cpu").freeze()
    found = {}
    with torch.no_grad():
        for task in mini().tasks:
            texts = [
                F.normalize(
                    backbone.encode_text(backbone.tokenize([t.replace("{}", c) for c in task.classes])),
                    dim=-1,
                )
                for t in task.templates
            ]
            pixels = np.stack(
                [backbone.preprocessing.to_pixels(task.test.image(i)) for i in range(len(task.test))]
            )
            images = backbone.encode_image(backbone.preprocessing.normalise(torch.from_numpy(pixels)))
            guesses = (images @ F.normalize(torch.stack(texts).mean(0), dim=-1).T).argmax(1).numpy()
            found[task.key] = 100 * float((guesses == task.test.labels).mean())
    return found


def zero_shot() -> Iterator[str]:
    """Demand 1: mean at least 30 % and five times chance; each task at least twice chance."""
    found = zero_shot_accuracies()
    chance = {entry["key"]: 100 / entry["classes"] for entry in catalogue()["tasks"]}
    mean, mean_chance = float(np.mean(list(found.values()))), float(np.mean(list(chance.values())))
    good = mean >= 30 and mean >= 5 * mean_chance and all(found[key] >= 2 * chance[key] for key in found)
    yield f"1. Zero-shot accuracy: {_verdict(good)}"
    for key, value in found.items():
        yield f"   {key:12s} {value:5.1f} %   chance {chance[key]:4.1f} %   {value / chance[key]:5.1f} times"
    yield f"   {'mean':12s} {mean:5.1f} %   chance {mean_chance:4.1f} %   {mean / mean_chance:5.1f} times"


def forgetting(paths: Sequence[Path]) -> Iterator[str]:
    """Demand 2: fine-tuning loses 8 points of Transfer to zero-shot and 10 of Last to one model per task."""
    yield "2. Forgetting under continual fine-tuning:"
    for order, by_method in by_order(paths).items():
        fine_tuning = by_method.get("finetune", [])
        if not fine_tuning:
            continue
        for title, metric, reference, wanted in (
            ("Transfer below zero-shot", "transfer", "zero-shot", 8.0),
            ("Last below one model per task", "last", "independent", 10.0),
        ):
            loss = _difference(by_method.get(reference, []), fine_tuning, metric)
            if loss is None:
                yield f"   order {order}: {title}: no records of {reference}"
                continue
            verdict = _verdict(loss.mean >= wanted)
            yield f"   order {order}: {title}: {_interval(loss)} points (wanted {wanted:g}): {verdict}"
    if not any("finetune" in methods for methods in by_order(paths).values()):
        yield "   no records of finetune: clbench run --methods finetune,zero-shot,independent --seeds 0,1,2"


class Relation(NamedTuple):
    """A relation between two methods that was published for MTIL.

    Attributes:
        title: as printed.
        metric: ``transfer`` or ``last``.
        lower, higher: methods; the difference is higher - lower, in points.
        least, most: bounds of that difference.
    """

    title: str
    metric: str
    lower: str
    higher: str
    least: float = 0.0
    most: float = math.inf

    def verdict(self, gain: Interval) -> str:
        """Whether the mean difference is within the bounds, and whether its 95 % interval is too."""
        holds = "holds" if self.least <= gain.mean <= self.most else "does not hold"
        spread = gain.half_width
        if spread is None:
            return f"{holds} (one seed)"
        crossed = any(gain.mean - spread < bound < gain.mean + spread for bound in (self.least, self.most))
        return f"{holds}, but not separably" if crossed else holds


RELATIONS = (
    Relation("fine-tuning < LwF", "transfer", "finetune", "lwf"),
    Relation("LwF < ZSCL", "transfer", "lwf", "zscl"),
    Relation("fine-tuning < ZSCL", "last", "finetune", "zscl"),
    Relation("ZSCL <= GIFT", "transfer", "zscl", "gift"),
    Relation("ZSCL <= GIFT", "average", "zscl", "gift"),
    Relation("ZSCL <= GIFT", "last", "zscl", "gift"),
    Relation("DIKI within 1 of CLIP", "transfer", "zero-shot", "diki", -1.0, 1.0),
)


def relations(paths: Sequence[Path]) -> Iterator[str]:
    """Demand 3: which of MTIL's published relations hold, with intervals over paired seeds."""
    yield "3. Relations published for MTIL (differences in points, ± 95 % over paired seeds):"
    shown = False
    for order, by_method in by_order(paths).items():
        for relation in RELATIONS:
            gain = _difference(
                by_method.get(relation.higher, []), by_method.get(relation.lower, []), relation.metric
            )
            if gain is None:
                continue
            shown = True
            few = "" if gain.n >= SEEDS_WANTED else f"; {gain.n} of {SEEDS_WANTED} seeds"
            yield (
                f"   order {order:2s} {relation.metric:8s} {relation.title:21s} {_interval(gain):>11s}  "
                f"{relation.verdict(gain)}{few}"
            )
    if not shown:
        yield "   no records: clbench run --methods zero-shot,finetune,lwf,zscl,diki,gift --seeds 0,1,2"


def identified(images_each: int = 2) -> tuple[float, float]:
    """Share of generated images whose prompt mini-clip finds among 100, in per cent, and images a second."""
    import torch
    from torch.nn import functional as F

    from clbench_mini.models import mini_clip, mini_diffusion

    pool = class_names()
    names = [pool[i] for i in np.random.default_rng(0).permutation(len(pool))[:PROMPTS]]
    prompts = [f"a photo of a {name}." for name in names]
    generator = mini_diffusion("cpu")
    generator.generate(prompts[:1], [0])  # loads the pipeline
    began = perf_counter()
    wanted = [i for i in range(PROMPTS) for _ in range(images_each)]
    images = generator.generate([prompts[i] for i in wanted], list(range(len(wanted))))
    rate = len(images) / (perf_counter() - began)
    backbone = mini_clip("cpu").freeze()
    with torch.no_grad():
        pixels = np.stack([backbone.preprocessing.to_pixels(image) for image in images])
        seen = backbone.encode_image(backbone.preprocessing.normalise(torch.from_numpy(pixels)))
        texts = F.normalize(backbone.encode_text(backbone.tokenize(prompts)), dim=-1)
        guesses = (seen @ texts.T).argmax(1)
    return 100 * float((guesses == torch.tensor(wanted)).float().mean()), rate


def generated() -> Iterator[str]:
    """Demand 4: mini-clip names the prompt among 100 at least ten times as often as chance."""
    share, rate = identified()
    verdict = _verdict(share >= 10)
    yield f"4. Generated images: the right prompt among {PROMPTS} for {share:.1f} % (chance 1 %): {verdict}"
    yield f"   {rate:.0f} images a second, {1000 / rate:.0f} s for a thousand"


def resources(paths: Sequence[Path]) -> Iterator[str]:
    """Demand 5: zscl, diki and gift together in five minutes and three gigabytes."""
    yield "5. Time and memory of zscl, diki and gift (wanted: 300 s together, 3 GB):"
    shown = False
    for order, by_method in by_order(paths).items():
        for method in ("zscl", "diki", "gift"):
            for record in by_method.get(method, []):
                used = record.resources
                seconds = sum(used.learn_seconds) + sum(used.evaluate_seconds)
                memory = "?" if used.peak_memory_bytes is None else f"{used.peak_memory_bytes / 1e9:.1f} GB"
                shown = True
                yield f"   order {order} seed {record.seed} {method:5s} {seconds:6.1f} s   {memory}"
    if not shown:
        yield "   no records: time clbench run --methods zscl,diki,gift"


def by_order(paths: Sequence[Path]) -> dict[str, dict[str, list[Record]]]:
    """Finished records on this stream with this backbone: order → method → records.

    What the benchmark promises, it promises of the methods as they come: runs with settings of the user's are
    left out.
    """
    from clbench.results.store import load_records

    found: dict[str, dict[str, list[Record]]] = {}
    if not paths:
        return found
    for record in load_records(paths).records:
        if (
            record.stream.name == "mini"
            and record.backbone.name == "mini-clip"
            and record.status == "finished"
            and "user" not in record.method.settings_sources.values()
        ):
            found.setdefault(record.stream.order, {}).setdefault(record.method.name, []).append(record)
    return dict(sorted(found.items()))


def value(record: Record, metric: str) -> float | None:
    """A metric of a record; of zero-shot, the mean of its one row (for Transfer without the first task)."""
    if record.method.protocol == "zero_shot":
        row = record.zero_shot[record.label_space][1 if metric == "transfer" else 0 :]
        return float(np.mean([value for value in row if value is not None]))
    if record.metrics is not None:
        value: float | None = getattr(record.metrics, metric)
        return value
    return None


def _difference(high: Sequence[Record], low: Sequence[Record], metric: str) -> Interval | None:
    """Interval of the difference over seeds; a reference that knows no seed is compared with every seed."""
    from clbench.results.statistics.intervals import mean_interval

    highs = {r.seed: v for r in high if (v := value(r, metric)) is not None}
    lows = {r.seed: v for r in low if (v := value(r, metric)) is not None}
    if not highs or not lows:
        return None
    if len(highs) == 1:
        highs = dict.fromkeys(lows, next(iter(highs.values())))
    if len(lows) == 1:
        lows = dict.fromkeys(highs, next(iter(lows.values())))
    seeds = sorted(highs.keys() & lows.keys())
    return mean_interval([highs[s] - lows[s] for s in seeds]) if seeds else None


def _interval(interval: Interval) -> str:
    spread = "" if interval.half_width is None else f" ± {interval.half_width:.1f}"
    return f"{interval.mean:+.1f}{spread}"


def _verdict(good: bool) -> str:
    return "met" if good else "NOT met"
