"""Weights in a file on the disk, in the three forms they come in, through readers that execute no code."""

from __future__ import annotations

import json
import pickle
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from clbench.errors import DataError
from clbench.models.torchscript import is_torchscript, read_torchscript

__all__ = ["Weights", "read_weights"]

Activation = Literal["gelu", "quickgelu"]

_OPENAIS_EXTRAS = ("input_resolution", "context_length", "vocab_size")
_PREFIXES = ("module.", "_orig_mod.")
_ZIP, _LFS = b"PK\x03\x04", b"version https://git-lfs"


@dataclass(frozen=True)
class Weights:
    """What a file holds.

    Attributes:
        tensors: by name, without the prefixes of wrappers and without OpenAI's three numbers.
        form: ``TorchScript``, ``torch`` or ``safetensors``.
        activation: the one they were trained with, where the file tells.
        told_by: what tells it, in words.
    """

    tensors: Mapping[str, Tensor]
    form: str
    activation: Activation | None = None
    told_by: str = ""


def read_weights(path: Path) -> Weights:
    """Read weights: OpenAI's TorchScript archive, a checkpoint of ``torch.save``, or safetensors.

    The form is told by the content, not by the file's name. Of a checkpoint with more in it (epoch,
    optimiser), ``state_dict`` is taken.

    Raises:
        DataError: the file is damaged, holds no weights, or cannot be read without executing code in it.
    """
    try:
        with path.open("rb") as file:
            head = file.read(64)
    except OSError as error:
        raise DataError(f"{path} cannot be read", why=error.strerror or str(error)) from error
    if head.startswith(_LFS):
        raise DataError(
            f"{path} is a pointer of Git LFS, not the weights",
            why="it was cloned without git-lfs",
            fix=f"git -C {path.parent} lfs pull --include {path.name}",
        )
    if head[8:9] == b"{":  # eight bytes of length, then JSON
        found, form = _read_safetensors(path), "safetensors"
        activation, told_by = _of_neighbour(path)
        return Weights(_plain(found, path), form, activation, told_by)
    if head.startswith(_ZIP) and is_torchscript(path):
        found, code = read_torchscript(path)
        activation, told_by = _of_code(code)
        form = "TorchScript"
    else:
        found, form = _read_torch(path), "torch"
        activation, told_by = _of_neighbour(path)
    if any(name in found for name in _OPENAIS_EXTRAS):
        activation, told_by = "quickgelu", "it is of OpenAI's form, whose models have it"
    return Weights(_plain(found, path), form, activation, told_by)


def _read_safetensors(path: Path) -> dict[str, Any]:
    import safetensors
    import safetensors.torch

    try:
        tensors: dict[str, Any] = safetensors.torch.load_file(path)
    except (safetensors.SafetensorError, OSError) as error:
        raise _damaged(path, error) from error
    return tensors


def _read_torch(path: Path) -> dict[str, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        asks = re.search(r"Unsupported (?:global|class)\W+(?:GLOBAL )?([\w.]+)|GLOBAL ([\w.]+)", str(error))
        if asks:
            why = f"it asks for {next(filter(None, asks.groups()))}, which is no tensor"
        elif "Unsupported operand" in str(error):
            why = "it is a pickle of another kind than torch.save writes"
        else:
            raise _damaged(path, error) from error
        raise DataError(
            f"{path} cannot be read without executing code in it",
            why=why,
            fix="if you trust its makers, load it once with torch.load(…, weights_only=False) and write its "
            "state_dict with safetensors.torch.save_file",
        ) from error
    except MemoryError:
        raise
    except Exception as error:
        # torch raises whatever damaged bytes lead to
        raise _damaged(path, error) from error
    if isinstance(content, Mapping) and isinstance(content.get("state_dict"), Mapping):
        content = content["state_dict"]
    if not isinstance(content, Mapping):
        raise DataError(f"{path} holds {type(content).__name__}, not weights by name")
    return dict(content)


def _plain(found: Mapping[str, Any], path: Path) -> dict[str, Tensor]:
    """Tensors alone, without prefixes that all names have."""
    tensors = {k: v for k, v in found.items() if isinstance(v, Tensor) and k not in _OPENAIS_EXTRAS}
    for prefix in _PREFIXES:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): value for name, value in tensors.items()}
    if not tensors:
        names = ", ".join([*map(str, found)][:3]) or "nothing"
        raise DataError(f"{path} holds no weights by name", why=f"there is {names}")
    return tensors


def _of_code(code: str) -> tuple[Activation | None, str]:
    """The activation that the text of a module's code names."""
    quick = "1.702" in code or "QuickGELU" in code
    if quick != ("torch.gelu(" in code):
        return ("quickgelu", "its code has QuickGELU") if quick else ("gelu", "its code has GELU")
    return None, ""


def _of_neighbour(path: Path) -> tuple[Activation | None, str]:
    """The activation that open_clip's configuration in the same folder names, as on the hub."""
    file = path.with_name("open_clip_config.json")
    try:
        model = json.loads(file.read_text(encoding="utf-8"))["model_cfg"]
    except (OSError, ValueError, KeyError, TypeError):
        return None, ""
    return "quickgelu" if model.get("quick_gelu") else "gelu", f"{file.name} beside it says so"


def _damaged(path: Path, error: Exception) -> DataError:
    why = (str(error).strip().splitlines() or [""])[0]
    if not isinstance(error, (RuntimeError, OSError)):  # "list index out of range" tells nobody anything
        why = f"it cannot be read as weights ({type(error).__name__}{why and ': '}{why})"
    return DataError(f"{path} is no whole file of weights", why=why, fix="fetch it again, or name another")
