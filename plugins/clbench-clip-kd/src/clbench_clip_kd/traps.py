"""Where CLIP-KD's paper and its authors' code differ, and the settings that choose between them."""

from __future__ import annotations

from clbench import Trap

__all__ = ["TRAPS"]

_AT = "github:winycg/CLIP-KD (commit f3ae18b)"
_LOSS = "src/open_clip/loss.py"

TRAPS = (
    Trap(
        id="raw-scale",
        switch="raw_scale",
        published=True,
        intended=False,
        published_says="The learned scale of ICL, cross-KD and AFD is used without exp: it begins at 2.66.",
        intended_says="The learned number is the logarithm of the scale, which begins at 1 / 0.07 = 14.3.",
        source=f"paper, the ICL loss with a temperature; {_LOSS}, cross_logit_scale and "
        f"fusion_logit_scale, {_AT}",
    ),
    Trap(
        id="nothing-masked",
        switch="mfd_unmasked",
        published=True,
        intended=False,
        published_says="Masked feature distillation overwrites the masked features by unmasked ones, and is "
        "feature distillation.",
        intended_says="Masked feature distillation sees images with three quarters of their patches masked.",
        source=f"paper, masked feature distillation; src/open_clip/model.py:193-195, {_AT}",
        given={"mfd": 2000.0, "fd": 0.0},
        off={"mfd": (0.0,)},
    ),
    Trap(
        id="inverse-temperature",
        switch="gd_inverse_temperature",
        published=True,
        intended=False,
        published_says="Gradient distillation takes the logit scale for the temperature, and divides by it.",
        intended_says="Gradient distillation multiplies by the logit scale, as the loss does whose gradient "
        "it is.",
        source=f"paper, gradient distillation; {_LOSS}, get_grad and its calls, {_AT}",
        given={"gd": 1.0},
        off={"gd": (0.0,)},
        unmeasurable="the two belong to weights of 1e8 and of 1: at one weight for both, one of them is "
        "either "
        "nothing or everything",
    ),
    Trap(
        id="mean-over-dimensions",
        switch="fd_reduction",
        published="mean",
        intended="sum",
        published_says="Feature distillation averages over the embedding's dimensions, so that the weight of "
        "2000 is one of 4 for 512 dimensions.",
        intended_says="Feature distillation is the squared distance of the embeddings, as the formula is "
        "written, with the paper's weight of 2000.",
        source=f"paper, feature distillation; {_LOSS}, F.mse_loss, {_AT}",
    ),
)
