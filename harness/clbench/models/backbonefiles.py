"""Backbones named as ``ARCHITECTURE:FILE``: weights in a file of one's own. No torch is imported here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from clbench.config.paths import user_path
from clbench.errors import ConfigError, UnknownNameError, did_you_mean
from clbench.models.parts import configurations
from clbench.plugins import Contribution, Registry
from clbench.specs import BackboneSpec
from clbench.streams.files.contents import content_digests

__all__ = ["absolute", "find_backbone", "is_file"]

_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


def is_file(name: str) -> bool:
    """Whether a backbone's name names a file."""
    return ":" in name


def absolute(name: str) -> str:
    """The same name wherever one stands."""
    architecture, _, file = name.partition(":")
    return f"{architecture}:{user_path(file).absolute()}"


def find_backbone(registry: Registry, name: str) -> Contribution[BackboneSpec]:
    """The backbone that a plugin calls ``name``, or the file of weights that ``ARCHITECTURE:FILE`` names.

    The architecture is one of open_clip, or a plugin's backbone, whose published weights the file must then
    be. A file of one's own is called ``ARCHITECTURE.STEM-DIGEST``; one that has the digest of a backbone's
    published file is that backbone.

    Raises:
        ConfigError: there is no such file, or it is not what was named.
        DataError: the file cannot be read.
        UnknownNameError, PluginError: see :meth:`clbench.plugins.Registry.find`.
    """
    if not is_file(name):
        return registry.find("backbone", name)
    given, _, text = name.partition(":")
    named = registry.backbones.get(given)
    architecture = named.spec.architecture if named else given
    config = _architecture(architecture, given, registry)
    file = _existing(user_path(text).absolute(), given)
    (digest,) = content_digests(file.parent, [file])
    if named and named.spec.sha256 != digest:
        raise ConfigError(
            f"{file} is not the file in which the weights of {given} were published",
            why=f"its SHA-256 is {digest[:12]}…, theirs is {named.spec.sha256[:12]}…"
            if named.spec.sha256
            else f"{given} has no such file",
            fix=f"--backbone {architecture or 'ARCHITECTURE'}:{file}, under a name of its own",
        )
    published = [found for found in registry.backbones.values() if found.spec.sha256 == digest]
    called = published[0].spec.name if published else f"{architecture}.{file.stem}-{digest[:8]}"
    size = config.get("vision_cfg", {}).get("image_size", 224)
    spec = BackboneSpec(
        name=called,
        title=f"{architecture}, {file.name}",
        summary=f"weights of {file}",
        factory="clbench.models.checkpoint:load_checkpoint",
        arguments=(called, architecture, str(file)),
        parameters=0,
        image_size=int(size[0] if isinstance(size, list) else size),
        architecture=architecture,
        digest=digest,
    )
    return Contribution(spec, "file", file.name, digest[:12])


def _architecture(name: str, given: str, registry: Registry) -> dict[str, Any]:
    """What open_clip's file of an architecture says."""
    folder = configurations()
    file = folder / f"{name}.json"
    if not name or not file.is_file():
        named = [key for key, found in registry.backbones.items() if found.spec.architecture]
        known = [*named, *(path.stem for path in folder.glob("*.json"))]
        raise UnknownNameError(
            "architecture",
            given,
            did_you_mean(given, known, most=6) or named or ["ViT-B-16", "ViT-B-16-quickgelu"],
            fix="write --backbone ARCHITECTURE:FILE with an architecture of open_clip",
        )
    content: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return content


def _existing(file: Path, architecture: str) -> Path:
    if file.is_file():
        return file
    folder = file if file.is_dir() else file.parent
    inside = (
        sorted(path.name for path in folder.glob("*") if path.suffix in _SUFFIXES) if folder.is_dir() else []
    )
    near = did_you_mean(file.name, inside) or inside[:3]
    raise ConfigError(
        f"{file} is a folder, not a file of weights" if file.is_dir() else f"there is no file {file}",
        why=f"in {folder} there is {', '.join(inside[:8])}" if inside else f"no weights are in {folder}",
        fix=f"--backbone {architecture}:{folder / near[0]}" if near else "name the file with the weights",
    )
