"""Backbones from a file of weights and the name of an architecture that open_clip has."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from clbench.errors import ConfigError, DataError
from clbench.models.backbone import Backbone
from clbench.models.building import build, described_architecture, preprocessing_of, tokenizer_of
from clbench.models.huggingface.folders import is_folder
from clbench.models.weights import Weights, read_weights
from clbench.streams.preprocessing import Preprocessing

__all__ = ["load_checkpoint"]

_MOST_NAMED = 3
_NAMES = {"gelu": "GELU", "quickgelu": "QuickGELU"}


def load_checkpoint(name: str, architecture: str, file: str, device: str = "cpu") -> Backbone:
    """Load a file of weights into an architecture of open_clip.

    Args:
        name: the backbone's name.
        architecture: as open_clip calls it, such as ``ViT-B-16-quickgelu``, or a JSON file like its own.
        file: OpenAI's TorchScript archive, a checkpoint of ``torch.save``, or safetensors; see
            :func:`clbench.models.weights.read_weights`.
        device: where the weights go.

    Raises:
        ConfigError: they were trained with another activation than the architecture has.
        DataError: the file is damaged, or its weights are those of another architecture.
    """
    path = Path(file)
    described = described_architecture(architecture)
    tokenizer = tokenizer_of(described, path.parent)
    weights = read_weights(path)
    config = described.config
    activation = "quickgelu" if config.get("quick_gelu") else "gelu"
    if weights.activation not in (None, activation) and described.file is None:
        plain = architecture.removesuffix("-quickgelu")
        right = f"{plain}-quickgelu" if weights.activation == "quickgelu" else plain
        raise ConfigError(
            f"the weights in {path} do not belong to {architecture}",
            why=f"they were trained with {_NAMES[weights.activation]} ({weights.told_by}), and it has "
            f"{_NAMES[activation]}",
            fix=f"--backbone {right}:{path}",
        )
    model = build(described)
    _fill(model, weights, architecture, path)
    return Backbone(
        name,
        model.float().to(device).eval(),
        tokenizer,
        _preprocessing(preprocessing_of(model, described), path),
        activation=activation,
    )


def _preprocessing(usual: Preprocessing, path: Path) -> Preprocessing:
    """The architecture's, with what open_clip's configuration in the same folder says of the weights."""
    try:
        said = json.loads(path.with_name("open_clip_config.json").read_text(encoding="utf-8"))[
            "preprocess_cfg"
        ]
        return replace(
            usual,
            mean=tuple(said.get("mean", usual.mean)),
            std=tuple(said.get("std", usual.std)),
            interpolation=said.get("interpolation", usual.interpolation),
            resize=said.get("resize_mode", usual.resize),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return usual


def _fill(model: torch.nn.Module, weights: Weights, architecture: str, path: Path) -> None:
    """Load all weights, or say how they differ from the model's."""
    wanted = model.state_dict()
    constant = dict(model.named_buffers()).keys() - wanted.keys()  # masks, which some archives have kept
    shapes = {key: tuple(value.shape) for key, value in weights.tensors.items()}
    wrong = [
        *(f"no {key}" for key in wanted if key not in shapes),
        *(f"{key}, which it does not have" for key in shapes if key not in wanted and key not in constant),
        *(
            f"{key} of shape {shapes[key]}, not {tuple(value.shape)}"
            for key, value in wanted.items()
            if key in shapes
            and shapes[key] != tuple(value.shape)
            and {shapes[key], tuple(value.shape)} != {(), (1,)}
        ),
    ]
    if wrong:
        more = f" and {len(wrong) - _MOST_NAMED} more" if len(wrong) > _MOST_NAMED else ""
        raise DataError(
            f"the weights in {path} are not those of {architecture}",
            why=f"there is {'; '.join(wrong[:_MOST_NAMED])}{more}",
            fix=_remedy(shapes, set(wanted), architecture, path),
        )
    model.load_state_dict({key: weights.tensors[key].reshape(value.shape) for key, value in wanted.items()})


def _remedy(shapes: dict[str, tuple[int, ...]], wanted: set[str], architecture: str, path: Path) -> str:
    """What mends weights that do not fit: never the command that has just failed."""
    fitting = _architectures(shapes)
    if architecture not in fitting:
        others = f" (or {', '.join(fitting[1:4])})" if fitting[1:] else ""
        if fitting:
            return f"--backbone {fitting[0]}:{path}{others}"
        if any(name.startswith("text_model.") for name in shapes) and is_folder(path.parent):
            return f"these are names of Hugging Face's: --backbone hf:{path.parent}"
        return (
            "the names must be those of OpenAI's CLIP and open_clip: visual.conv1.weight, …; of a model of "
            "Hugging Face's, name the folder that save_pretrained wrote: --backbone hf:FOLDER"
        )
    if wanted <= shapes.keys():
        return (
            "they were trained with modules added, such as adapters: merge these into the weights, or leave "
            f"their tensors out, and write the rest, which is a whole {architecture}, with torch.save"
        )
    return f"write a checkpoint with all weights of {architecture}: its sizes fit, but it is not complete"


def _architectures(shapes: dict[str, tuple[int, ...]]) -> list[str]:
    """Those of open_clip whose vision transformer and text tower have these shapes."""
    import open_clip

    conv, text = shapes.get("visual.conv1.weight", ()), shapes.get("text_projection", ())
    positions = shapes.get("visual.positional_embedding", ())
    if len(conv) != 4 or len(text) != 2 or len(positions) != 2:
        return []
    width, patch = conv[0], conv[-1]
    side = round((positions[0] - 1) ** 0.5) * patch
    layers = len({key.split(".")[3] for key in shapes if key.startswith("visual.transformer.resblocks.")})
    found = []
    for name in open_clip.list_models():
        config: dict[str, Any] = open_clip.get_model_config(name) or {}
        vision, words = config.get("vision_cfg", {}), config.get("text_cfg", {})
        facts = [vision.get(key) for key in ("width", "patch_size", "image_size", "layers")]
        if facts == [width, patch, side, layers] and (config.get("embed_dim"), words.get("width")) == (
            text[1],
            text[0],
        ):
            found.append(name)
    return sorted(found, key=len)
