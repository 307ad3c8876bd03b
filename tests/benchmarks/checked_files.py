"""Print what it costs to check the files that are read back, as shares of the work that they stand beside.

* Decoded images: their checksums, compared once in a process, against one test of a model on them: a
  ViT-B/16, and the small CLIP of the embedded stream.
* The middle of a task: one saving of a ViT-B/16 with AdamW and an average of its weights, and how often that
  may happen if it is to cost one per cent of the time.

    python tests/benchmarks/checked_files.py --images 64
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import open_clip
import torch
from clbench.methods import constant
from clbench.methods.fit import Loop
from clbench.methods.resuming import Middle
from clbench.plugins import get_registry
from clbench.runs.middle import MiddleStore
from clbench.streams.pixelfile import PixelFile
from clbench_zscl.ensemble import WeightEnsemble

BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=64, help="of 224×224; 30 times as many of 32×32")
    parser.add_argument("--repeat", type=int, default=7)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    options = parser.parse_args()
    device = torch.device(options.device)
    model = open_clip.create_model("ViT-B-16", pretrained=None).to(device).eval()
    small = get_registry().find("backbone", "mini-clip").spec.build(options.device).model.eval()
    with tempfile.TemporaryDirectory(prefix="clbench-checked-") as name:
        folder = Path(name)
        _pixels(folder / "large", "ViT-B/16", model, options.images, 224, options)
        _pixels(folder / "small", "mini-clip", small, 30 * options.images, 32, options)
        _middle(folder, model)


def _pixels(
    folder: Path, name: str, model: torch.nn.Module, count: int, side: int, options: argparse.Namespace
) -> None:
    """Both in turns after one of each that does not count; medians."""
    folder.mkdir()
    chance, device = np.random.default_rng(0), torch.device(options.device)
    file = PixelFile(folder / "p.npy", count, side, "drawn")
    pixels = file.open(range, lambda _i, _known: chance.integers(0, 256, (3, side, side), dtype=np.uint8))

    @torch.no_grad()
    def test() -> None:
        for start in range(0, count, BATCH):
            batch = torch.from_numpy(pixels[start : start + BATCH].copy()).to(device).float() / 255
            with torch.autocast(device.type, torch.bfloat16, enabled=options.precision == "bf16"):
                model.encode_image(batch).float().cpu()  # type: ignore[operator]

    tested, checked = [], []
    for number in range(-1, options.repeat):
        for action, seconds in ((test, tested), (lambda: file.changed(pixels), checked)):
            began = time.perf_counter()
            action()
            if number >= 0:
                seconds.append(time.perf_counter() - began)
    test_time, check_time = statistics.median(tested), statistics.median(checked)
    print(
        f"{name}, {device.type} {options.precision}, {torch.get_num_threads()} threads, {count} images of "
        f"{side}×{side}: one test {test_time:.3f} s, its checksums {check_time:.4f} s"
    )
    print(f"  of the first test in a process: {100 * check_time / test_time:.2f} %")
    print(f"  of the 12 tests of a run of 11 tasks: {100 * check_time / (12 * test_time):.3f} %", flush=True)


def _middle(folder: Path, model: torch.nn.Module) -> None:
    parameters = [p for p in model.parameters() if p.requires_grad]
    loop = Loop(parameters, schedule=constant(1e-6), steps=1)
    for parameter in parameters:
        parameter.grad = torch.zeros_like(parameter)
    loop.optimizer.step()
    middle = Middle(loop, {}, [WeightEnsemble(parameters)])
    store = MiddleStore(folder / "middle", "key")
    seconds = _best_of(2, lambda: store.save("0:t", 0, "form", {"middle": middle.take(), "seconds": 0.0}))
    [path] = (folder / "middle").iterdir()
    size = path.stat().st_size / 1e9
    print(f"one saving of {size:.2f} GB {seconds:.1f} s: at 1 % one in {100 * seconds:.0f} s")


def _best_of(times: int, action: Callable[[], object]) -> float:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        action()
        found.append(time.perf_counter() - began)
    return min(found)


if __name__ == "__main__":
    main()
