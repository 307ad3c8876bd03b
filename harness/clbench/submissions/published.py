"""Check what is published somewhere: each file that its index names, and what the index says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from clbench.errors import PublishError, SubmissionError
from clbench.plugins import Registry
from clbench.submissions.archive import Submission, parse_submission
from clbench.submissions.checks import Check, concluded, failed
from clbench.submissions.index import INDEX_FILE, Entry, Index, entry_of
from clbench.submissions.places import Place, open_place
from clbench.submissions.verification import Verification, verify

__all__ = ["is_published", "verify_published"]


def is_published(path: str) -> bool:
    """Whether ``path`` is a place where runs are published: a URL, or a folder with an index."""
    return "://" in path or (Path(path) / INDEX_FILE).is_file()


def verify_published(target: str, registry: Registry, *, data: bool, weights: bool) -> Iterator[Verification]:
    """Verify every file that the index of ``target`` names; one that is missing or changed fails.

    Args:
        target: a folder or an fsspec URL, ``hf://datasets/ORG/NAME`` too.
        registry, data, weights: see :func:`clbench.submissions.verify`.

    Raises:
        PublishError: the place cannot be reached, or has no index.
    """
    place = open_place(target, "read")
    content = place.read(INDEX_FILE)
    if content is None:
        fix = "give a place that `clbench push` wrote to"
        raise PublishError(f"nothing is published at {target}", why=f"it has no {INDEX_FILE}", fix=fix)
    for entry in Index.from_json(content, target).entries:
        source = f"{target.rstrip('/')}/{entry['file']}"
        try:
            submission = _fetch(place, entry, source)
        except SubmissionError as error:
            details = [part for part in (error.why, error.fix) if part]
            yield Verification(source, None, None, (failed("archive", error.what, details),))
            continue
        found = verify(submission, registry, data=data, weights=weights)
        yield replace(found, source=source, checks=(*found.checks, _check_entry(entry, submission, found)))


def _fetch(place: Place, entry: Entry, source: str) -> Submission:
    content = place.read(entry["file"])
    if content is None:
        raise SubmissionError(f"{source} is missing", why="the index names it")
    return parse_submission(content, source)


def _check_entry(entry: Entry, submission: Submission, found: Verification) -> Check:
    due: dict[str, Any] = entry_of(submission) if found.record is not None else {}
    return concluded(
        "index",
        "what the index says of the run is what the file holds",
        "the index says something else than the file",
        (
            f"{name} is {entry.get(name)!r} in the index and {due.get(name)!r} in the file"
            for name in dict.fromkeys([*due, *entry])
            if entry.get(name) != due.get(name)
        ),
    )
