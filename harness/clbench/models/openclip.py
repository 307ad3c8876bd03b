"""Backbones from open_clip: a directory with config and safetensors, or a model name with its tag."""

from __future__ import annotations

from pathlib import Path

import torch

from clbench.errors import ConfigError, DataError
from clbench.models.architectures import read_architecture
from clbench.models.backbone import Backbone, Tokenizer
from clbench.models.building import described_architecture, preprocessing_of, quietly, tokenizer_of

__all__ = ["load_directory", "load_open_clip"]


def load_directory(
    name: str, directory: Path, *, device: str = "cpu", vocabulary: str | None = None
) -> Backbone:
    """Load ``open_clip_config.json`` and ``open_clip_model.safetensors`` from a directory.

    Args:
        name: the backbone's name.
        directory: in the layout of open_clip's ``local-dir:`` schema.
        device: where the weights go.
        vocabulary: file of byte-pair merges in the directory (``.txt.gz``) for open_clip's own
            tokenizer; ``None``: the tokenizer that the config names.
    """
    import open_clip

    config_file = directory / "open_clip_config.json"
    if not config_file.is_file():
        raise DataError(f"backbone {name!r} has no open_clip_config.json", why=f"looked in {directory}")
    described = read_architecture(str(config_file))
    assert described is not None
    with quietly():
        model = open_clip.create_model(f"local-dir:{directory}", device=device, precision="fp32")
    if vocabulary is not None:
        tokenizer: Tokenizer = open_clip.SimpleTokenizer(
            bpe_path=str(directory / vocabulary),
            context_length=described.config["text_cfg"].get("context_length", 77),
        )
    else:
        tokenizer = tokenizer_of(described, directory)
    activation = "quickgelu" if described.config.get("quick_gelu") else "gelu"
    return Backbone(
        name, model.float().eval(), tokenizer, preprocessing_of(model, described), activation=activation
    )


def load_open_clip(
    name: str, architecture: str, pretrained: str | None, *, device: str = "cpu", seed: int = 0
) -> Backbone:
    """Load a model of open_clip's own list, with pre-trained weights or (``None``) random ones.

    Random weights are drawn with ``seed``, their logit scale set to ln 100 so that losses are not flat.

    Raises:
        ConfigError: the weights were trained with another activation than ``architecture`` has.
        DataError: the weights cannot be fetched.
    """
    import open_clip

    described = described_architecture(architecture)
    quick = bool(described.config.get("quick_gelu"))
    if pretrained is not None:
        _check_activation(architecture, pretrained, quick)
    if pretrained is None:
        with torch.random.fork_rng(devices=[]), quietly():
            torch.manual_seed(seed)
            model = open_clip.create_model(architecture, device=device, precision="fp32")
        torch.nn.init.constant_(model.logit_scale, float(torch.log(torch.tensor(100.0))))
    else:
        try:
            with quietly():
                model = open_clip.create_model(
                    architecture, pretrained=pretrained, device=device, precision="fp32"
                )
        except (OSError, RuntimeError, ValueError) as error:
            raise DataError(
                f"the weights {pretrained!r} of {architecture} cannot be loaded",
                why=str(error).splitlines()[0],
                fix="check the connection to the model hub, or its local cache (HF_HOME); or name a file of "
                f"weights: --backbone {architecture}:FILE",
            ) from error
    return Backbone(
        name,
        model.float().eval(),
        tokenizer_of(described),
        preprocessing_of(model, described),
        activation="quickgelu" if quick else "gelu",
    )


def _check_activation(architecture: str, pretrained: str, quick: bool) -> None:
    """Refuse what open_clip only warns of: weights with another activation than they were trained with."""
    import open_clip

    trained = open_clip.get_pretrained_cfg(architecture, pretrained)
    if trained and bool(trained.get("quick_gelu")) != quick:
        names = {True: "QuickGELU", False: "GELU"}
        plain = architecture.removesuffix("-quickgelu")
        raise ConfigError(
            f"the weights {pretrained!r} do not belong to {architecture}",
            why=f"they were trained with {names[not quick]}, and it has {names[quick]}",
            fix=f"load them into {plain if quick else f'{plain}-quickgelu'}",
        )
