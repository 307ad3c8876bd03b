"""Print images per second: decoded and resized on first use, from the cache, and by a torchvision DataLoader.

All end in the same normalised float batches, which is checked. The images are JPEGs as large as photographs,
drawn from seeded noise: 500 × 375 alone, then one in ten of 2048 × 1536 among them. Then a ViT-B/16 is tested
on cached images, and the share of the time that is not spent in the model is printed.

    python tests/benchmarks/data_path.py --cores 1 --images 1000
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import PIL
import torch
from clbench.models import Backbone, load_open_clip
from clbench.models.features import CosineScorer
from clbench.runs.evaluation import evaluate
from clbench.streams import ImageSet, LabelSpace, Preprocessing, Stream, Task
from clbench.streams.imagefolders import image_set, scan
from PIL import Image, ImageFilter
from torch.utils.data import DataLoader
from torchvision import transforms
from torchvision.datasets import ImageFolder

SMALL, LARGE = (500, 375), (2048, 1536)
SETS = {"500 × 375": (SMALL,), "one in ten of 2048 × 1536": (*(SMALL,) * 9, LARGE)}
CLASSES = 10
BATCH = 128


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--cores", type=int, default=1, help="that may be used (Linux), workers included")
    parser.add_argument("--repeat", type=int, default=3, help="of each measurement; the best counts")
    parser.add_argument("--tested", type=int, default=64, help="images that the model is tested on; 0: none")
    arguments = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    torch.set_num_threads(arguments.cores)
    backbone = load_open_clip("random", "ViT-B-16-quickgelu", None).freeze()
    print(f"{arguments.cores} cores, pillow {PIL.__version__}, torch {torch.__version__}, batches of {BATCH}")
    with tempfile.TemporaryDirectory() as folder:
        for name, sizes in SETS.items():
            root, cache = Path(folder, name), Path(folder, "cache")
            size = write_images(root, arguments.images, sizes)
            print(f"\n{arguments.images} JPEGs, {name}, {size / arguments.images / 1e3:.0f} kB each")
            files = scan(root)
            images = image_set(files.files, files.digests, files.labels(sorted(files.images)), name=name)
            compare(images, root, cache, backbone.preprocessing, arguments)
        if arguments.tested:
            test(backbone, images.select(range(arguments.tested)), sorted(files.images), cache)


def compare(
    images: ImageSet, root: Path, cache: Path, preprocessing: Preprocessing, arguments: argparse.Namespace
) -> None:
    """Print the rates of one set of images."""
    path = images.pixel_file(preprocessing, cache).path
    loader = data_loader(root, preprocessing, workers=0 if arguments.cores == 1 else arguments.cores)

    def first_use() -> None:
        path.unlink(missing_ok=True)
        images.pixels(preprocessing, cache)

    def from_disk() -> float:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)  # forget what memory has of it
        os.close(descriptor)
        return from_cache(images, preprocessing, cache)

    measured: dict[str, Callable[[], float | None]] = {
        "torchvision DataLoader": lambda: sum(float(batch.sum()) for batch, _ in loader),
        "first use, written to disk": first_use,
        "cache, from disk": from_disk,
        "cache, from memory": lambda: from_cache(images, preprocessing, cache),
    }
    sums: list[float] = []
    rates: dict[str, float] = {}
    print(f"{'':28s}{'images/s':>10s}{'× DataLoader':>14s}{'× first use':>13s}")
    for name, action in measured.items():
        best = float("inf")
        for _ in range(arguments.repeat):
            began = time.perf_counter()
            total = action()
            best = min(best, time.perf_counter() - began)
            sums += [] if total is None else [total]
        rates[name] = len(images) / best
        loaded, decoded = rates["torchvision DataLoader"], rates.get("first use, written to disk")
        against = "" if decoded is None else f"{rates[name] / decoded:13.1f}"
        print(f"{name:28s}{rates[name]:10.0f}{rates[name] / loaded:14.1f}{against}", flush=True)
    assert np.allclose(sums, sums[0], rtol=1e-5), "they do not give the same batches"


def write_images(root: Path, count: int, sizes: tuple[tuple[int, int], ...]) -> int:
    """JPEGs of blurred and fine noise, as long in bytes as photographs; their bytes in all."""
    random, total = np.random.default_rng(0), 0
    bases = {
        size: [
            Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)).filter(
                ImageFilter.GaussianBlur(radius)
            )
            for radius in (0.7, 1.5, 3)
        ]
        for size in sorted(set(sizes))
    }
    for number in range(count):
        size = sizes[number % len(sizes)]
        image = bases[size][number % 3].rotate(90 * (number // 3 % 2) * 2)
        path = root / f"class {number % CLASSES}" / f"{number:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=75 + number % 20)
        total += path.stat().st_size
    return total


def data_loader(root: Path, preprocessing: Preprocessing, workers: int) -> DataLoader:
    """What one writes by hand: torchvision's folder and transforms, in the same order of images."""
    return DataLoader(
        ImageFolder(
            root,
            transforms.Compose(
                [
                    transforms.Resize(preprocessing.size, transforms.InterpolationMode.BICUBIC),
                    transforms.CenterCrop(preprocessing.size),
                    transforms.ToTensor(),
                    transforms.Normalize(preprocessing.mean, preprocessing.std),
                ]
            ),
        ),
        batch_size=BATCH,
        num_workers=workers,
    )


def from_cache(images: ImageSet, preprocessing: Preprocessing, cache: Path) -> float:
    """All batches as evaluation makes them; the sum of all values."""
    pixels = images.pixels(preprocessing, cache)
    return sum(
        float(preprocessing.normalise(torch.from_numpy(np.asarray(pixels[np.arange(k, end)]))).sum())
        for k in range(0, len(pixels), BATCH)
        for end in [min(k + BATCH, len(pixels))]
    )


class Timed:
    """A scorer that counts its own seconds."""

    def __init__(self, scorer: CosineScorer) -> None:
        self.scorer, self.seconds = scorer, 0.0

    def score(self, images: torch.Tensor, labels: LabelSpace) -> torch.Tensor:
        began = time.perf_counter()
        scores = self.scorer.score(images, labels)
        self.seconds += time.perf_counter() - began
        return scores


def test(backbone: Backbone, images: ImageSet, names: list[str], cache: Path) -> None:
    """Test the model on the images, and print what share of the time goes by outside of it."""
    os.environ["CLBENCH_CACHE"] = str(cache)
    half = len(images) // 2
    tasks = tuple(
        Task(key, key, tuple(names), ("a photo of a {}.",), part, part)
        for key, part in (("a", images.select(range(half))), ("b", images.select(range(half, len(images)))))
    )
    for task in tasks:
        task.test.pixels(backbone.preprocessing)
    timed = Timed(CosineScorer(backbone))
    stream = Stream("data-path", tasks)
    timed.scorer.score(torch.zeros(1, 3, 224, 224), stream.union)  # encodes the class names
    began = time.perf_counter()
    evaluate(timed, stream, backbone.preprocessing, wide=True, batch=32, device=torch.device("cpu"))
    seconds = time.perf_counter() - began
    print(
        f"evaluation, ViT-B/16: {len(images) / seconds:.1f} images/s; outside the model, waiting for data "
        f"included: {100 * (1 - timed.seconds / seconds):.2f} % of the time"
    )


if __name__ == "__main__":
    main()
