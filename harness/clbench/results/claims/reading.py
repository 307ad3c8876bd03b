"""Published figures that plugins carry.

A plugin names its file in ``MethodSpec.claims``. It is TOML: under ``[common]`` what all claims share, then
one ``[[claims]]`` per row of a published table, ``[[presets]]`` with what was run for it
(:mod:`clbench.config.presets`), and ``[[others]]`` for figures of another task, which no record of a stream
can be set beside.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, ValidationError

from clbench.config.presets import Preset, claims_document, invalid_claims, presets_in
from clbench.errors import PluginError
from clbench.results.claims.model import AnyClaim, Claim, OtherClaim
from clbench.specs import MethodSpec

__all__ = ["LoadedClaims", "load_claims", "read_claims"]


class _ClaimsFile(BaseModel):
    model_config = ConfigDict(extra="forbid")

    claims: tuple[Claim, ...] = ()
    others: tuple[OtherClaim, ...] = ()


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
