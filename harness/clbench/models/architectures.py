"""Architectures that open_clip builds: its own, and those of a user's JSON file. No torch is needed."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench.config.paths import user_path
from clbench.errors import ConfigError, did_you_mean
from clbench.models.parts import configurations

__all__ = ["Architecture", "is_own", "read_architecture"]

_KEYS = (
    "embed_dim",
    "vision_cfg",
    "text_cfg",
    "quick_gelu",
    "custom_text",
    "init_logit_scale",
    "init_logit_bias",
    "nonscalar_logit_scale",
)


@dataclass(frozen=True)
class Architecture:
    """What a model is built from.

    Attributes:
        name: open_clip's, or the stem of the file.
        config: open_clip's ``model_cfg``.
        preprocessing: what the user's file says under ``preprocess_cfg``.
        file: the user's.
    """

    name: str
    config: Mapping[str, Any]
    preprocessing: Mapping[str, Any]
    file: Path | None = None

    @property
    def image_size(self) -> int:
        size = self.config.get("vision_cfg", {}).get("image_size", 224)
        return int(size[0] if isinstance(size, list) else size)

    @property
    def tokenizer(self) -> str:
        """Hugging Face's name of the tokenizer; empty for CLIP's own."""
        return str(self.config.get("text_cfg", {}).get("hf_tokenizer_name") or "")


def is_own(name: str) -> bool:
    """Whether an architecture is a file of the user's."""
    return name.endswith(".json")


def read_architecture(name: str) -> Architecture | None:
    """The architecture of open_clip that has this name, or that of a JSON file; ``None``: there is none.

    A file holds what those of open_clip hold, or has that under ``model_cfg``, as ``open_clip_config.json``
    does, with ``preprocess_cfg`` beside it.

    Raises:
        ConfigError: the file is missing, or does not describe a model that can be built without fetching
            anything.
    """
    if not is_own(name):
        built_in = configurations() / f"{name}.json"
        if not name or not built_in.is_file():
            return None
        return Architecture(name, json.loads(built_in.read_text(encoding="utf-8")), {})
    file = user_path(name).absolute()
    content = _content(file)
    if "model_type" in content and "model_cfg" not in content:
        raise ConfigError(
            f"{file} is a configuration of Hugging Face's, not of open_clip's",
            fix=f"--backbone hf:{file.parent}",
        )
    config, preprocessing = content.get("model_cfg", content), content.get("preprocess_cfg", {})
    problems = (
        [*_problems(config)] if isinstance(config, dict) else ["model_cfg is not an object"]
    ) + _problems_of_preprocessing(preprocessing)
    if problems:
        raise ConfigError(
            f"{file} does not describe an architecture",
            why="; ".join(problems),
            fix='it holds what open_clip\'s files do: {"embed_dim": …, "vision_cfg": {…}, "text_cfg": {…}}',
        )
    return Architecture(file.stem, config, preprocessing, file)


def _content(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        near = did_you_mean(file.name, [path.name for path in file.parent.glob("*.json")])
        raise ConfigError(
            f"{file} cannot be read" if file.exists() else f"there is no file {file}",
            why=(error.strerror or str(error)) if file.exists() else "",
            fix=f"did you mean {near[0]}?" if near else "name the JSON file of the architecture",
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{file} is not JSON", why=str(error)) from error
    if not isinstance(content, dict):
        raise ConfigError(f"{file} holds a JSON {type(content).__name__}, not an object")
    return content


def _problems(config: Mapping[str, Any]) -> list[str]:
    found = []
    width = config.get("embed_dim")
    if type(width) is not int or width < 1:
        found.append("embed_dim is missing" if width is None else f"embed_dim is {width!r}, not a width")
    for tower in ("vision_cfg", "text_cfg"):
        if not isinstance(config.get(tower), dict):
            found.append(f"{tower} is {'not an object' if tower in config else 'missing'}")
    if "multimodal_cfg" in config:
        found.append("it has multimodal_cfg, and models that write texts (CoCa) are not built from files")
    for name in config:
        if name not in (*_KEYS, "multimodal_cfg"):
            near = did_you_mean(name, _KEYS)
            found.append(f"{name} is not known" + (f", did you mean {near[0]}?" if near else ""))
    if found:
        return found
    vision, text = config["vision_cfg"], config["text_cfg"]
    size = vision.get("image_size", 224)
    sides = size if isinstance(size, list) else [size]
    if len({*map(str, sides)}) != 1 or not all(type(side) is int and side > 0 for side in sides):
        found.append(f"vision_cfg.image_size is {size!r}, and images are square")
    if text.get("hf_model_name"):
        found.append(f"text_cfg.hf_model_name {text['hf_model_name']!r} would be fetched from a hub")
    if any(mark in str(vision.get("timm_model_name") or "") for mark in ":/"):
        found.append(f"vision_cfg.timm_model_name {vision['timm_model_name']!r} would be fetched from a hub")
    return found


def _problems_of_preprocessing(said: Any) -> list[str]:
    if not isinstance(said, dict):
        return ["preprocess_cfg is not an object"]
    found = [
        f"preprocess_cfg.{name} is {said[name]!r}, not three numbers"
        for name in ("mean", "std")
        if name in said
        and not (
            isinstance(said[name], list)
            and len(said[name]) == 3
            and all(isinstance(value, int | float) for value in said[name])
        )
    ]
    for name, known in (("interpolation", ("bicubic", "bilinear")), ("resize_mode", ("shortest", "squash"))):
        if said.get(name, known[0]) not in known:
            found.append(f"preprocess_cfg.{name} is {said[name]!r}, not {known[0]} or {known[1]}")
    return found
