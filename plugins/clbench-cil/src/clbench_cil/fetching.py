"""Fetches TinyImageNet and DomainNet, where asked to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from clbench.errors import DataError
from clbench.streams.disk import check_room
from clbench_mtil.hubpreparation import fetch_copies, hub_cache
from clbench_mtil.hubtables import fetched

from clbench_cil.catalogue import TITLES, document
from clbench_cil.diagnosis import CURES
from clbench_cil.hub import hub_copy, source_name
from clbench_cil.layouts import FOLDERS, Key, missing

__all__ = ["GIGABYTES", "absent", "fetch", "fetch_missing"]

GIGABYTES: dict[Key, float] = {"tinyimagenet": 0.25, "domainnet": 18.5}
"""Of what is fetched, about; ImageNet is given after registration alone."""

_TINY = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
_TINY_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
_DOMAINNET = "http://csr.bu.edu/ftp/visda/2019/multi-source"


def absent(keys: Sequence[Key], root: Path) -> list[Key]:
    """Those of the data sets that are not there, where they are to be read from."""
    if source_name() == "folder":
        return [key for key in keys if missing(key, root)]
    return [key for key in keys if not fetched(hub_copy(key))]


def fetch_missing(keys: Sequence[Key], root: Path, *, dry_run: bool) -> Iterator[str]:
    """Fetch those that are :func:`absent` and can be fetched; give a line to print before each is.

    Raises:
        DataError: there is no room, or one cannot be fetched.
    """
    lacking = absent(keys, root)
    if source_name() == "folder":
        lacking = [key for key in lacking if key in GIGABYTES]
        size, place = sum(GIGABYTES[key] for key in lacking), root
    else:
        size, place = sum(hub_copy(key).gigabytes for key in lacking), hub_cache()
    if lacking:
        yield f"to download to {place}: {', '.join(lacking)}, about {size:.1f} GB, and as much again unpacked"
    for key in [] if dry_run else lacking:
        yield f"{key}: downloading …"
        if source_name() == "folder":
            fetch(key, root)
        else:
            list(fetch_copies([hub_copy(key)]))


def fetch(key: Key, root: Path) -> None:
    """Fetch a data set to the folder where it is looked for; archives that are there are not fetched again.

    Raises:
        DataError: it cannot be fetched, or there is no room for it.
    """
    if key not in GIGABYTES:
        raise DataError(f"{TITLES[key]} cannot be fetched by a command", fix=CURES[key])
    check_room(root, int(GIGABYTES[key] * 2e9), f"the archives of {TITLES[key]} and what is in them")
    try:
        if key == "tinyimagenet":
            _tinyimagenet(root)
        else:
            _domainnet(root / FOLDERS[key][0])
    except Exception as error:
        # whatever a broken connection or a damaged archive leads to
        raise DataError(
            f"{TITLES[key]} could not be fetched to {root}",
            why=f"{type(error).__name__}: {error}",
            fix="run the command again",
        ) from error
    lacking = missing(key, root)
    if lacking:
        raise DataError(
            f"{TITLES[key]} was fetched, but there is no {lacking[0]}", fix="run the command again"
        )


def _tinyimagenet(root: Path) -> None:
    _unpack(_TINY, root, _TINY_MD5)


def _domainnet(folder: Path) -> None:
    from torchvision.datasets.utils import download_url

    for domain, archive in document("domainnet.toml")["archives"].items():
        for part in ("train", "test"):
            name = f"{domain}_{part}.txt"
            if not (folder / name).exists():
                download_url(f"{_DOMAINNET}/domainnet/txt/{name}", str(folder))
        if not (folder / domain).is_dir():
            _unpack(f"{_DOMAINNET}/{archive}", folder)


def _unpack(address: str, folder: Path, md5: str | None = None) -> None:
    """Fetch an archive and unpack it to ``folder``, where its content appears when all of it is there."""
    from clbench_mtil.fetching import ARCHIVES, STAGING, clear, settle
    from torchvision.datasets.utils import download_and_extract_archive

    staging = folder / STAGING / PurePosixPath(address).stem
    # without a digest, an archive that is cut would be taken for a whole one
    clear(staging, keep=ARCHIVES if md5 else ())
    staging.mkdir(parents=True, exist_ok=True)
    download_and_extract_archive(address, str(staging), **({"md5": md5} if md5 else {}))
    settle(staging, folder)
