"""Runs: methods and backbones that break in every way, places that cannot be written, and damaged files."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest import mock

import torch
from clbench import BackboneSpec, FineTuning, MethodSpec, Settings, hookimpl, locking
from clbench.config import RunConfig
from clbench.errors import ClbenchError
from clbench.methods import constant
from clbench.plugins import Registry
from clbench.results.store import read_record
from clbench.runs import execute, run_folder
from clbench.runs.sources import Sources
from clbench.streams import pixelfile
from clbench.testing import tiny_plugin
from clbench.testing.doubles import tiny_backbone_on

from tests.fuzz.drawing import TEXTS, changed_bytes
from tests.fuzz.judging import Case
from tests.fuzz.place import Place

HERE = __name__
LONG = 2_000_000


class Named(Exception):  # noqa: N818 (as others name theirs)
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise ValueError("no text")


def _raised(random: Random) -> BaseException:
    text = random.choice((*TEXTS, "x" * LONG, "\ud800" * 100_000, "a\n" * 500_000, "\x1b[2J" * 1000))
    kind = random.choice(
        (RuntimeError, KeyError, OSError, MemoryError, AssertionError, ClbenchError, SystemExit)
    )
    return random.choice(
        (
            kind(text),
            kind(text),
            Named(),
            kind(""),
            RuntimeError(object()),
            ExceptionGroup("g", [kind(text)] if kind is not SystemExit else [ValueError(text)]),
        )
    )


_SCORES = (
    lambda good: None,
    lambda good: "scores",
    lambda good: 1.0,
    lambda good: [[1.0]],
    lambda good: good.tolist(),
    lambda good: good.numpy(),
    lambda good: good[:, :-1],
    lambda good: good[:-1],
    lambda good: good.T,
    lambda good: good[0],
    lambda good: good[None],
    lambda good: good.to(torch.complex64),
    lambda good: good.to(torch.int64),
    lambda good: good.bool(),
    lambda good: good * float("nan"),
    lambda good: good.to_sparse(),
    lambda good: torch.empty(0),
    lambda good: good.to("meta"),
    lambda good: (good, good),
    lambda good: {"scores": good},
    lambda good: torch.nn.Parameter(good),
    lambda good: good.half(),
)


class Fuzzed(FineTuning):
    """Two steps a task, and then whatever ``fault`` does."""

    fault: Any = None

    def __init__(self, *given: Any) -> None:
        self._break("build")
        super().__init__(*given)

    def learn(self, task: Any) -> None:
        self._break("learn")
        self.context.fit(
            task,
            [p for _, p in self.backbone.trainable()],
            lambda k, batch: {"ce": self.task_loss(batch, task.labels)},
            steps=2,
            schedule=constant(1e-3),
            batch_size=6,
            state=(),
        )
        self.weights_changed()

    def score(self, images: Any, labels: Any) -> Any:
        self._break("score")
        good = super().score(images, labels)
        return self.fault[1](good) if self.fault and self.fault[0] == "scores" else good

    def state_dict(self) -> Any:
        self._break("state")
        return super().state_dict()

    def _break(self, where: str) -> None:
        if self.fault and self.fault[0] == where:
            raise self.fault[1]


class Factory:
    """What a backbone's factory raises."""

    fault: BaseException | None = None


def backbone(device: str) -> Any:
    if Factory.fault is not None:
        raise Factory.fault
    return tiny_backbone_on(device)


class Plugin:
    __name__ = "fuzzed"

    @hookimpl
    def clbench_methods(self) -> list[MethodSpec]:
        return [
            MethodSpec(
                name="fuzzed", title="F", summary="f", factory=f"{HERE}:Fuzzed", settings="clbench:Settings"
            )
        ]

    @hookimpl
    def clbench_backbones(self) -> list[BackboneSpec]:
        return [
            BackboneSpec(
                name="own",
                title="O",
                summary="o",
                factory=f"{HERE}:backbone",
                parameters=1_650_000,
                image_size=16,
                parts=("vision-transformer", "class-token", "text-transformer"),
            )
        ]


