"""What ``config.json`` of a CLIP or SigLIP says, checked. No torch is imported here."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from clbench.errors import DataError

__all__ = ["ClipConfig", "Config", "SiglipConfig", "Tower", "read_config", "read_json"]

Size = Annotated[int, Field(strict=True, gt=0, le=1_000_000)]
Activation = Literal["quick_gelu", "gelu", "gelu_new", "gelu_pytorch_tanh"]

_KINDS = "CLIPModel (model_type clip) and SiglipModel (model_type siglip) are read"


class Tower(BaseModel):
    """One tower; the names are those of transformers.

    Defaults, here and below, are what transformers takes where a configuration is silent: older files hold
    differences from it alone.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    hidden_size: Size = 768
    intermediate_size: Size = 3072
    num_hidden_layers: Size = 12
    num_attention_heads: Size = 12
    hidden_act: Activation
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)]

    @model_validator(mode="after")
    def _heads_share_the_width(self) -> Tower:
        if self.hidden_size % self.num_attention_heads:
            raise ValueError(
                f"hidden_size {self.hidden_size} is no multiple of num_attention_heads "
                f"{self.num_attention_heads}"
            )
        return self


class _Vision(Tower):
    image_size: Size = 224
    patch_size: Size = 32
    num_channels: Literal[3] = 3

    @model_validator(mode="after")
    def _patches_fill_the_image(self) -> _Vision:
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size {self.image_size} is no multiple of patch_size {self.patch_size}")
        return self


class _ClipVision(_Vision):
    hidden_act: Activation = "quick_gelu"
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)] = 1e-5


class _ClipText(Tower):
    hidden_size: Size = 512
    intermediate_size: Size = 2048
    num_attention_heads: Size = 8
    hidden_act: Activation = "quick_gelu"
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)] = 1e-5
    vocab_size: Size = 49408
    max_position_embeddings: Size = 77
    eos_token_id: Annotated[int, Field(strict=True, ge=0)] = 49407


class _SiglipVision(_Vision):
    hidden_act: Activation = "gelu_pytorch_tanh"
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)] = 1e-6
    patch_size: Size = 16
    vision_use_head: Literal[True] = True


class _SiglipText(Tower):
    hidden_act: Activation = "gelu_pytorch_tanh"
    layer_norm_eps: Annotated[float, Field(gt=0, lt=1)] = 1e-6
    vocab_size: Size = 32000
    max_position_embeddings: Size = 64
    projection_size: Size | None = None


class ClipConfig(BaseModel):
    """``CLIPModel``: two transformers, each with a projection."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: ClassVar[str] = "CLIPModel"

    projection_dim: Size = 512
    vision_config: _ClipVision = _ClipVision()
    text_config: _ClipText = _ClipText()

    @model_validator(mode="after")
    def _one_activation(self) -> ClipConfig:
        acts = self.vision_config.hidden_act, self.text_config.hidden_act
        if (acts[0] == "quick_gelu") != (acts[1] == "quick_gelu"):
            raise ValueError(f"the towers have different activations ({acts[0]} and {acts[1]})")
        return self


class SiglipConfig(BaseModel):
    """``SiglipModel``: the image tower pools by attention; logits have a bias."""

    model_config = ConfigDict(frozen=True, extra="ignore")
    kind: ClassVar[str] = "SiglipModel"

    vision_config: _SiglipVision = _SiglipVision()
    text_config: _SiglipText = _SiglipText()

    @property
    def embedding(self) -> int:
        """Width of the shared embedding."""
        return self.text_config.projection_size or self.text_config.hidden_size

    @model_validator(mode="after")
    def _one_embedding(self) -> SiglipConfig:
        if self.vision_config.hidden_size != self.embedding:
            raise ValueError(
                f"images get embeddings of width {self.vision_config.hidden_size}, texts of {self.embedding}"
            )
        return self


Config = ClipConfig | SiglipConfig


def read_config(file: Path) -> Config:
    """Read and check ``config.json``.

    Raises:
        DataError: it is none, or that of another kind of model; says what is wrong in it.
    """
    content = read_json(file)
    kind = content.get("model_type")
    if kind not in ("clip", "siglip"):
        said = f"its model_type is {kind!r}" if kind else "it has no model_type"
        raise DataError(f"{file} does not describe a model that can be read", why=said, fix=_KINDS)
    made = content.get("architectures")
    wanted = {"clip": "CLIPModel", "siglip": "SiglipModel"}[kind]
    if made and made != [wanted]:
        raise DataError(
            f"{file} does not describe both towers",
            why=f"it says architectures: {made!r}",
            fix=f"save the whole model: {wanted}.from_pretrained(…).save_pretrained(FOLDER)",
        )
    try:
        model = ClipConfig if kind == "clip" else SiglipConfig
        return model.model_validate(_with_older_forms(content))
    except ValidationError as error:
        wrong = [
            f"{'.'.join(map(str, each['loc']))}{': ' if each['loc'] else ''}"
            f"{each['msg'].removeprefix('Value error, ')}"
            for each in error.errors()
        ]
        raise DataError(f"{file} cannot be used", why="; ".join(wrong[:3])) from error


def read_json(file: Path) -> dict[str, Any]:
    """Read a JSON object.

    Raises:
        DataError: the file is missing, or holds something else.
    """
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{file} cannot be read", why=error.strerror or str(error)) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} is not JSON", why=str(error)) from error
    if not isinstance(content, dict):
        raise DataError(f"{file} holds a JSON {type(content).__name__}, not an object")
    return content


def _with_older_forms(content: Mapping[str, Any]) -> dict[str, Any]:
    """A tower's part under either of two names, of which ``…_config_dict`` goes before."""
    found = dict(content)
    for name in ("vision_config", "text_config"):
        one, other = content.get(name), content.get(f"{name}_dict")
        if isinstance(other, Mapping) and (one is None or isinstance(one, Mapping)):
            found[name] = {**(one or {}), **other}
        elif one is None:
            found.pop(name, None)
    return found
