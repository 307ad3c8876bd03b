"""Images generated once: seeded, cached by content key, checked when read back, kept with a contact sheet."""

from __future__ import annotations

import hashlib
import io
import json
import logging
import random
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from clbench.errors import DataError
from clbench.locking import locked
from clbench.models.contact_sheet import contact_sheet
from clbench.models.generator import ImageGenerator
from clbench.results.checked import DamagedError, Identity
from clbench.results.checkedfolder import check_folder, seal_folder
from clbench.streams.images import ImageSet

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["GeneratedImages", "generated_images", "generation_key"]

log = logging.getLogger(__name__)

_CHUNK = 64
_SHEET = "contact_sheet.png"

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class GeneratedImages:
    """Generated images and what they were asked to show.

    Attributes:
        images: ``images.image(i)`` was made from ``prompts[i]``.
        prompts: one per image.
        key: content key, the name of the folder in the cache.
        sheet: a PNG that shows the first images with their prompts.
    """

    images: ImageSet
    prompts: tuple[str, ...]
    key: str
    sheet: Path

    def keep_sheet(self, file: Path) -> None:
        """Copy the sheet to ``file``, in a folder of the method's own, which is made.

        A method that reads ``sheet`` by itself opens the harness's cache, and gets a mark for it.

        Raises:
            OSError: it cannot be written.
        """
        file.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(self.sheet, file)


def generated_images(
    generator: Callable[[], ImageGenerator],
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int | None,
    guidance: float | None,
    cache: Path,
    progress: Progress | None = None,
) -> GeneratedImages:
    """Return the images for ``prompts``, from the cache where they were generated before.

    Images are made in chunks, each kept as soon as it is complete: an interrupted generation goes on where
    it was, and what is half-written is never taken for whole. Two processes that ask for the same images
    make them once. Images that are not as they were made are made again, with a warning. The random states
    of Python, NumPy and torch are as before afterwards, so a run is the same whether its images were cached
    or not.

    Args:
        generator: returns the model.
        prompts, seeds: of equal length, one per image.
        steps, guidance: ``None``: the generator's defaults.
        cache: folder that holds one folder per key.
        progress: told (images done, images in all) while images are made.

    Raises:
        DataError: the generator breaks its contract, or the cache cannot be written or read.
        ValueError: there are no prompts, or not one seed for each.
    """
    if not prompts or len(prompts) != len(seeds):
        raise ValueError(f"{len(prompts)} prompts and {len(seeds)} seeds: one seed each, and one at least")
    model = generator()
    steps = model.steps if steps is None else steps
    guidance = model.guidance if guidance is None else guidance
    key = generation_key(model, prompts, seeds, steps=steps, guidance=guidance)
    folder = cache / key
    with _written_to(cache):
        cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / f"{key}.lock"):
        if not _whole(folder):
            with _same_randomness():
                _make(model, prompts, seeds, steps, guidance, folder, progress)
        # Left over where a process was killed between the last two moves.
        shutil.rmtree(_parts(folder), ignore_errors=True)
    return GeneratedImages(
        ImageSet(_load(folder, len(prompts)), name=f"images of {model.name}", label=None),
        tuple(prompts),
        key,
        folder / _SHEET,
    )


def generation_key(
    model: ImageGenerator, prompts: Sequence[str], seeds: Sequence[int], *, steps: int, guidance: float
) -> str:
    """Return the content key: 24 hexadecimal digits over generator, prompts, seeds, steps and guidance."""
    content = [model.digest, list(prompts), [int(seed) for seed in seeds], int(steps), float(guidance)]
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:24]


