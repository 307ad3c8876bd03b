"""A transformer block of open_clip, taken apart so that rows nobody reads are not computed."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor, nn
from torch.nn.modules.linear import NonDynamicallyQuantizableLinear

__all__ = [
    "SideBranch",
    "by_rows",
    "finish",
    "hooked",
    "join_heads",
    "known_blocks",
    "queries_keys_values",
    "side",
    "split_heads",
]


@runtime_checkable
class SideBranch(Protocol):
    """A stand-in for a block's ``MultiheadAttention`` that adds a term of its own to what attention mixes.

    It keeps ``in_proj_weight``, ``in_proj_bias``, ``out_proj`` and ``num_heads`` under those names, and calls
    ``out_proj`` as a module, whatever has been put in its place. A layer that does more than that is not one:
    its tower is then run by its own ``forward``.
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
    """Whether taking a tower's blocks apart gives what their own ``forward`` gives.

    That is so where the tower is open_clip's own and its blocks are unchanged, but for a :class:`SideBranch`
    and for low-rank adapters of layers that ``forward`` calls: each works on every row by itself. Hooks,
    replaced ``forward`` functions and layers of any other make count as changes.
    """
    from open_clip.transformer import ResidualAttentionBlock, Transformer

    if type(transformer) is not Transformer or transformer.grad_checkpointing or not transformer.batch_first:
        return False
    blocks = transformer.resblocks
    return (
        len(blocks) > 0
        and not hooked(transformer)
        and all(type(block) is ResidualAttentionBlock and _known_block(block) for block in blocks)
    )


def _known_block(block: Any) -> bool:
    rest = (block.ln_1, block.ls_1, block.ln_2, block.mlp, block.ls_2)
    return not hooked(block) and _known_attention(block.attn) and all(by_rows(module) for module in rest)


def _known_attention(attention: Any) -> bool:
    if hooked(attention):
        return False
    if isinstance(attention, SideBranch):
        return by_rows(attention.out_proj)
    return (
        type(attention) is nn.MultiheadAttention
        and attention.batch_first
        and attention.in_proj_weight is not None
        and attention.bias_k is None
        and not attention.add_zero_attn
        and (attention.dropout == 0 or not attention.training)
        # It reads the weights of this layer and never calls it: an adapter there would be passed by.
        and type(attention.out_proj) is NonDynamicallyQuantizableLinear
        and not hooked(attention.out_proj)
    )


def by_rows(module: nn.Module) -> bool:
    """Whether a module is known to work on each row of its input (…, width) by itself, without hooks."""
    return all(_works_by_rows(part) and not hooked(part) for part in module.modules())


def _works_by_rows(module: nn.Module) -> bool:
    kind = type(module)
    if isinstance(module, nn.Dropout):
        return float(module.p) == 0 or not module.training
    return (
        kind in (nn.Linear, NonDynamicallyQuantizableLinear, nn.LayerNorm, nn.GELU, nn.Identity)
        or kind in (nn.Sequential, nn.ModuleDict, nn.ParameterDict)
        or (kind.__module__, kind.__name__) in _BY_ROWS
    )


# Named, so that peft need not be installed.
_BY_ROWS = {
    ("open_clip.transformer", "LayerNorm"),
    ("open_clip.transformer", "LayerNormFp32"),
    ("open_clip.transformer", "LayerScale"),
    ("open_clip.transformer", "QuickGELU"),
    ("peft.tuners.lora.layer", "Linear"),
    ("peft.utils.other", "BufferDict"),
    ("peft.tuners._buffer_dict", "BufferDict"),
}


def hooked(module: nn.Module) -> bool:
    """Whether something else happens when a module is called than its class says."""
    return bool(
        module._forward_hooks
        or module._forward_pre_hooks
        or module._backward_hooks
        or module._backward_pre_hooks
        or "forward" in module.__dict__
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
