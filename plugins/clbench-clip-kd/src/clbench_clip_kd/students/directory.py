"""A model as a directory in the layout of open_clip's ``local-dir:`` schema, with its vocabulary."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import open_clip
import safetensors.torch
from clbench import Backbone
from clbench.errors import ConfigError
from clbench.models import load_directory
from clbench.results.atomic import atomic_path, atomic_write

__all__ = ["VOCABULARY", "load_student", "vocabulary_file", "write_student"]

VOCABULARY = "bpe.txt.gz"


def write_student(directory: Path, student: Backbone, config: dict[str, Any]) -> None:
    """Write weights, configuration and vocabulary; each file appears whole or not at all.

    Args:
        directory: made if need be.
        student: its weights and input transform are written.
        config: the model configuration that it was built from.
    """
    preprocessing = student.preprocessing
    described = {
        "model_cfg": config,
        "preprocess_cfg": {
            "mean": list(preprocessing.mean),
            "std": list(preprocessing.std),
            "interpolation": preprocessing.interpolation,
            "resize_mode": preprocessing.resize,
        },
    }
    weights = {name: w.detach().cpu().contiguous() for name, w in student.model.state_dict().items()}
    atomic_write(directory / VOCABULARY, vocabulary_file(student))
    atomic_write(directory / "open_clip_config.json", json.dumps(described, indent=2).encode() + b"\n")
    with atomic_path(directory / "open_clip_model.safetensors") as temporary:
        safetensors.torch.save_file(weights, str(temporary))


def load_student(directory: Path, *, device: str = "cpu") -> Backbone:
    """Load what :func:`write_student` wrote."""
    return load_directory(directory.name, directory, device=device, vocabulary=VOCABULARY)


def vocabulary_file(backbone: Backbone) -> bytes:
    """The backbone's byte-pair merges as a ``.txt.gz`` file for ``open_clip.SimpleTokenizer``.

    Raises:
        ConfigError: its tokenizer is another one.
    """
    tokenizer = backbone.tokenizer
    if not isinstance(tokenizer, open_clip.SimpleTokenizer):
        raise ConfigError(
            f"the tokenizer of {backbone.name} cannot be written beside a student",
            why=f"it is a {type(tokenizer).__name__}, not a byte-pair tokenizer of open_clip",
            fix="choose another teacher",
        )
    lines = ["#version: clbench", *(" ".join(pair) for pair in tokenizer.bpe_ranks)]
    # Without a time stamp, so that equal vocabularies are equal files.
    return gzip.compress("\n".join(lines).encode(), mtime=0)
