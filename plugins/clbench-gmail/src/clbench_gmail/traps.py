"""Where GMAIL's formula does not fit a stream of classes, and the setting that chooses."""

from __future__ import annotations

from clbench import Trap

__all__ = ["TRAPS"]

TRAPS = (
    Trap(
        id="namesakes-as-negatives",
        switch="target",
        published="pair",
        intended="class",
        published_says="Real images of the same class in a batch count as negatives of a generated image, "
        "all "
        "but its partner.",
        intended_says="All real images of its class in the batch are what a generated image is to match.",
        source="paper, the alignment loss, whose captions differ where the prompts of a class are one; no "
        "code "
        "of the authors was found",
        off={"align_iterations": (0,), "rehearsal": (0.0,)},
    ),
)
