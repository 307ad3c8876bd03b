"""What all methods that train CLIP's own weights share: score with the weights as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

import torch.nn.functional as F
from torch import Tensor

from clbench.methods.contract import Method
from clbench.models.features import CosineScorer, cosines, text_classifier
from clbench.streams.labels import LabelSpace

if TYPE_CHECKING:
    from clbench.methods.batches import Batch

__all__ = ["FineTuning"]


class FineTuning(Method):
    """A method whose whole state is the backbone's weights.

    Subclasses write :meth:`learn`, and call :meth:`weights_changed` after any change of the weights
    outside of it.

    Attributes:
        test_templates: ``all`` averages a class's prompts (ZSCL's evaluation), ``first`` takes the
            training prompt alone (DIKI's).
    """

    test_templates: Literal["all", "first"] = "all"

    def __init__(self, backbone: Any, settings: Any, context: Any) -> None:
        super().__init__(backbone, settings, context)
        self._scorer = CosineScorer(self.backbone, self.test_templates)

    def weights_changed(self) -> None:
        """Forget text classifiers that were encoded with other weights."""
        self._scorer.forget()

    def task_loss(self, batch: Batch, labels: LabelSpace, *, label_smoothing: float = 0.0) -> Tensor:
        """Cross-entropy on a batch of the task whose classes ``labels`` has; with gradient, a scalar.

        Logits are s · cosine, s = exp(logit_scale) being constant here. Each distinct training prompt
        (first template) is encoded once, anew at every call: the text tower is being trained. The product
        is taken in float32 under mixed precision, too.
        """
        W = text_classifier(self.backbone, labels, templates="first")
        Z = F.normalize(self.backbone.encode_image(batch.images), dim=-1)
        logits = self.backbone.scale.detach() * cosines(Z, W)
        return F.cross_entropy(logits, batch.labels, label_smoothing=label_smoothing)

    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """100 · cosine of image and class embeddings (evaluation uses the constant 100, not s)."""
        return self._scorer.score(images, labels)

    def state_dict(self) -> dict[str, Any]:
        return {"model": self.backbone.model.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.backbone.model.load_state_dict(state["model"])
        self.weights_changed()
