"""The runs of a place where they are published: the files that a listing of it gives, and ``index.json``.

Each run is a file of its own that is written once and never changed; whoever publishes another at the same
time writes another file. ``index.json`` is a summary for readers that is made from the listing again whenever
somebody publishes: what it lacks is not lost, and deleting it loses nothing.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from clbench.errors import ClbenchError, PublishError, SubmissionError
from clbench.installing import how_to_upgrade
from clbench.printing import as_json, one_line
from clbench.results.metrics import METRICS
from clbench.submissions.archive import SUFFIX, Submission, file_name, parse_submission

__all__ = ["INDEX_FILE", "RUNS_FOLDER", "Index", "entry_of", "runs_among"]

INDEX_FILE = "index.json"
RUNS_FOLDER = "runs"
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
        "file": f"{RUNS_FOLDER}/{stem}-{submission.sha256[:8]}{SUFFIX}",
        "bytes": len(submission.content),
        "sha256": submission.sha256,
    }


@dataclass(frozen=True)
class Index:
    """The runs of a place, sorted; one entry a run.

    Attributes:
        entries: what :func:`entry_of` says of each.
        sizes: bytes of every file of a run that is listed there, by its name.
        unreadable: names of those that are no submissions.
    """

    entries: tuple[Entry, ...] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    unreadable: tuple[str, ...] = ()

    @classmethod
    def of_listing(
        cls, sizes: Mapping[str, int], summary: Index, read: Callable[[str], bytes | None]
    ) -> Index:
        """The index that a listing gives.

        Args:
            sizes: bytes of each file of a run, by its name.
            summary: what was said of them before, so that not all have to be read; a file of another size,
                or of which nothing was said, is.
            read: gives the content of a file, ``None`` where it is gone by now.
        """
        said = {entry["file"]: entry for entry in summary.entries if entry.get("bytes") is not None}
        found, unreadable = [], []
        for name, size in sizes.items():
            if name in said and said[name]["bytes"] == size:
                found.append(said[name])
                continue
            content = read(name)
            if content is None:
                continue
            try:
                entry = entry_of(parse_submission(content, name))
            except ClbenchError:
                unreadable.append(name)
            else:
                found.append({**entry, "file": name})
        one_each = {entry["run_id"]: entry for entry in sorted(found, key=_age)}
        return cls(tuple(sorted(one_each.values(), key=_place)), dict(sizes), tuple(unreadable))

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
                fix=how_to_upgrade("clbench"),
            )
        return cls(entries)

    def to_json(self) -> bytes:
        """The one way to write it."""
        document = {"format": _FORMAT, "version": _VERSION, "runs": list(self.entries)}
        return (as_json(document) + "\n").encode()

    def others(self, submission: Submission) -> list[str]:
        """Names of the files there that hold the same run with other content."""
        due = entry_of(submission)
        stem = due["file"].removesuffix(f"-{submission.sha256[:8]}{SUFFIX}")
        same = re.compile(re.escape(stem) + "-[0-9a-f]{8}" + re.escape(SUFFIX))
        named = {entry["file"] for entry in self.entries if entry["run_id"] == due["run_id"]}
        named |= {name for name in self.sizes if same.fullmatch(name)}
        return sorted(named - {due["file"]})

    def new_among(self, submissions: Sequence[Submission], *, replace: bool = False) -> list[Submission]:
        """Those that are not there yet.

        Raises:
            SubmissionError: a run is there with other content, and ``replace`` is not said.
        """
        for submission in submissions:
            if (there := self.others(submission)) and not replace:
                run = f"run {one_line(submission.record.run_id)}"
                raise SubmissionError(
                    f"{run} is published there already, with other content",
                    why=f"{there[0]} holds it; what is to be published has SHA-256 {submission.sha256[:12]}…",
                    fix="--replace puts this one in its place",
                )
        given = {submission.sha256: submission for submission in submissions}
        return [
            submission
            for submission in given.values()
            if self.sizes.get(entry_of(submission)["file"]) != len(submission.content)
            or self.others(submission)
        ]

    def with_runs(self, submissions: Sequence[Submission]) -> Index:
        """The index with these runs, too, in the place of others of theirs."""
        new = {submission.record.run_id: entry_of(submission) for submission in submissions}
        gone = {name for submission in submissions for name in self.others(submission)}
        entries = {entry["run_id"]: entry for entry in self.entries} | new
        sizes = {name: size for name, size in self.sizes.items() if name not in gone}
        sizes |= {entry["file"]: entry["bytes"] for entry in new.values()}
        return Index(tuple(sorted(entries.values(), key=_place)), sizes, self.unreadable)


def runs_among(sizes: Mapping[str, int]) -> dict[str, int]:
    """Those of the files of a place that hold runs, by name and bytes."""
    return {
        name: size
        for name, size in sorted(sizes.items())
        if name.startswith(f"{RUNS_FOLDER}/") and name.endswith(SUFFIX) and name.count("/") == 1
    }


def _age(entry: Entry) -> tuple[str, str]:
    """Of two contents of one run the one that ended later is shown."""
    return (str(entry.get("finished") or ""), str(entry["sha256"]))


def _place(entry: Entry) -> tuple[str, ...]:
    return tuple(str(entry.get(key)) for key in ("stream", "order", "method", "seed", "run_id"))


def _foreign(place: str, why: str) -> PublishError:
    return PublishError(
        f"{INDEX_FILE} at {place} is not one that clbench wrote",
        why=why,
        fix="give another target, or a folder in it",
    )
