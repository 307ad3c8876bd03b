"""How each kind of method meets the stream: step by step what a run does after which row.

A protocol yields rows; the executor stores them. All four write the same matrix:

* ``stream``: learn task after task with one model.
* ``zero_shot``: learn nothing; every row is the zero-shot row.
* ``joint``: learn all tasks at once; every row is the same model's.
* ``independent``: learn each task from the initial weights. Row i answers tasks 0 … i with their own
  models and later tasks zero-shot, so Last is the upper bound without any forgetting.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from clbench.errors import MethodError
from clbench.methods.context import Context
from clbench.methods.contract import Method
from clbench.runs.evaluation import Evaluation, Scorer
from clbench.runs.workbench import Bench

__all__ = ["PROTOCOLS", "Protocol"]


class Protocol(ABC):
    """What is learned before row ``index``, and what is tested for it."""

    def __init__(self, bench: Bench, context: Context) -> None:
        self.bench = bench
        self.context = context
        self.stream = bench.stream

    def learns(self, index: int) -> bool:  # noqa: ARG002
        """Whether something is learned before row ``index``."""
        return True

    @abstractmethod
    def learn(self, index: int) -> None:
        """Learn what row ``index`` needs."""

    @abstractmethod
    def scorer(self) -> Scorer | None:
        """What to test, or ``None`` where the row needs no test."""

    def tested(self, index: int) -> list[int] | None:  # noqa: ARG002
        """Indices of the tasks that must be tested for row ``index``; ``None``: all."""
        return None

    def complete(self, index: int, tested: Evaluation | None, before: Evaluation) -> Evaluation:  # noqa: ARG002
        """The whole row from what was tested and from the row before it (or the zero-shot row)."""
        assert tested is not None
        return tested

    @abstractmethod
    def state_dict(self) -> dict[str, Any]: ...

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None: ...


class StreamProtocol(Protocol):
    """One model, task after task."""

    def __init__(self, bench: Bench, context: Context) -> None:
        super().__init__(bench, context)
        self.method = bench.build(context)

    def learn(self, index: int) -> None:
        self.method.learn(self.stream.training_task(index))

    def scorer(self) -> Method:
        return self.method

    def state_dict(self) -> dict[str, Any]:
        return self.method.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.method.load_state_dict(state)


class ZeroShotProtocol(Protocol):
    """Nothing is learned; the answers are those of the zero-shot row."""

    def learns(self, index: int) -> bool:  # noqa: ARG002
        return False

    def learn(self, index: int) -> None:  # noqa: ARG002
        return

    def scorer(self) -> None:
        return None

    def tested(self, index: int) -> list[int]:  # noqa: ARG002
        return []

    def complete(self, index: int, tested: Evaluation | None, before: Evaluation) -> Evaluation:  # noqa: ARG002
        return before

    def state_dict(self) -> dict[str, Any]:
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:  # noqa: ARG002
        return


class JointProtocol(StreamProtocol):
    """All tasks at once; one model answers every row."""

    def learns(self, index: int) -> bool:
        return index == 0

    def learn(self, index: int) -> None:  # noqa: ARG002
        learn_jointly = getattr(self.method, "learn_jointly", None)
        if learn_jointly is None:
            raise MethodError(
                f"{self.bench.config.method!r} declares protocol 'joint' but has no learn_jointly(tasks)"
            )
        learn_jointly([self.stream.training_task(i) for i in range(len(self.stream))])

    def tested(self, index: int) -> list[int] | None:
        return None if index == 0 else []

    def complete(self, index: int, tested: Evaluation | None, before: Evaluation) -> Evaluation:
        return before if index else super().complete(index, tested, before)


class IndependentProtocol(Protocol):
    """A model for each task, from the initial weights."""

    def __init__(self, bench: Bench, context: Context) -> None:
        super().__init__(bench, context)
        self.method: Method | None = None

    def learn(self, index: int) -> None:
        moment = self.context.moment
        self.method = self.bench.build(self.context)
        self.context.begin(moment)  # building has drawn from the random state
        self.method.learn(self.stream.training_task(index))

    def scorer(self) -> Method:
        assert self.method is not None
        return self.method

    def tested(self, index: int) -> list[int] | None:
        return [index]

    def complete(self, index: int, tested: Evaluation | None, before: Evaluation) -> Evaluation:
        assert tested is not None
        key = self.stream.keys[index]
        return Evaluation({**before.answers, key: tested.answers[key]})

    def state_dict(self) -> dict[str, Any]:
        return self.method.state_dict() if self.method is not None else {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        self.method = self.bench.build(self.context)
        self.method.load_state_dict(state)


PROTOCOLS: Mapping[str, type[Protocol]] = {
    "stream": StreamProtocol,
    "zero_shot": ZeroShotProtocol,
    "joint": JointProtocol,
    "independent": IndependentProtocol,
}
