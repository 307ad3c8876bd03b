"""A method under examination: it is built, taught and asked as the harness does it."""

from __future__ import annotations

import copy
import random
import tempfile
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from clbench.methods.context import Context
from clbench.methods.contract import Method
from clbench.methods.resuming import StepStore
from clbench.models.backbone import Backbone
from clbench.specs import MethodSpec, load_reference
from clbench.streams import LabelSpace, Stream
from clbench.temporary import owner
from clbench.testing.doubles import NoiseGenerator, tiny_backbone, tiny_names, tiny_reference, tiny_stream
from clbench.testing.surroundings import private_surroundings, process_settings

__all__ = ["MethodSubject", "Trajectory"]

_IMAGES = 7  # per task: odd, so that halves differ in size


@dataclass
class Trajectory:
    """A method's way through the first tasks.

    Attributes:
        method: as it is at the end.
        states: copies of ``state_dict()`` after each task.
        scores: at the end, per task's images, (images, classes of all tasks).
        reported: number of entries in ``context.measured.trainable_parameters`` after each task.
        changed: settings of the process that learning has changed.
    """

    method: Method
    states: list[dict[str, Any]] = field(default_factory=list)
    scores: list[Tensor] = field(default_factory=list)
    reported: list[int] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


class MethodSubject:
    """A method's spec with everything needed to run it small.

    Args:
        spec: the method's description.
        settings: values that replace the defaults; few steps make the laws quick.
        stream: at least as many tasks as are learned, which are the first; by default tiny ones of different
            numbers of classes.
        backbone: by default a two-layer CLIP with random weights.
        tasks: how many of the stream's tasks are learned.
    """

    def __init__(
        self,
        spec: MethodSpec,
        settings: Mapping[str, Any] | None = None,
        *,
        stream: Stream | None = None,
        backbone: Backbone | None = None,
        tasks: int = 2,
    ) -> None:
        self.spec = spec
        self.tasks = tasks
        self.values = dict(settings or {})
        self._given_stream = stream
        self._given_backbone = backbone
        self._folder = tempfile.TemporaryDirectory(prefix=f"clbench-laws-{owner()}-")
        self._scratches = 0

    def surroundings(self) -> AbstractContextManager[None]:
        """A private cache; random states and settings of the process are restored at the end."""
        return private_surroundings(Path(self._folder.name) / "cache")

    # -- parts --------------------------------------------------------------------------------------

    @cached_property
    def stream(self) -> Stream:
        classes = [4 - i % 2 for i in range(self.tasks)]
        return self._given_stream or tiny_stream(tasks=self.tasks, classes=classes, train=18, test=9)

    @cached_property
    def backbone(self) -> Backbone:
        """The pristine model; only copies of it are handed out."""
        return (self._given_backbone or tiny_backbone()).copy().freeze()

    @cached_property
    def initial(self) -> Backbone:
        """The model that all contexts share, as in a run; a law sees to it that no method changes it."""
        return self.backbone.copy().freeze()

    @cached_property
    def method_class(self) -> Any:
        return load_reference(self.spec.factory)

    @cached_property
    def settings_class(self) -> Any:
        return load_reference(self.spec.settings)

    @cached_property
    def images(self) -> list[Tensor]:
        """For each of the first tasks a few normalised test images, (images, 3, size, size)."""
        preprocessing = self.backbone.preprocessing
        return [
            preprocessing.normalise(torch.from_numpy(task.test.pixels(preprocessing)[:_IMAGES].copy())).to(
                self.backbone.device
            )
            for task in self.stream.tasks[: self.tasks]
        ]

    @property
    def labels(self) -> LabelSpace:
        """All classes of the tasks that are learned."""
        return LabelSpace.join([task.labels for task in self.stream.tasks[: self.tasks]])

    @property
    def stages(self) -> int:
        """How many times it learns: not at all (``zero_shot``), once (``joint``), or task by task."""
        return {"zero_shot": 0, "joint": 1}.get(self.spec.protocol, self.tasks)

    def on(self, backbone: Backbone) -> MethodSubject:
        """The same method on another backbone."""
        return MethodSubject(self.spec, self.values, stream=self._given_stream, backbone=backbone)

    # -- actions ------------------------------------------------------------------------------------

    def context(self, *, declared_only: bool = False, steps: StepStore | None = None) -> Context:
        """A context with all extra data, or only with those that the spec declares."""
        self._scratches += 1
        scratch = Path(self._folder.name) / f"scratch-{self._scratches}"
        scratch.mkdir()
        given = set(self.spec.requires) if declared_only else {"reference", "class_pool", "generator"}
        return Context(
            initial=self.initial,
            seed=0,
            task_keys=self.stream.keys,
            scratch=scratch,
            reference=tiny_reference if "reference" in given else None,
            class_pool=tiny_names if "class_pool" in given else None,
            generator=(lambda: NoiseGenerator()) if "generator" in given else None,
            steps=steps,
        )

    def build(self, *, declared_only: bool = False, steps: StepStore | None = None) -> Method:
        """A fresh instance, as at the start of a run; ``steps`` keeps the middle of its tasks."""
        context = self.context(declared_only=declared_only, steps=steps)
        context.begin("init")
        backbone = self.backbone.copy().unfreeze()
        method: Method = self.method_class(backbone, self.settings_class.model_validate(self.values), context)
        return method

    def learn(self, method: Method, stage: int) -> None:
        """Learn task number ``stage`` from the random state of that task."""
        tasks = [task.for_training(i) for i, task in enumerate(self.stream.tasks[: self.tasks])]
        method.context.begin(f"{stage}:{tasks[stage].key}")
        if self.spec.protocol == "joint":
            method.learn_jointly(tasks)  # type: ignore[attr-defined]
        else:
            method.learn(tasks[stage])

    @torch.no_grad()
    def score(self, method: Method, labels: LabelSpace | None = None) -> list[Tensor]:
        """Scores of each task's images; over all classes where no label space is given."""
        return [method.score(images, labels or self.labels).detach().clone() for images in self.images]

    def travel(
        self, *, score_between: bool = False, disturbed: bool = False, declared_only: bool = False
    ) -> Trajectory:
        """Build, learn, and score at the end.

        Args:
            score_between: score after each task as well, as the harness does.
            disturbed: draw from all global random generators before each step of the way.
            declared_only: see :meth:`context`.
        """
        before = process_settings()
        if disturbed:
            _disturb()
        way = Trajectory(self.build(declared_only=declared_only))
        for stage in range(self.stages):
            if disturbed:
                _disturb()
            self.learn(way.method, stage)
            way.states.append(copy.deepcopy(way.method.state_dict()))
            way.reported.append(len(way.method.context.measured.trainable_parameters))
            if score_between:
                self.score(way.method)
                self.score(way.method, self.stream.tasks[0].labels)
        after = process_settings()
        way.changed = [name for name in before if before[name] != after[name]]
        way.scores = self.score(way.method)
        return way

    @cached_property
    def straight(self) -> Trajectory:
        """The way that others are compared with; nothing is scored before its end."""
        return self.travel()

    def learned_last(self, steps: StepStore | None = None) -> Method:
        """A fresh instance that loads the state before the last task, and learns that.

        ``steps`` keeps the middle of the task.
        """
        method, last = self.build(steps=steps), self.stages - 1
        for state in self.straight.states[last - 1 : last] if last else []:
            method.load_state_dict(state)
        self.learn(method, last)
        return method

    @cached_property
    def resumed(self) -> list[Tensor]:
        """Scores after :meth:`learned_last`."""
        return self.score(self.learned_last())


def _disturb() -> None:
    random.seed(random.random())
    np.random.seed(random.randrange(2**32))
    torch.manual_seed(random.randrange(2**32))
