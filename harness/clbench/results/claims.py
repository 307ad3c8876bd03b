"""Published figures that plugins carry, and what a record must have in common with one to be set beside it.

A plugin names its file in ``MethodSpec.claims``. It is TOML: under ``[common]`` what all claims share, then
one ``[[claims]]`` per row of a published table, ``[[presets]]`` with what was run for it
(:mod:`clbench.config.presets`), and ``[[others]]`` for figures of another task, which no record of a stream
can be set beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator

from clbench.config.presets import Preset, claims_document, invalid_claims, presets_in
from clbench.errors import PluginError
from clbench.results.records import Record
from clbench.specs import MethodSpec

__all__ = [
    "AnyClaim",
    "Claim",
    "Difference",
    "LoadedClaims",
    "OtherClaim",
    "differences_from",
    "load_claims",
    "read_claims",
]

METRICS = ("transfer", "average", "last")

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Kind = Literal["own", "rerun", "quoted"]


class _Sourced(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Text = Field(description="Name of the method in clbench.")
    table: Text = Field(description="Table of the paper that the figure belongs to.")
    source: Text = Field(description="Document that it was read in.")
    kind: Kind = Field(description="Of the method's authors, rerun by others, or copied from elsewhere.")
    note: str = ""


class Claim(_Sourced):
    """A row of a published table of a task stream; accuracies in percent, as printed."""

    row: Text = Field(description="The method as the table calls it.")
    setting: Text = Field(description="What the table is about, in words.")
    stream: Text = Field(description="The stream's name in clbench.")
    protocol: Text = Field(description="The stream's protocol family in clbench.")
    order: Text
    shots: Annotated[int, Field(ge=1)] | Literal["full", "any"] = Field(
        description="Training samples per class; any: nothing is trained."
    )
    label_space: Literal["task", "seen", "union"]
    backbone: Text = Field(description="The backbone's name in clbench.")
    preset: str = Field(
        default="", description="Name of the preset that was run for it; empty: the defaults."
    )
    transfer: Percent | None = None
    average: Percent | None = None
    last: Percent | None = None
    incomparable: str = Field(default="", description="Why no record can be set beside it, if none can.")
    run: Preset | None = Field(default=None, exclude=True, description="That preset, once it has been read.")

    @model_validator(mode="after")
    def _claims_something(self) -> Claim:
        if not self.figures:
            raise ValueError("it has none of transfer, average, last")
        return self

    @property
    def settings(self) -> dict[str, JsonValue]:
        """Settings, other than the defaults, that make the method this row."""
        return {} if self.run is None else self.run.settings

    @property
    def figures(self) -> dict[str, float]:
        """The figures it has, by metric."""
        values = {name: getattr(self, name) for name in METRICS}
        return {name: value for name, value in values.items() if value is not None}


class OtherClaim(_Sourced):
    """A published figure of another task than a stream of tasks."""

    row: Text = Field(description="The method as the table calls it.")
    quantity: Text = Field(description="What was measured, and of what.")
    value: Annotated[float, Field(allow_inf_nan=False)]
    unit: str = ""
    incomparable: Text = Field(description="Why no record can be set beside it.")


AnyClaim = Claim | OtherClaim


class _ClaimsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    claims: tuple[Claim, ...] = ()
    others: tuple[OtherClaim, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What a record has where a published row has something else.

    Attributes:
        name: of what differs.
        found, wanted: in the record, and in the published row.
        setting: whether it is a setting of the method.
    """

    name: str
    found: object
    wanted: object
    setting: bool = False

    def __str__(self) -> str:
        return f"{self.name} is {self.found}, not {self.wanted}"


@dataclass(frozen=True, slots=True)
class LoadedClaims:
    """The claims of several methods, and the files that are no good.

    Attributes:
        claims: by method.
        problems: one for each file that cannot be used, with the method's name.
    """

    claims: Mapping[str, tuple[AnyClaim, ...]]
    problems: tuple[PluginError, ...]


