"""``manifest.json`` of a submission: what it holds, each member with its SHA-256."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from clbench.errors import SubmissionError
from clbench.installing import how_to_upgrade

__all__ = ["FORMAT_VERSION", "MANIFEST_FILE", "Manifest", "MemberEntry"]

MANIFEST_FILE = "manifest.json"
FORMAT_VERSION = 1

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class MemberEntry(_Part):
    """A member's size and content."""

    bytes: Annotated[int, Field(ge=0)]
    sha256: Digest


class Manifest(_Part):
    """What a submission holds.

    ``digest`` is the SHA-256 of all other fields as canonical JSON: a digit of the manifest itself that was
    changed is found, too.
    """

    format: Literal["clbench-submission"]
    version: int
    clbench: Annotated[str, Field(min_length=1, description="Version that packed it.")]
    members: dict[str, MemberEntry]
    digest: Digest

    @classmethod
    def of(cls, members: Mapping[str, bytes], *, clbench: str) -> Manifest:
        """The manifest of ``members``, packed by the given version."""
        entries = {
            name: MemberEntry(bytes=len(members[name]), sha256=hashlib.sha256(members[name]).hexdigest())
            for name in sorted(members)
            if name != MANIFEST_FILE
        }
        blank = cls(
            format="clbench-submission",
            version=FORMAT_VERSION,
            clbench=clbench,
            members=entries,
            digest="0" * 64,
        )
        return blank.model_copy(update={"digest": blank.expected_digest})

    @classmethod
    def from_json(cls, content: bytes) -> Manifest:
        """Read a manifest.

        Raises:
            SubmissionError: it is none, or of a version that this clbench does not know.
        """
        try:
            document = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise SubmissionError(f"{MANIFEST_FILE} is not JSON", why=str(error)) from error
        version = document.get("version") if isinstance(document, dict) else None
        if isinstance(version, int) and version > FORMAT_VERSION:
            raise SubmissionError(
                f"the submission is of format version {version}",
                why=f"this clbench reads version {FORMAT_VERSION}",
                fix=how_to_upgrade("clbench"),
            )
        try:
            found = cls.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(str(part) for part in first["loc"])
            raise SubmissionError(
                f"{MANIFEST_FILE} is not a manifest", why=f"{where}: {first['msg']}"
            ) from error
        if version != FORMAT_VERSION:
            raise SubmissionError(f"the submission is of format version {version}, which there never was")
        return found

    def to_json(self) -> bytes:
        """The one way to write it."""
        return (self.model_dump_json(indent=1) + "\n").encode()

    @property
    def expected_digest(self) -> str:
        """What ``digest`` must be."""
        fields = self.model_dump(exclude={"digest"})
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()

    def differences(self, members: Mapping[str, bytes]) -> list[str]:
        """What ``members`` have otherwise, one line each."""
        found = []
        present = {name: content for name, content in members.items() if name != MANIFEST_FILE}
        for name in sorted({*present, *self.members}):
            entry = self.members.get(name)
            if entry is None:
                found.append(f"{name} is in the file and not in the manifest")
            elif name not in present:
                found.append(f"{name} is in the manifest and not in the file")
            elif hashlib.sha256(present[name]).hexdigest() != entry.sha256:
                found.append(f"{name} has another SHA-256 than the manifest says: it was changed")
            elif len(present[name]) != entry.bytes:
                found.append(f"{name} has {len(present[name])} bytes, the manifest says {entry.bytes}")
        if self.digest != self.expected_digest:
            found.append("the manifest's own digest is another: it was changed")
        elif MANIFEST_FILE in members and members[MANIFEST_FILE] != self.to_json():
            found.append("the manifest is written otherwise than clbench submit writes it")
        return found
