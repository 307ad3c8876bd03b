"""CLIP's vision tower with prompts among its tokens."""

from __future__ import annotations

from typing import Any, Literal

import torch
from clbench import Backbone, MethodError
from torch import Tensor

__all__ = ["PromptedTower"]


class PromptedTower:
    """The vision tower of an open_clip model, its first block given further tokens.

    Prompts stand before the class token, without positions, behind the position embedding (and CLIP's first
    LayerNorm) of the image's own tokens. Attention in the vision tower has no order, so where they stand
    makes no difference; without prompts the result is the tower's own.

    Args:
        backbone: frozen, or not: its weights get no gradient if it is.

    Raises:
        MethodError: its vision tower is of another make.
    """

    def __init__(self, backbone: Backbone) -> None:
        from open_clip.transformer import VisionTransformer

        visual: Any = backbone.model.visual
        if not isinstance(visual, VisionTransformer) or visual.attn_pool is not None:
            raise MethodError(
                f"L2P cannot put prompts into the vision tower of backbone {backbone.name!r}",
                why=f"it is a {type(visual).__name__}; open_clip's VisionTransformer, without a pooling by "
                "attention, is needed",
                fix="choose a backbone such as ViT-B-16",
            )
        self._visual = visual
        self.width = int(visual.transformer.width)

    def encode(
        self, images: Tensor, prompts: Tensor, *, pooling: Literal["class", "prompt"] = "class"
    ) -> Tensor:
        """Embeddings (batch, d), not normalised.

        Args:
            images: normalised, (batch, 3, size, size).
            prompts: (batch, tokens, width).
            pooling: ``class`` pools the image's own tokens as the tower does; ``prompt`` averages the
                prompts' outputs. Either is then projected into CLIP's space.
        """
        visual, count = self._visual, prompts.shape[1]
        own = visual._embeds(images)
        x = visual.transformer(torch.cat([prompts.to(own.dtype), own], dim=1))
        if pooling == "class":
            pooled, _ = visual._pool(x[:, count:])
        else:
            pooled = visual.ln_post(x[:, :count]).mean(dim=1)
        return pooled if visual.proj is None else pooled @ visual.proj  # type: ignore[no-any-return]
