"""Check what is published somewhere: each run that is listed there, and what the summary says of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from clbench.errors import ClbenchError, PublishError
from clbench.plugins import Registry
from clbench.submissions.archive import Submission, parse_submission
from clbench.submissions.checks import Check, concluded, failed, unchecked
from clbench.submissions.index import INDEX_FILE, RUNS_FOLDER, Entry, Index, entry_of, runs_among
from clbench.submissions.places import Place, open_place
from clbench.submissions.verification import Verification, verify

__all__ = ["is_published", "verify_published"]


def is_published(path: str) -> bool:
    """Whether ``path`` is a place where runs are published: a URL, or a folder with an index."""
    return "://" in path or (Path(path) / INDEX_FILE).is_file()


def verify_published(target: str, registry: Registry, *, data: bool, weights: bool) -> Iterator[Verification]:
    """Verify every run that is listed at ``target``; one that the summary names and is not there fails.

    Args:
        target: a folder or an fsspec URL, ``hf://datasets/ORG/NAME`` too.
        registry, data, weights: see :func:`clbench.submissions.verify`.

    Raises:
        PublishError: the place cannot be reached, or has no runs.
    """
    place = open_place(target, "read")
    content = place.read(INDEX_FILE)
    names = runs_among(place.sizes(RUNS_FOLDER))
    if content is None and not names:
        fix = "give a place that `clbench push` wrote to"
        raise PublishError(f"nothing is published at {place.shown}", why=f"it has no {INDEX_FILE}", fix=fix)
    said = {entry["file"]: entry for entry in Index.from_json(content, place.shown).entries}
    runs: dict[str, str] = {}
    for name in [*names, *(name for name in said if name not in names)]:
        source = f"{place.shown.rstrip('/')}/{name}"
        if name not in names:
            yield _unreadable(source, f"{source} is missing", f"{INDEX_FILE} names it")
            continue
        try:
            submission = _fetch(place, name, source)
        except ClbenchError as error:
            yield _unreadable(source, error.what, error.why, error.fix)
            continue
        found = verify(submission, registry, data=data, weights=weights)
        checks = [*found.checks, _check_entry(said.get(name), name, submission, found)]
        if found.record is not None:
            first = runs.setdefault(found.record.run_id, name)
            if first != name:
                checks.append(failed("listing", f"the run is there twice, with different contents: {first}"))
        yield replace(found, source=source, checks=tuple(checks))


def _unreadable(source: str, what: str, *details: str) -> Verification:
    return Verification(source, None, None, (failed("archive", what, [part for part in details if part]),))


def _fetch(place: Place, name: str, source: str) -> Submission:
    content = place.read(name)
    if content is None:
        raise PublishError(f"{source} is gone", why="it was there when the place was listed")
    return parse_submission(content, source)


def _check_entry(said: Entry | None, name: str, submission: Submission, found: Verification) -> Check:
    if said is None:
        return unchecked("index", f"{INDEX_FILE} does not name it yet; the next `clbench push` there does")
    due: dict[str, Any] = {**entry_of(submission), "file": name} if found.record is not None else {}
    problems = [
        f"{key} is {said.get(key)!r} in {INDEX_FILE} and {due.get(key)!r} in the file"
        for key in dict.fromkeys([*due, *said])
        if said.get(key) != due.get(key)
    ]
    good = f"what {INDEX_FILE} says of the run is what the file holds"
    bad = f"{INDEX_FILE} says something else than the file: delete it, and the next push makes it anew"
    return concluded("index", good, bad, problems)
