"""The teacher's embeddings of batches of pairs, computed anew or once for all."""

from __future__ import annotations

import torch
from clbench import Backbone, Batch
from clbench.methods import Reference
from clbench.models import image_features, text_features
from torch import Tensor

from clbench_clip_kd.losses import Embeddings
from clbench_clip_kd.objective import unit

__all__ = ["Teacher", "encode_distinct"]


class Teacher:
    """A frozen model that embeds the views the student sees.

    Args:
        backbone: the model.
        pairs: what is learned from.
        fixed: every pair has one view, the test view; so its embeddings are computed once, here.
    """

    def __init__(self, backbone: Backbone, pairs: Reference, *, fixed: bool) -> None:
        self.backbone = backbone
        self._all: Embeddings | None = None
        if fixed:
            with torch.no_grad():
                self._all = Embeddings(
                    image_features(backbone, pairs.images), text_features(backbone, pairs.texts)
                )

    @torch.no_grad()
    def embed(self, batch: Batch, texts: list[str]) -> Embeddings:
        """Unit vectors of a batch's views and texts, without gradient."""
        if self._all is not None:
            drawn = batch.indices.to(self._all.images.device)
            return Embeddings(self._all.images[drawn], self._all.texts[drawn])
        return Embeddings(
            unit(self.backbone.encode_image(batch.images)), unit(encode_distinct(self.backbone, texts))
        )


def encode_distinct(backbone: Backbone, texts: list[str]) -> Tensor:
    """Embeddings of texts (n, d), not normalised; each distinct one is encoded once. Carries gradient."""
    distinct = list(dict.fromkeys(texts))
    features = backbone.encode_text(backbone.tokenize(distinct))
    position = {text: i for i, text in enumerate(distinct)}
    return features[torch.tensor([position[text] for text in texts], device=features.device)]
