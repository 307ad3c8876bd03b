"""The four facts that make a protocol: splits, class names, prompts, draw of shots.

Papers share one and change another, so each has a name of its own here, and a stream names all four. Each is
in a record's fingerprint by its content (``train_split`` and ``test_split``, ``class_names``, ``templates``),
and by its name in what the stream says of itself (``facts``), so that a difference can be told in words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from clbench_mtil.catalogue import DataSet, Protocol
from clbench_mtil.draws import DrawName

__all__ = ["FACTS", "Facts", "named", "prompts"]

Names = Literal["authors", "coop", "rail"]
Prompts = Literal["ensemble", "first", "rail", "codyra"]


@dataclass(frozen=True, slots=True)
class Facts:
    """What a protocol is.

    Attributes:
        splits: ``zscl`` (torchvision's) or ``coop`` (CoOp's files, with validation data).
        names: ``authors`` (torchvision's, or ZSCL's own lists), ``coop`` (of CoOp's files), or ``rail``:
            CoOp's with "satellite location" behind EuroSAT's and 'number: "…"' around MNIST's.
        prompts: ``ensemble`` (the first to learn with, all averaged at test), ``first`` (that alone),
            ``rail`` ("a photo of a {}." for every class), ``codyra`` (one a data set, others than ``first``).
        draw: of few shots: ``seeded``, each part of each data set by a generator of its own (this package's),
            or that of published code (:mod:`clbench_mtil.draws`).
    """

    splits: Protocol
    names: Names
    prompts: Prompts
    draw: DrawName = "seeded"

    def told(self, shots: int | None) -> dict[str, str]:
        """The names of all four, prompts to learn with and at test apart, as records have them.

        Args:
            shots: training samples per class; ``None``: all, so that none are drawn.
        """
        one = {"ensemble": "first-template", "first": "first-template"}.get(self.prompts, self.prompts)
        return {
            "splits": self.splits,
            "names": self.names,
            "learning_prompts": one,
            "test_prompts": "all-templates" if self.prompts == "ensemble" else one,
            "draw": self.draw if shots else "all",
        }


FACTS: Mapping[str, Facts] = MappingProxyType(
    {
        # github:Thunderbeee/ZSCL b96e714; CoLeCLIP and GIFT have their data code from there
        "zscl": Facts("zscl", "authors", "ensemble"),
        "coleclip": Facts("zscl", "authors", "ensemble"),
        # github:JiazuoYu/MoE-Adapters4CL 07d5c33, with few shots
        "moe-fewshot": Facts("zscl", "authors", "ensemble", "moe"),
        # KeepLoRA: torchvision's splits, the first template at test
        "keeplora": Facts("zscl", "authors", "first"),
        # DIKI, and what follows CoOp's files
        "coop": Facts("coop", "coop", "first", "coop"),
        # github:lloongx/DIKI 5e9adb2, configs/MTIL-FS.yaml
        "diki": Facts("coop", "coop", "first", "diki"),
        # github:linghan1997/Regression-based-Analytic-Incremental-Learning a0ecaef
        "rail": Facts("coop", "rail", "rail", "rail"),
        # github:Artificer-AI-Lab/CoDyRA c1691e4, with the data classes of RAIL's repository
        "codyra": Facts("coop", "rail", "codyra"),
    }
)
"""By the name of the protocol."""

_RAIL = "a photo of a {}."

# RAIL's data classes have them beside the one prompt that its own scripts use.
_CODYRA = {
    "aircraft": "a photo of a {}, a type of aircraft.",
    "caltech101": "a photo of a {}.",
    "dtd": "{} texture.",
    "eurosat": "a centered satellite photo of {}.",
    "flowers": "a photo of a {}, a type of flower.",
    "food": "a photo of {}, a type of food.",
    "mnist": 'a photo of the number: "{}".',
    "oxfordpet": "a photo of a {}, a type of pet.",
    "stanfordcars": "a photo of a {}.",
    "sun397": "a photo of a {}.",
}


def prompts(entry: DataSet, which: Prompts) -> tuple[str, ...]:
    """The templates of a data set; the first is to learn with, all are averaged at test."""
    if which == "ensemble":
        return entry.templates
    if which == "first":
        return entry.templates[:1]
    return (_RAIL if which == "rail" else _CODYRA[entry.key],)


def named(key: str, classes: tuple[str, ...], which: Names) -> tuple[str, ...]:
    """The class names of a data set, from those that its splits give."""
    if which == "rail" and key == "eurosat":
        return tuple(f"{name} satellite location" for name in classes)
    if which == "rail" and key == "mnist":
        return tuple(f'number: "{name}"' for name in classes)
    return classes
