"""Which commit of a repository on the hub is read: pinned here, or once found and then kept."""

from __future__ import annotations

import hashlib
import logging
from pathlib import Path

from clbench.errors import DataError
from clbench.results.checked import DamagedError, Identity, read_checked, write_checked
from clbench.streams import cache_root

from clbench_mtil.hubcopies import HubCopy

__all__ = ["commit", "find_commit", "origin"]

log = logging.getLogger(__name__)

_DIGITS = 40


def commit(copy: HubCopy) -> str | None:
    """The full commit that ``copy`` is read at; ``None`` if the hub has yet to be asked for it.

    A revision in full is taken as it is. One of fewer digits, or none, is what :func:`find_commit` found.
    """
    if copy.revision is not None and len(copy.revision) == _DIGITS:
        return copy.revision
    found = _kept(copy.path)
    return found if found and found.startswith(copy.revision or "") else None


def origin(copy: HubCopy, copies: Path | None = None) -> str:
    """Repository and commit that ``copy`` is read from, for the record.

    ``copies`` is a folder with clones of the repositories that is read instead.
    """
    return f"{copy.path} (a clone)" if copies else f"{copy.path} at {commit(copy)}"


def find_commit(copy: HubCopy) -> str:
    """Ask the hub for the commit, and keep it for all runs to come.

    With a revision, the one commit that begins so; without, the newest of the main branch.

    Raises:
        DataError: the hub cannot be asked, or has no such commit or several.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    try:
        if copy.revision is None:
            found = [api.dataset_info(copy.path).sha or ""]
        else:
            commits = api.list_repo_commits(copy.path, repo_type="dataset")
            found = [each.commit_id for each in commits if each.commit_id.startswith(copy.revision)]
    except Exception as error:
        # whatever the connection, a missing repository or missing rights lead to
        raise DataError(
            f"the commits of {copy.path} cannot be had from the hub",
            why=f"{type(error).__name__}: {error}",
            fix="check the connection, or give the whole commit in a file named by CLBENCH_MTIL_HUB",
        ) from error
    if len(found) != 1 or len(found[0]) != _DIGITS:
        raise DataError(
            f"{copy.path} has {len(found) or 'no'} commits that begin with {copy.revision}",
            fix="give the whole commit in a file named by CLBENCH_MTIL_HUB",
        )
    _keep(copy.path, found[0])
    return found[0]


def _keep(path: str, found: str) -> None:
    write_checked(_file(path), found.encode(), _identity(path))


def _kept(path: str) -> str:
    """The commit that was found, if that is known."""
    file = _file(path)
    if not file.exists():
        return ""
    try:
        return read_checked(file, _identity(path)).decode()
    except DamagedError as error:
        log.warning("%s: %s; the hub is asked again", error.what, error.why)
        return ""


def _identity(path: str) -> Identity:
    return Identity("commit on the hub", {"repository": path})


def _file(path: str) -> Path:
    """A file for each repository: two processes that find two commits do not write to one."""
    return cache_root() / "hub-commits" / f"{hashlib.sha256(path.encode()).hexdigest()[:24]}.txt"
