"""What must be on the disk before a run: data sets, reference data, weights. Nothing is opened."""

from __future__ import annotations

from collections.abc import Iterator

from clbench import Need
from clbench.streams.disk import data_root

from clbench_mtil.diagnosis import Finding, diagnose
from clbench_mtil.hubcopies import hub_copy

__all__ = ["of_captions", "of_cifar100", "of_reference", "of_stream", "of_vit_b_16", "of_vit_b_32"]

_HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_WEIGHTS = {16: "timm/vit_base_patch16_clip_224.openai", 32: "timm/vit_base_patch32_clip_224.openai"}
"""Where open_clip takes OpenAI's weights from."""


def of_stream(name: str) -> Iterator[Need]:
    """Images of the stream's data sets and, in protocol ``coop``, CoOp's files of their splits."""
    from clbench_mtil.variations import variant_of

    variant = variant_of(name)
    for found in diagnose(data_root()):
        split = found.what == "CoOp's split"
        if found.key in variant.keys and (not split or variant.protocol == "coop"):
            yield _need(found)


def of_cifar100(_steps: str) -> Iterator[Need]:
    """CIFAR100's images."""
    yield from (_need(found) for found in diagnose(data_root()) if found.key == "cifar100")


def of_reference(_size: str = "") -> Iterator[Need]:
    """ImageNet's training images and the captions."""
    yield from (_need(found) for found in diagnose(data_root()) if found.key in ("imagenet", "captions"))


def of_captions() -> Iterator[Need]:
    """The captions, and their images beside them."""
    yield from (_need(found) for found in diagnose(data_root()) if found.key == "captions")


def _weights(patch: int) -> Need:
    """OpenAI's weights, which open_clip fetches at their first use and keeps."""
    from huggingface_hub import try_to_load_from_cache

    repository = _WEIGHTS[patch]
    there = any(isinstance(try_to_load_from_cache(repository, name), str) for name in _HUB_FILES)
    cure = (
        f"0.6 GB from the Hugging Face hub ({repository}); without a network, OpenAI's file: "
        f"--backbone ViT-B-{patch}.openai:ViT-B-{patch}.pt"
    )
    return Need(what=f"OpenAI's weights of ViT-B/{patch}", there=there, cure=cure, comes=True, gigabytes=0.6)


def of_vit_b_16() -> tuple[Need, ...]:
    """The weights of ViT-B/16."""
    return (_weights(16),)


def of_vit_b_32() -> tuple[Need, ...]:
    """The weights of ViT-B/32."""
    return (_weights(32),)


def _need(found: Finding) -> Need:
    size = 0.0 if found.what == "CoOp's split" else hub_copy(found.key).gigabytes
    return Need(what=f"{found.what} of {found.key}", there=found.there, cure=found.cure, gigabytes=size)
