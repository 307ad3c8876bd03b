"""Texts at test, computed once for each distinct beginning.

At test a text tower's routers see the start-of-text token alone, so that all texts take the same experts with
the same weights: a block is then a function of the tokens up to a position, as it is in CLIP, and texts that
begin alike can share their states (:class:`clbench.models.text.PrefixTree`).
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from clbench import Backbone
from clbench.models.blocks import join_heads, queries_keys_values, split_heads
from clbench.models.text import PrefixTree, prefix_tree
from torch import Tensor, nn

from clbench_moe_adapters.blocks import AdaptedBlock

__all__ = ["SharedTexts"]


class SharedTexts(Backbone):
    """A backbone, not a copy of it, that shares the states of texts that begin alike.

    Where that would not be exact (training routes, other towers, other pooling) it is the backbone as it was.
    """

    def __init__(self, backbone: Backbone) -> None:
        self.__dict__.update(backbone.__dict__)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Token ids (n, context) → embeddings (n, d), not normalised."""
        model: Any = self.model
        if self.official_compute or not _can_share(model, tokens):
            return super().encode_text(tokens)
        tree = prefix_tree(tokens).to(tokens.device)
        dtype = model.transformer.get_cast_dtype()
        x = model.token_embedding(tree.tokens).to(dtype) + model.positional_embedding[tree.positions].to(
            dtype
        )
        for block in model.transformer.resblocks:
            # The nodes in one row are one sequence to the mixture, whose token 0 is the start of all texts.
            x = block.finish(x[None], _attend(block.attn, block.ln_1(x), tree)[None])[0]
        x = model.ln_final(x[tree.leaves])
        projection = model.text_projection
        features: Tensor = x
        if projection is not None:
            features = projection(x) if isinstance(projection, nn.Linear) else x @ projection
        return features


def _attend(attention: nn.MultiheadAttention, h: Tensor, tree: PrefixTree) -> Tensor:
    """Causal self-attention of all nodes, (nodes, width) → (nodes, width), before the output projection."""
    qkv = queries_keys_values(attention, h)[tree.nodes]
    q, k, v = (split_heads(x, attention.num_heads) for x in qkv.chunk(3, dim=-1))
    mixed = join_heads(F.scaled_dot_product_attention(q, k, v, is_causal=True))
    return mixed.flatten(0, 1)[tree.homes]


def _can_share(model: Any, tokens: Tensor) -> bool:
    blocks = getattr(getattr(model, "transformer", None), "resblocks", ())
    return (
        getattr(model, "text_pool_type", None) == "argmax"
        and getattr(model, "attn_mask", None) is not None
        and len(blocks) > 0
        and all(isinstance(b, AdaptedBlock) and b.route is not None and not b.route.training for b in blocks)
        and bool((tokens[:, 0] == tokens[0, 0]).all())
        and not torch.is_grad_enabled()
    )
