"""A transformer block of open_clip, taken apart so that rows nobody reads are not computed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

__all__ = ["SideBranch", "finish", "join_heads", "known_blocks", "queries_keys_values", "side", "split_heads"]


@runtime_checkable
class SideBranch(Protocol):
    """A stand-in for a block's ``MultiheadAttention`` that adds a term of its own to what attention mixes.

    It keeps ``in_proj_weight``, ``in_proj_bias``, ``out_proj`` and ``num_heads`` under those names. A layer
    that does more than that is not one: its tower is then run by its own ``forward``.
    """

    num_heads: int
    in_proj_weight: Tensor
    in_proj_bias: Tensor | None
    out_proj: nn.Module

    @property
    def per_sample(self) -> bool:
        """Whether the term differs between the samples of a batch."""
        ...

    def side_branch(self, q: Tensor) -> Tensor | None:
        """The term for queries (batch, heads, tokens, h), of the same shape; each query by itself."""
        ...


def known_blocks(transformer: Any) -> bool:
    """Whether a tower is open_clip's own, its blocks unchanged but for a :class:`SideBranch`.

    Hooks and replaced ``forward`` functions count as changes, since taking a block apart would pass them by.
    """
    from open_clip.transformer import ResidualAttentionBlock, Transformer

    if type(transformer) is not Transformer or transformer.grad_checkpointing or not transformer.batch_first:
        return False
    blocks = transformer.resblocks
    return (
        len(blocks) > 0
        and all(type(block) is ResidualAttentionBlock and _known_attention(block.attn) for block in blocks)
        and _untouched([transformer, *blocks, *(block.attn for block in blocks)])
    )


def _known_attention(attention: Any) -> bool:
    if isinstance(attention, SideBranch):
        return True
    return (
        type(attention) is nn.MultiheadAttention
        and attention.batch_first
        and attention.in_proj_weight is not None
        and attention.bias_k is None
        and not attention.add_zero_attn
        and (attention.dropout == 0 or not attention.training)
    )


def _untouched(modules: Iterable[nn.Module]) -> bool:
    return not any(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in module.__dict__
        for module in modules
    )


def queries_keys_values(attention: Any, rows: Tensor, *, parts: slice = slice(0, 3)) -> Tensor:
    """Project rows (…, width) → (…, parts · width): queries, keys and values, or some of the three."""
    width = rows.shape[-1]
    chosen = slice(parts.start * width, parts.stop * width)
    bias = attention.in_proj_bias
    return nn.functional.linear(
        rows, attention.in_proj_weight[chosen], None if bias is None else bias[chosen]
    )


def split_heads(x: Tensor, heads: int) -> Tensor:
    """(…, tokens, width) → (…, heads, tokens, width / heads)."""
    return x.reshape(*x.shape[:-1], heads, -1).transpose(-3, -2)


def join_heads(x: Tensor) -> Tensor:
    """(…, heads, tokens, h) → (…, tokens, heads · h)."""
    return x.transpose(-3, -2).flatten(-2)


def side(attention: Any, q: Tensor) -> Tensor | None:
    """The side branch of queries (batch, heads, tokens, h); ``None`` if the layer has none."""
    return None if isinstance(attention, nn.MultiheadAttention) else attention.side_branch(q)


def finish(block: Any, residual: Tensor, mixed: Tensor) -> Tensor:
    """The rest of a block after attention has mixed the values: projection, sum, MLP. All (…, width)."""
    x = residual + block.ls_1(block.attn.out_proj(mixed))
    result = x + block.ls_2(block.mlp(block.ln_2(x)))
    assert isinstance(result, torch.Tensor)
    return result
