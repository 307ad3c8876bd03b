"""Fetches data sets by torchvision, and CoOp's splits, to the data root. What is there, is there whole."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from urllib.request import urlopen

import click
import torchvision.datasets
from clbench.errors import DataError
from clbench.results.atomic import atomic_write
from clbench.streams.disk import check_room

from clbench_mtil.catalogue import DataSet
from clbench_mtil.protocols import find_split

__all__ = [
    "ARCHIVES",
    "STAGING",
    "clear",
    "fetch",
    "fetch_all",
    "fetch_split",
    "half_fetched",
    "settle",
    "split_folder",
]

STAGING = ".clbench-fetching"
"""The folder beside the data in which they are unpacked."""

_WHOLE = "whole"
ARCHIVES = (".zip", ".gz", ".tgz")
"""How names of archives end."""

# Of this one torchvision knows no digest, and takes an archive that is cut for a whole one.
_UNCHECKED = ("aircraft",)
_SECONDS = 60


def fetch_all(
    absent: Sequence[DataSet], splits: Sequence[DataSet], root: Path, *, dry_run: bool = False
) -> list[tuple[DataSet, DataError]]:
    """Say what is to be downloaded and the disk it takes, and download it; one that fails stops no other.

    Args:
        absent: data sets whose images are fetched.
        splits: data sets whose files of CoOp's splits are fetched.
        root: the data root.
        dry_run: say it, and do nothing.

    Returns:
        what could not be fetched, and why.

    Raises:
        DataError: there is no room for all of it.
    """
    if absent:
        size = sum(entry.download_gb for entry in absent)
        names = ", ".join(entry.key for entry in absent)
        click.echo(f"to download to {root}: {names}, about {size:.1f} GB, and as much again unpacked")
    if splits:
        names = ", ".join(entry.key for entry in splits)
        click.echo(f"to download to {root}: CoOp's splits of {names}, a few MB each at most")
    check_room(
        root, int(sum(entry.download_gb for entry in absent) * 2e9), "the archives and what is in them"
    )
    failed: list[tuple[DataSet, DataError]] = []
    for what, entries, bring in (("", absent, fetch), ("CoOp's split ", splits, fetch_split)):
        for entry in () if dry_run else entries:
            click.echo(f"{entry.key}: downloading {what}…")
            try:
                bring(entry, root)
            except DataError as error:
                click.secho(f"{entry.key}: {error.what}", fg="red")
                failed.append((entry, error))
    return failed


def fetch(entry: DataSet, root: Path) -> None:
    """Let torchvision fetch a data set; it checks what it gets.

    It is unpacked in a folder of its own and moved to its place when all is there: interrupted at any
    moment, it is not taken for whole, and goes on when it is called again.

    Raises:
        DataError: it cannot be fetched.
    """
    if not entry.download_gb:
        raise DataError(
            f"torchvision cannot fetch {entry.title}",
            why="its authors' address is gone",
            fix=f"CLBENCH_MTIL_SOURCE=hub clbench prepare mtil --fetch --only {entry.key}; or see "
            "`clbench doctor mtil`",
        )
    staging = root / STAGING / entry.key
    if not (staging / _WHOLE).exists():
        check_room(root, int(entry.download_gb * 2e9), "the archive and what is in it")
        clear(staging, keep=() if entry.key in _UNCHECKED else ARCHIVES)
        staging.mkdir(parents=True, exist_ok=True)
        try:
            getattr(torchvision.datasets, entry.torchvision)(staging, download=True)
        except Exception as error:
            # whatever a broken connection, a damaged archive or a full disk leads to
            raise DataError(
                f"{entry.title} could not be fetched to {staging}",
                why=f"{type(error).__name__}: {error}",
                fix="run the command again; what was fetched whole is kept",
            ) from error
        missing = entry.missing(staging)
        if missing:
            raise DataError(
                f"{entry.title} was fetched, but there is no {missing[0]}", fix="run the command again"
            )
        (staging / _WHOLE).touch()
    settle(staging, root)


def half_fetched(entry: DataSet, root: Path) -> bool:
    """Whether an earlier :func:`fetch` was interrupted."""
    return (root / STAGING / entry.key).is_dir()


def split_folder(entry: DataSet, root: Path) -> Path:
    """The folder for the file of CoOp's split: the first of its places that is there, else the first."""
    places = [root / name for name in entry.split_in]
    return next((place for place in places if place.is_dir()), places[0])


def fetch_split(entry: DataSet, root: Path) -> None:
    """Fetch the file of CoOp's split from where CoOp's DATASETS.md links it; written when it is whole.

    Raises:
        DataError: it cannot be fetched, or what came is no split of the published size.
    """
    assert entry.split is not None
    address = f"https://drive.google.com/uc?export=download&id={entry.split_drive}"
    fix = (
        f"fetch it with a browser from https://drive.google.com/file/d/{entry.split_drive}/view "
        f"and put it into {split_folder(entry, root)}"
    )
    try:
        with urlopen(address, timeout=_SECONDS) as answer:
            content: bytes = answer.read()
    except OSError as error:
        raise DataError(f"{entry.split} could not be fetched", why=f"{address}: {error}", fix=fix) from error
    try:
        parts = json.loads(content)
        sizes = {long: len(parts[short]) for long, short in _PARTS.items()}
    except (KeyError, TypeError, ValueError) as error:
        why = f"{address} gave {len(content):,} bytes that are no split: {type(error).__name__}: {error}"
        raise DataError(f"{entry.split} could not be fetched", why=why, fix=fix) from error
    if sizes != dict(entry.sizes["coop"]):
        why = ", ".join(f"{part}: {sizes[part]:,}, not {n:,}" for part, n in entry.sizes["coop"].items())
        raise DataError(f"{entry.split} is not the published one", why=f"{address}: {why}", fix=fix)
    atomic_write(split_folder(entry, root) / entry.split, content)
    assert find_split(entry, root) is not None


_PARTS = {"train": "train", "validation": "val", "test": "test"}


def settle(staging: Path, root: Path) -> None:
    """Move what was unpacked in ``staging`` to ``root``, and remove the rest; it may stop and go on later."""
    for archive in [path for path in staging.rglob("*") if path.name.endswith(ARCHIVES)]:
        archive.unlink()  # of no use to anybody once unpacked
    for child in sorted(staging.iterdir()):
        if child.name != _WHOLE:
            _move(child, root / child.name)
    shutil.rmtree(staging)
    if not any(staging.parent.iterdir()):
        staging.parent.rmdir()


def clear(folder: Path, keep: tuple[str, ...]) -> None:
    """Remove what an interrupted unpacking left, but files that end as one of ``keep``."""
    if not folder.is_dir():
        return
    for path in sorted(folder.rglob("*"), reverse=True):  # children before their folders
        if path.is_dir() and not path.is_symlink():
            if not any(path.iterdir()):
                path.rmdir()
        elif not path.name.endswith(keep or ("\0",)):
            path.unlink()


def _move(source: Path, target: Path) -> None:
    """Move a file or folder to where there may be a folder of that name with other things in it."""
    if source.is_dir() and target.is_dir():
        for child in sorted(source.iterdir()):
            _move(child, target / child.name)
    else:
        source.replace(target)
