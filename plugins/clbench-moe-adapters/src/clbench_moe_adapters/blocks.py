"""A transformer block with a mixture of adapters beside its MLP."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from clbench import MethodError
from open_clip.transformer import ResidualAttentionBlock
from torch import Tensor, nn

from clbench_moe_adapters.gating import imbalance, top_k_gates

__all__ = ["AdaptedBlock", "Adapter", "Route", "mix_experts"]


class Adapter(nn.Module):
    """``scale · (W_up dropout(relu(W_down x + b_down)) + b_up)``; it starts as zero.

    W_down is drawn uniformly from ±1/√width (Kaiming, a = √5), all else starts at zero.

    Args:
        width: of tokens.
        bottleneck: inner width.
        scale: factor on the output.
        dropout: probability inside, while training.
        generator: where W_down is drawn from.
    """

    def __init__(
        self, width: int, bottleneck: int, *, scale: float, dropout: float, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.down_proj = nn.utils.skip_init(nn.Linear, width, bottleneck)  # type: ignore[no-untyped-call]
        self.up_proj = nn.utils.skip_init(nn.Linear, bottleneck, width)  # type: ignore[no-untyped-call]
        self.scale = scale
        self.dropout = dropout
        with torch.no_grad():
            self.down_proj.weight.uniform_(-1 / math.sqrt(width), 1 / math.sqrt(width), generator=generator)
            for zero in (self.down_proj.bias, self.up_proj.weight, self.up_proj.bias):
                zero.zero_()

    def forward(self, x: Tensor, *, training: bool = False) -> Tensor:
        """Tokens (…, width) → (…, width)."""
        code = F.dropout(F.relu(self.down_proj(x)), self.dropout, training=training)
        result: Tensor = self.scale * self.up_proj(code)
        return result


class Route(NamedTuple):
    """Whose router is at work.

    Attributes:
        task: index of the task.
        training: with noise on the gates, dropout in the adapters, and usage counted.
        text_length: positions of a causal tower that are computed; those behind, which nobody reads, are cut
            off. ``None``: all.
        weigh: how unevenly the experts are burdened is computed, in training.
    """

    task: int
    training: bool = False
    text_length: int | None = None
    weigh: bool = False


def mix_experts(
    x: Tensor, gates: Tensor, experts: nn.ModuleList, *, training: bool = False
) -> tuple[Tensor, list[int]]:
    """Sum of the experts' outputs, weighted by the gates; an expert runs on its own sequences alone.

    An expert that no gate chooses takes no part, so it gets no gradient and an optimiser leaves it.

    Args:
        x: (batch, tokens, width).
        gates: (batch, experts).
        experts: modules that take (…, width) and ``training``.

    Returns:
        (batch, tokens, width), and for each expert the number of sequences it worked on.
    """
    pairs = gates.T.nonzero()  # (expert, sequence), by expert
    used = torch.bincount(pairs[:, 0], minlength=len(experts)).tolist()
    mixed = torch.zeros_like(x)
    for expert, rows in enumerate(torch.split(pairs[:, 1], used)):
        if len(rows) == 0:
            continue
        part = x if len(rows) == len(x) else x[rows]
        output = experts[expert](part, training=training) * gates[rows, expert, None, None]
        mixed.index_add_(0, rows, output.to(x.dtype))
    return mixed, used


class AdaptedBlock(nn.Module):
    """Stand-in for an open_clip block: ``x ← x + attention; x ← x + MLP(LN(x)) + Σ_e gate_e · adapter_e(x)``.

    It takes over the block's own layers under their own names, and adds those of the authors' checkpoints:
    ``adaptmlp_list.E``, ``router_list.T``, ``w_noise_list.T``. The adapters see the residual stream behind
    the attention, not normalised. Without a route it computes what the block computed.

    Args:
        original: a block of open_clip's own make, batch first.
        tasks: number of routers.
        experts: number of adapters.
        top_k: adapters that work on a sequence.
        adapter: makes an adapter for a width.

    Raises:
        MethodError: the block is of another make.

    Attributes:
        route: whose router is at work, if any.
        usage: for each expert the number of sequences it worked on in training routes.
        frozen: experts that are not trained any more.
        imbalance: of the last forward pass, with gradient, where the route weighs it.
    """

    ln_1: nn.LayerNorm
    attn: nn.MultiheadAttention
    ls_1: nn.Module
    ln_2: nn.LayerNorm
    mlp: nn.Module
    ls_2: nn.Module

    def __init__(
        self,
        original: Any,
        *,
        tasks: int,
        experts: int,
        top_k: int,
        adapter: Callable[[int], Adapter],
    ) -> None:
        super().__init__()
        if (
            type(original) is not ResidualAttentionBlock
            or not original.attn.batch_first
            or hasattr(original, "ln_1_kv")
        ):
            raise MethodError(
                f"MoE-Adapters cannot put adapters into a block of type {type(original).__name__}",
                why="it needs open_clip's ResidualAttentionBlock, batch first and without cross-attention",
                fix="choose a backbone whose towers are open_clip's own transformers, such as ViT-B-16",
            )
        self.ln_1, self.attn, self.ls_1 = original.ln_1, original.attn, original.ls_1
        self.ln_2, self.mlp, self.ls_2 = original.ln_2, original.mlp, original.ls_2
        width = int(original.attn.embed_dim)
        self.adaptmlp_list = nn.ModuleList(adapter(width) for _ in range(experts))
        self.router_list = nn.ParameterList(torch.zeros(width, experts) for _ in range(tasks))
        self.w_noise_list = nn.ParameterList(torch.zeros(width, experts) for _ in range(tasks))
        self.top_k = top_k
        self.route: Route | None = None
        self.usage = [0] * experts
        self.frozen: set[int] = set()
        self.imbalance: Tensor | None = None

    def get_weight_dtype(self) -> torch.dtype:
        """What open_clip's transformer asks its first block."""
        return self.attn.out_proj.weight.dtype

    def forward(
        self, q_x: Tensor, _k_x: None = None, _v_x: None = None, attn_mask: Tensor | None = None
    ) -> Tensor:
        """Tokens (batch, tokens, width) → the same shape, or shorter where the route says so.

        ``attn_mask`` is added to the attention's scores; what has one is the text tower, which is causal.
        """
        if attn_mask is not None and self.route is not None:
            cut = self.route.text_length
            q_x, attn_mask = q_x[:, :cut], attn_mask[:cut, :cut]
        y = self.ln_1(q_x)
        mask = attn_mask.to(y.dtype) if attn_mask is not None else None
        return self._beside(q_x + self.ls_1(self.attn(y, y, y, need_weights=False, attn_mask=mask)[0]))

    def finish(self, residual: Tensor, mixed: Tensor) -> Tensor:
        """The rest of the block after attention has mixed the values, all (batch, tokens, width)."""
        return self._beside(residual + self.ls_1(self.attn.out_proj(mixed)))

    def _beside(self, x: Tensor) -> Tensor:
        """MLP and mixture, side by side on the residual stream behind the attention."""
        out: Tensor = x + self.ls_2(self.mlp(self.ln_2(x)))
        return out if self.route is None else out + self._mixture(x, self.route)

    def _mixture(self, x: Tensor, route: Route) -> Tensor:
        noise = self.w_noise_list[route.task] if route.training else None
        if route.weigh and noise is not None:
            gates, self.imbalance = imbalance(x[:, 0], self.router_list[route.task], noise, self.top_k)
        else:
            gates = top_k_gates(x[:, 0], self.router_list[route.task], noise, self.top_k)
        mixed, used = mix_experts(x, gates, self.adaptmlp_list, training=route.training)
        if route.training:
            self.usage = [total + more for total, more in zip(self.usage, used, strict=True)]
        return mixed