def _make(
    model: ImageGenerator,
    prompts: Sequence[str],
    seeds: Sequence[int],
    steps: int,
    guidance: float,
    folder: Path,
    progress: Progress | None,
) -> None:
    """Generate what is missing, then put the whole data set in place with one rename."""
    import datasets

    parts = _parts(folder)
    total = len(prompts)
    chunks = []
    for start in range(0, total, _CHUNK):
        chunk = slice(start, min(start + _CHUNK, total))
        part = parts / f"{chunk.start:06d}-{chunk.stop:06d}"
        if not _whole(part):
            images = model.generate(
                list(prompts[chunk]),
                [int(seed) for seed in seeds[chunk]],
                steps=steps,
                guidance=guidance,
                progress=None if progress is None else _shifted(progress, start, total),
            )
            if len(images) != chunk.stop - chunk.start:
                raise DataError(
                    f"generator {model.name!r} returned {len(images)} images "
                    f"for {chunk.stop - chunk.start} prompts"
                )
            _save(_dataset(images, prompts[chunk], seeds[chunk]), part)
        chunks.append(datasets.Dataset.load_from_disk(str(part)))
        if progress is not None:
            progress(chunk.stop, total)
    whole = datasets.concatenate_datasets(chunks)

    def add_sheet(temporary: Path) -> None:
        contact_sheet((row["image"] for row in whole), prompts, temporary / _SHEET)

    _save(whole, folder, add_sheet)


def _shifted(progress: Progress, start: int, total: int) -> Callable[[int], None]:
    return lambda done: progress(start + done, total)


def _dataset(images: Sequence[Any], prompts: Sequence[str], seeds: Sequence[int]) -> Dataset:
    import datasets

    features = datasets.Features(
        image=datasets.Image(), text=datasets.Value("string"), seed=datasets.Value("int64")
    )
    rows = []
    for image, prompt, seed in zip(images, prompts, seeds, strict=True):
        buffer = io.BytesIO()
        image.convert("RGB").save(buffer, "PNG")
        rows.append({"image": {"bytes": buffer.getvalue(), "path": None}, "text": prompt, "seed": int(seed)})
    return datasets.Dataset.from_list(rows, features=features)


def _save(dataset: Dataset, folder: Path, add: Callable[[Path], None] | None = None) -> None:
    """Write under a temporary name, then rename: a folder of the final name is always whole."""
    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    with _written_to(folder.parent):
        temporary.parent.mkdir(parents=True, exist_ok=True)
        with _no_bars():
            dataset.save_to_disk(str(temporary))
        if add is not None:
            add(temporary)
        seal_folder(temporary, _identity(folder))
        shutil.rmtree(folder, ignore_errors=True)  # damaged, else nothing would be saved
        temporary.replace(folder)


def _identity(folder: Path) -> Identity:
    """Of a folder of images, whose name is their key, or of a part of one."""
    part = folder.parent.suffix == _parts(folder).suffix
    return Identity(
        "generated images", {"key": f"{folder.parent.name}/{folder.name}" if part else folder.name}
    )


def _whole(folder: Path) -> bool:
    """Whether the images are there as they were made; says so if they are there, and otherwise."""
    if not folder.is_dir():
        return False
    try:
        check_folder(folder, _identity(folder))
    except DamagedError as error:
        log.warning("%s: %s; these images are made again", error.what, error.why)
        return False
    return True


@contextmanager
def _written_to(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise DataError(
            f"the generated images cannot be written to {folder}",
            why=str(error),
            fix="free disk space or set CLBENCH_CACHE to a folder with room",
        ) from error


def _load(folder: Path, count: int) -> Dataset:
    import datasets

    try:
        dataset = datasets.Dataset.load_from_disk(str(folder))
    except (OSError, ValueError, KeyError) as error:  # ArrowInvalid is a ValueError
        raise DataError(
            f"the generated images in {folder} cannot be read", why=str(error), fix=f"delete {folder}"
        ) from error
    if len(dataset) != count:
        raise DataError(
            f"{folder} holds {len(dataset)} generated images instead of {count}", fix=f"delete {folder}"
        )
    return dataset


def _parts(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.parts")


@contextmanager
def _same_randomness() -> Iterator[None]:
    """Leave the global random states as they were: loading and running a pipeline draws from them."""
    python, numpy = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=range(torch.cuda.device_count())):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)


@contextmanager
def _no_bars() -> Iterator[None]:
    """Hold back the bars that ``datasets`` draws over the harness's own display."""
    import datasets.utils as bars

    shown = not bars.are_progress_bars_disabled()
    bars.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            bars.enable_progress_bars()
