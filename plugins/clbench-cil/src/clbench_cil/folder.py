"""The data sets from a folder: TinyImageNet's own layout, ImageNet a folder per class, DomainNet's lists.

Nothing is decoded. A label is an index into the classes' WordNet numbers, or into DomainNet's classes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from clbench.errors import DataError
from clbench.streams.files.texts import read_lines
from clbench_mtil.samples import Collection, Samples

from clbench_cil.catalogue import domain_classes, tiny_wnids
from clbench_cil.layouts import PARTS, Key, Part, find_folder, lists_in, place, rank

__all__ = ["read_domain", "read_imagenet", "read_tinyimagenet"]

_IMAGES = (".jpeg", ".jpg", ".png")


def read_tinyimagenet(root: Path) -> Collection:
    """TinyImageNet as its archive has it; its validation images are those to test.

    Raises:
        DataError: something is missing or damaged; names it.
    """
    folder = find_folder("tinyimagenet", root)
    wnids, given = tiny_wnids(), set(_lines(folder / "wnids.txt"))
    if given != set(wnids):
        raise DataError(
            f"{folder / 'wnids.txt'} does not list TinyImageNet's 200 classes",
            why=f"it lists {len(given)}, {len(given - set(wnids))} of which are none of them",
            fix="fetch the archive again: clbench prepare cil --fetch --only tinyimagenet",
        )
    label = {wnid: number for number, wnid in enumerate(wnids)}
    train: list[tuple[str, int]] = []
    for wnid in wnids:
        train += _of_class(folder / "train" / wnid / "images", label[wnid])
    test = []
    annotations = folder / "val" / "val_annotations.txt"
    for number, line in enumerate(_lines(annotations), start=1):
        fields = line.split("\t")
        if len(fields) < 2 or fields[1] not in label:
            raise DataError(
                f"line {number} of {annotations} does not name an image and its class",
                why=repr(line[:60]),
                fix="fetch the archive again: clbench prepare cil --fetch --only tinyimagenet",
            )
        test.append((str(folder / place("tinyimagenet", "test", fields[1], fields[0])), label[fields[1]]))
    return Collection(
        wnids,
        {
            "train": _sorted("tinyimagenet", "train", train),
            "test": _sorted("tinyimagenet", "test", test),
        },
    )


def read_imagenet(root: Path, wnids: Sequence[str]) -> Collection:
    """The classes ``wnids`` of ImageNet from ``train/WNID`` and ``val/WNID``, in ``ImageFolder``'s order.

    Args:
        root: the data root.
        wnids: which classes; a label is an index into them.

    Raises:
        DataError: the folder of a class is missing or has no images; names it.
    """
    folder = find_folder("imagenet", root)
    parts: dict[str, Samples] = {}
    for part in PARTS:
        images = folder / ("train" if part == "train" else "val")
        if not any((images / wnid).is_dir() for wnid in wnids):
            raise DataError(
                f"{images} has no folder for a class, as {wnids[0]}",
                why=_flat(images),
                fix=f"torchvision.datasets.ImageNet({str(folder)!r}, {images.name!r}) unpacks "
                "image-net.org's archives so",
            )
        found: list[tuple[str, int]] = []
        for label, wnid in enumerate(wnids):
            found += _of_class(images / wnid, label)
        parts[part] = _sorted("imagenet", part, found)
    return Collection(tuple(wnids), parts)


def read_domain(domain: str, root: Path) -> Collection:
    """A domain of DomainNet by its lists, each line a path and a label.

    Raises:
        DataError: a list is damaged, or says another class than the image's folder; names the line.
    """
    folder = find_folder("domainnet", root)
    classes = domain_classes()
    parts: dict[str, Samples] = {}
    for part in PARTS:
        file = lists_in(folder) / f"{domain}_{part}.txt"
        found = []
        for number, line in enumerate(_lines(file), start=1):
            path, _, label = line.rpartition(" ")
            pieces = path.split("/")
            if not label.isdigit() or int(label) >= len(classes) or len(pieces) != 3 or pieces[0] != domain:
                raise _bad_line(file, number, line, "it is no path below the domain with a label of 0 to 344")
            if pieces[1] != classes[int(label)]:
                raise _bad_line(
                    file, number, line, f"label {label} is {classes[int(label)]!r}, not {pieces[1]!r}"
                )
            found.append((str(folder / path), int(label)))
        if not found:
            raise DataError(f"{file} is empty", fix="fetch it again; see `clbench doctor cil`")
        parts[part] = _sorted("domainnet", part, found)
    return Collection(classes, parts)


def _of_class(folder: Path, label: int) -> list[tuple[str, int]]:
    try:
        found = [(str(p), label) for p in folder.iterdir() if p.suffix.lower() in _IMAGES]
    except OSError as error:
        raise DataError(
            f"{folder} cannot be read", why=error.strerror or str(error), fix="see `clbench doctor cil`"
        ) from error
    if not found:
        raise DataError(f"{folder} has no images", fix="unpack the archive of the data set again")
    return found


def _sorted(key: Key, part: Part, found: list[tuple[str, int]]) -> Samples:
    found.sort(key=lambda pair: rank(key, part, pair[1], pair[0]))
    return Samples([path for path, _ in found], [label for _, label in found])


def _lines(file: Path) -> list[str]:
    try:
        return list(read_lines(file))
    except DataError as error:
        raise DataError(error.what, why=error.why, fix="fetch it again") from error


def _flat(folder: Path) -> str:
    images = sum(1 for path in folder.iterdir() if path.suffix.lower() in _IMAGES)
    return f"it has {images:,} images side by side" if images else "it has none of ImageNet's WordNet numbers"


def _bad_line(file: Path, number: int, line: str, why: str) -> DataError:
    return DataError(
        f"line {number} of {file} is not DomainNet's", why=f"{line[:80]!r}: {why}", fix="fetch the list again"
    )
