"""What is known of TinyImageNet, ImageNet and DomainNet before any file is opened."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any

__all__ = [
    "DOMAINS",
    "IMAGENET_TEST",
    "IMAGENET_TRAIN",
    "TEMPLATES",
    "TITLES",
    "counts_checked",
    "document",
    "domain_classes",
    "domain_sizes",
    "imagenet_order",
    "imagenet_wnids",
    "names_by_wnid",
    "tiny_order",
    "tiny_wnids",
]

TITLES = {"tinyimagenet": "TinyImageNet", "imagenet": "ImageNet", "domainnet": "DomainNet"}

TEMPLATES = {
    # ZSCL's and MoE-Adapters' class-incremental code has one template for training and test
    "tinyimagenet": "a bad photo of a {}.",
    "imagenet": "a good photo of a {}.",
    "domainnet": "a photo of a {}.",
}

DOMAINS = ("clipart", "infograph", "painting", "quickdraw", "real", "sketch")

IMAGENET_TRAIN, IMAGENET_TEST = 1_281_167, 50_000
"""All images of the 1,000 classes: 732 to 1,300 of a class to train, 50 to test."""

_ORDER_SEED = 1993


@cache
def document(name: str) -> Mapping[str, Any]:
    """One of the TOML files of this package."""
    text = files("clbench_cil").joinpath("data", name).read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))


def tiny_wnids() -> tuple[str, ...]:
    """TinyImageNet's 200 classes in the order of its file ``wnids.txt``, which is that of its labels."""
    return tuple(document("tinyimagenet.toml")["wnids"])


def tiny_order() -> tuple[int, ...]:
    """Labels in the order in which class-incremental TinyImageNet brings them."""
    return tuple(document("tinyimagenet.toml")["order"])


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """ImageNet's 1,000 classes, sorted; a label is an index into them."""
    from timm.data import ImageNetInfo

    return tuple(ImageNetInfo("imagenet-1k").label_names())


@cache
def names_by_wnid() -> Mapping[str, str]:
    """CLIP's names of ImageNet's classes, which the authors' lists have for TinyImageNet's, too."""
    from open_clip import IMAGENET_CLASSNAMES

    return MappingProxyType(dict(zip(imagenet_wnids(), IMAGENET_CLASSNAMES, strict=True)))


def imagenet_order(classes: int) -> tuple[int, ...]:
    """Labels in the order in which class-incremental ImageNet brings its first ``classes`` classes.

    The lists of PODNet, Continual-CLIP and MoE-Adapters (``cil/class_orders/imagenet100.yaml`` and
    ``imagenet1000.yaml``) are what NumPy's legacy generator, whose numbers never change, gives with seed
    1993.
    """
    import numpy as np

    return tuple(np.random.RandomState(_ORDER_SEED).permutation(classes).tolist())


def domain_classes() -> tuple[str, ...]:
    """The folders of DomainNet's 345 classes, in the order of its labels."""
    return tuple(document("domainnet.toml")["classes"])


def domain_sizes(domain: str) -> dict[str, int]:
    """Numbers of images of a domain, by split."""
    return dict(zip(("train", "test"), document("domainnet.toml")["sizes"][domain], strict=True))


def counts_checked() -> bool:
    """Whether a data set of another size than the published one is an error.

    ``CLBENCH_CIL_COUNTS=any`` takes what there is, for trials on a part of the data; the stream's
    fingerprint then says so.
    """
    return os.environ.get("CLBENCH_CIL_COUNTS", "published") != "any"
