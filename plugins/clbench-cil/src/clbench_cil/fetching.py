"""Fetches TinyImageNet and DomainNet, where asked to."""

from __future__ import annotations

from pathlib import Path

from clbench.errors import DataError
from clbench.streams.disk import check_room

from clbench_cil.catalogue import TITLES, document
from clbench_cil.diagnosis import CURES
from clbench_cil.layouts import FOLDERS, Key, missing

__all__ = ["GIGABYTES", "fetch"]

GIGABYTES: dict[Key, float] = {"tinyimagenet": 0.25, "domainnet": 18.5}
"""Of what is fetched, about; ImageNet is given after registration alone."""

_TINY = "http://cs231n.stanford.edu/tiny-imagenet-200.zip"
_TINY_MD5 = "90528d7ca1a48142e341f4ef8d21d0de"
_DOMAINNET = "http://csr.bu.edu/ftp/visda/2019/multi-source"


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
            fix="run the command again; remove an archive that is damaged",
        ) from error
    lacking = missing(key, root)
    if lacking:
        raise DataError(
            f"{TITLES[key]} was fetched, but there is no {lacking[0]}", fix="run the command again"
        )


def _tinyimagenet(root: Path) -> None:
    from torchvision.datasets.utils import download_and_extract_archive

    download_and_extract_archive(_TINY, str(root), md5=_TINY_MD5)


def _domainnet(folder: Path) -> None:
    from torchvision.datasets.utils import download_and_extract_archive, download_url

    for domain, archive in document("domainnet.toml")["archives"].items():
        for part in ("train", "test"):
            name = f"{domain}_{part}.txt"
            if not (folder / name).exists():
                download_url(f"{_DOMAINNET}/domainnet/txt/{name}", str(folder))
        if not (folder / domain).is_dir():
            download_and_extract_archive(f"{_DOMAINNET}/{archive}", str(folder))
