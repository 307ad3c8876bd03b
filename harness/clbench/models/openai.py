"""Backbones from state dicts under the names of OpenAI's CLIP, of any size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from clbench.errors import DataError
from clbench.models.backbone import Backbone, Tokenizer
from clbench.streams.preprocessing import Preprocessing

__all__ = ["from_openai_state"]

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)
_EXTRAS = ("input_resolution", "context_length", "vocab_size")
_VOCABULARY = 49408
_NAMES = "the names must be those of OpenAI's checkpoints, without prefixes such as 'module.'"


def from_openai_state(
    state: Mapping[str, Any],
    *,
    name: str = "openai-state",
    tokenizer: Tokenizer | None = None,
    preprocessing: Preprocessing | None = None,
    head_width: int = 64,
    quick_gelu: bool = True,
    device: str = "cpu",
) -> Backbone:
    """Build a backbone of the sizes that the weights have, and load them.

    The names are those of OpenAI's checkpoints (``visual.conv1.weight``,
    ``transformer.resblocks.0.attn.in_proj_weight``, …) and of the code of ZSCL, GIFT, DIKI and
    MoE-Adapters, which is built on it. Vision transformers only.

    Args:
        state: tensors by name, of any floating type; they are copied, as float32. OpenAI's entries
            ``input_resolution``, ``context_length`` and ``vocab_size`` are left out.
        name: the backbone's name.
        tokenizer: list of texts → token ids (n, context), end-of-text being the largest; by default
            CLIP's byte pairs, of which there are 49,408.
        preprocessing: by default OpenAI's for the model's image size.
        head_width: width of an attention head in both towers. No shape tells it; OpenAI's is 64.
        quick_gelu: ``x · sigmoid(1.702 x)``, with which OpenAI's weights were trained.
        device: where the weights go.

    Returns:
        A backbone in evaluation mode, its parameters trainable.

    Raises:
        DataError: the state is not that of such a model; says what is missing or does not fit.
    """
    import open_clip

    weights = {key: value for key, value in state.items() if key not in _EXTRAS}
    sizes = _Sizes(weights, head_width)
    with torch.random.fork_rng(devices=[]):  # the random weights are replaced at once
        model = open_clip.CLIP(
            embed_dim=sizes.embedding,
            vision_cfg={**sizes.tower("visual."), "image_size": sizes.image, "patch_size": sizes.patch},
            text_cfg={
                **sizes.tower(""),
                "context_length": sizes.context,
                "vocab_size": sizes.vocabulary,
            },
            quick_gelu=quick_gelu,
        )
    model.float()
    try:
        model.load_state_dict({key: value.float() for key, value in weights.items()})
    except RuntimeError as error:
        raise DataError(
            "these weights are not those of a CLIP with two transformers",
            why="; ".join(line.strip() for line in str(error).splitlines()[1:4]),
            fix=_NAMES,
        ) from error
    if tokenizer is None:
        if sizes.vocabulary != _VOCABULARY:
            raise DataError(
                f"the model knows {sizes.vocabulary} tokens, CLIP's tokenizer has {_VOCABULARY}",
                fix="hand in the tokenizer that belongs to these weights: from_openai_state(…, tokenizer=…)",
            )
        tokenizer = open_clip.SimpleTokenizer(context_length=sizes.context)
    return Backbone(
        name,
        model.to(device).eval(),
        tokenizer,
        preprocessing or Preprocessing(size=sizes.image, mean=_MEAN, std=_STD),
        activation="quickgelu" if quick_gelu else "gelu",
    )


class _Sizes:
    """What the shapes of the weights say about the model."""

    def __init__(self, weights: Mapping[str, Tensor], head_width: int) -> None:
        self._weights = weights
        self._head_width = head_width
        self.patch = self._shape("visual.conv1.weight", 4)[-1]
        positions = self._shape("visual.positional_embedding", 2)[0]
        grid = round((positions - 1) ** 0.5)
        if grid * grid + 1 != positions:
            raise DataError(
                f"visual.positional_embedding has {positions} positions",
                why="a class token and a square of patches were expected",
            )
        self.image = grid * self.patch
        self.context = self._shape("positional_embedding", 2)[0]
        self.vocabulary = self._shape("token_embedding.weight", 2)[0]
        self.embedding = self._shape("text_projection", 2)[1]

    def tower(self, prefix: str) -> dict[str, Any]:
        """Width, layers, heads and MLP ratio of the tower whose names begin with ``prefix``."""
        stem = f"{prefix}transformer.resblocks."
        layers = {key[len(stem) :].partition(".")[0] for key in self._weights if key.startswith(stem)}
        hidden, width = self._shape(f"{stem}0.mlp.c_fc.weight", 2)
        if width % self._head_width:
            raise DataError(
                f"{stem}0 is {width} wide, which is no multiple of a head's width, {self._head_width}",
                fix="say how wide its heads are: from_openai_state(…, head_width=…)",
            )
        heads = {"head_width": self._head_width} if prefix else {"heads": width // self._head_width}
        return {"width": width, "layers": len(layers), "mlp_ratio": hidden / width, **heads}

    def _shape(self, key: str, dimensions: int) -> tuple[int, ...]:
        value = self._weights.get(key)
        if not isinstance(value, Tensor) or value.ndim != dimensions:
            if any(name.startswith("visual.layer1.") for name in self._weights):
                why = "of CLIP's models only vision transformers are read"
            else:
                why = f"there are {len(self._weights)} entries: {', '.join([*self._weights][:3])}, …"
            raise DataError(f"the weights have no {key} of {dimensions} dimensions", why=why, fix=_NAMES)
        return tuple(value.shape)
