"""The text tower of an open_clip model, computed only as far as the longest text of a batch."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["can_truncate", "encode_text"]


def can_truncate(model: nn.Module) -> bool:
    """Whether cutting the context is exact: causal attention and pooling at the end-of-text token."""
    return (
        getattr(model, "text_pool_type", None) == "argmax"
        and getattr(model, "attn_mask", None) is not None
        and hasattr(model, "token_embedding")
        and hasattr(model, "positional_embedding")
    )


def encode_text(model: Any, tokens: Tensor, *, truncate: bool = True) -> Tensor:
    """Encode token ids (n, context) → embeddings (n, d), not normalised.

    With ``truncate``, positions behind the last end-of-text token (the largest id of a row) are left
    out. Attention is causal and pooling reads the end-of-text position, so the result is the same up to
    rounding. Models of another make (no causal mask, other pooling) are computed in full.
    """
    if not (truncate and can_truncate(model)):
        features: Tensor = model.encode_text(tokens)
        return features
    ends = tokens.argmax(dim=-1)
    length = int(ends.max()) + 1
    tokens = tokens[:, :length]
    dtype = model.transformer.get_cast_dtype()
    x = model.token_embedding(tokens).to(dtype) + model.positional_embedding[:length].to(dtype)
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    # Only the pooled position is normalised and projected: LayerNorm acts on each position by itself.
    x = model.ln_final(x[torch.arange(len(x), device=x.device), ends])
    projection = model.text_projection
    if projection is None:
        return x  # type: ignore[no-any-return]
    return projection(x) if isinstance(projection, nn.Linear) else x @ projection  # type: ignore[no-any-return]
