"""Tables of the Hugging Face hub through ``datasets``, which fetches them once and keeps them on disk."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import ClbenchError, DataError

from clbench_mtil.hubcopies import HubCopy, hub_copy
from clbench_mtil.revisions import commit, find_commit

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["fetched", "fetching", "load", "not_fetched", "pixels"]

_FETCHING: ContextVar[bool] = ContextVar("clbench_mtil_fetching", default=False)


@contextmanager
def fetching() -> Iterator[None]:
    """Let :func:`load` fetch what is not on disk; without, nothing is asked of the hub."""
    token = _FETCHING.set(True)
    try:
        yield
    finally:
        _FETCHING.reset(token)


def fetched(copy: HubCopy) -> bool:
    """Whether all of ``copy`` is on disk, at the commit that is asked for."""
    found = commit(copy)
    splits = [*(name for names in copy.splits.values() for name in names), *copy.more]
    return found is not None and all(_kept(copy, found, split) for split in splits)


def load(copy: HubCopy, splits: Iterable[str], copies: Path | None = None) -> Dataset:
    """Load the rows of ``splits``, one after the other, images undecoded in the column ``image``.

    What is on disk is read from there, at the very commit, with the hub out of reach, too.

    Args:
        copy: of which data set.
        splits: names of the copy's own splits.
        copies: a folder with clones of the repositories, to be read instead.

    Raises:
        DataError: they are not on disk (and this is not :func:`fetching`), cannot be fetched, or have no such
            column.
    """
    import datasets

    names = list(splits)
    found = None if copies else commit(copy) or (find_commit(copy) if _FETCHING.get() else "")
    try:
        if copies:
            table = datasets.load_dataset(str(copies / copy.path), copy.config, split="+".join(names))
        else:
            table = datasets.concatenate_datasets([_table(copy, found or "", name) for name in names])
        if not copy.image:
            return table
        table = table.cast_column(copy.image, datasets.Image(decode=False))
        return table if copy.image == "image" else table.rename_column(copy.image, "image")
    except ClbenchError:
        raise
    except Exception as error:
        # whatever the library, the connection or an unexpected column leads to
        raise DataError(
            f"{copy.shown} cannot be read from the hub",
            why=f"{copies / copy.path if copies else copy.path}{f' at {found[:12]}' if found else ''}, "
            f"{', '.join(names)}: {type(error).__name__}: {error}",
            fix=f"check the connection; `clbench doctor mtil-hub --ask --only {copy.key}` asks whether the "
            "hub has this commit, and CLBENCH_MTIL_HUB names another; or unset CLBENCH_MTIL_SOURCE and put "
            "the data into a folder",
        ) from error


def not_fetched(keys: Sequence[str]) -> DataError:
    """The error of data sets that are not on disk, while nothing is to be fetched."""
    copies = [hub_copy(key) for key in keys]
    have = "has" if len(copies) == 1 else "have"
    return DataError(
        f"{', '.join(copy.shown for copy in copies)} {have} not been fetched from the hub",
        why=f"{', '.join(copy.pinned for copy in copies)}: not on disk, and nothing is downloaded unless "
        "asked for",
        fix=f"CLBENCH_MTIL_SOURCE=hub clbench prepare mtil --fetch --only {','.join(keys)}",
    )


def _table(copy: HubCopy, revision: str, split: str) -> Dataset:
    """One split at one commit, from the disk if it is there."""
    import datasets

    files = _kept(copy, revision, split) if revision else []
    if files:
        return datasets.concatenate_datasets([datasets.Dataset.from_file(str(file)) for file in files])
    if not _FETCHING.get():
        raise not_fetched([copy.key])
    # with files of its own, only those are fetched, where a configuration brings all its splits
    asked = {"data_files": dict(copy.files)} if copy.files else {"name": copy.config}
    return datasets.load_dataset(copy.path, split=split, revision=revision, **asked)


def _kept(copy: HubCopy, revision: str, split: str) -> list[Path]:
    """The files in which the library keeps a split; it gives a folder its name when all in it is whole."""
    import datasets

    root = Path(datasets.config.HF_DATASETS_CACHE)
    config = f"{copy.config}-*" if copy.files else copy.config
    for folder in sorted(root.glob(f"*/{config}/*/{revision}")):
        found = sorted(folder.glob(f"*-{split}.arrow")) or sorted(folder.glob(f"*-{split}-*-of-*.arrow"))
        if found:
            return found
    return []


def pixels(table: Dataset) -> Dataset:
    """Turn images into what a folder has of arrays: PGM and PPM, byte for byte.

    The library keeps the result, so that this is done once.
    """
    import datasets

    features = datasets.Features({"image": datasets.Image(decode=False)})
    return table.select_columns(["image"]).map(_portable, features=features, desc="reading pixels")


def _portable(row: dict[str, Any]) -> dict[str, Any]:
    from io import BytesIO

    import numpy as np
    import PIL.Image

    from clbench_mtil.folder import portable

    with PIL.Image.open(BytesIO(row["image"]["bytes"])) as image:
        return {"image": {"bytes": portable(np.asarray(image)), "path": None}}
