"""A student from a model configuration, with the teacher's tokenizer and input transform."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from clbench import Backbone
from clbench.errors import ConfigError, UnknownNameError, did_you_mean

__all__ = ["build_student", "packaged_students", "student_config"]

_FOLDER = Path(__file__).parent


def packaged_students() -> tuple[str, ...]:
    """Names of the configurations in this package."""
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.json")))


def student_config(name: str) -> dict[str, Any]:
    """Return the open_clip model configuration that ``name`` stands for.

    Args:
        name: a file (``.json``: a model configuration, or an ``open_clip_config.json`` with one inside), a
            student of this package, or a model of open_clip's list.

    Raises:
        ConfigError: there is no such model, or the file has no model configuration.
    """
    path = Path(name) if name.endswith(".json") else _FOLDER / f"{name}.json"
    if not name.endswith(".json") and name not in packaged_students():
        config = open_clip.get_model_config(name)
        if config is None:
            near = did_you_mean(name, open_clip.list_models())
            raise UnknownNameError(
                "student", name, [*packaged_students(), *near], fix="or give a file: --student CONFIG.json"
            )
        return dict(config)
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
        config = config.get("model_cfg", config)
        missing = [key for key in ("embed_dim", "vision_cfg", "text_cfg") if key not in config]
    except (OSError, ValueError, AttributeError) as error:
        raise ConfigError(f"the student's configuration {name} cannot be read", why=str(error)) from error
    if missing:
        raise ConfigError(
            f"{name} is no model configuration of open_clip", why=f"it lacks {', '.join(missing)}"
        )
    return dict(config)


def build_student(name: str, config: dict[str, Any], teacher: Backbone, *, seed: int = 0) -> Backbone:
    """Build a student with random weights from ``seed``; it takes the teacher's images and tokens.

    Raises:
        ConfigError: the configuration is not one that open_clip can build, or wants other images or tokens.
    """
    text = config["text_cfg"]
    if config.get("custom_text") or "hf_model_name" in text:
        raise ConfigError(
            f"student {name} has a text tower of another make",
            why="it needs a tokenizer of its own, and the teacher's tokens are shared",
            fix="choose a student with open_clip's text transformer",
        )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            model = open_clip.CLIP(**config)
        except (TypeError, RuntimeError, AssertionError) as error:
            raise ConfigError(f"student {name} cannot be built", why=str(error)) from error
    _check_inputs(name, model, teacher)
    student = Backbone(
        name,
        model.to(teacher.device),
        teacher.tokenizer,
        teacher.preprocessing,
        activation="quickgelu" if config.get("quick_gelu") else "gelu",
    )
    student.logit_scale.requires_grad_(True)
    return student


def _check_inputs(name: str, model: Any, teacher: Backbone) -> None:
    side = model.visual.image_size
    side = side if isinstance(side, int) else side[0]
    tokens = teacher.tokenize(["a"])
    # End of text has the largest id of the vocabulary.
    wanted = {
        "image size": teacher.preprocessing.size,
        "context length": tokens.shape[-1],
        "vocabulary": int(tokens.max()) + 1,
    }
    found = {"image size": side, "context length": model.context_length, "vocabulary": model.vocab_size}
    wrong = [f"{key} {found[key]}, not {wanted[key]}" for key in wanted if found[key] != wanted[key]]
    if wrong:
        raise ConfigError(
            f"student {name} does not take the teacher's inputs",
            why=f"it has {'; '.join(wrong)}",
            fix="give a configuration of its own: --student CONFIG.json",
        )
