"""The text tower of an open_clip model, computed once for each distinct beginning of the texts.

Attention is causal and the embedding is read at the end-of-text token. So a position's state depends on the
tokens up to it alone: prompts that begin alike ("a photo of a …") share those states, positions behind the
end are never read, and of the last block only the end is. What remains are the nodes of the texts' prefix
tree, about a sixth of all positions for the prompts of a stream.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

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

__all__ = ["PrefixTree", "encode_text", "prefix_tree"]


class PrefixTree(NamedTuple):
    """The distinct beginnings of some texts.

    Attributes:
        tokens, positions: (nodes,) last token of each beginning, and its position.
        nodes: (texts, length) the node of each position; behind a text's end, its last node.
        homes: (nodes,) where a node is found first in ``nodes``, flattened.
        ends: (texts,) position of each text's end-of-text token.
    """

    tokens: Tensor
    positions: Tensor
    nodes: Tensor
    homes: Tensor
    ends: Tensor

    @property
    def leaves(self) -> Tensor:
        """(texts,) the node of each text's end."""
        return self.nodes[:, -1]

    def to(self, device: torch.device) -> PrefixTree:
        return PrefixTree(*(part.to(device) for part in self))


def prefix_tree(tokens: Tensor) -> PrefixTree:
    """Find the prefix tree of token ids (texts, context), end-of-text being the largest id of a row."""
    ids = tokens.cpu().numpy()
    ends = ids.argmax(axis=1)
    texts, length = len(ids), int(ends.max()) + 1
    nodes = np.zeros((texts, length), dtype=np.int64)
    homes: list[np.ndarray] = []
    sizes: list[int] = []
    parent = np.zeros(texts, dtype=np.int64)
    count, base = 0, int(ids.max()) + 1
    for position in range(length):
        alive = np.flatnonzero(ends >= position)
        _, first, inverse = np.unique(
            parent[alive] * base + ids[alive, position], return_index=True, return_inverse=True
        )
        parent[alive] = count + inverse
        nodes[:, position] = parent
        homes.append(alive[first] * length + position)
        sizes.append(len(first))
        count += len(first)
    home = np.concatenate(homes)
    return PrefixTree(
        torch.from_numpy(ids[home // length, home % length]),
        torch.from_numpy(np.repeat(np.arange(length), sizes)),
        torch.from_numpy(nodes),
        torch.from_numpy(home),
        torch.from_numpy(ends),
    )


def encode_text(model: Any, tokens: Tensor, *, everything: bool = False) -> Tensor:
    """Encode token ids (n, context) → embeddings (n, d), not normalised.

    The same as the model's own forward up to rounding. With ``everything``, or a tower of another make (no
    causal mask, other pooling, blocks that a method has changed), that forward runs.
    """
    if everything or not _reads_the_end(model):
        features: Tensor = model.encode_text(tokens)
        return features
    tree = prefix_tree(tokens).to(tokens.device)
    dtype = model.transformer.get_cast_dtype()
    x = model.token_embedding(tree.tokens).to(dtype) + model.positional_embedding[tree.positions].to(dtype)
    *blocks, last = model.transformer.resblocks
    for block in blocks:
        x = finish(block, x, _attend(block.attn, block.ln_1(x), tree))
    x = finish(last, x[tree.leaves], _attend_from_leaves(last.attn, last.ln_1(x), tree))
    x = model.ln_final(x)
    assert isinstance(x, Tensor)
    projection = model.text_projection
    if projection is None:
        return x
    return projection(x) if isinstance(projection, nn.Module) else x @ projection  # type: ignore[no-any-return]


def _attend(attention: Any, h: Tensor, tree: PrefixTree) -> Tensor:
    """Causal self-attention of all nodes, (nodes, width) → (nodes, width), before the output projection."""
    heads, width = attention.num_heads, h.shape[-1]
    qkv = queries_keys_values(attention, h)
    # F.embedding rather than indexing: the gradient of its gather is much the faster.
    q, k, v = (split_heads(x, heads) for x in F.embedding(tree.nodes, qkv).chunk(3, dim=-1))
    mixed = join_heads(F.scaled_dot_product_attention(q, k, v, is_causal=True))
    mixed = F.embedding(tree.homes, mixed.flatten(0, 1))
    branch = side(attention, split_heads(qkv[None, :, :width], heads))
    return mixed if branch is None else mixed + join_heads(branch)[0]


def _attend_from_leaves(attention: Any, h: Tensor, tree: PrefixTree) -> Tensor:
    """Attention of the texts' ends to their texts, (nodes, width) → (texts, width)."""
    heads = attention.num_heads
    q = split_heads(queries_keys_values(attention, h[tree.leaves][:, None], parts=slice(0, 1)), heads)
    kv = queries_keys_values(attention, h, parts=slice(1, 3))
    k, v = (split_heads(x, heads) for x in F.embedding(tree.nodes, kv).chunk(2, dim=-1))
    seen = torch.arange(tree.nodes.shape[1], device=h.device) <= tree.ends[:, None]
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=seen[:, None, None])
    branch = side(attention, q)
    return join_heads(mixed if branch is None else mixed + branch)[:, 0]


def _reads_the_end(model: Any) -> bool:
    from open_clip.model import CLIP

    transformer: Any = getattr(model, "transformer", None)
    return (
        getattr(type(model), "encode_text", None) is CLIP.encode_text
        and "encode_text" not in vars(model)
        and getattr(model, "text_pool_type", None) == "argmax"
        and getattr(model, "attn_mask", None) is not None
        and type(model.token_embedding) is nn.Embedding
        and not hooked(model.token_embedding)
        and by_rows(model.ln_final)
        and (not isinstance(model.text_projection, nn.Module) or by_rows(model.text_projection))
        and known_blocks(transformer)
        and not any(getattr(block.attn, "per_sample", False) for block in transformer.resblocks)
    )
