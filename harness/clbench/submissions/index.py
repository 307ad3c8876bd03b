"""``index.json`` of a place where runs are published: what it does not name is not there for readers."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clbench.errors import PublishError, SubmissionError
from clbench.results.metrics import METRICS
from clbench.submissions.archive import SUFFIX, Submission, file_name

__all__ = ["INDEX_FILE", "Index", "entry_of"]

INDEX_FILE = "index.json"
_FORMAT, _VERSION = "clbench-index", 1
_NEEDED = ("run_id", "file", "sha256")  # of each entry, to find it and to tell it from another

Entry = Mapping[str, Any]


def entry_of(submission: Submission) -> dict[str, Any]:
    """What the index says of a submission; the file's name has its digest: no file is ever changed."""
    record = submission.record
    stream, stem = record.stream, file_name(record).removesuffix(SUFFIX)
    figures = {name: getattr(record.metrics, name, None) for name in METRICS}
    return {
        "run_id": record.run_id,
        "method": record.method.name,
        "method_version": record.method.version,
        "kind": "ranked" if record.method.protocol == "stream" else "reference",
        "stream": stream.name,
        "order": stream.order,
        "shots": stream.shots,
        "backbone": record.backbone.name,
        "label_space": record.label_space,
        "seed": record.seed,
        **figures,
        "fingerprint": record.fingerprint.digest,
        "finished": record.provenance.finished.isoformat() if record.provenance.finished else None,
        "file": f"runs/{stem}-{submission.sha256[:8]}{SUFFIX}",
        "bytes": len(submission.content),
        "sha256": submission.sha256,
    }


@dataclass(frozen=True)
class Index:
    """The runs of a place, sorted; one entry a run."""

    entries: tuple[Entry, ...] = ()

    @classmethod
    def from_json(cls, content: bytes | None, place: str) -> Index:
        """Read an index; an empty one where there is none.

        Raises:
            PublishError: there is something of that name that is no index, or of a later version.
        """
        if content is None:
            return cls()
        try:
            document = json.loads(content)
            known = document["format"] == _FORMAT
            version, entries = document["version"], tuple(document["runs"])
            named = all(isinstance(entry[key], str) for entry in entries for key in _NEEDED)
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise _foreign(place, f"{type(error).__name__}: {error}") from error
        if not known or not named:
            raise _foreign(place, "it is of another format")
        if version != _VERSION:
            raise PublishError(
                f"{place} has an index of version {version}",
                why=f"this clbench knows version {_VERSION}",
                fix="pip install --upgrade clbench",
            )
        return cls(entries)

    def to_json(self) -> bytes:
        """The one way to write it."""
        document = {"format": _FORMAT, "version": _VERSION, "runs": list(self.entries)}
        return (json.dumps(document, indent=1, ensure_ascii=False) + "\n").encode()

    def new_among(self, submissions: Sequence[Submission], *, replace: bool = False) -> list[Submission]:
        """Those that are not there yet.

        Raises:
            SubmissionError: a run is there with other content, and ``replace`` is not said.
        """
        present = {entry["run_id"]: entry["sha256"] for entry in self.entries}
        new = []
        for submission in submissions:
            before = present.get(submission.record.run_id)
            if before == submission.sha256:
                continue
            if before is not None and not replace:
                raise SubmissionError(
                    f"run {submission.record.run_id} is published there already, with other content",
                    why=f"its SHA-256 there is {before[:12]}…, here {submission.sha256[:12]}…",
                    fix="--replace puts this one in its place",
                )
            new.append(submission)
            present[submission.record.run_id] = submission.sha256
        return new

    def with_runs(self, submissions: Sequence[Submission]) -> Index:
        """The index with these runs, too."""
        entries = {entry["run_id"]: entry for entry in self.entries}
        entries |= {submission.record.run_id: entry_of(submission) for submission in submissions}
        keys = ("stream", "order", "method", "seed", "run_id")
        return Index(tuple(sorted(entries.values(), key=lambda e: tuple(str(e.get(k)) for k in keys))))


def _foreign(place: str, why: str) -> PublishError:
    return PublishError(
        f"{INDEX_FILE} at {place} is not one that clbench wrote",
        why=why,
        fix="give another target, or a folder in it",
    )
