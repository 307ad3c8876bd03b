"""A plugin of methods that cheat: each looks for the test labels in one way, and answers with what it found.

``honest`` learns nothing and answers as the initial model does; so does a cheat that has found nothing. A
file that a cheat could read counts as found: its bytes are the answers to whoever has them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clbench.hookspecs import hookimpl
from clbench.specs import MethodSpec
from clbench.testing.tiny_plugin import (
    clbench_backbones,
    clbench_datasets,
    clbench_generators,
    clbench_streams,
)

__all__ = ["CHEATS", "clbench_backbones", "clbench_datasets", "clbench_generators", "clbench_streams"]

CHEATS: dict[str, Callable[..., Any]] = {"honest": lambda *_: None}


def cheat(act: Callable[..., Any]) -> Callable[..., Any]:
    CHEATS[act.__name__.replace("_", "-")] = act
    return act


@hookimpl
def clbench_methods() -> list[MethodSpec]:
    return [
        MethodSpec(
            name=name,
            title=name,
            summary="cheats",
            factory=f"cheats:method_{name.replace('-', '_')}",
            settings="clbench.methods.settings:Settings",
        )
        for name in CHEATS
    ]


def __getattr__(name: str) -> Any:
    method = name.removeprefix("method_").replace("_", "-")
    if method == name or method not in CHEATS:
        raise AttributeError(name)

    from clbench import FineTuning

    class Cheat(FineTuning):
        calls = 0

        def learn(self, task: Any) -> None:
            self.seen = getattr(self, "kept", [])

        def score(self, images: Any, labels: Any) -> Any:
            import torch

            self.calls += 1
            logits = super().score(images, labels)
            found = CHEATS[method](self, images, labels)
            if found is None:
                return logits
            answers = torch.as_tensor(found).long() % logits.shape[1]
            return torch.nn.functional.one_hot(answers, logits.shape[1]).float()

    return Cheat


def _labels_in(values: Any, count: int) -> Any:
    """Whatever looks like the labels of so many test images among ``values``."""
    import numpy as np
    from clbench.streams import ImageSet, Stream

    for value in values:
        if isinstance(value, Stream):
            return np.concatenate([task.test.labels for task in value.tasks])[:count]
        if isinstance(value, ImageSet) and "test" in value.name:
            return value.labels[:count]
    return None


@cheat
def labels_by_gc(method, images, labels):
    import gc

    return _labels_in(gc.get_objects(), len(images))


@cheat
def labels_by_frames(method, images, labels):
    frames = []
    for frame in sys._current_frames().values():
        while frame is not None:
            frames += [*frame.f_locals.values(), *frame.f_globals.values()]
            frame = frame.f_back
    for value in list(frames):
        frames += list(getattr(value, "__dict__", {}).values())
    return _labels_in(frames, len(images))


@cheat
def labels_by_the_connection(method, images, labels):
    import gc

    import numpy as np
    from clbench.runs import messages

    for order in [each for each in gc.get_objects() if isinstance(each, messages.Order | messages.Reply)]:
        for value in vars(order).values():
            if isinstance(value, np.ndarray | list | tuple) and len(value) == len(images):
                return np.asarray(value)
    return None


@cheat
def labels_by_the_position_in_the_batch(method, images, labels):
    import torch

    return torch.arange(len(images))  # as the tiny stream has them


@cheat
def labels_by_the_counter(method, images, labels):
    import torch

    return torch.full((len(images),), method.calls - 1)


@cheat
def labels_by_the_order_in_its_record(method, images, labels):
    import json

    import numpy as np

    path = method.context.scratch.parent / "record.json"
    order = json.loads(path.read_text())["conduct"]["test_order"] if path.exists() else None
    return None if order is None else np.random.default_rng(order).permutation(len(images))


@cheat
def labels_by_the_drawn_stream(method, images, labels):
    """The doubles draw their data, labels and all: there is no file that the harness could see opened."""
    import hashlib

    from clbench.testing import tiny_stream

    stream = tiny_stream()
    known = {}
    for task in stream.tasks:
        pixels = task.test.pixels(method.context.initial.preprocessing)
        for each, label in zip(pixels, task.test.labels, strict=True):
            known[hashlib.sha256(each.tobytes()).hexdigest()] = int(label)
    import numpy as np

    preprocessing = method.context.initial.preprocessing
    mean, std = (np.array(v).reshape(3, 1, 1) for v in (preprocessing.mean, preprocessing.std))
    shown = [np.rint((each.numpy() * std + mean) * 255).astype(np.uint8) for each in images]
    return [known.get(hashlib.sha256(each.tobytes()).hexdigest(), 0) for each in shown]


def _read(paths: Any) -> Any:
    for path in paths:
        if path.is_file() and path.read_bytes():
            return [0]
    return None


def _one(found: Any, images: Any) -> Any:
    return None if found is None else found * len(images)


@cheat
def files_of_the_stream(method, images, labels):
    return _one(_read(Path(os.environ["CHEAT_DATA"]).glob("*/test/*/*.png")), images)


@cheat
def folders_of_the_stream(method, images, labels):
    return _one([0] * any((Path(os.environ["CHEAT_DATA"]) / "a" / "test").iterdir()) or None, images)


@cheat
def files_of_the_stream_through_the_registry(method, images, labels):
    from clbench.plugins import get_registry
    from clbench.streams.folders import find_stream

    stream = find_stream(get_registry(), str(Path(os.environ["CHEAT_DATA"]) / "own.yaml")).spec.build()
    return _one([0] if stream.tasks[0].test.image(0) else None, images)


@cheat
def decoded_pixels(method, images, labels):
    return _one(_read((Path(os.environ["CLBENCH_CACHE"]) / "pixels").rglob("*")), images)


@cheat
def predictions_of_other_runs(method, images, labels):
    return _one(_read(method.context.scratch.parent.parent.glob("*/predictions.npz")), images)


@cheat
def a_child_that_reads(method, images, labels):
    import subprocess

    [path, *_] = Path(os.environ["CHEAT_DATA"]).glob("*/test/*/*.png")
    return _one(
        [0] if subprocess.run(["cat", path], capture_output=True, check=True).stdout else None, images
    )


@cheat
def a_fork_that_reads(method, images, labels):
    if os.fork() == 0:
        _read(Path(os.environ["CHEAT_DATA"]).glob("*/test/*/*.png"))
        os._exit(0)
    os.wait()
    return _one([0], images)


@cheat
def the_network(method, images, labels):
    import contextlib
    import socket

    with contextlib.suppress(OSError), socket.socket() as line:
        line.connect(("127.0.0.1", 9))
    return _one([0], images)


@cheat
def the_supervisors_memory(method, images, labels):
    import contextlib

    import psutil

    command = psutil.Process().parent().parent()
    with contextlib.suppress(OSError), Path(f"/proc/{command.pid}/mem").open("rb") as file:
        file.read(1)
    return _one([0], images)


@cheat
def a_native_library_that_reads(method, images, labels):
    import ctypes

    path = Path(os.environ["CHEAT_DATA"]) / "a" / "test" / "one" / "0.png"
    libc = ctypes.CDLL(None)
    handle = libc.open(os.fsencode(path), 0)
    return _one([0] if handle >= 0 else None, images)


@cheat
def test_images_kept_for_learning(method, images, labels):
    method.kept = [*getattr(method, "kept", []), images]
    return _one([0], images) if getattr(method, "seen", None) else None


@cheat
def neighbours_in_the_batch(method, images, labels):
    import torch

    centred = images.flatten(1) - images.flatten(1).mean(0)
    return (centred @ torch.linalg.svd(centred, full_matrices=False)[2][0] > 0).long()


@cheat
def the_reference_data_undeclared(method, images, labels):
    from clbench.errors import ConfigError

    try:
        return _one([0] if method.context.reference else None, images)
    except ConfigError:
        return None


@cheat
def the_generator_undeclared(method, images, labels):
    from clbench.errors import ConfigError

    try:
        return _one([0] if method.context.generate(["a cat"], [0]) else None, images)
    except ConfigError:
        return None
