"""Where the data code of published protocols differs from papers or from sense, and which form a stream "
"has."""

from __future__ import annotations

from collections.abc import Sequence

from clbench import Trap

from clbench_mtil.facts import Facts

__all__ = ["TEST_CROPS", "incremental_traps", "stream_traps"]

_ZSCL = "github:Thunderbeee/ZSCL (commit b96e714)"
_RAIL = "github:linghan1997/Regression-based-Analytic-Incremental-Learning (commit a0ecaef)"
_BY_NATURE = "it is a matter of the data, of which a stream has one form"

TEST_CROPS = Trap(
    id="tested-on-random-crops",
    where="fixed",
    published=None,
    intended="test views",
    published_says="Test images pass through the training transform, random crops included.",
    intended_says="Test images are seen as they are tested everywhere else: resized and cropped in the "
    "centre.",
    source=f"cil/continual_clip/models.py:28 and cil/main.py:32, {_ZSCL}",
    unmeasurable=_BY_NATURE,
)

_UNDERSCORES = Trap(
    id="underscores-in-names",
    where="fixed",
    published="with underscores",
    intended=None,
    published_says="Class names keep torchvision's underscores, such as aquarium_fish, which are tokens of "
    "their own.",
    intended_says="Class names have spaces, as in the code of task streams.",
    source=f"cil/continual_clip/models.py, {_ZSCL}",
    unmeasurable=_BY_NATURE,
)

_UNSORTED = Trap(
    id="sun397-unsorted",
    where="fixed",
    published=None,
    intended="sorted",
    published_says="SUN397 is split by position in a list of files that is in the disk's order, which "
    "differs "
    "from machine to machine.",
    intended_says="The files are sorted before they are split.",
    source=f"mtil/src/datasets/collections.py:69-77 on torchvision's SUN397, {_ZSCL}",
    unmeasurable=_BY_NATURE,
)

_WHOLE_IMAGENET = Trap(
    id="reference-of-all-imagenet",
    where="fixed",
    published=None,
    intended="imagenet-100k",
    published_says="ZSCL's script distils on images drawn from all of ImageNet's training images.",
    intended_says="Methods distil on 100,000 of them, as the paper says.",
    source=f"paper, reference data of MTIL; mtil/scripts/ZSCL.sh, --ref-dataset ImageNet, {_ZSCL}",
    unmeasurable=_BY_NATURE,
)

_REDRAWN = Trap(
    id="validation-drawn-three-times",
    where="fixed",
    published=None,
    intended="held out",
    published_says="CIFAR100 and MNIST are divided anew in each of three calls, so that most validation "
    "images "
    "are training images.",
    intended_says="A fifth of each class is held out once, and is not trained on.",
    source="DIKI/MTIL_datasets/oxford_pets.py:77-97 and its callers, github:lloongx/DIKI (commit 8ef89e7)",
    unmeasurable=_BY_NATURE,
)

_ONE_PROMPT = Trap(
    id="one-prompt-for-all",
    where="stream",
    published="x-tail",
    intended="x-tail-codyra",
    published_says='All 1,100 classes are put into "a photo of a {}.", whatever they are of.',
    intended_says="Each data set has the template that stands beside its class in the same repository.",
    source=f"primal_RAIL.py and dual_RAIL.py, template, beside scenario_datasets, {_RAIL}",
    unmeasurable="it takes the data sets of X-TAIL: clbench compare sets runs of the two streams side by "
    "side",
)


def stream_traps(name: str, facts: Facts, keys: Sequence[str]) -> tuple[Trap, ...]:
    """The traps of a stream over whole data sets."""
    found = []
    if facts.splits == "zscl" and "sun397" in keys:
        found.append(_UNSORTED)
    if facts.splits == "zscl":
        found.append(_WHOLE_IMAGENET)
    if facts.names == "coop" and {"cifar100", "mnist"} & {*keys}:
        found.append(_REDRAWN)
    if name in (_ONE_PROMPT.published, _ONE_PROMPT.intended):
        found.append(_ONE_PROMPT)
    return tuple(found)


def incremental_traps() -> tuple[Trap, ...]:
    """Those of class-incremental CIFAR100."""
    return (TEST_CROPS, _UNDERSCORES)
