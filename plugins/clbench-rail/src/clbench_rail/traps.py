"""Where RAIL's commits differ among themselves and from sense, and the settings that choose between them."""

from __future__ import annotations

from clbench import Trap

__all__ = ["TRAPS"]

_AT = "github:linghan1997/Regression-based-Analytic-Incremental-Learning"

TRAPS = (
    Trap(
        id="learns-from-crops",
        switch="augment",
        published=True,
        intended=False,
        published_says="Training images pass through the random crop that fine-tuning uses, once, before the "
        "regression takes their features.",
        intended_says="The regression takes the features of the images as they are tested.",
        source=f"primal_RAIL.py and dual_RAIL.py, tfm=train_transform, {_AT} (commit a0ecaef)",
    ),
    Trap(
        id="fusion-weight-by-commit",
        switch="fusion",
        published=0.8,
        intended=0.9,
        published_says="The configuration of October 2024 mixes the adapter's outputs in with weight 0.8.",
        intended_says="The first commit's configuration mixes them in with 0.9; no source says which of "
        "the two "
        "made the paper's tables.",
        source=f"configs/analytic_clip.yaml, fusion_weight, {_AT} (commits c76eb37 and a0ecaef)",
    ),
    Trap(
        id="softmax-over-unseen-classes",
        where="fixed",
        published=None,
        intended="learned classes",
        published_says="The zero-shot probabilities are taken over all classes of the test, those included "
        "that no task has brought yet.",
        intended_says="The probabilities are taken over the classes learned so far.",
        source=f"primal_RAIL.py and dual_RAIL.py, F.softmax over merged_classnames, {_AT} (commit a0ecaef)",
        unmeasurable="a class's score must not depend on which other classes are asked for",
    ),
)
