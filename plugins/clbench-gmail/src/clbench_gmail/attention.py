"""Self-attention out of two linear layers, which adapters can wrap one by one.

peft has a wrapper of its own for ``nn.MultiheadAttention``. At every forward pass it adds the adapter to the
frozen weights and subtracts it afterwards, so that these drift by rounding while the adapter is trained, and
pre-trained weights with the adapter are no longer the model. Adapters of linear layers leave them alone.
"""

from __future__ import annotations

from typing import Any

import torch.nn.functional as F
from peft.tuners import lora
from torch import Tensor, nn

__all__ = ["LinearAttention", "use_linear_attention"]


class LinearAttention(nn.Module):
    """What an ``nn.MultiheadAttention`` computes without dropout, with the same parameters.

    The two layers may be replaced by adapters. It has the names of a
    :class:`clbench.models.blocks.SideBranch` that adds nothing, so that backbones compute of its block only
    what is read.

    Args:
        attention: self-attention, batch first; its parameters are shared, not copied.
    """

    per_sample = False

    def __init__(self, attention: nn.MultiheadAttention) -> None:
        super().__init__()
        width = attention.embed_dim
        assert attention.in_proj_weight is not None
        self.num_heads = attention.num_heads
        self.in_proj: Any = nn.Linear(width, 3 * width, bias=False, device="meta")
        self.in_proj.weight = attention.in_proj_weight
        self.in_proj.bias = attention.in_proj_bias
        self.out_proj: nn.Module = attention.out_proj

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        need_weights: bool = False,
        attn_mask: Tensor | None = None,
    ) -> tuple[Tensor, None]:
        """Attend from all tokens to all, (batch, tokens, width) → the same and, for the weights, None.

        Raises:
            ValueError: keys or values are not the queries, or the weights are asked for.
        """
        if key is not query or value is not query or need_weights:
            raise ValueError("only self-attention, and without its weights")
        batch, tokens, width = query.shape
        q, k, v = self.in_proj(query).view(batch, tokens, 3, self.num_heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=attn_mask)
        return self.out_proj(mixed.transpose(1, 2).reshape(batch, tokens, width)), None

    @property
    def in_proj_weight(self) -> Tensor:
        """W + ΔW, (3 · width, width)."""
        weight: Tensor = self.in_proj.weight
        if isinstance(self.in_proj, lora.Linear):
            for name in self.in_proj.active_adapters:
                weight = weight + self.in_proj.get_delta_weight(name)
        return weight

    @property
    def in_proj_bias(self) -> Tensor | None:
        """(3 · width,)."""
        return self.in_proj.bias  # type: ignore[no-any-return]

    def side_branch(self, q: Tensor) -> Tensor | None:  # noqa: ARG002
        """Add nothing."""
        return None


def use_linear_attention(tower: nn.Module) -> None:
    """Put a :class:`LinearAttention` in the place of every self-attention that it equals."""
    for module in list(tower.modules()):
        for name, child in list(module.named_children()):
            if (
                type(child) is nn.MultiheadAttention
                and child.batch_first
                and child.in_proj_weight is not None
                and child.bias_k is None
                and not child.add_zero_attn
                and child.dropout == 0
            ):
                setattr(module, name, LinearAttention(child))
