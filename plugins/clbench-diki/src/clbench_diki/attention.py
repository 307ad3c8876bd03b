"""Self-attention with a residual branch over prompt slots (DIKI)."""

from __future__ import annotations

from typing import NamedTuple

import torch.nn.functional as F
from clbench.errors import MethodError
from clbench.models.blocks import join_heads, split_heads
from torch import Tensor, nn

__all__ = ["Injection", "ResidualAttention", "residual_attention"]


class Injection(NamedTuple):
    """What is injected into one attention layer.

    Attributes:
        keys, values: (slots, width), or (batch, slots, width) for prompts of each sample.
        weight: a number, or (batch,) for a weight of each sample.
    """

    keys: Tensor
    values: Tensor
    weight: float | Tensor = 1.0


def residual_attention(
    query: Tensor,
    in_proj_weight: Tensor,
    in_proj_bias: Tensor | None,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    num_heads: int,
    prompt_keys: Tensor | None = None,
    prompt_values: Tensor | None = None,
    *,
    weight: float | Tensor = 1.0,
    attn_mask: Tensor | None = None,
) -> Tensor:
    """Attend to the tokens themselves and, in a weighted side branch, to prompt slots.

    ``out_proj(softmax(q kᵀ / √h + mask) v + weight · softmax(q Kᵀ / √h) V)`` with h = width / num_heads.
    The prompts K, V enter as they are: no input projection, no bias, no mask, no position; the softmax of
    the side branch runs over the slots alone, so that it adds a convex combination of rows of V. With
    V = 0 or weight 0 the result is plain self-attention.

    Args:
        query: tokens, (batch, tokens, width).
        in_proj_weight: (3 · width, width): query, key and value projections, stacked.
        in_proj_bias: (3 · width,) or ``None``.
        out_proj_weight: (width, width).
        out_proj_bias: (width,) or ``None``.
        num_heads: number of heads; divides the width.
        prompt_keys, prompt_values: (slots, width), or (batch, slots, width) for prompts of each sample;
            ``None`` leaves the branch out.
        weight: of the branch: a number, a scalar tensor, or (batch,) for a weight of each sample.
        attn_mask: added to the scores of the tokens' own attention; broadcast to (batch, heads, tokens,
            tokens).

    Returns:
        (batch, tokens, width).

    Raises:
        ValueError: the heads do not divide the width, or only one of keys and values is given.

    Source: Tang et al., ECCV 2024; the branch is added before the output projection as in the authors' code.
    """
    injection = _together(prompt_keys, prompt_values, weight)
    mixed = _mix(query, in_proj_weight, in_proj_bias, num_heads, injection, attn_mask)
    return F.linear(mixed, out_proj_weight, out_proj_bias)


def _together(keys: Tensor | None, values: Tensor | None, weight: float | Tensor) -> Injection | None:
    if (keys is None) != (values is None):
        raise ValueError("prompt_keys and prompt_values go together: give both or neither")
    return None if keys is None or values is None else Injection(keys, values, weight)


def _mix(
    query: Tensor,
    in_proj_weight: Tensor,
    in_proj_bias: Tensor | None,
    num_heads: int,
    injection: Injection | None,
    attn_mask: Tensor | None,
) -> Tensor:
    """What goes into the output projection, (batch, tokens, width)."""
    width = query.shape[-1]
    if width % num_heads:
        raise ValueError(f"{num_heads} heads do not divide the width {width}")
    q, k, v = (
        split_heads(x, num_heads) for x in F.linear(query, in_proj_weight, in_proj_bias).chunk(3, dim=-1)
    )
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)
    return join_heads(mixed if injection is None else mixed + _branch(q, injection))


def _branch(q: Tensor, injection: Injection) -> Tensor:
    """``weight · softmax(q Kᵀ / √h) V`` for queries (batch, heads, tokens, h); of the same shape."""
    batch, heads = q.shape[:2]
    K, V = (
        split_heads(x.to(q.dtype), heads).expand(batch, -1, -1, -1)
        for x in (injection.keys, injection.values)
    )
    weight = injection.weight
    if isinstance(weight, Tensor):
        weight = weight.to(q.dtype).reshape(-1, 1, 1, 1)
    return weight * F.scaled_dot_product_attention(q, K, V)


class ResidualAttention(nn.Module):
    """Stand-in for the self-attention of an open_clip block, with room for an :class:`Injection`.

    It takes over the layer's own parameters under their own names, so that checkpoints stay valid. Without
    an injection it computes what the layer computed.

    Args:
        original: a self-attention layer with ``batch_first=True``.

    Raises:
        MethodError: the layer is of another make.
    """

    def __init__(self, original: nn.Module) -> None:
        super().__init__()
        if not (
            isinstance(original, nn.MultiheadAttention)
            and original.batch_first
            and original.in_proj_weight is not None
            and original.bias_k is None
            and not original.add_zero_attn
        ):
            raise MethodError(
                f"DIKI cannot inject prompts into an attention layer of type {type(original).__name__}",
                why="it needs torch's MultiheadAttention with batch_first=True and one width for q, k and v",
                fix="choose a backbone whose towers are open_clip's own transformers, such as ViT-B-16",
            )
        self.num_heads = original.num_heads
        self.width = original.embed_dim
        self.in_proj_weight = original.in_proj_weight
        self.in_proj_bias = original.in_proj_bias
        self.out_proj = original.out_proj
        self.injection: Injection | None = None

    def forward(
        self,
        query: Tensor,
        key: Tensor | None = None,
        value: Tensor | None = None,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Attend as ``MultiheadAttention`` does when it is asked for no weights.

        Raises:
            ValueError: keys or values other than the query (cross-attention), or weights asked for.
        """
        if (
            need_weights
            or (key is not None and key is not query)
            or (value is not None and value is not query)
        ):
            raise ValueError("this layer is self-attention without attention weights")
        mixed = _mix(query, self.in_proj_weight, self.in_proj_bias, self.num_heads, self.injection, attn_mask)
        return self.out_proj(mixed), None

    @property
    def per_sample(self) -> bool:
        """Whether the injection differs between the samples of a batch."""
        if self.injection is None:
            return False
        weight = self.injection.weight
        return self.injection.keys.ndim > 2 or (isinstance(weight, Tensor) and weight.ndim > 0)

    def side_branch(self, q: Tensor) -> Tensor | None:
        """The residual branch of queries (batch, heads, tokens, h), for towers that are taken apart."""
        return None if self.injection is None else _branch(q, self.injection)
