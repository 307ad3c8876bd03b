"""What the adapter sees of an image: features of the frozen vision tower."""

from __future__ import annotations

from typing import Any, Literal

import torch
import torch.nn.functional as F
from clbench import Backbone, MethodError
from clbench.models.remembering import Remembered
from torch import Tensor

__all__ = ["FrozenFeatures"]


class FrozenFeatures:
    """Embeddings of images, and the features that the adapter regresses on.

    Args:
        backbone: frozen.
        kind: ``embedding``, or ``pre-projection``: the pooled output of the vision tower before it is
            projected into the space that images and texts share.

    Raises:
        MethodError: the vision tower has no such output.
    """

    def __init__(self, backbone: Backbone, kind: Literal["embedding", "pre-projection"]) -> None:
        self._backbone = backbone
        self._visual = _with_projection(backbone) if kind == "pre-projection" else None
        self.width = backbone.width if self._visual is None else int(self._visual.proj.shape[0])
        # The tower is frozen, and test batches come back after every task.
        self._pooled = Remembered(self._encode)

    @torch.no_grad()
    def __call__(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Normalised images (batch, 3, size, size) → embeddings (batch, d) and features (batch, width), both
        float32 and of unit length."""
        pooled = self._pooled(images)
        features = F.normalize(pooled.float(), dim=-1)
        if self._visual is None:
            return features, features
        return F.normalize((pooled @ self._visual.proj).float(), dim=-1), features

    def _encode(self, images: Tensor) -> Tensor:
        """What the adapter's features are, not normalised (batch, width)."""
        if self._visual is None:
            return self._backbone.encode_image(images)
        pooled, _ = self._visual._pool(self._visual.transformer(self._visual._embeds(images)))
        return pooled  # type: ignore[no-any-return]


def _with_projection(backbone: Backbone) -> Any:
    from open_clip.transformer import VisionTransformer

    visual = backbone.model.visual
    if not isinstance(visual, VisionTransformer) or visual.proj is None:
        raise MethodError(
            f"RAIL finds no features before the projection in backbone {backbone.name!r}",
            why=f"its vision tower is a {type(visual).__name__}, not open_clip's VisionTransformer with one",
            fix="leave features at 'embedding', or choose a backbone such as ViT-B-16",
        )
    return visual
