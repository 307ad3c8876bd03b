"""Publish submissions: all of them at once to a folder, an object store, or the Hugging Face hub.

A place holds ``runs/NAME-DIGEST.clbench.zip``, files that are never changed, and ``index.json``, which is
written last: whatever moment a publication is cut short in, readers of the index see all of it or nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from clbench.errors import PublishError
from clbench.submissions.archive import Submission
from clbench.submissions.hub import HubTarget, publish_to_hub
from clbench.submissions.index import INDEX_FILE, Index, entry_of
from clbench.submissions.places import Place, open_place

__all__ = ["Published", "publish"]

_TRIES = 5


@dataclass(frozen=True)
class Published:
    """What a publication came to.

    Attributes:
        target: where.
        added: names of the files that are new there.
        present: how many of the submissions were there already.
        runs: how many runs the place has now.
    """

    target: str
    added: tuple[str, ...]
    present: int
    runs: int


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
        PublishError: no access, no such place, no network; nothing of it is visible then.
        SubmissionError: a run is there with other content.
    """
    hub = HubTarget.parse(target)
    if hub is not None:
        found = publish_to_hub(hub, submissions, replace=replace, license=license, private=private)
        added, index = found
    else:
        added, index = _publish_files(open_place(target), submissions, replace)
    names = tuple(entry_of(submission)["file"] for submission in added)
    return Published(target, names, len(submissions) - len(added), len(index.entries))


def _publish_files(
    place: Place, submissions: Sequence[Submission], replace: bool
) -> tuple[list[Submission], Index]:
    index = Index.from_json(place.read(INDEX_FILE), place.target)
    added = index.new_among(submissions, replace=replace)
    if not added:
        return added, index
    for submission in added:
        name = entry_of(submission)["file"]
        place.write(name, submission.content)
        _require(place, name, submission.sha256)
    # Two who publish at once read the same index; whose runs are missing afterwards puts them in again.
    for _ in range(_TRIES):
        index = Index.from_json(place.read(INDEX_FILE), place.target)
        missing = index.new_among(added, replace=replace)
        if not missing:
            return added, index
        index = index.with_runs(missing)
        place.write(INDEX_FILE, index.to_json())
    if Index.from_json(place.read(INDEX_FILE), place.target).new_among(added, replace=replace):
        raise PublishError(
            f"{place.target} is being written by others all the time",
            why="they replaced the index each time it was written",
            fix="run again later",
        )
    return added, index


def _require(place: Place, name: str, sha256: str) -> None:
    """What was written is read back before the index names it."""
    content = place.read(name)
    if content is None or hashlib.sha256(content).hexdigest() != sha256:
        raise PublishError(
            f"{name} at {place.target} is not what was written",
            why="its content read back has another SHA-256; the index does not name it",
            fix="run again; if it stays so, the target is damaged",
        )
