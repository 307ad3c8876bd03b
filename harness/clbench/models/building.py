"""What open_clip makes of an architecture: model, tokenizer and input transform."""

from __future__ import annotations

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

import torch
from torch import nn

from clbench.errors import ConfigError, DataError
from clbench.models.architectures import Architecture, read_architecture
from clbench.models.backbone import Tokenizer
from clbench.models.huggingface.tokenizing import local_tokenizer
from clbench.streams.preprocessing import Preprocessing

__all__ = ["build", "described_architecture", "preprocessing_of", "quietly", "tokenizer_of"]


def described_architecture(name: str) -> Architecture:
    """The architecture that open_clip calls ``name``, also one that was added to its list, or that of a file.

    Raises:
        ConfigError: see :func:`clbench.models.architectures.read_architecture`.
    """
    import open_clip

    return read_architecture(name) or Architecture(name, open_clip.get_model_config(name) or {}, {})


def build(architecture: Architecture) -> nn.Module:
    """A model with weights that nobody has trained, on the CPU. Nothing is fetched.

    Raises:
        ConfigError: open_clip cannot build it.
    """
    import open_clip

    with torch.random.fork_rng(devices=[]), quietly():
        if architecture.file is None:
            found: nn.Module = open_clip.create_model(
                architecture.name, load_weights=False, device="cpu", precision="fp32"
            )
            return found
        described = {"model_cfg": architecture.config, "preprocess_cfg": architecture.preprocessing}
        with tempfile.TemporaryDirectory(prefix="clbench-") as folder:
            Path(folder, "open_clip_config.json").write_text(json.dumps(described), encoding="utf-8")
            try:
                found = open_clip.create_model(
                    f"local-dir:{folder}", load_weights=False, device="cpu", precision="fp32"
                )
            except MemoryError:
                raise
            except Exception as error:
                # open_clip and timm raise whatever impossible sizes lead to
                why = (str(error).splitlines() or [""])[0].replace("__init__() ", "")
                raise ConfigError(
                    f"{architecture.file} does not describe a model that can be built",
                    why=why or type(error).__name__,
                    fix=f"compare it with open_clip's own files, such as {_example()}",
                ) from error
    return found


def tokenizer_of(architecture: Architecture, folder: Path | None = None) -> Tokenizer:
    """CLIP's byte pairs, or the tokenizer that an architecture names.

    The latter is read from the folder with the weights, or that of the user's architecture, where it is
    there; else, for an architecture of open_clip's own, open_clip fetches it, or finds it in its cache.

    Raises:
        DataError: it is not there, and cannot be fetched.
    """
    import open_clip

    text = architecture.config.get("text_cfg", {})
    context = int(text.get("context_length", 77))
    if not architecture.tokenizer:
        return open_clip.SimpleTokenizer(context_length=context)  # type: ignore[no-any-return]
    places = [folder] if folder else []
    places += [architecture.file.parent] if architecture.file else []
    for place in places:
        if any((place / name).is_file() for name in ("tokenizer.json", "vocab.json")):
            said = text.get("tokenizer_kwargs") or {}
            return local_tokenizer(
                place,
                context,
                int(text.get("vocab_size", 49408)),
                clean=said.get("clean", "whitespace"),
                drops_separator=bool(said.get("strip_sep_token")),
            )
    where = (
        f"put tokenizer.json and tokenizer_config.json of {architecture.tokenizer} into {places[0]}"
        if (places)
        else "check the connection to the model hub, or its local cache (HF_HOME)"
    )
    problem = f"the tokenizer {architecture.tokenizer} of {architecture.name} is not here"
    if architecture.file:
        raise DataError(problem, fix=where)
    try:
        with quietly():
            return open_clip.get_tokenizer(architecture.name)  # type: ignore[no-any-return]
    except Exception as error:  # transformers and the hub's client raise many kinds
        why = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise DataError(problem, why=f"it cannot be fetched: {why}", fix=where) from error


def preprocessing_of(model: Any, architecture: Architecture) -> Preprocessing:
    """The input transform that open_clip keeps with a model.

    A model that was built without weights has open_clip's usual one. Where all weights that open_clip knows
    for the architecture have another one (SigLIP's do), it is that.
    """
    import open_clip

    visual = model.visual
    said: dict[str, Any] = dict(getattr(visual, "preprocess_cfg", None) or {})
    if architecture.file is None:
        tags = open_clip.list_pretrained_tags_by_model(architecture.name)
        known = [open_clip.get_pretrained_cfg(architecture.name, tag) for tag in tags]
        for name in ("mean", "std", "interpolation", "resize_mode"):
            values = {json.dumps(each.get(name)) for each in known}
            if len(values) == 1 and (value := json.loads(values.pop())) is not None:
                said[name] = value
    size = visual.image_size
    interpolation, resize = said.get("interpolation", "bicubic"), said.get("resize_mode", "shortest")
    if interpolation not in ("bicubic", "bilinear") or resize not in ("shortest", "squash"):
        raise ConfigError(
            f"the input of {architecture.name} cannot be made",
            why=f"it takes images that are resized by {interpolation}, {resize}",
        )
    return Preprocessing(
        size=int(size if isinstance(size, int) else size[0]),
        mean=tuple(said["mean"]),
        std=tuple(said["std"]),
        interpolation=interpolation,
        resize=resize,
    )


def _example() -> str:
    from clbench.models.parts import configurations

    return str(configurations() / "ViT-B-16.json")


class quietly:  # noqa: N801 (reads as a statement)
    """Hold back open_clip's chatter about what it loads."""

    def __enter__(self) -> None:
        self._level = logging.root.manager.disable
        logging.disable(logging.WARNING)

    def __exit__(self, *error: object) -> None:
        logging.disable(self._level)
