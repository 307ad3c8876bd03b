"""Embeddings of whole image sets and label spaces."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from clbench.models.backbone import Backbone
from clbench.streams.images import ImageSet
from clbench.streams.labels import LabelSpace

__all__ = ["CosineScorer", "cosines", "image_features", "text_classifier", "text_features"]


def cosines(images: Tensor, texts: Tensor) -> Tensor:
    """All inner products (n, m) of unit vectors (n, d) and (m, d), never narrower than float32.

    Under mixed precision, too: CLIP's logits are a hundredfold of these, so that an error of bfloat16's
    eight bits would be one of a third of a logit. float64 stays float64.
    """
    dtype = torch.promote_types(torch.promote_types(images.dtype, texts.dtype), torch.float32)
    with torch.autocast(images.device.type, enabled=False):
        return images.to(dtype) @ texts.to(dtype).T


@torch.no_grad()
def image_features(backbone: Backbone, images: ImageSet, *, batch: int = 256) -> Tensor:
    """L2-normalised embeddings of the test view of all images, float32 (n, d), on the backbone's device."""
    pixels = images.pixels(backbone.preprocessing)
    parts = []
    for start in range(0, len(images), batch):
        part = torch.from_numpy(pixels[start : start + batch].copy()).to(backbone.device)
        parts.append(
            F.normalize(backbone.encode_image(backbone.preprocessing.normalise(part)).float(), dim=-1)
        )
    return torch.cat(parts)


def text_features(backbone: Backbone, texts: Sequence[str], *, batch: int = 1024) -> Tensor:
    """L2-normalised embeddings of texts, (n, d). Each distinct text is encoded once; carries gradient."""
    distinct = list(texts if backbone.official_compute else dict.fromkeys(texts))
    parts = []
    for start in range(0, len(distinct), batch):
        tokens = backbone.tokenize(distinct[start : start + batch])
        parts.append(F.normalize(backbone.encode_text(tokens), dim=-1))
    features = torch.cat(parts)
    if len(distinct) == len(texts):
        return features
    position = {text: i for i, text in enumerate(distinct)}
    return features[torch.tensor([position[t] for t in texts], device=features.device)]


def text_classifier(
    backbone: Backbone, labels: LabelSpace, *, templates: Literal["all", "first"] = "all"
) -> Tensor:
    """One unit vector per class, (classes, d): the zero-shot classifier.

    ``all`` averages the normalised embeddings of a class's prompts and normalises again, as ZSCL's
    evaluation does; ``first`` uses the training prompt alone.
    """
    if templates == "first":
        return text_features(backbone, labels.first_prompts)
    counts = [len(p) for p in labels.prompts]
    features = text_features(backbone, [p for prompts in labels.prompts for p in prompts])
    owner = torch.repeat_interleave(
        torch.arange(len(counts), device=features.device), torch.tensor(counts, device=features.device)
    )
    sums = torch.zeros(len(counts), features.shape[-1], dtype=features.dtype, device=features.device)
    return F.normalize(sums.index_add(0, owner, features), dim=-1)


class CosineScorer:
    """Scores with a backbone's weights as they are; classifiers are encoded once per label space.

    Args:
        backbone: the model, referred to and not copied.
        templates: as for :func:`text_classifier`.
    """

    def __init__(self, backbone: Backbone, templates: Literal["all", "first"] = "all") -> None:
        self._backbone = backbone
        self._templates: Literal["all", "first"] = templates
        self._classifiers: dict[str, Tensor] = {}

    def forget(self) -> None:
        """Drop the classifiers; to be called when the weights have changed."""
        self._classifiers.clear()

    @torch.no_grad()
    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """100 · cosine of image and class embeddings (evaluation uses the constant 100, not s)."""
        if labels.digest not in self._classifiers:
            classifier = text_classifier(self._backbone, labels, templates=self._templates)
            self._classifiers[labels.digest] = classifier.float()
        features = F.normalize(self._backbone.encode_image(images).float(), dim=-1)
        return 100.0 * features @ self._classifiers[labels.digest].T
