"""Models of open_clip's modules with the weights of a folder of ``save_pretrained``."""

from __future__ import annotations

from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from clbench.models.backbone import Backbone
from clbench.models.huggingface.configuration import ClipConfig, Config, SiglipConfig, Tower
from clbench.models.huggingface.folders import Folder, read_folder
from clbench.models.huggingface.names import converted
from clbench.models.huggingface.tokenizing import local_tokenizer
from clbench.models.weights import read_weights

__all__ = ["load_folder"]

_ARGMAX = 2  # what older configurations of CLIP say where the end is the token of the largest id


def load_folder(name: str, folder: str, device: str = "cpu") -> Backbone:
    """Load a ``CLIPModel`` or ``SiglipModel`` with its tokenizer; nothing is fetched or executed.

    Embeddings are those of transformers' own forward up to rounding. Where the end-of-text token has not the
    largest id, it exchanges its id with the token that has, in tokenizer and embedding: methods look for the
    end there.

    Args:
        name: the backbone's name.
        folder: as ``save_pretrained`` writes it: ``config.json``, weights, tokenizer, image processor.
        device: where the weights go.

    Raises:
        ConfigError, DataError: see :func:`clbench.models.huggingface.folders.read_folder`; the weights are
            not those that the configuration describes, or the tokenizer cannot be used.
    """
    found = read_folder(folder)
    config = found.config
    words = config.text_config
    exchanged = _exchanged(config)
    # The tokenizer first: it is small, and reading weights in vain takes long.
    tokenizer = local_tokenizer(
        found.path, words.max_position_embeddings, words.vocab_size, exchanged=exchanged
    )
    with torch.random.fork_rng(devices=[]):  # the random weights are replaced at once
        model = _clip(config) if isinstance(config, ClipConfig) else _siglip(config)
    kind: Literal["clip", "siglip"] = "clip" if isinstance(config, ClipConfig) else "siglip"
    state = converted(_tensors(found), model.state_dict(), kind, found.path)
    if exchanged is not None:
        embedding = state["token_embedding.weight"]
        embedding[[*exchanged]] = embedding[[*reversed(exchanged)]]
    model.load_state_dict(state)
    return Backbone(
        name,
        model.float().to(device).eval(),
        tokenizer,
        found.preprocessing,
        activation={"quick_gelu": "quickgelu", "gelu": "gelu"}.get(words.hidden_act, "gelu-tanh"),
    )


def _exchanged(config: Config) -> tuple[int, int] | None:
    """The ids of end-of-text and of the last token, if they differ and the end is looked for by its id."""
    if isinstance(config, SiglipConfig):
        return None
    end, last = config.text_config.eos_token_id, config.text_config.vocab_size - 1
    return None if end in (_ARGMAX, last) or end > last else (end, last)


def _tensors(folder: Folder) -> dict[str, Tensor]:
    return {name: tensor for file in folder.weights for name, tensor in read_weights(file).tensors.items()}


def _clip(config: ClipConfig) -> nn.Module:
    import open_clip

    vision, text = config.vision_config, config.text_config
    model: nn.Module = open_clip.CLIP(
        embed_dim=config.projection_dim,
        quick_gelu=text.hidden_act == "quick_gelu",
        vision_cfg={
            **_tower(vision),
            "head_width": vision.hidden_size // vision.num_attention_heads,
            "image_size": vision.image_size,
            "patch_size": vision.patch_size,
        },
        text_cfg=_text(config),
    )
    return model


def _siglip(config: SiglipConfig) -> nn.Module:
    import open_clip

    model: nn.Module = open_clip.CustomTextCLIP(
        embed_dim=config.embedding,
        init_logit_bias=-10.0,
        vision_cfg={"image_size": 8, "patch_size": 8, "width": 8, "head_width": 8, "layers": 1},
        text_cfg={**_text(config), "no_causal_mask": True, "pool_type": "last", "proj_bias": True},
    )
    model.visual = _SiglipVision(
        config
    )  # open_clip takes timm's towers by name, of the published sizes alone
    return model


class _SiglipVision(nn.Module):
    """timm's vision transformer without a class token, pooled by attention; named as open_clip names it."""

    def __init__(self, config: SiglipConfig) -> None:
        super().__init__()
        from timm.models.vision_transformer import VisionTransformer

        vision = config.vision_config
        self.image_size = (vision.image_size, vision.image_size)
        self.trunk = VisionTransformer(
            img_size=vision.image_size,
            patch_size=vision.patch_size,
            embed_dim=vision.hidden_size,
            depth=vision.num_hidden_layers,
            num_heads=vision.num_attention_heads,
            mlp_ratio=_ratio(vision),
            norm_layer=partial(nn.LayerNorm, eps=vision.layer_norm_eps),
            act_layer=partial(nn.GELU, **_of_gelu(vision)) if _of_gelu(vision) else _activation(vision),
            class_token=False,
            global_pool="map",
            num_classes=0,
        )

    def forward(self, images: Tensor) -> Tensor:
        pooled: Tensor = self.trunk(images)
        return pooled


def _text(config: Config) -> dict[str, Any]:
    text = config.text_config
    return {
        **_tower(text),
        "heads": text.num_attention_heads,
        "context_length": text.max_position_embeddings,
        "vocab_size": text.vocab_size,
    }


def _tower(tower: Tower) -> dict[str, Any]:
    return {
        "width": tower.hidden_size,
        "layers": tower.num_hidden_layers,
        "mlp_ratio": _ratio(tower),
        "norm_kwargs": {"eps": tower.layer_norm_eps},
        "act_kwargs": _of_gelu(tower) or None,
    }


def _ratio(tower: Tower) -> float:
    """So that rounding down gives the width of the MLP."""
    return (tower.intermediate_size + 0.5) / tower.hidden_size


def _of_gelu(tower: Tower) -> dict[str, str]:
    return {"approximate": "tanh"} if tower.hidden_act in ("gelu_new", "gelu_pytorch_tanh") else {}


def _activation(tower: Tower) -> type[nn.Module]:
    from open_clip.transformer import QuickGELU

    return QuickGELU if tower.hidden_act == "quick_gelu" else nn.GELU
