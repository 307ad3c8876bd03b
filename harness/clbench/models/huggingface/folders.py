"""What is in a folder of ``save_pretrained``, found and checked. No torch is imported here."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clbench.config.paths import user_path
from clbench.errors import ConfigError, DataError
from clbench.models.huggingface.configuration import ClipConfig, Config, read_config, read_json
from clbench.specs import BackboneSpec, Part
from clbench.streams.files.contents import content_digests
from clbench.streams.preprocessing import Preprocessing

__all__ = ["PREFIX", "TOKENIZER_FILES", "Folder", "folder_spec", "is_folder", "read_folder"]

PREFIX = "hf"

_PREPROCESSORS = ("preprocessor_config.json", "processor_config.json")
TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.json",
    "merges.txt",
)
"""What a tokenizer is read from, as far as it is there."""

_FILTERS = {2: "bilinear", 3: "bicubic"}  # PIL's numbers
_CLIP_MEAN, _CLIP_STD = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)


@dataclass(frozen=True)
class Folder:
    """A model on the disk.

    Attributes:
        path: the folder.
        config: what ``config.json`` says.
        weights: the files of weights.
        preprocessing: what the image processor's file says, or transformers' own values.
        files: all files that decide what the model is.
    """

    path: Path
    config: Config
    weights: tuple[Path, ...]
    preprocessing: Preprocessing
    files: tuple[Path, ...]


def is_folder(path: Path) -> bool:
    """Whether a folder holds a model that is read here."""
    return (path / "config.json").is_file()


def folder_spec(given: str) -> BackboneSpec:
    """Describe the model of ``hf:FOLDER``; a file in the folder names it, too.

    Its name is that of the folder with the beginning of a digest over all files that decide what it is.

    Raises:
        ConfigError: there is no such folder.
        DataError: what is in it cannot be used; says why.
    """
    folder = read_folder(given)
    digests = content_digests(folder.path, folder.files)
    total = hashlib.sha256()
    for file, digest in zip(folder.files, digests, strict=True):
        total.update(f"{file.name}\0{digest}\n".encode())
    digest = total.hexdigest()
    called = re.sub(r"[^A-Za-z0-9._-]+", "-", folder.path.name).strip("-._") or "model"
    clip = isinstance(folder.config, ClipConfig)
    parts: tuple[Part, ...] = (
        ("vision-transformer", "class-token", "text-transformer") if clip else ("text-transformer",)
    )
    return BackboneSpec(
        name=f"{called}-{digest[:8]}",
        title=f"{folder.config.kind}, {folder.path.name}",
        summary=f"weights of {folder.path}",
        factory="clbench.models.huggingface.loading:load_folder",
        arguments=(f"{called}-{digest[:8]}", str(folder.path)),
        parameters=0,
        image_size=folder.config.vision_config.image_size,
        parts=parts,
        digest=digest,
    )


def read_folder(given: str | Path) -> Folder:
    """Find the parts of a model; see :func:`folder_spec` for what is raised."""
    path = user_path(given).absolute()
    if path.is_file() and path.with_name("config.json").is_file():
        path = path.parent
    if not path.is_dir():
        hub = re.fullmatch(r"[\w.-]+/[\w.-]+", str(given))
        raise ConfigError(
            f"there is no folder {path}",
            why="models are read from the disk, and not fetched" if hub else "",
            fix=f"hf download {given} --local-dir FOLDER, then --backbone {PREFIX}:FOLDER"
            if hub
            else f"--backbone {PREFIX}:FOLDER, as save_pretrained writes it",
        )
    if not is_folder(path):
        inside = ", ".join(sorted(each.name for each in path.iterdir())[:6]) or "nothing"
        raise ConfigError(
            f"{path} has no config.json",
            why=f"there is {inside}",
            fix=f"--backbone {path / 'open_clip_config.json'}:WEIGHTS"
            if (path / "open_clip_config.json").is_file()
            else "name a folder as save_pretrained writes it",
        )
    config = read_config(path / "config.json")
    weights = _weights(path)
    processor = next((path / name for name in _PREPROCESSORS if (path / name).is_file()), None)
    preprocessing = _preprocessing(processor, config)
    other = (
        path / "config.json",
        *([processor] if processor else []),
        *(path / name for name in TOKENIZER_FILES if (path / name).is_file()),
    )
    return Folder(path, config, weights, preprocessing, (*other, *weights))


def _weights(path: Path) -> tuple[Path, ...]:
    """One file, or the parts that an index names."""
    for whole in ("model.safetensors", "pytorch_model.bin"):
        if (path / whole).is_file():
            return (path / whole,)
        index = path / f"{whole}.index.json"
        if not index.is_file():
            continue
        where = read_json(index).get("weight_map")
        names = set(where.values()) if isinstance(where, dict) else set()
        if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise DataError(f"{index} does not name the files of weights beside it")
        if missing := sorted(name for name in names if not (path / name).is_file()):
            raise DataError(
                f"{path} lacks {', '.join(missing[:3])}", why=f"{index.name} names it", fix="fetch it again"
            )
        return tuple(path / name for name in sorted(names))
    raise DataError(
        f"no weights are in {path}",
        why="there is neither model.safetensors nor pytorch_model.bin, whole or in parts",
        fix="save the model with save_pretrained, or fetch it again",
    )


def _preprocessing(file: Path | None, config: Config) -> Preprocessing:
    size = config.vision_config.image_size
    clip = isinstance(config, ClipConfig)
    usual = Preprocessing(
        size=size,
        mean=_CLIP_MEAN if clip else (0.5, 0.5, 0.5),
        std=_CLIP_STD if clip else (0.5, 0.5, 0.5),
        resize="shortest" if clip else "squash",
    )
    if file is None:
        return usual
    content = read_json(file)
    said: Any = content.get("image_processor", content) if file.name == _PREPROCESSORS[1] else content
    if not isinstance(said, dict):
        raise DataError(f"{file} does not describe how images become the model's input")
    target, crop = said.get("size", size), said.get("crop_size", size)
    shortest = isinstance(target, int) or "shortest_edge" in target
    sides = {*_sides(target, file), *(_sides(crop, file) if said.get("do_center_crop", clip) else ())}
    wrong = [
        f"{name} is false" for name in ("do_resize", "do_rescale", "do_normalize") if said.get(name) is False
    ]
    if sides != {size}:
        wrong.append(
            f"images become {' and '.join(map(str, sorted(sides)))} wide, and the model takes {size}"
        )
    if said.get("resample", 3) not in _FILTERS:
        wrong.append(f"resample is {said['resample']!r}, where 2 (bilinear) and 3 (bicubic) are known")
    if abs(float(said.get("rescale_factor", 1 / 255)) - 1 / 255) > 1e-9:
        wrong.append(f"rescale_factor is {said['rescale_factor']!r}, not 1/255")
    mean, std = said.get("image_mean") or usual.mean, said.get("image_std") or usual.std
    if not all(_three_numbers(each) for each in (mean, std)) or not all(value > 0 for value in std):
        wrong.append("image_mean and image_std are not three numbers each")
    if wrong:
        raise DataError(f"{file} describes an input that cannot be made", why="; ".join(wrong))
    return Preprocessing(
        size=size,
        mean=(float(mean[0]), float(mean[1]), float(mean[2])),
        std=(float(std[0]), float(std[1]), float(std[2])),
        interpolation=_FILTERS[said.get("resample", 3)],  # type: ignore[arg-type]
        resize="shortest" if shortest else "squash",
    )


def _sides(value: Any, file: Path) -> tuple[int, ...]:
    found = tuple(value.values()) if isinstance(value, dict) else (value,)
    if not found or not all(isinstance(side, int) and side > 0 for side in found):
        raise DataError(f"{file} names a size that is none: {value!r}")
    return found


def _three_numbers(values: Any) -> bool:
    return (
        isinstance(values, list | tuple)
        and len(values) == 3
        and all(isinstance(value, int | float) for value in values)
    )
