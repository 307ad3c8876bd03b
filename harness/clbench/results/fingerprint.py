"""The protocol fingerprint: what must be equal before two numbers may be compared."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

__all__ = ["Fingerprint", "FingerprintFields", "differences", "differing_parts", "fingerprint"]


class FingerprintFields(BaseModel):
    """Each part of the protocol as a short text or a digest; equal text means an equal part."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    stream: str = Field(description="Stream and protocol family.")
    class_names: str = Field(description="Class names of all tasks, in column order.")
    templates: str = Field(description="Prompt templates of all tasks.")
    train_split: str = Field(description="Training samples of all tasks.")
    test_split: str = Field(description="Test samples of all tasks.")
    preprocessing: str = Field(description="How images become model input at test.")
    weights: str = Field(
        description="Pre-trained weights of the backbone, its activation, and the precision."
    )
    label_space: str = Field(description="Classes a prediction chooses from: task, seen or union.")
    batch_composition: str = Field(
        description="What else is in the batch of a scored sample, where the score depends on it."
    )


class Fingerprint(BaseModel):
    """The fields and one digest of them all. Build it with :func:`fingerprint`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    digest: str = Field(pattern="^[0-9a-f]{64}$", description="SHA-256 of the fields as canonical JSON.")
    fields: FingerprintFields

    @model_validator(mode="after")
    def _digest_is_of_fields(self) -> Fingerprint:
        if self.digest != _digest(self.fields):
            raise ValueError(
                f"the digest {self.digest[:12]}… is not that of the fields ({_digest(self.fields)[:12]}…)"
            )
        return self


def fingerprint(**fields: str) -> Fingerprint:
    """Return the fingerprint of ``fields``, which are those of :class:`FingerprintFields`.

    Raises:
        pydantic.ValidationError: a field is missing, unknown or not a string.
    """
    checked = FingerprintFields(**fields)
    return Fingerprint(digest=_digest(checked), fields=checked)


def differences(a: Fingerprint, b: Fingerprint) -> tuple[str, ...]:
    """Return the names of the fields in which two fingerprints differ; empty if they are equal."""
    return tuple(
        name for name in FingerprintFields.model_fields if getattr(a.fields, name) != getattr(b.fields, name)
    )


def differing_parts(a: FingerprintFields, b: FingerprintFields) -> tuple[str, ...]:
    """Return in words what differs: field names, with the part of a field that has several.

    ``weights`` is digest, activation and precision; the two of ``batch_composition`` are named.
    """
    parts: list[str] = []
    for name in FingerprintFields.model_fields:
        one, other = getattr(a, name), getattr(b, name)
        if one == other:
            continue
        pairs = list(zip(one.rsplit("-", 2), other.rsplit("-", 2), strict=False))
        if name == "weights" and len(pairs) == len(_OF_WEIGHTS):
            parts += [part for part, (x, y) in zip(_OF_WEIGHTS, pairs, strict=True) if x != y]
        elif name == "batch_composition":
            parts.append(f"{name} ({other}, not {one})")
        else:
            parts.append(name)
    return tuple(parts)


_OF_WEIGHTS = ("weights", "activation", "precision")


# Thousands of records share a handful of protocols.
@cache
def _digest(fields: FingerprintFields) -> str:
    values: dict[str, Any] = fields.model_dump()
    return hashlib.sha256(json.dumps(values, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
