"""Fetches copies from the Hugging Face hub, and asks it whether they are still what they were."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from clbench.errors import DataError
from clbench.streams.disk import check_room

from clbench_mtil.hubcopies import HubCopy, hub_copy
from clbench_mtil.hubtables import fetched, fetching, load
from clbench_mtil.revisions import commit

__all__ = ["ask", "fetch_copies", "hub_cache", "unfetched"]


def unfetched(keys: Sequence[str]) -> list[HubCopy]:
    """Those of the copies that are not on disk."""
    return [copy for copy in map(hub_copy, keys) if not fetched(copy)]


def hub_cache() -> Path:
    """Where the hub's library keeps tables: ``HF_DATASETS_CACHE``, else below ``HF_HOME``."""
    import datasets

    return Path(datasets.config.HF_DATASETS_CACHE)


def fetch_copies(copies: Sequence[HubCopy]) -> Iterator[HubCopy]:
    """Fetch copies at their commits, each after it is yielded; what is there already is not fetched again.

    Raises:
        DataError: there is no room, or one cannot be fetched.
    """
    # the files as they come, and the tables that the library makes of them
    size = int(sum(copy.gigabytes for copy in copies) * 2e9)
    try:
        check_room(hub_cache(), size, "what is fetched and the tables made of it")
    except DataError as error:
        fix = "free disk space, or set HF_HOME to a folder with room; then run the command again"
        raise DataError(error.what, why=error.why, fix=fix) from error
    for copy in copies:
        yield copy
        with fetching():
            load(copy, [name for names in (*copy.splits.values(), copy.more) for name in names])


def ask(copy: HubCopy) -> str:
    """Ask the hub for the commit that is pinned, and return it.

    Raises:
        DataError: the hub cannot be asked, or does not have it.
    """
    from huggingface_hub import HfApi

    from clbench_mtil.revisions import find_commit

    pinned = commit(copy) or find_commit(copy)
    try:
        found = HfApi().dataset_info(copy.path, revision=pinned).sha
    except Exception as error:
        # whatever the connection, a missing repository or missing rights lead to
        raise DataError(
            f"the hub was asked for {copy.path} at {pinned[:12]}",
            why=f"{type(error).__name__}: {' '.join(str(error).split())}",
            fix="check the connection; or name another copy in a file given by CLBENCH_MTIL_HUB",
        ) from error
    if found != pinned:
        raise DataError(f"the hub has {copy.path} at {found}, not at {pinned}")
    return pinned
