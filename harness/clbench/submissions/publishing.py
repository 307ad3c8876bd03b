"""Publish submissions to a folder, an object store, or the Hugging Face hub.

A place holds ``runs/NAME-DIGEST.clbench.zip``, each written once, at once, and never changed. Its index is
what a listing of them gives: however many publish at the same time, and whatever moment one is cut short in,
each run is there whole or not at all, and none is lost. ``index.json`` summarises them for readers.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from clbench.errors import PublishError, SubmissionError
from clbench.printing import one_line
from clbench.privacy import without_secrets
from clbench.submissions.archive import Submission
from clbench.submissions.hub import HubTarget, publish_to_hub
from clbench.submissions.index import INDEX_FILE, RUNS_FOLDER, Index, entry_of, runs_among
from clbench.submissions.places import Place, open_place

__all__ = ["Published", "index_of", "publish"]

_TRIES = 5


@dataclass(frozen=True)
class Published:
    """What a publication came to.

    Attributes:
        target: where.
        added: names of the files that are new there.
        present: how many of the submissions were there already.
        runs: how many runs the place has now.
        unreadable: names of files there that are no submissions.
    """

    target: str
    added: tuple[str, ...]
    present: int
    runs: int
    unreadable: tuple[str, ...] = ()


def publish(
    submissions: Sequence[Submission],
    target: str,
    *,
    replace: bool = False,
    license: str | None = None,
    private: bool | None = None,
) -> Published:
    """Publish verified submissions.

    Args:
        submissions: what to publish.
        target: a folder, an fsspec URL (``s3://BUCKET/PREFIX``), or ``hf://datasets/ORG/NAME``.
        replace: let one take the place of the same run with other content.
        license: of the results, for a new data set on the hub: its identifier there, such as ``cc-by-4.0``.
        private: whether a new data set on the hub is; ``None``: as the account's settings say.

    Raises:
        PublishError: no access, no such place, no network; the same call again brings what is missing.
        SubmissionError: a run is there with other content.
    """
    hub = HubTarget.parse(target)
    if hub is not None:
        found = publish_to_hub(hub, submissions, replace=replace, license=license, private=private)
        added, index = found
    else:
        added, index = _publish_files(open_place(target), submissions, replace)
    names = tuple(entry_of(submission)["file"] for submission in added)
    return Published(
        target=without_secrets(target),
        added=names,
        present=len(submissions) - len(added),
        runs=len(index.entries),
        unreadable=index.unreadable,
    )


def index_of(place: Place) -> tuple[Index, Index]:
    """What a listing of ``place`` gives, and what its summary says.

    Raises:
        PublishError: it cannot be read, or has a file ``index.json`` that is not clbench's.
    """
    summary = Index.from_json(place.read(INDEX_FILE), place.shown)
    return Index.of_listing(runs_among(place.sizes(RUNS_FOLDER)), summary, place.read), summary


def _publish_files(
    place: Place, submissions: Sequence[Submission], replace: bool
) -> tuple[list[Submission], Index]:
    index, _ = index_of(place)
    added = index.new_among(submissions, replace=replace)
    place.sweep(RUNS_FOLDER)
    for submission in added:
        name = entry_of(submission)["file"]
        place.write(name, submission.content)
        _require(place, name, submission.sha256)
        for other in index.others(submission):
            place.remove(other)
    index = _summarise(place)
    for submission in added:
        if there := index.others(submission):
            raise SubmissionError(
                f"run {one_line(submission.record.run_id)} is published twice, with different contents",
                why=f"somebody else published {there[0]} at the same time",
                fix="--replace leaves this one alone there",
            )
    return added, index


def _summarise(place: Place) -> Index:
    """Write the summary as the listing is now.

    Two who publish at once may each write it without the other's runs; but each lists again after writing, so
    that the one who writes last has them all.
    """
    for _ in range(_TRIES):
        index, summary = index_of(place)
        if index.entries == summary.entries:
            return index
        place.write(INDEX_FILE, index.to_json())
    return index  # others publish without a pause; each of them summarises


def _require(place: Place, name: str, sha256: str) -> None:
    """What was written is read back; what is another is taken away again."""
    content = place.read(name)
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        place.remove(name)
        raise PublishError(
            f"{name} at {place.shown} is not what was written",
            why="its content read back has another SHA-256; it was taken away again",
            fix="run again; if it stays so, the target is damaged",
        )
