"""The streams of this package, before any data are opened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from clbench import StreamSpec, TaskSummary

from clbench_mtil.catalogue import KEYS, Protocol, data_set, document
from clbench_mtil.facts import FACTS, Facts, prompts
from clbench_mtil.steps import cuts, step_key, step_title
from clbench_mtil.traps import incremental_traps, stream_traps

__all__ = ["BACKBONE", "CIL_STEPS", "SHOTS", "VARIANTS", "Variant", "class_order", "incremental_specs"]

BACKBONE = "ViT-B-16.openai"
SHOTS = (1, 4, 5, 16)
CIL_STEPS = (10, 20, 50)

ORDERS: Mapping[str, tuple[str, ...]] = {
    name: tuple(keys.split())
    for name, keys in {
        "I": " ".join(KEYS),
        # ZSCL's scripts/ZSCL_minus.sh
        "II": "stanfordcars food mnist oxfordpet flowers sun397 aircraft caltech101 dtd eurosat cifar100",
        # LEBA, Tables 10 and 11 (NeurIPS 2025)
        "random a": "cifar100 dtd aircraft flowers food stanfordcars mnist eurosat sun397 oxfordpet "
        "caltech101",
        "random b": "eurosat oxfordpet sun397 dtd cifar100 food stanfordcars mnist caltech101 flowers "
        "aircraft",
    }.items()
}
"""Published orders."""

_PROMPTS = {
    "ensemble": "",
    "first": "",
    "rail": '; one prompt for all classes, "a photo of a {}."',
    "codyra": "; prompts and names of RAIL's data classes",
}
_SPLITS = {"zscl": "torchvision's splits", "coop": "CoOp's splits with validation data"}


@dataclass(frozen=True, slots=True)
class Variant:
    """A stream over whole data sets.

    Attributes:
        facts: its splits, class names, prompts and draw.
        shots: training samples per class; ``None``: all.
        label_space: that it is ranked in.
        classes: number of different classes where namesakes of several data sets are one class, as in
            ODCL-CIL; ``None``: they are two.
    """

    name: str
    title: str
    facts: Facts
    keys: tuple[str, ...] = KEYS
    shots: int | None = None
    label_space: Literal["task", "seen", "union"] = "task"
    classes: int | None = None

    @property
    def protocol(self) -> Protocol:
        """The family of its splits."""
        return self.facts.splits

    @property
    def orders(self) -> dict[str, tuple[str, ...]]:
        return {name: tuple(key for key in keys if key in self.keys) for name, keys in ORDERS.items()}

    def spec(self) -> StreamSpec:
        """What the plugin contributes."""
        per_class = f"{self.shots} samples" if self.shots != 1 else "one sample"
        data = f"{per_class} per class to train" if self.shots else "all training data"
        names = "the eleven data sets" if self.keys == KEYS else f"{len(self.keys)} data sets"
        if self.label_space == "seen":
            data += "; all classes seen so far are answers, namesakes are one"
        return StreamSpec(
            name=self.name,
            title=self.title,
            summary=f"{names}, {_SPLITS[self.protocol]}, {data}{_PROMPTS[self.facts.prompts]}",
            factory="clbench_mtil.stream:build",
            arguments=(self.name,),
            variables="clbench_mtil.circumstances:deciding",
            needs="clbench_mtil.needs:of_stream",
            tasks=tuple(self._summary(key) for key in self.keys),
            orders=self.orders,
            default_order="I",
            default_backbone=BACKBONE,
            reference="imagenet-100k",
            class_pool="imagenet-names",
            generator="sd15",
            protocol=self.protocol,
            facts=self.facts.told(self.shots),
            variations="clbench_mtil.variations:spec_of",
            label_space=self.label_space,
            shots=self.shots,
            classes=self.classes,
            traps=stream_traps(self.name, self.facts, self.keys),
        )

    def _summary(self, key: str) -> TaskSummary:
        entry = data_set(key)
        classes, sizes = entry.classes[self.protocol], entry.sizes[self.protocol]
        # Flowers has ten training images per class; of no other data set are there fewer than sixteen
        train = min(self.shots * classes, sizes["train"]) if self.shots else sizes["train"]
        # of few shots, the validation data are as few as the data set has, which no list says
        validation = None if self.shots else sizes.get("validation")
        return TaskSummary(
            key=key,
            title=entry.title,
            classes=classes,
            train=train,
            validation=validation,
            test=sizes["test"],
            split=entry.divided[self.protocol],
            rate_scale=entry.rate_scale if self.protocol == "zscl" else 1.0,
            templates=len(prompts(entry, self.facts.prompts)),
            source=f"torchvision {entry.torchvision}",
        )


def _variants() -> dict[str, Variant]:
    protocols = (
        ("mtil", "MTIL", FACTS["zscl"]),
        ("mtil-coop", "MTIL, CoOp's splits", FACTS["coop"]),
    )
    found = [Variant(name, title, facts) for name, title, facts in protocols]
    found.append(Variant("mtil-keeplora", "MTIL, KeepLoRA's prompts", FACTS["keeplora"]))
    found += [
        Variant(f"{name}-{shots}shot", f"{title}, {shots} shot{'s' * (shots > 1)}", facts, shots=shots)
        for name, title, facts in (("mtil", "MTIL", FACTS["moe-fewshot"]), protocols[1])
        for shots in SHOTS
    ]
    found += [
        # CoLeCLIP's code: 24 names are of several data sets. In CoOp's files 22 are, one of three; how
        # DPW's code takes these is not known.
        Variant("odcl-cil", "ODCL-CIL", FACTS["coleclip"], label_space="seen", classes=1176),
        Variant("odcl-cil-coop", "ODCL-CIL, CoOp's splits", FACTS["coop"], label_space="seen", classes=1177),
    ]
    without_cifar = tuple(key for key in KEYS if key != "cifar100")
    found += [
        Variant(name, title, FACTS[facts], without_cifar, shots=16, label_space="union")
        for name, title, facts in (
            ("x-tail", "X-TAIL", "rail"),
            ("x-tail-codyra", "X-TAIL, CoDyRA's prompts", "codyra"),
        )
    ]
    without_three = tuple(key for key in KEYS if key not in ("eurosat", "mnist", "oxfordpet"))
    found.append(Variant("mtil-fs", "MTIL-FS", FACTS["diki"], without_three, shots=16))
    return {variant.name: variant for variant in found}


VARIANTS: Mapping[str, Variant] = _variants()


def class_order() -> tuple[int, ...]:
    """The order in which class-incremental CIFAR100 brings its classes: iCaRL's, as used since."""
    return tuple(document("cifar100.toml")["order"])


def incremental_specs() -> list[StreamSpec]:
    """Class-incremental CIFAR100 in 10, 20 and 50 steps."""
    return [_incremental(steps) for steps in CIL_STEPS]


def _incremental(steps: int) -> StreamSpec:
    size = 100 // steps
    tasks = tuple(
        TaskSummary(
            key=step_key(i),
            title=step_title(start, end),
            classes=size,
            train=500 * size,
            test=100 * size,
        )
        for i, (start, end) in enumerate(cuts(100, size, size))
    )
    return StreamSpec(
        name=f"cifar100-{steps}",
        title=f"CIFAR100 in {steps} steps",
        summary=f"class-incremental: {size} classes per step, in iCaRL's order",
        factory="clbench_mtil.incremental:build",
        arguments=(str(steps),),
        variables="clbench_mtil.circumstances:deciding",
        needs="clbench_mtil.needs:of_cifar100",
        tasks=tasks,
        orders={"icarl": tuple(task.key for task in tasks)},
        default_order="icarl",
        default_backbone=BACKBONE,
        reference="conceptual-captions",
        class_pool="imagenet-names",
        generator="sd15",
        protocol="cil",
        label_space="seen",
        traps=incremental_traps(),
    )
