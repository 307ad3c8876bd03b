"""What a paper ran: settings, test batches, protocol and their source, as data of the method's plugin.

A plugin names its file in ``MethodSpec.claims``; ``[[presets]]`` are what its ``[[claims]]`` point to.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from clbench.errors import PluginError
from clbench.specs import PROTOCOL_FACTS, MethodSpec

__all__ = ["Preset", "claims_document", "invalid_claims", "presets_in", "presets_of", "usual_preset"]

Text = Annotated[str, Field(min_length=1)]
_COMMIT = r"^(github:[\w.-]+/[\w.-]+ [0-9a-f]{7,40}|not recorded|)$"
_FIX = "mend the file, or upgrade the plugin that has it"


class Preset(BaseModel):
    """A run that stands behind published figures, or is taken for it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Text = Field(description="What claims call it; unique in its file.")
    method: Text
    stream: Text = Field(description="The stream's name in clbench.")
    orders: tuple[Text, ...] = Field(min_length=1, description="The stream's orders that it is for.")
    protocol: str = Field(description="The stream's protocol family in clbench.")
    facts: dict[str, Text] = Field(
        default_factory=dict,
        description="Splits, class names, prompts to learn with and at test, and draw of shots, by name.",
    )
    shots: Annotated[int, Field(ge=1)] | Literal["full"]
    usual: bool = Field(
        default=False, description="Whether a plain run of the method on that stream takes these values."
    )
    settings: dict[str, JsonValue] = Field(
        default_factory=dict, description="Settings of the method; those left out are its defaults."
    )
    eval_batch: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Images per test batch, where answers depend on it."
    )
    generator: str = Field(default="", description="The text-to-image model, where the method needs one.")
    origin: Literal["authors", "rerun", "assumed"] = Field(
        description="The authors' own values, those of a named rerun, or taken over from another table."
    )
    source: Text = Field(description="Files that the values were read in.")
    commit: Annotated[str, Field(pattern=_COMMIT)] = Field(
        default="",
        description="Repository and commit of these files, as github:OWNER/NAME and seven digits or more; "
        "'not recorded' where it is not known.",
    )
    note: str = ""

    @property
    def origin_words(self) -> str:
        """Whose values these are, and where they were read."""
        whose = {"authors": "the authors' own", "rerun": "of a rerun", "assumed": "assumed"}[self.origin]
        return f"{whose}: {self.source}" + (f" ({self.commit})" if self.commit else "")

    @model_validator(mode="after")
    def _says_whose_values_these_are(self) -> Preset:
        if self.origin == "authors" and not self.commit:
            raise ValueError("authors' values name repository and commit")
        if self.origin == "assumed" and not self.note:
            raise ValueError("what is assumed says why, in note")
        if self.facts and set(self.facts) != set(PROTOCOL_FACTS):
            raise ValueError(f"facts are {', '.join(PROTOCOL_FACTS)}, all of them")
        return self


class _PresetsFile(BaseModel):
    presets: tuple[Preset, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> _PresetsFile:
        names = [preset.name for preset in self.presets]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"several presets are called {', '.join(twice)}")
        usual = [(p.method, p.stream) for p in self.presets if p.usual]
        for method, stream in usual:
            if usual.count((method, stream)) > 1:
                raise ValueError(f"several presets are the usual one of {method} on {stream}")
        return self


def claims_document(reference: str) -> dict[str, Any]:
    """Return what the file that ``"package:file.toml"`` names holds.

    Raises:
        PluginError: the file is missing or is not TOML.
    """
    package, _, name = reference.partition(":")
    try:
        return tomllib.loads(files(package).joinpath(name).read_text(encoding="utf-8"))
    except (OSError, ImportError, ValueError) as error:
        raise _unusable(reference, f"{type(error).__name__}: {error}") from error


def presets_in(document: Mapping[str, Any], reference: str) -> dict[str, Preset]:
    """Return the presets of a claims file by name; ``[preset_common]`` holds what all of them share.

    Raises:
        PluginError: one lacks a field, has an unknown one or a wrong value.
    """
    common = document.get("preset_common", {})
    raw = document.get("presets", [])
    if not isinstance(common, dict) or not isinstance(raw, list):
        raise _unusable(reference, "presets is not a list of tables")
    merged = [
        {**common, **each, "settings": {**common.get("settings", {}), **each.get("settings", {})}}
        if isinstance(each, dict)
        else each
        for each in raw
    ]
    try:
        content = _PresetsFile.model_validate({"presets": merged})
    except ValidationError as error:
        raise invalid_claims(reference, error) from error
    return {preset.name: preset for preset in content.presets}


def usual_preset(spec: MethodSpec, stream: str) -> Preset | None:
    """The preset whose values a plain run of the method on ``stream`` takes, if there is one.

    Raises:
        PluginError: the plugin's file is no good.
    """
    return next((p for p in presets_of(spec) if p.usual and p.stream == stream), None)


def presets_of(spec: MethodSpec) -> tuple[Preset, ...]:
    """What was run for the method's published rows.

    Raises:
        PluginError: the plugin's file is no good.
    """
    if spec.claims is None:
        return ()
    return tuple(preset for preset in _read(spec.claims) if preset.method == spec.name)


@cache
def _read(reference: str) -> tuple[Preset, ...]:
    return tuple(presets_in(claims_document(reference), reference).values())


def invalid_claims(reference: str, error: ValidationError) -> PluginError:
    """The error of a file that does not fit the model: each mistake with its place, counted from 1."""
    lines = [_line(detail["loc"], detail["msg"]) for detail in error.errors(include_url=False)]
    return _unusable(reference, "; ".join(lines[:8]))


def _unusable(reference: str, why: str) -> PluginError:
    return PluginError(f"the claims {reference} cannot be used", why=why, fix=_FIX)


def _line(place: Iterable[int | str], message: str) -> str:
    """``claims[3].last: …``, counted from 1 as a reader of the file would."""
    text = ""
    for part in place:
        text += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if text else ''}{part}"
    return f"{text}: {message.removeprefix('Value error, ')}"
