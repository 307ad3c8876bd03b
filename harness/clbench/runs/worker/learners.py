"""How each kind of method learns what a row needs; the other half is ``supervisor/protocols.py``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

from clbench.errors import MethodError
from clbench.methods.context import Context
from clbench.methods.contract import Method
from clbench.runs.workbench import Bench
from clbench.streams import TrainingTask

__all__ = ["LEARNERS", "Learner"]


class Learner(ABC):
    """What learns, answers and is kept."""

    def __init__(self, bench: Bench, context: Context) -> None:
        self.bench = bench
        self.context = context
        self.method: Method | None = None

    @abstractmethod
    def learn(self, tasks: Sequence[TrainingTask]) -> None:
        """Learn what the next row needs."""

    def state_dict(self) -> dict[str, Any]:
        return self.method.state_dict() if self.method is not None else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        if self.method is None:
            self.method = self.bench.build(self.context)
        self.method.load_state_dict(state)


class StreamLearner(Learner):
    """One model, task after task."""

    def __init__(self, bench: Bench, context: Context) -> None:
        super().__init__(bench, context)
        self.method: Method = bench.build(context)

    def learn(self, tasks: Sequence[TrainingTask]) -> None:
        (task,) = tasks
        self.method.learn(task)


class StillLearner(Learner):
    """Nothing is learned, and nothing built."""

    def learn(self, tasks: Sequence[TrainingTask]) -> None:
        del tasks

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        del state


class JointLearner(StreamLearner):
    """All tasks at once."""

    def learn(self, tasks: Sequence[TrainingTask]) -> None:
        learn_jointly = getattr(self.method, "learn_jointly", None)
        if learn_jointly is None:
            raise MethodError(
                f"{self.bench.config.method!r} declares protocol 'joint' but has no learn_jointly(tasks)"
            )
        learn_jointly(list(tasks))


class IndependentLearner(Learner):
    """A model for each task, from the initial weights."""

    def learn(self, tasks: Sequence[TrainingTask]) -> None:
        (task,) = tasks
        moment = self.context.moment
        self.method = self.bench.build(self.context)
        self.context.begin(moment)  # building has drawn from the random state
        self.method.learn(task)


LEARNERS: Mapping[str, type[Learner]] = {
    "stream": StreamLearner,
    "zero_shot": StillLearner,
    "joint": JointLearner,
    "independent": IndependentLearner,
}
