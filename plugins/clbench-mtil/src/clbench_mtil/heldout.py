"""Data sets that are tested besides the tasks and never learned: CIFAR10, ImageNet's validation images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from clbench.errors import DataError
from clbench.streams import HeldOut, data_root

from clbench_mtil.catalogue import counts_checked, data_set
from clbench_mtil.hubcopies import hub_copy, source_name
from clbench_mtil.hubtables import load, pixels
from clbench_mtil.imagenet import from_folder, from_the_hub
from clbench_mtil.revisions import origin
from clbench_mtil.samples import Samples, TableSamples, image_set

__all__ = ["CIFAR10", "HELD_OUT", "IMAGENET_VAL", "cifar10", "imagenet_val"]

CIFAR10 = "cifar-10-batches-py"
"""The folder that torchvision reads, relative to the data root."""

IMAGENET_VAL = ("imagenet/val", "ImageNet/val")
"""Folders, relative to the data root, with a folder of images per class."""


def cifar10(copies: Path | None = None) -> HeldOut:
    """CIFAR10's 10,000 test images with ZSCL's 18 templates, which are CIFAR100's.

    From the folder if it is there, else from the hub if ``CLBENCH_MTIL_SOURCE`` allows it.

    Args:
        copies: a folder with clones of the hub's repositories, to be read instead of the hub.

    Raises:
        DataError: the images are not there, or not as many as published.
    """
    root, place = data_root(), ""
    if (root / CIFAR10).is_dir() or not _hub_allowed():
        classes, samples = _cifar10_folder(root)
    else:
        copy = hub_copy("cifar10")
        place = origin(copy, copies)
        table = load(copy, copy.splits["test"], copies)
        classes = tuple(table.features[copy.label].names)
        samples = TableSamples(pixels(table), [int(y) for y in table.data.column(copy.label).to_pylist()])
    _check(samples, 10_000, "CIFAR10")
    images = image_set(samples, classes, "RGB", "cifar10/test")
    return HeldOut("cifar10", "CIFAR10", classes, data_set("cifar100").templates, images, place)


def imagenet_val(copies: Path | None = None) -> HeldOut:
    """ImageNet's 50,000 validation images with OpenAI's 1,000 names and 80 templates.

    From the folder if it is there, else from the hub if ``CLBENCH_MTIL_SOURCE`` allows it.

    Args:
        copies: a folder with clones of the hub's repositories, to be read instead of the hub.

    Raises:
        DataError: the images are not there, or not as many as published.
    """
    from open_clip import IMAGENET_CLASSNAMES, OPENAI_IMAGENET_TEMPLATES

    root = data_root()
    folder = next((root / name for name in IMAGENET_VAL if (root / name).is_dir()), None)
    if folder is None and not _hub_allowed():
        raise _absent("ImageNet's validation images", root / IMAGENET_VAL[0], "imagenet-val")
    samples = from_folder(folder) if folder else from_the_hub("imagenet-val", copies)
    _check(samples, 50_000, "ImageNet's validation set")
    classes = tuple(IMAGENET_CLASSNAMES)
    images = image_set(samples, classes, "RGB", "imagenet/val")
    templates = tuple(template("{}") for template in OPENAI_IMAGENET_TEMPLATES)
    place = "" if folder else origin(hub_copy("imagenet-val"), copies)
    return HeldOut("imagenet-val", "ImageNet", classes, templates, images, place)


HELD_OUT: Mapping[str, Callable[[], HeldOut]] = {"cifar10": cifar10, "imagenet-val": imagenet_val}
"""By the name to type."""


def _cifar10_folder(root: Path) -> tuple[tuple[str, ...], Samples]:
    from torchvision import datasets

    from clbench_mtil.folder import portable

    if not (root / CIFAR10).is_dir():
        raise _absent("CIFAR10", root / CIFAR10, "cifar10")
    try:
        data = datasets.CIFAR10(root, train=False)
    except Exception as error:
        # torchvision raises whatever a damaged file leads to
        raise DataError(
            f"CIFAR10 under {root} cannot be read",
            why=f"{type(error).__name__}: {error}",
            fix=f"fetch it again; it is read by torchvision.datasets.CIFAR10 from {CIFAR10}",
        ) from error
    return tuple(data.classes), Samples([portable(image) for image in data.data], data.targets)


def _hub_allowed() -> bool:
    return source_name() != "folder"


def _check(samples: Samples, wanted: int, what: str) -> None:
    if counts_checked() and len(samples) != wanted:
        raise DataError(
            f"{what} is not the published one",
            why=f"{len(samples):,} images, not {wanted:,}",
            fix="fetch it again, or try out with what there is: CLBENCH_MTIL_COUNTS=any",
        )


def _absent(what: str, place: Path, key: str) -> DataError:
    return DataError(
        f"cannot find {what}",
        why=f"looked for {place}",
        fix=f"put it there, or take it from the hub: CLBENCH_MTIL_SOURCE=hub clbench prepare mtil --fetch "
        f"--only {key}",
    )
