"""Print the time of a training step of ZSCL, GIFT and DIKI, as it is and as the authors' code computes it.

ViT-B/16 with random weights, small batches of drawn images, ZSCL with 1,000 reference texts. Both forms take
the same steps to the same weights (a test holds them together); what is done once per task instead of in
every step is printed beside it.

    python tests/benchmarks/steps.py --batch 4 --classes 100 --steps 3
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import torch
from clbench import Context, MethodError
from clbench.methods import Reference
from clbench.models import Backbone, load_open_clip
from clbench.plugins import get_registry
from clbench.specs import load_reference
from clbench.streams import Stream
from clbench.testing.doubles import NoiseGenerator, tiny_images, tiny_names, tiny_stream

TEXTS = 1000
METHODS = ("zscl", "gift", "diki")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--backbone", default="ViT-B-16")
    parser.add_argument("--batch", type=int, default=4)
    parser.add_argument("--classes", type=int, default=100)
    parser.add_argument("--steps", type=int, default=3, help="timed steps; one more comes before them")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    arguments = parser.parse_args()
    backbone = load_open_clip("random", arguments.backbone, None, device=arguments.device).freeze()
    stream = tiny_stream(2, arguments.classes, train=max(4 * arguments.batch, 8), test=4)
    print(
        f"{arguments.backbone}, random weights, {arguments.device}, {torch.get_num_threads()} threads, torch "
        f"{torch.__version__}, batch {arguments.batch}, {arguments.classes} classes, {TEXTS} reference texts"
    )
    print(f"{'method':8s}{'authors, ms/step':>18s}{'here, ms/step':>16s}{'ratio':>8s}{'once a task, s':>16s}")
    for name in METHODS:
        official, _ = measure(name, backbone, stream, arguments, official_compute=True)
        here, before = measure(name, backbone, stream, arguments, official_compute=False)
        print(f"{name:8s}{official:18.0f}{here:16.0f}{official / here:8.2f}{before:16.1f}", flush=True)


def measure(
    name: str, backbone: Backbone, stream: Stream, arguments: argparse.Namespace, *, official_compute: bool
) -> tuple[float, float]:
    """Median milliseconds of a step, and seconds before the first one."""
    moments: list[float] = []

    def progress(phase: str, done: int, total: int, loss: float | None) -> None:
        del done, total, loss
        if phase == "learn":
            if backbone.device.type == "cuda":
                torch.cuda.synchronize()
            moments.append(time.perf_counter())

    context = Context(
        initial=backbone,
        seed=0,
        task_keys=stream.keys,
        scratch=Path(tempfile.mkdtemp(prefix="clbench-")),
        reference=lambda: Reference(
            tiny_images(4 * arguments.batch, 4, seed=9),
            tuple(f"a picture of thing number {i}, seen from far away." for i in range(TEXTS)),
        ),
        class_pool=tiny_names,
        generator=NoiseGenerator,
        progress=progress,
    )
    context.begin("benchmark")
    spec = get_registry().find("method", name).spec
    model = backbone.copy()
    model.model.requires_grad_(True)
    chosen = settings(name, arguments) | {"official_compute": official_compute}
    method = load_reference(spec.factory)(model, load_reference(spec.settings)(**chosen), context)
    began = time.perf_counter()
    method.learn(stream.tasks[0].for_training(0))
    if len(moments) < 2:
        raise MethodError(f"{name} took {len(moments)} steps: too few to time")
    intervals = [later - earlier for earlier, later in itertools.pairwise(moments)]
    median = statistics.median(intervals)
    return 1000 * median, max(moments[0] - began - median, 0.0)


def settings(name: str, arguments: argparse.Namespace) -> Mapping[str, object]:
    """The method's own settings but for batch and number of steps."""
    if name == "diki":
        return {"batch_size": arguments.batch, "steps": arguments.steps + 1}
    batch = "reference_batch_size" if name == "zscl" else "synthetic_batch_size"
    common = {"batch_size": arguments.batch, batch: arguments.batch, "warmup": 1}
    extra = {"num_images": 4 * arguments.batch} if name == "gift" else {}
    return common | extra | {"iterations": arguments.steps}


if __name__ == "__main__":
    main()
