"""A CLIP-like model as methods and the harness use it: model, tokenizer and input transform."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property

import torch
from torch import Tensor, nn

from clbench.models.text import encode_text
from clbench.models.vision import encode_image
from clbench.streams.preprocessing import Preprocessing

__all__ = ["Backbone"]

Tokenizer = Callable[[list[str]], Tensor]

_OF_LOGITS = ("logit_scale", "logit_bias")


class Backbone:
    """A dual encoder with everything that turns images and words into embeddings.

    Args:
        name: the name on the command line.
        model: an ``open_clip.CLIP`` (parameter names as in OpenAI's checkpoints), or another model with
            ``encode_image``, ``encode_text`` and ``logit_scale``, such as open_clip's ``CustomTextCLIP``.
        tokenizer: texts → token ids (n, context), end-of-text being the largest id for an ``open_clip.CLIP``.
        preprocessing: the input transform that belongs to the weights.
        activation: ``gelu`` or ``quickgelu``; recorded, since OpenAI's weights need the second.

    Attributes:
        official_compute: run both towers' own forwards, every position of them, instead of what reaches the
            result; for comparisons of time, since the embeddings are the same up to rounding.

    The methods of this class give *unnormalised* embeddings, as open_clip's ``encode_*`` do.
    """

    def __init__(
        self,
        name: str,
        model: nn.Module,
        tokenizer: Tokenizer,
        preprocessing: Preprocessing,
        *,
        activation: str = "gelu",
    ) -> None:
        self.name = name
        self.model = model
        self.preprocessing = preprocessing
        self.activation = activation
        self.official_compute = False
        self.tokenizer = tokenizer
        self._tokens: dict[str, Tensor] = {}

    @property
    def device(self) -> torch.device:
        return self.logit_scale.device

    @property
    def logit_scale(self) -> Tensor:
        """The learned log scale of CLIP's logits (a scalar parameter; OpenAI CLIP: ln 100)."""
        scale = self.model.logit_scale
        assert isinstance(scale, Tensor)
        return scale

    @property
    def scale(self) -> Tensor:
        """``exp(logit_scale)``, s in the papers."""
        return self.logit_scale.exp()

    @property
    def logit_bias(self) -> Tensor | None:
        """b of a model that was trained with the sigmoid loss (SigLIP), whose logits are s · cosine + b.

        It is the same for all classes, so neither softmax nor argmax sees it, and methods leave it out. A
        loss that asks of each pair by itself whether it belongs together (a sigmoid) has to add it.
        """
        bias = getattr(self.model, "logit_bias", None)
        return bias if isinstance(bias, Tensor) else None

    @cached_property
    def width(self) -> int:
        """Width d of the shared embedding."""
        return int(self.encode_text(self.tokenize(["a"])).shape[-1])

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Token ids, int64 (n, context), on the model's device. Each distinct text is tokenised once."""
        missing = [t for t in dict.fromkeys(texts) if t not in self._tokens]
        if missing:
            for text, row in zip(missing, self.tokenizer(missing), strict=True):
                self._tokens[text] = row
        return torch.stack([self._tokens[t] for t in texts]).to(self.device)

    def encode_image(self, images: Tensor) -> Tensor:
        """Normalised images (batch, 3, size, size) → embeddings (batch, d), not normalised."""
        return encode_image(self.model, images, everything=self.official_compute)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Token ids (n, context) → embeddings (n, d), not normalised.

        What cannot reach the result is not computed, see :mod:`clbench.models.text`.
        """
        return encode_text(self.model, tokens, everything=self.official_compute)

    def copy(self) -> Backbone:
        """An independent copy of the weights; tokenizer and token cache are shared."""
        twin = copy.copy(self)
        twin.__dict__.pop("weights_digest", None)
        twin.model = copy.deepcopy(self.model)
        return twin

    def computing_everything(self) -> Backbone:
        """The same model, weights shared, with ``official_compute``."""
        twin = copy.copy(self)
        twin.official_compute = True
        return twin

    def freeze(self) -> Backbone:
        """Stop gradients for all weights and switch to evaluation mode; returns self."""
        self.model.requires_grad_(False)
        self.model.eval()
        return self

    def unfreeze(self) -> Backbone:
        """Ask for gradients of :meth:`trainable`, and of no more; returns self."""
        self.model.requires_grad_(False)
        for _, parameter in self.trainable():
            parameter.requires_grad_(True)
        return self

    def trainable(self) -> Iterator[tuple[str, nn.Parameter]]:
        """All parameters but those of the logits: what ZSCL, GIFT and full fine-tuning train.

        Scale and bias of the logits stay as pre-training left them.
        """
        return ((n, p) for n, p in self.model.named_parameters() if n not in _OF_LOGITS)

    @cached_property
    def weights_digest(self) -> str:
        """:func:`weights_digest` of the model at the time of the first call."""
        return weights_digest(self.model)


def weights_digest(model: nn.Module) -> str:
    """SHA-256 over names, shapes and values of all weights as they are now."""
    total = hashlib.sha256()
    for name, value in sorted(model.state_dict().items()):
        array = value.detach().to("cpu", torch.float32).contiguous().numpy()
        total.update(f"{name}{array.shape}".encode())
        total.update(array.tobytes())
    return total.hexdigest()
