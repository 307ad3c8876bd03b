"""Where GIFT's paper and its authors' code differ, and the settings that choose between them."""

from __future__ import annotations

from clbench import Trap

__all__ = ["TRAPS"]

_CODE = "src/models/finetune_gift.py"
_AT = "github:Luo-Jiaming/GIFT_CL (commit 7511963)"
_NOT_AWC = {"consolidation": ("l2", "none")}

TRAPS = (
    Trap(
        id="tempered-logits",
        switch="distillation_logits",
        published="scaled",
        intended="cosine",
        published_says="The distillation compares softmaxes of 100 · cosine / 2.",
        intended_says="The distillation compares softmaxes of the cosines themselves, as the formula is "
        "written.",
        source=f"paper's contrastive distillation loss, as described by others; {_CODE}:230-269, {_AT}",
        off={"distillation": (0.0,), "distillation_loss": ("feature_mse",)},
    ),
    Trap(
        id="smoothed-alignment",
        switch="alignment_smoothing",
        published=0.2,
        intended=0.0,
        published_says="The alignment's targets are smoothed with the 0.2 of the classification.",
        intended_says="The alignment's targets are the image's own prompt, as the formula is written.",
        source=f"paper's image-text alignment loss, as described by others; {_CODE}:230-269, {_AT}",
        off={"alignment": (0.0,)},
    ),
    Trap(
        id="importances-normalised",
        switch="fisher_normalised",
        published=True,
        intended=False,
        published_says="Squared gradients are divided by their mean in each tensor, so that each tensor is "
        "pulled as strongly as by plain L2.",
        intended_says="The importances are the squared gradients themselves, as the formula is written.",
        source=f"paper, Eq. 8, as described by others; {_CODE}:294-295, {_AT}",
        off=_NOT_AWC,
    ),
    Trap(
        id="static-importances-unzeroed",
        switch="static_awc_unzeroed",
        published=True,
        intended=False,
        published_says="Once static importances are settled, gradients are no longer set to zero, and "
        "generated images are no longer learned from.",
        intended_says="Every step sets gradients to zero and learns from generated images; the importances "
        "alone stay as they are.",
        source=f"the ablation --static_awc; {_CODE}:271-320, {_AT}",
        given={"static_awc": 4},
        off={"static_awc": (0,), **_NOT_AWC},
    ),
    Trap(
        id="losses-summed-in-place",
        switch="summed_in_place",
        published=True,
        intended=False,
        published_says="Losses are added to the cross-entropy in place, so that the second backward pass has "
        "the generated images' losses and the pull in it again: both count twice.",
        intended_says="Each loss counts once, as the sum is written.",
        source=f"paper, the total loss; {_CODE}, `loss = ce_loss` and `loss +=` before `(wc_loss + "
        "ce_loss).backward()`, github:Luo-Jiaming/GIFT_CL (commit 45a7e0d); each counts once by commit "
        "7511963",
        off=_NOT_AWC,
    ),
    Trap(
        id="one-drawn-list-of-prompts",
        where="fixed",
        published=None,
        intended="drawn by rule",
        published_says="Prompts come from lists that are shipped, one a task and order, and were drawn once.",
        intended_says="Prompts are drawn by the same rule from a seed that all runs share.",
        source=f"txt2img.py:120-154 and data/synthetic/**/image_text.csv, {_AT}",
        unmeasurable="the lists name the classes of MTIL alone",
    ),
)
