"""Weights in a TorchScript archive, OpenAI's form of CLIP, read without running what is in it.

``torch.jit.load`` compiles the archive's code and lets it restore its own state. All that is wanted here are
parameters and buffers: a tree of objects in ``data.pkl``, whose tensors lie in ``data/``, and which of them
are parameters, in the text of ``code/``. An unpickler that knows no names but those of tensors reads the
first, a regular expression the second.
"""

from __future__ import annotations

import ast
import pickle
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from clbench.errors import DataError

__all__ = ["is_torchscript", "read_torchscript"]

_DTYPES = {
    "BFloat16Storage": torch.bfloat16,
    "BoolStorage": torch.bool,
    "ByteStorage": torch.uint8,
    "CharStorage": torch.int8,
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "IntStorage": torch.int32,
    "LongStorage": torch.int64,
    "ShortStorage": torch.int16,
}
_LISTS = ("build_boollist", "build_doublelist", "build_intlist", "build_tensorlist", "restore_type_tag")
_CLASS = re.compile(r"^class (\w+)\(Module\):", re.MULTILINE)
_NAMES = re.compile(r"^  __(?:parameters|buffers)__ = (\[[^\]]*\])", re.MULTILINE)


def is_torchscript(path: Path) -> bool:
    """Whether a file is a zip archive with the parts of a TorchScript module."""
    try:
        with zipfile.ZipFile(path) as archive:
            inside = {name.partition("/")[2] for name in archive.namelist()}
    except Exception:  # zipfile raises whatever damaged bytes lead to; torch's own reader says what is wrong
        return False
    return {"data.pkl", "constants.pkl"} <= inside and any(name.startswith("code/") for name in inside)


def read_torchscript(path: Path) -> tuple[dict[str, Tensor], str]:
    """Parameters and buffers by name, as ``torch.jit.load(path).state_dict()`` has them, and the code's text.

    Raises:
        DataError: the archive is damaged, or its data name anything but tensors and modules.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            root = archive.namelist()[0].partition("/")[0]
            code = {
                name: archive.read(name).decode()
                for name in archive.namelist()
                if name.startswith(f"{root}/code/") and name.endswith(".py")
            }
            with archive.open(f"{root}/data.pkl") as data:
                module = _Unpickler(data, archive, root).load()
        wanted = {
            f"{_module_name(name, root)}.{cls}": names
            for name, text in code.items()
            for cls, names in _declared(text)
        }
        return dict(_tensors(module, wanted, "")), "\n".join(code.values())
    except DataError:
        raise
    except Exception as error:
        # zipfile, pickle and ast raise whatever damaged bytes lead to
        raise DataError(
            f"{path} cannot be read as a TorchScript archive",
            why=f"{type(error).__name__}: {error}",
            fix="fetch it again, from where its makers publish it",
        ) from error


class _Module:
    """A module of the archive: nothing but what it holds."""

    qualified_name = ""

    def __init__(self) -> None:
        self.held: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.held = state if isinstance(state, dict) else {}


class _Unpickler(pickle.Unpickler):
    """Makes tensors and :class:`_Module` objects, and nothing else."""

    def __init__(self, file: IO[bytes], archive: zipfile.ZipFile, root: str) -> None:
        super().__init__(file)
        self._archive, self._root = archive, root
        self._storages: dict[str, Tensor] = {}

    def find_class(self, module: str, name: str) -> Any:
        if module == "__torch__" or module.startswith("__torch__."):
            return type(name, (_Module,), {"qualified_name": f"{module}.{name}"})
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return _DTYPES[name]
        if (module, name) == ("collections", "OrderedDict"):
            return dict
        if module == "torch.jit._pickle" and name in _LISTS:
            return _first
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is neither a tensor nor a module")

    def persistent_load(self, pid: Any) -> Tensor:
        kind, dtype, key, _device, count = pid
        if kind != "storage" or not isinstance(dtype, torch.dtype) or not str(key).isalnum():
            raise pickle.UnpicklingError(f"it refers to {pid!r}, which is no storage")
        if key not in self._storages:
            content = bytearray(self._archive.read(f"{self._root}/data/{key}"))
            if len(content) != int(count) * dtype.itemsize:
                raise pickle.UnpicklingError(f"storage {key} has {len(content)} bytes, not {count} values")
            self._storages[key] = (
                torch.frombuffer(content, dtype=dtype) if content else torch.empty(0, dtype=dtype)
            )
        return self._storages[key]


def _tensor(storage: Tensor, offset: int, size: Any, stride: Any, *_: Any) -> Tensor:
    return torch.as_strided(storage, tuple(size), tuple(stride), offset)


def _first(value: Any, *_: Any) -> Any:
    return value


def _module_name(file: str, root: str) -> str:
    """``archive/code/__torch__/clip.py`` → ``__torch__.clip``."""
    return file.removeprefix(f"{root}/code/").removesuffix(".py").replace("/", ".")


def _declared(text: str) -> Iterator[tuple[str, frozenset[str]]]:
    """Each module class of a file of code, with the names of its parameters and buffers."""
    heads = [*_CLASS.finditer(text)]
    for i, head in enumerate(heads):
        body = text[head.end() : heads[i + 1].start() if i + 1 < len(heads) else len(text)]
        yield head[1], frozenset(name for found in _NAMES.findall(body) for name in ast.literal_eval(found))


def _tensors(module: Any, wanted: dict[str, frozenset[str]], prefix: str) -> Iterator[tuple[str, Tensor]]:
    if not isinstance(module, _Module):
        raise DataError("the archive does not hold a module", fix="fetch it again")
    names = wanted.get(module.qualified_name, frozenset())
    for name, value in module.held.items():
        if isinstance(value, Tensor) and name in names:
            yield f"{prefix}{name}", value
        elif isinstance(value, _Module):
            yield from _tensors(value, wanted, f"{prefix}{name}.")
