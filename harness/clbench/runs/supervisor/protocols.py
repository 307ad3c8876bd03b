"""How each kind of method meets the stream: what is learned before which row, and what is tested for it.

All four write the same matrix:

* ``stream``: learn task after task with one model.
* ``zero_shot``: learn nothing; every row is the zero-shot row.
* ``joint``: learn all tasks at once; every row is the same model's.
* ``independent``: learn each task from the initial weights. Row i answers tasks 0 … i with their own
  models and later tasks zero-shot, so Last is the upper bound without any forgetting.

:mod:`clbench.runs.worker.learners` is the other half, in the worker.
"""

from __future__ import annotations

from collections.abc import Mapping

from clbench.runs.evaluation import Evaluation
from clbench.streams import Stream

__all__ = ["PROTOCOLS", "Protocol"]


class Protocol:
    """One model, task after task; the others say what they do otherwise."""

    def __init__(self, stream: Stream) -> None:
        self.stream = stream

    def lessons(self, index: int) -> tuple[int, ...]:
        """Indices of the tasks that are learned before row ``index``."""
        return (index,)

    def tested(self, index: int) -> list[int] | None:  # noqa: ARG002
        """Indices of the tasks that must be tested for row ``index``; ``None``: all, and what is held out."""
        return None

    def complete(self, index: int, tested: Evaluation | None, before: Evaluation) -> Evaluation:  # noqa: ARG002
        """The whole row from what was tested and from the row before it (or the zero-shot row)."""
        assert tested is not None
        return tested


class ZeroShotProtocol(Protocol):
    """Nothing is learned; the answers are those of the zero-shot row."""

    def lessons(self, index: int) -> tuple[int, ...]:  # noqa: ARG002
        return ()

    def tested(self, index: int) -> list[int]:  # noqa: ARG002
        return []

    def complete(self, index: int, tested: Evaluation | None, before: Evaluation) -> Evaluation:  # noqa: ARG002
        return before


class JointProtocol(Protocol):
    """All tasks at once; one model answers every row."""

    def lessons(self, index: int) -> tuple[int, ...]:
        return () if index else tuple(range(len(self.stream)))

    def tested(self, index: int) -> list[int] | None:
        return [] if index else None

    def complete(self, index: int, tested: Evaluation | None, before: Evaluation) -> Evaluation:
        return before if index else super().complete(index, tested, before)


class IndependentProtocol(Protocol):
    """A model for each task, from the initial weights."""

    def tested(self, index: int) -> list[int]:
        return [index]

    def complete(self, index: int, tested: Evaluation | None, before: Evaluation) -> Evaluation:
        assert tested is not None
        key = self.stream.keys[index]
        return Evaluation({**before.answers, key: tested.answers[key]})


PROTOCOLS: Mapping[str, type[Protocol]] = {
    "stream": Protocol,
    "zero_shot": ZeroShotProtocol,
    "joint": JointProtocol,
    "independent": IndependentProtocol,
}
