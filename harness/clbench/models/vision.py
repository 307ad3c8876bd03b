"""The vision tower of an open_clip model, its last block computed for the class token alone."""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from torch import Tensor

from clbench.models.blocks import (
    by_rows,
    finish,
    hooked,
    join_heads,
    known_blocks,
    queries_keys_values,
    side,
    split_heads,
)

__all__ = ["encode_image"]


def encode_image(model: Any, images: Tensor, *, everything: bool = False) -> Tensor:
    """Encode normalised images (batch, 3, size, size) → embeddings (batch, d), not normalised.

    The embedding is read from the class token, so the last block needs all tokens as keys and values but
    only that one as a query. The result is the same up to rounding. With ``everything``, or a tower of
    another make, the model's own forward runs.
    """
    visual = model.visual
    if everything or not (_own_encoding(model) and _reads_class_token(visual)):
        features: Tensor = model.encode_image(images)
        return features
    x = visual._embeds(images)
    *blocks, last = visual.transformer.resblocks
    for block in blocks:
        x = block(x)
    h, attention = last.ln_1(x), last.attn
    q = split_heads(queries_keys_values(attention, h[:, :1], parts=slice(0, 1)), attention.num_heads)
    keys, values = queries_keys_values(attention, h, parts=slice(1, 3)).chunk(2, dim=-1)
    k, v = (split_heads(rows, attention.num_heads) for rows in (keys, values))
    mixed = F.scaled_dot_product_attention(q, k, v)
    branch = side(attention, q)
    if branch is not None:
        mixed = mixed + branch
    pooled = visual.ln_post(finish(last, x[:, 0], join_heads(mixed)[:, 0]))
    return pooled if visual.proj is None else pooled @ visual.proj  # type: ignore[no-any-return]


def _own_encoding(model: Any) -> bool:
    """Whether the model encodes images as open_clip's classes do: through its vision tower, nothing else."""
    from open_clip.model import CLIP, CustomTextCLIP

    encode = getattr(type(model), "encode_image", None)
    return encode in (CLIP.encode_image, CustomTextCLIP.encode_image) and "encode_image" not in vars(model)


def _reads_class_token(visual: Any) -> bool:
    from open_clip.transformer import VisionTransformer

    return (
        type(visual) is VisionTransformer
        and visual.pool_type == "tok"
        and visual.attn_pool is None
        and not visual.output_tokens
        and not hooked(visual)
        and by_rows(visual.ln_post)
        and known_blocks(visual.transformer)
    )
