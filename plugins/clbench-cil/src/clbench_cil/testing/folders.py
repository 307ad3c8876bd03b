"""The folders of the three data sets, and of Conceptual Captions."""

from __future__ import annotations

from hashlib import md5
from pathlib import Path

import numpy as np
from clbench_mtil.testing.pieces import write_lines

from clbench_cil.catalogue import DOMAINS, domain_classes, imagenet_wnids, tiny_wnids
from clbench_cil.layouts import FOLDERS

__all__ = ["colour", "write_domainnet", "write_imagenet", "write_tinyimagenet"]


def colour(name: str) -> tuple[int, int, int]:
    """The colour of the images of a class, by its WordNet number, or of a class in a domain."""
    return tuple(md5(name.encode()).digest()[:3])  # type: ignore[return-value]


def write_tinyimagenet(root: Path, train: int = 1, test: int = 1) -> None:
    """TinyImageNet with so many images of each of its 200 classes."""
    folder, wnids = root / FOLDERS["tinyimagenet"][0], tiny_wnids()
    write_lines(folder / "wnids.txt", wnids)
    write_lines(folder / "words.txt", [f"{wnid}\tsome, words" for wnid in wnids])
    for wnid in wnids:
        boxes = []
        for number in range(train):
            file = f"{wnid}_{number}.JPEG"
            _write(folder / "train" / wnid / "images" / file, wnid, number)
            boxes.append(f"{file}\t0\t0\t31\t31")
        write_lines(folder / "train" / wnid / f"{wnid}_boxes.txt", boxes)
    # its validation images are numbered across classes, in no order of them
    annotations = []
    for number, wnid in enumerate(sorted(wnids) * test):
        _write(folder / "val" / "images" / f"val_{number}.JPEG", wnid, number)
        annotations.append(f"val_{number}.JPEG\t{wnid}\t0\t0\t31\t31")
    write_lines(folder / "val" / "val_annotations.txt", annotations)


def write_imagenet(root: Path, classes: int = 100, train: int = 1, test: int = 1) -> None:
    """The first ``classes`` classes of ImageNet, by WordNet number."""
    folder = root / FOLDERS["imagenet"][0]
    count = 0
    for wnid in imagenet_wnids()[:classes]:
        for number in range(train):
            # numbers are of other lengths, so that their order is not that of the names
            _write(folder / "train" / wnid / f"{wnid}_{10 ** (number % 3) * (number + 9)}.JPEG", wnid, number)
        for _ in range(test):
            count += 1
            _write(folder / "val" / wnid / f"ILSVRC2012_val_{count:08}.JPEG", wnid, count)


def write_domainnet(root: Path, classes: int = 345, train: int = 1, test: int = 1) -> None:
    """DomainNet with so many images of each of its first ``classes`` classes.

    As in the real one, painting has no t-shirt to train.
    """
    folder = root / FOLDERS["domainnet"][0]
    for number, domain in enumerate(DOMAINS, start=1):
        lists: dict[str, list[str]] = {"train": [], "test": []}
        count = 0
        for label, name in enumerate(domain_classes()[:classes]):
            for part, images in (("train", train), ("test", test)):
                for _ in range(images):
                    if (domain, name, part) == ("painting", "t-shirt", "train"):
                        continue
                    count += 1
                    path = f"{domain}/{name}/{domain}_{number:03}_{count:06}.jpg"
                    _write(folder / path, f"{domain} {name}", count)
                    lists[part].append(f"{path} {label}")
        for part, lines in lists.items():
            # the real lists are in no order of the names
            write_lines(folder / f"{domain}_{part}.txt", lines[::-1])


def _write(path: Path, name: str, number: int) -> None:
    """One image; those of a class differ in a bar whose length is ``number``."""
    from PIL import Image

    pixels = np.empty((16, 16, 3), dtype=np.uint8)
    pixels[:] = colour(name)
    pixels[:2, : number % 16] = 255
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, format="JPEG", quality=95)
