"""Where ZSCL's paper and its authors' code differ, and the settings that choose between them."""

from __future__ import annotations

from clbench import Trap

__all__ = ["TRAPS"]

_CODE = "github:Thunderbeee/ZSCL (commit b96e714)"

TRAPS = (
    Trap(
        id="distillation-direction",
        switch="distillation_target",
        published="teacher",
        intended="student",
        published_says="The teacher's distribution is the target of the distillation's cross-entropy.",
        intended_says="The student's distribution weighs the teacher's logarithms, as the formula is "
        "written.",
        source=f"paper, Eq. 3; mtil/src/models/helpers.py, distillation, {_CODE}",
    ),
    Trap(
        id="text-tower-not-distilled",
        switch="distilled_texts",
        published="teacher",
        intended="student",
        published_says='Both distillations compare images with the teacher\'s texts, so that the "text" '
        "loss is "
        "the same matrix transposed and the text tower is not distilled.",
        intended_says="The student's images are compared with its own embeddings of the texts, so that both "
        "towers are distilled.",
        source=f"mtil/src/models/finetune.py:250-290, {_CODE}; its issue 1, where the authors call it a "
        "choice",
    ),
    Trap(
        id="l2-in-the-loss",
        switch="l2",
        published=1.0,
        intended=0.0,
        published_says="The loss has the squared distance to the task's starting weights, with weight 1.",
        intended_says="The loss is cross-entropy and distillation alone, as in the paper's total.",
        source=f"paper, Eq. 5, which its total loss leaves out; mtil/scripts/ZSCL.sh, --l2 1, {_CODE}",
    ),
    Trap(
        id="snapshot-after-the-first-step",
        switch="snapshots",
        published="first_step",
        intended="interval",
        published_says="The weights are averaged after steps 1, 101, …, 1001: after a first step that moves "
        "nearly nothing, and after a last one at rate 0.",
        intended_says="The weights are averaged at the end of every interval of training: after steps 100, "
        "200, …, 1000.",
        source=f"paper, Eq. 7; mtil/src/models/finetune.py:180 and 310-320, {_CODE}",
        off={"ensemble": (False,)},
    ),
    Trap(
        id="captions-cut-before-their-end",
        switch="long_captions",
        published="cut",
        intended="ended",
        published_says="A caption of more than 77 tokens loses its end-of-text token, so that its "
        "embedding is "
        "read at position 0, where nothing of it is seen.",
        intended_says="A long caption is cut and keeps its end-of-text token in the last position, where its "
        "embedding is read.",
        source=f"mtil/clip/clip.py, tokenize, and mtil/clip/model.py, encode_text, {_CODE}",
        off={"reference_texts": ("class_prompts", "random")},
        idle_on=("mini",),
        unmeasurable="no caption of mini has more tokens than its text tower reads",
    ),
)
