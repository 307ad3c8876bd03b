"""Where DIKI's paper and its authors' code differ, and the settings that choose between them."""

from __future__ import annotations

from clbench import Trap

__all__ = ["TRAPS"]

_AT = "github:lloongx/DIKI (commit 8ef89e7)"
_CODE = f"DIKI/DIKI.py:154-202, {_AT}"
_UNCALIBRATED = {"calibrated": (False,)}

TRAPS = (
    Trap(
        id="batch-vote",
        switch="inference",
        published="batch_vote",
        intended="per_sample",
        published_says="All images of a test batch vote, and the prompts of one task serve the whole batch.",
        intended_says="Each image is matched with a task by itself.",
        source=f"paper, matching of a test image with the tasks' distributions; {_CODE}",
    ),
    Trap(
        id="constant-512",
        switch="score_scale",
        published="authors",
        intended="dimension",
        published_says="Log densities are divided by 512, whatever the embedding's width.",
        intended_says="Log densities are divided by the embedding's width, which is 512 for ViT-B/16 alone.",
        source=f"in the code alone; {_CODE}",
        off=_UNCALIBRATED,
    ),
    Trap(
        id="score-shift",
        switch="score_shift",
        published=1.0,
        intended=0.0,
        published_says="The number 1 is taken off the divided log density before the sigmoid.",
        intended_says="The weight is the sigmoid of the score, without another constant.",
        source=f"paper, the weight as a sigmoid of the log density; {_CODE}",
        off=_UNCALIBRATED,
    ),
    Trap(
        id="weight-of-the-outvoted",
        switch="vote_weight",
        published="own",
        intended="winner",
        published_says="An image whose task lost the vote gets the winner's prompts with the weight that its "
        "own task's density gives.",
        intended_says="An image gets the winner's prompts with the weight that its density under the winner "
        "gives.",
        source=f"in the code alone; {_CODE}",
        off={"inference": ("per_sample",), **_UNCALIBRATED},
    ),
    Trap(
        id="half-precision-without-scaling",
        where="fixed",
        published=None,
        intended="float32",
        published_says="Prompts and model are float16, trained by plain SGD at rate 5 without scaling the "
        "loss.",
        intended_says="Prompts and model are float32, unless a run asks for mixed precision.",
        source=f"clip/model.py:411-432 and clip/attention.py:170-173, {_AT}",
        unmeasurable="a run's precision is no setting of the method",
    ),
)
