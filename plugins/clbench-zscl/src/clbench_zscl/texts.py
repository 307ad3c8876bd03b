"""Reference texts: captions as the authors' tokenizer cuts them, and random token sequences."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from clbench import Backbone, ConfigError
from clbench.models import text_features
from torch import Tensor

__all__ = ["RANDOM_TEXTS", "cut_text_features", "random_text_features", "random_tokens"]

RANDOM_TEXTS = 1000
_LENGTH = 10


def random_tokens(backbone: Backbone, count: int, generator: torch.Generator) -> Tensor:
    """Token ids of ``count`` random texts: ten random tokens between start and end of text.

    int64 (count, context), on the backbone's device. Shorter where the model's context is. Source: LwF-VR
    (Ding et al. 2022) as ZSCL's authors run it: 1000 sequences, drawn once per task.
    """
    empty = backbone.tokenize([""])[0]
    # An empty text is start and end of text alone; the end has the largest id of the vocabulary.
    start, end = int(empty[0]), int(empty.max())
    length = min(_LENGTH, len(empty) - 2)
    # Any id below the end-of-text id, the start-of-text id left out by moving those above it down.
    words = torch.randint(0, end - 1, (count, length), generator=generator)
    words = words + (words >= start).to(words.dtype)
    tokens = torch.zeros(count, len(empty), dtype=torch.int64)
    tokens[:, 0] = start
    tokens[:, 1 : length + 1] = words
    tokens[:, length + 1] = end
    return tokens.to(empty.device)


@torch.no_grad()
def random_text_features(
    backbone: Backbone, count: int, generator: torch.Generator, *, batch: int = 1024
) -> Tensor:
    """L2-normalised embeddings (count, d) of :func:`random_tokens`, without gradient."""
    tokens = random_tokens(backbone, count, generator)
    return torch.cat([F.normalize(backbone.encode_text(part), dim=-1) for part in torch.split(tokens, batch)])


def cut_text_features(backbone: Backbone, texts: Sequence[str]) -> Tensor:
    """L2-normalised embeddings (n, d) of texts, long ones cut as the tokenizer of ZSCL's authors cuts them.

    It drops all tokens behind the last position, the end of text among them. The embedding is read at the
    largest id, which then is the start of text, in position 0; under the causal mask nothing of the text is
    seen from there, so that all long texts have one embedding. Source: mtil/clip/clip.py of Thunderbeee/ZSCL
    (commit b96e714), ``tokenize``.

    Raises:
        ConfigError: the backbone's tokenizer does not tell how long a text is.
    """
    encode = getattr(backbone.tokenizer, "encode", None)
    if not callable(encode):
        raise ConfigError(
            f"the tokenizer of {backbone.name!r} does not tell how long a text is",
            why="long_captions=cut needs CLIP's byte pairs",
            fix="--set zscl.long_captions=ended",
        )
    features = text_features(backbone, texts)
    empty = backbone.tokenize([""])
    room = empty.shape[1] - 2  # beside start and end of text
    long = torch.tensor([len(encode(text)) > room for text in texts], device=features.device)
    if not long.any():
        return features
    start = torch.zeros_like(empty)
    start[:, 0] = empty[:, 0]
    return torch.where(long[:, None], F.normalize(backbone.encode_text(start), dim=-1), features)