def _config(backbone: str = "tiny") -> RunConfig:
    return RunConfig(
        method="fuzzed",
        stream="tiny",
        order="I",
        backbone=backbone,
        eval_batch=16,
        checkpoint_steps=1,
        settings=Settings().model_dump(),
    )


@cache
def _laboratory() -> tuple[Registry, Sources, Path, Any]:
    """Plugins, what they give, and a run stopped in its last task and its figures at the end."""
    registry = Registry.of(tiny_plugin, Plugin())
    sources = Sources(registry)
    root = Path(tempfile.mkdtemp(prefix="clbench-fuzz-runs-"))
    Fuzzed.fault = Factory.fault = None
    with mock.patch.dict(os.environ, {"CLBENCH_CACHE": str(root / "whole" / "cache")}):
        execute(registry, [_config()], out=root / "whole" / "runs", sources=sources)
        whole = read_record(run_folder(root / "whole" / "runs", _config()))
        shutil.copytree(root / "whole", root / "stopped")
        (run_folder(root / "stopped" / "runs", _config()) / "record.json").unlink()
    return registry, sources, root, (whole.matrices, whole.zero_shot, whole.metrics)


def run(random: Random, place: Place) -> Case:
    """A run with something wrong: it ends with the right figures, or failed, in words."""
    registry, sources, root, right = _laboratory()
    kind = random.choice(
        ("raises", "raises", "scores", "factory", "place", "locks", "damage", "damage", "damage")
    )
    Fuzzed.fault = Factory.fault = None
    home, name, stack = place.here / "home", "tiny", ExitStack()
    note, must_fail = kind, False
    if kind == "raises":
        where = random.choice(("build", "learn", "score", "state"))
        Fuzzed.fault, must_fail, note = (where, _raised(random)), True, f"raises in {where}"
    elif kind == "scores":
        number = random.randrange(len(_SCORES))
        Fuzzed.fault, note = ("scores", _SCORES[number]), f"scores {number}"
    elif kind == "factory":
        Factory.fault, name, must_fail = _raised(random), "own", True
    elif kind == "place":
        blocker = place.here / "file"
        blocker.write_text("x")
        home = random.choice(
            (blocker, blocker / "x", Path("/proc/nope"), Path("/dev/null"), place.here / ("x" * 300))
        )
        note, must_fail = f"--out {str(home)[:40]}", True
    elif kind == "locks":
        code = random.choice(
            (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EOPNOTSUPP, errno.EROFS, errno.EIO)
        )
        stack.enter_context(_without_locks(code))
        note, must_fail = f"flock {errno.errorcode[code]}", code in (errno.EROFS, errno.EIO)
    else:
        shutil.copytree(root / "stopped", home)
        files = sorted(path for path in home.rglob("*") if path.is_file() and path.stat().st_size)
        damaged = random.choice(files)
        damaged.write_bytes(changed_bytes(random, damaged.read_bytes()))
        note = f"damaged {damaged.relative_to(home)}"

    def call() -> str:
        before = logging.root.manager.disable
        logging.disable(logging.CRITICAL)
        try:
            with stack, mock.patch.dict(os.environ, {"CLBENCH_CACHE": str(home / "cache")}):
                pixelfile._checked.clear()
                [outcome] = execute(registry, [_config(name)], out=home / "runs", sources=sources)
        finally:
            logging.disable(before)
            Fuzzed.fault = Factory.fault = None
        if outcome.status == "failed":
            assert outcome.reason.strip(), "failed without a word"
            record = outcome.path / "record.json"
            if record.exists():
                said = read_record(record)
                assert said.status != "finished", "failed, and its record says finished"
                assert record.stat().st_size < 1_000_000, "a record without end"
            return f"failed: {outcome.reason[:200]}"
        assert not must_fail, f"{outcome.status}, though {note}"
        record = read_record(outcome.path)
        found = (record.matrices, record.zero_shot, record.metrics)
        if kind in ("damage", "locks", "factory"):
            assert found == right, "other figures, and nothing said"
        return outcome.status

    return Case(call=call, note=note[:300])


@contextmanager
def _without_locks(code: int) -> Iterator[None]:
    import fcntl

    def flock(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    with mock.patch.object(fcntl, "flock", flock), mock.patch.object(locking, "_without_locks", set()):
        yield
