"""Print what it costs to check the files that are read back, as shares of the work that they stand beside.

* Decoded images: their checksums, compared once in a process, against one test of a ViT-B/16 on them.
* The middle of a task: one saving of a ViT-B/16 with AdamW and an average of its weights, and how often that
  may happen if it is to cost one per cent of the time.

    python tests/benchmarks/checked_files.py --images 64
"""

from __future__ import annotations

import argparse
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
from clbench.runs.middle import MiddleStore
from clbench.streams.pixelfile import PixelFile, decoding_threads
from clbench_zscl.ensemble import WeightEnsemble

SIDE = 224
BATCH = 64


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    options = parser.parse_args()
    device = torch.device(options.device)
    model = open_clip.create_model("ViT-B-16", pretrained=None).to(device).eval()
    with tempfile.TemporaryDirectory(prefix="clbench-checked-") as folder:
        _pixels(Path(folder), model, options.images, device, options.precision)
        _middle(Path(folder), model)


def _pixels(folder: Path, model: torch.nn.Module, count: int, device: torch.device, precision: str) -> None:
    chance = np.random.default_rng(0)
    file = PixelFile(folder / "p.npy", count, SIDE, "drawn")
    pixels = file.open(range, lambda _i, _known: chance.integers(0, 256, (3, SIDE, SIDE), dtype=np.uint8))

    @torch.no_grad()
    def test() -> None:
        for start in range(0, count, BATCH):
            batch = torch.from_numpy(pixels[start : start + BATCH].copy()).to(device).float() / 255
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == "bf16"):
                model.encode_image(batch).float().cpu()  # type: ignore[operator]

    test()
    tested = _best_of(3, test)
    checked = _best_of(3, lambda: file.changed(pixels))
    print(f"{device.type} {precision}, {count} images, {decoding_threads()} threads for checksums")
    print(f"one test {tested:.3f} s, checksums {checked:.4f} s: {100 * checked / tested:.2f} %")
    print(f"a run of 11 tasks tests them 12 times: {100 * checked / (12 * tested):.3f} % of its tests")


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
