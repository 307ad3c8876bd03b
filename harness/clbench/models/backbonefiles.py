"""Backbones named as ``ARCHITECTURE:FILE`` or ``hf:FOLDER``: weights of one's own. No torch is needed."""

from __future__ import annotations

import hashlib
from pathlib import Path

from clbench.config.paths import user_path
from clbench.errors import ConfigError, UnknownNameError, did_you_mean
from clbench.models.architectures import Architecture, is_own, read_architecture
from clbench.models.huggingface.folders import PREFIX, TOKENIZER_FILES, folder_spec, is_folder
from clbench.models.parts import configurations, parts_of_configuration
from clbench.plugins import Contribution, Registry
from clbench.specs import BackboneSpec
from clbench.streams.files.contents import content_digests

__all__ = ["absolute", "find_backbone", "is_file"]

_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt")


def is_file(name: str) -> bool:
    """Whether a backbone's name names a file or folder."""
    return ":" in name


def absolute(name: str) -> str:
    """The same name wherever one stands."""
    architecture, _, file = name.partition(":")
    own = str(user_path(architecture).absolute()) if is_own(architecture) else architecture
    return f"{own}:{user_path(file).absolute()}"


def find_backbone(registry: Registry, name: str) -> Contribution[BackboneSpec]:
    """The backbone that a plugin calls ``name``, or the weights that ``ARCHITECTURE:FILE`` names.

    The architecture is one of open_clip, a JSON file like its own (``my-model.json:weights.safetensors``), or
    a plugin's backbone, whose published weights the file must then be. A file of one's own is called
    ``ARCHITECTURE.STEM-DIGEST``; one that has the digest of a backbone's published file is that backbone.
    ``hf:FOLDER`` is a model of Hugging Face's, see :mod:`clbench.models.huggingface`.

    Raises:
        ConfigError: there is no such file, or it is not what was named.
        DataError: the file cannot be read.
        UnknownNameError, PluginError: see :meth:`clbench.plugins.Registry.find`.
    """
    if not is_file(name):
        return registry.find("backbone", name)
    given, _, text = name.partition(":")
    if given == PREFIX:
        found_folder = folder_spec(text)
        return Contribution(found_folder, "file", Path(text).name, found_folder.digest[:12])
    named = registry.backbones.get(given)
    architecture = _architecture(named.spec.architecture if named else given, given, registry)
    file = _existing(user_path(text).absolute(), given)
    (digest,) = content_digests(file.parent, [file])
    if named and named.spec.sha256 != digest:
        raise ConfigError(
            f"{file} is not the file in which the weights of {given} were published",
            why=f"its SHA-256 is {digest[:12]}…, theirs is {named.spec.sha256[:12]}…"
            if named.spec.sha256
            else f"{given} has no such file",
            fix=f"--backbone {architecture.name}:{file}, under a name of its own",
        )
    published = [found for found in registry.backbones.values() if found.spec.sha256 == digest]
    digest = _with_what_else_decides(digest, architecture, file)
    called = published[0].spec.name if published else f"{architecture.name}.{file.stem}-{digest[:8]}"
    spec = BackboneSpec(
        name=called,
        title=f"{architecture.name}, {file.name}",
        summary=f"weights of {file}",
        factory="clbench.models.checkpoint:load_checkpoint",
        arguments=(called, str(architecture.file or architecture.name), str(file)),
        parameters=0,
        image_size=architecture.image_size,
        architecture="" if architecture.file else architecture.name,
        parts=tuple(sorted(parts_of_configuration(architecture.config))),
        digest=digest,
    )
    return Contribution(spec, "file", file.name, digest[:12])


def _with_what_else_decides(digest: str, architecture: Architecture, file: Path) -> str:
    """The digest of the weights; with that of the user's architecture and tokenizer, where they have some."""
    others = [architecture.file] if architecture.file else []
    if architecture.tokenizer:
        others += [file.with_name(name) for name in TOKENIZER_FILES if file.with_name(name).is_file()]
    if not others:
        return digest
    total = hashlib.sha256(digest.encode())
    for other in others:
        total.update(f"{other.name}\0{content_digests(other.parent, [other])[0]}\n".encode())
    return total.hexdigest()


def _architecture(name: str, given: str, registry: Registry) -> Architecture:
    found = read_architecture(name)
    if found is None:
        named = [key for key, each in registry.backbones.items() if each.spec.architecture]
        known = [*named, *(path.stem for path in configurations().glob("*.json"))]
        raise UnknownNameError(
            "architecture",
            given,
            did_you_mean(given, known, most=6) or named or ["ViT-B-16", "ViT-B-16-quickgelu"],
            fix="write --backbone ARCHITECTURE:FILE with an architecture of open_clip or a JSON file like "
            f"its own, or --backbone {PREFIX}:FOLDER",
        )
    return found


def _existing(file: Path, architecture: str) -> Path:
    if file.is_file():
        return file
    folder = file if file.is_dir() else file.parent
    if file.is_dir() and is_folder(file):
        raise ConfigError(
            f"{file} is a folder as Hugging Face's models have, not a file of weights",
            fix=f"--backbone {PREFIX}:{file}",
        )
    inside = (
        sorted(path.name for path in folder.glob("*") if path.suffix in _SUFFIXES) if folder.is_dir() else []
    )
    near = did_you_mean(file.name, inside) or inside[:3]
    raise ConfigError(
        f"{file} is a folder, not a file of weights" if file.is_dir() else f"there is no file {file}",
        why=f"in {folder} there is {', '.join(inside[:8])}" if inside else f"no weights are in {folder}",
        fix=f"--backbone {architecture}:{folder / near[0]}" if near else "name the file with the weights",
    )