def read_claims(reference: str) -> tuple[AnyClaim, ...]:
    """Read the claims that ``"package:file.toml"`` names.

    Raises:
        PluginError: the file is missing, is not TOML, lacks a field, has an unknown one or a wrong value.
    """
    document = claims_document(reference)
    presets = presets_in(document, reference)
    given = {name: value for name, value in document.items() if name not in ("presets", "preset_common")}
    common = given.pop("common", {})
    if not isinstance(common, dict):
        raise PluginError(_CANNOT.format(reference), why="common is not a table", fix=_FIX)
    if isinstance(given.get("claims"), list):
        given["claims"] = [{**common, **c} if isinstance(c, dict) else c for c in given["claims"]]
    try:
        content = _ClaimsFile.model_validate(given)
    except ValidationError as error:
        raise invalid_claims(reference, error) from error
    claims = [_with_its_preset(claim, presets, reference) for claim in content.claims]
    return (*claims, *content.others)


_CANNOT, _FIX = "the claims {} cannot be used", "mend the file, or upgrade the plugin that has it"


def _with_its_preset(claim: Claim, presets: Mapping[str, Preset], reference: str) -> Claim:
    """The claim with the preset that it names, which must be of the same run."""
    if not claim.preset:
        return claim
    place = f"the claim {claim.row} ({claim.setting}, order {claim.order})"
    preset = presets.get(claim.preset)
    if preset is None:
        raise PluginError(
            _CANNOT.format(reference),
            why=f"{place} names the preset {claim.preset!r}; there are {', '.join(presets) or 'none'}",
            fix=_FIX,
        )
    wrong = [
        f"its {name} is {mine}, the preset's {theirs}"
        for name, mine, theirs in (
            ("method", claim.method, preset.method),
            ("stream", claim.stream, preset.stream),
            ("protocol", claim.protocol, preset.protocol),
            ("shots", preset.shots if claim.shots == "any" else claim.shots, preset.shots),
            ("order", claim.order if claim.order in preset.orders else None, claim.order),
        )
        if mine != theirs
    ]
    if wrong:
        raise PluginError(
            _CANNOT.format(reference),
            why=f"{place} names the preset {claim.preset!r}, but {', '.join(wrong)}",
            fix=_FIX,
        )
    return claim.model_copy(update={"run": preset})


def load_claims(specs: Iterable[MethodSpec]) -> LoadedClaims:
    """Read what each of ``specs`` claims; a file that is no good becomes a problem and stops no other."""
    claims: dict[str, tuple[AnyClaim, ...]] = {}
    problems: list[PluginError] = []
    for spec in specs:
        if spec.claims is None:
            continue
        try:
            claims[spec.name] = tuple(c for c in read_claims(spec.claims) if c.method == spec.name)
        except PluginError as error:
            problems.append(PluginError(f"{spec.name}: {error.what}", why=error.why, fix=error.fix))
    return LoadedClaims(claims, tuple(problems))


def differences_from(
    claim: Claim, record: Record, settings: Mapping[str, JsonValue] | None = None
) -> tuple[Difference, ...]:
    """Return in what ``record`` is not what ``claim`` is about, the weightiest first; empty: comparable.

    Args:
        claim: the published row.
        record: a run of its method.
        settings: all settings of the published row, as far as they are known: the method's for that
            stream, with those that make the variant. Any other that was changed by hand is a difference.
    """
    stream, method = record.stream, record.method
    found = [
        Difference("stream", stream.name, claim.stream),
        Difference("protocol", stream.protocol, claim.protocol),
        Difference("backbone", record.backbone.name, claim.backbone),
        Difference("order", stream.order, claim.order),
    ]
    if claim.shots != "any":
        found.append(Difference("shots", stream.shots or "full", claim.shots))
    if claim.label_space not in record.matrices:
        found.append(Difference("label space", ", ".join(record.matrices), claim.label_space))
    run = claim.run
    if run is not None and run.eval_batch is not None and method.assumptions.task_identity == "inferred":
        size, batches = record.config.get("eval_batch", 256), record.config.get("batches", "natural")
        found.append(Difference("images per test batch", size, run.eval_batch))
        found.append(Difference("composition of test batches", batches, "natural"))
    published = {**(settings or {}), **claim.settings}
    changed = {name for name, source in method.settings_sources.items() if source == "user"}
    # A setting that came with a later version of the method is in no earlier record.
    for name in sorted({n for n in published if n in method.settings} | set(claim.settings) | changed):
        wanted = published.get(name, "the published value")
        found.append(Difference(name, method.settings.get(name), wanted, setting=True))
    return tuple(d for d in found if d.found != d.wanted)
