"""Joint training: the bound of a learner that has the data of all tasks at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import torch
from clbench import Batch, TrainingTask
from clbench.methods import Losses, warmup_cosine

from clbench_baselines.finetune import FineTune
from clbench_baselines.settings import JointSettings

__all__ = ["Joint"]


class Joint(FineTune):
    """Fine-tuning on all tasks at once; each batch is of one task and is classified among its classes.

    The steps are those of all tasks together, so that the budget equals that of learning them one by
    one. Each step's rate has the rate scale of its task.
    """

    settings: JointSettings

    def learn(self, task: TrainingTask) -> None:
        """Learn a single task, as fine-tuning does."""
        self.learn_jointly([task])

    def learn_jointly(self, tasks: Sequence[TrainingTask]) -> None:
        """Learn all of ``tasks`` from one mixed sequence of batches."""
        settings = self.settings
        steps = (settings.iterations + 1) * len(tasks)
        turns = self._turns(tasks, steps)
        sources = [
            self.context.batches(t.train, settings.batch_size, name=f"train {t.key}", augment=True)
            for t in tasks
        ]
        rate = warmup_cosine(settings.lr, warmup=settings.warmup * len(tasks), iterations=steps - 1)

        def step(k: int, batch: Batch) -> Losses:
            labels = tasks[turns[k]].labels
            return {"ce": self.task_loss(batch, labels, label_smoothing=settings.label_smoothing)}

        self.context.fit(
            replace(tasks[0], key="joint", title="All tasks"),
            self._parameters(),
            step,
            steps=steps,
            schedule=lambda k: rate(k) * tasks[turns[k]].rate_scale,
            batches=_Mixed(sources, turns),
            state=(),
        )
        self.weights_changed()

    def _turns(self, tasks: Sequence[TrainingTask], steps: int) -> list[int]:
        """Which task each step learns from."""
        generator = self.context.generator("mixing")
        if self.settings.mixing == "equal":
            rounds = [torch.randperm(len(tasks), generator=generator) for _ in range(steps // len(tasks))]
            turns = torch.cat(rounds)
        else:
            sizes = torch.tensor([len(t.train) for t in tasks], dtype=torch.float64)
            turns = torch.multinomial(sizes, steps, replacement=True, generator=generator)
        return [int(turn) for turn in turns]


class _Mixed(Iterator[Batch]):
    """A batch of one source after another, as ``turns`` say; the sources' own positions are the context's."""

    def __init__(self, sources: Sequence[Iterator[Batch]], turns: Sequence[int]) -> None:
        self._sources, self._turns = sources, turns
        self._taken = 0

    def __next__(self) -> Batch:
        self._taken += 1
        return next(self._sources[self._turns[self._taken - 1]])

    def state_dict(self) -> dict[str, Any]:
        return {"taken": self._taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self._taken = int(state["taken"])
