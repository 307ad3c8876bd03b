"""Images generated once: seeded, cached by content key, kept as a Hugging Face data set."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from clbench.models.generator import ImageGenerator
from clbench.streams.images import ImageSet

__all__ = ["GeneratedImages", "generated_images"]

_CHUNK = 64


@dataclass(frozen=True)
class GeneratedImages:
    """Generated images and what they were asked to show: ``prompts[i]`` belongs to image i."""

    images: ImageSet
    prompts: tuple[str, ...]
    key: str


def generated_images(
    generator: Callable[[], ImageGenerator],
    prompts: Sequence[str],
    seeds: Sequence[int],
    *,
    steps: int | None,
    guidance: float | None,
    cache: Path,
    progress: Callable[[int, int], None] | None = None,
) -> GeneratedImages:
    """Return the images for ``prompts``, from the cache where they were generated before.

    The key covers the generator's digest, prompts, seeds, steps and guidance. Images are made in chunks,
    each kept as soon as it is complete: an interrupted generation goes on where it was.

    Args:
        generator: returns the model.
        prompts, seeds: of equal length, one per image.
        cache: folder that holds one folder per key.
    """
    import datasets

    model = generator()
    steps = model.steps if steps is None else steps
    guidance = model.guidance if guidance is None else guidance
    content = json.dumps([model.digest, list(prompts), list(seeds), steps, guidance])
    key = hashlib.sha256(content.encode()).hexdigest()[:24]
    folder = cache / key
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not folder.is_dir():
            parts = cache / f"{key}.parts"
            parts.mkdir(exist_ok=True)
            rows: list[dict[str, object]] = []
            for start in range(0, len(prompts), _CHUNK):
                chunk = slice(start, start + _CHUNK)
                files = [parts / f"{start + i:06d}.png" for i in range(len(prompts[chunk]))]
                if not all(file.exists() for file in files):
                    images = model.generate(
                        prompts[chunk], seeds[chunk], steps=steps, guidance=guidance,
                        progress=None if progress is None else lambda n, s=start: progress(s + n, len(prompts)),
                    )  # fmt: skip
                    for image, file in zip(images, files, strict=True):
                        buffer = io.BytesIO()
                        image.convert("RGB").save(buffer, "PNG")
                        temporary = file.with_suffix(".tmp")
                        temporary.write_bytes(buffer.getvalue())
                        temporary.replace(file)
                if progress is not None:
                    progress(min(start + _CHUNK, len(prompts)), len(prompts))
                rows += [
                    {"image": {"bytes": file.read_bytes(), "path": None}, "text": prompt, "seed": seed}
                    for file, prompt, seed in zip(files, prompts[chunk], seeds[chunk], strict=True)
                ]
            features = datasets.Features(
                image=datasets.Image(), text=datasets.Value("string"), seed=datasets.Value("int64")
            )
            temporary = cache / f"{key}.{os.getpid()}.tmp"
            datasets.Dataset.from_list(rows, features=features).save_to_disk(str(temporary))
            temporary.replace(folder)
            shutil.rmtree(parts)
    dataset = datasets.Dataset.load_from_disk(str(folder))
    return GeneratedImages(
        ImageSet(dataset, name=f"images of {model.name}", label=None), tuple(prompts), key
    )
