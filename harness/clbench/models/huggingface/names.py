"""Which tensors of transformers' models make each tensor of open_clip's."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import torch
from torch import Tensor

from clbench.errors import DataError

__all__ = ["converted"]

_MOST_NAMED = 3
# Buffers that older files hold: positions count from nought.
_CONSTANT = re.compile(r"(text|vision)_model\.embeddings\.position_ids")


class _Rule(NamedTuple):
    """Names of ours that match ``ours`` come from ``theirs``, where ``*`` is each of q, k and v in turn."""

    ours: str
    theirs: str
    how: Callable[[Tensor], Tensor] = lambda tensor: tensor


def _transposed(tensor: Tensor) -> Tensor:
    return tensor.T


def _first_third(tensor: Tensor) -> Tensor:
    return tensor[: len(tensor) // 3]


def _other_thirds(tensor: Tensor) -> Tensor:
    return tensor[len(tensor) // 3 :]


def _block(ours: str, theirs: str) -> tuple[_Rule, ...]:
    """A block of open_clip's transformer."""
    return (
        _Rule(rf"{ours}\.(\d+)\.attn\.in_proj_(weight|bias)", rf"{theirs}.\1.self_attn.*_proj.\2"),
        _Rule(rf"{ours}\.(\d+)\.attn\.out_proj\.(weight|bias)", rf"{theirs}.\1.self_attn.out_proj.\2"),
        _Rule(rf"{ours}\.(\d+)\.ln_([12])\.(weight|bias)", rf"{theirs}.\1.layer_norm\2.\3"),
        _Rule(rf"{ours}\.(\d+)\.mlp\.c_fc\.(weight|bias)", rf"{theirs}.\1.mlp.fc1.\2"),
        _Rule(rf"{ours}\.(\d+)\.mlp\.c_proj\.(weight|bias)", rf"{theirs}.\1.mlp.fc2.\2"),
    )


def _text(prefix: str) -> tuple[_Rule, ...]:
    at = re.escape(prefix)
    return (
        _Rule(rf"{at}token_embedding\.weight", "text_model.embeddings.token_embedding.weight"),
        _Rule(rf"{at}positional_embedding", "text_model.embeddings.position_embedding.weight"),
        _Rule(rf"{at}ln_final\.(weight|bias)", r"text_model.final_layer_norm.\1"),
        *_block(rf"{at}transformer\.resblocks", "text_model.encoder.layers"),
    )


_SEEN, _LAYERS, _POOL = "vision_model.embeddings", "vision_model.encoder.layers", "vision_model.head"

_CLIP = (
    _Rule(r"visual\.conv1\.weight", f"{_SEEN}.patch_embedding.weight"),
    _Rule(r"visual\.class_embedding", f"{_SEEN}.class_embedding"),
    _Rule(r"visual\.positional_embedding", f"{_SEEN}.position_embedding.weight"),
    _Rule(r"visual\.ln_pre\.(weight|bias)", r"vision_model.pre_layrnorm.\1"),  # spelt so by transformers
    _Rule(r"visual\.ln_post\.(weight|bias)", r"vision_model.post_layernorm.\1"),
    _Rule(r"visual\.proj", "visual_projection.weight", _transposed),
    *_block(r"visual\.transformer\.resblocks", _LAYERS),
    *_text(""),
    _Rule(r"text_projection", "text_projection.weight", _transposed),
    _Rule(r"logit_scale", "logit_scale"),
)

_SIGLIP = (
    _Rule(r"visual\.trunk\.patch_embed\.proj\.(weight|bias)", rf"{_SEEN}.patch_embedding.\1"),
    _Rule(r"visual\.trunk\.pos_embed", f"{_SEEN}.position_embedding.weight", lambda t: t[None]),
    _Rule(r"visual\.trunk\.blocks\.(\d+)\.norm([12])\.(weight|bias)", rf"{_LAYERS}.\1.layer_norm\2.\3"),
    _Rule(r"visual\.trunk\.blocks\.(\d+)\.attn\.qkv\.(weight|bias)", rf"{_LAYERS}.\1.self_attn.*_proj.\2"),
    _Rule(r"visual\.trunk\.blocks\.(\d+)\.attn\.proj\.(weight|bias)", rf"{_LAYERS}.\1.self_attn.out_proj.\2"),
    _Rule(r"visual\.trunk\.blocks\.(\d+)\.mlp\.fc([12])\.(weight|bias)", rf"{_LAYERS}.\1.mlp.fc\2.\3"),
    _Rule(r"visual\.trunk\.norm\.(weight|bias)", r"vision_model.post_layernorm.\1"),
    _Rule(r"visual\.trunk\.attn_pool\.latent", f"{_POOL}.probe"),
    _Rule(r"visual\.trunk\.attn_pool\.q\.(weight|bias)", rf"{_POOL}.attention.in_proj_\1", _first_third),
    _Rule(r"visual\.trunk\.attn_pool\.kv\.(weight|bias)", rf"{_POOL}.attention.in_proj_\1", _other_thirds),
    _Rule(r"visual\.trunk\.attn_pool\.proj\.(weight|bias)", rf"{_POOL}.attention.out_proj.\1"),
    _Rule(r"visual\.trunk\.attn_pool\.norm\.(weight|bias)", rf"{_POOL}.layernorm.\1"),
    _Rule(r"visual\.trunk\.attn_pool\.mlp\.fc([12])\.(weight|bias)", rf"{_POOL}.mlp.fc\1.\2"),
    *_text("text."),
    _Rule(r"text\.text_projection\.(weight|bias)", r"text_model.head.\1"),
    _Rule(r"logit_(scale|bias)", r"logit_\1"),
)


def converted(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], kind: Literal["clip", "siglip"], place: Path
) -> dict[str, Tensor]:
    """The weights under open_clip's names, float32.

    Args:
        found: the weights under the names of transformers.
        wanted: the state of the model that is to take them.
        kind: of which model they are.
        place: where they are from, for messages.

    Raises:
        DataError: some are missing, too many, or of another shape than the configuration says.
    """
    rules = _CLIP if kind == "clip" else _SIGLIP
    state, used, wrong = {}, set(), []
    for name, value in wanted.items():
        sources, how = _sources(name, rules)
        missing = [source for source in sources if source not in found]
        used.update(sources)
        if missing:
            wrong += [f"there is no {source}" for source in missing]
            continue
        tensor = (
            how(torch.cat([found[source].float() for source in sources]))
            if len(sources) > 1
            else how(found[sources[0]].float())
        )
        if value.ndim == 0 and tensor.numel() == 1:
            tensor = tensor.reshape(())
        if tensor.shape != value.shape:
            wrong.append(
                f"{sources[0]} makes {name} of shape {tuple(tensor.shape)}, where the configuration makes it "
                f"{tuple(value.shape)}"
            )
        state[name] = tensor
    wrong += [
        f"{name} has no place in the model"
        for name in found
        if name not in used and not _CONSTANT.fullmatch(name)
    ]
    if wrong:
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise DataError(
            f"the weights in {place} are not those that its config.json describes",
            why="; ".join(wrong[:_MOST_NAMED]) + more,
            fix="save model and configuration together, with save_pretrained",
        )
    return state


def _sources(name: str, rules: Sequence[_Rule]) -> tuple[list[str], Callable[[Tensor], Tensor]]:
    for rule in rules:
        match = re.fullmatch(rule.ours, name)
        if match:
            theirs = match.expand(rule.theirs)
            each = [theirs.replace("*", part) for part in "qkv"] if "*" in theirs else [theirs]
            return each, rule.how
    raise AssertionError(f"no rule says where {name} comes from")
