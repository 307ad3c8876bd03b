"""Carry out a supervisor's orders, one after another, and say what became of each."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from multiprocessing.connection import Connection

import torch

from clbench.errors import NotFiniteError
from clbench.models.features import CosineScorer
from clbench.plugins import Registry
from clbench.runs import messages
from clbench.runs.checkpoints import Checkpoint, CheckpointStore, count_elements
from clbench.runs.messages import send_reply
from clbench.runs.middle import MiddleStore
from clbench.streams import TrainingTask
from clbench.runs.workbench import Bench, Workbench
from clbench.runs.worker.learners import LEARNERS, Learner
from clbench.runs.worker.order import ProcessState, Untouched, checked_counts, checked_state
from clbench.runs.worker.resources import MemoryGauge, Stopwatch
from clbench.runs.worker.scoring import Paper, Scorer
from clbench.runs.worker.surroundings import Assignment

__all__ = ["serve"]

_PATIENCE = 0.05  # seconds between two words on the progress of one phase


def serve(
    connection: Connection,
    assignment: Assignment,
    registry: Registry | Workbench,
    begin: Callable[[], None] | None = None,
) -> None:
    """Serve until the supervisor says stop or is gone.

    Args:
        begin: called when the initial model is loaded and no code of the method has run yet; given where
            the worker is a process of its own.

    Raises:
        KeyboardInterrupt: as it comes, where the worker is no process of its own.
    """
    _Worker(connection, assignment, registry, begin).serve()


class _GoneError(BaseException):
    """The supervisor is gone. No method raises this by accident, as it may an EOFError of its own."""


class _Worker:
    def __init__(
        self,
        connection: Connection,
        assignment: Assignment,
        registry: Registry | Workbench,
        begin: Callable[[], None] | None,
    ) -> None:
        self.connection = connection
        self.assignment = assignment
        self.workbench = registry if isinstance(registry, Workbench) else Workbench(registry)
        self.begin = begin or (lambda: None)
        self.isolated = begin is not None
        self.checkpoint = Checkpoint(assignment.config.key)
        self.store = CheckpointStore(assignment.folder, assignment.config.key)
        self.middle = MiddleStore(
            assignment.folder / "middle", assignment.config.key, assignment.config.checkpoint_steps
        )
        self.learner: Learner | None = None
        self.paper: Paper | None = None
        self._spoken: tuple[str, float] = ("", 0.0)

    def say(self, reply: messages.Reply) -> None:
        try:
            send_reply(self.connection, reply)
        except OSError as error:
            raise _GoneError from error

    def _hear(self) -> messages.Order:
        try:
            order: messages.Order = self.connection.recv()
        except (EOFError, OSError) as error:
            raise _GoneError from error
        return order

    def serve(self) -> None:
        with suppress(_GoneError):  # nobody is left to serve
            try:
                self._prepare()
                while not isinstance(order := self._hear(), messages.Stop):
                    self._carry_out(order)
                if order.finished:
                    self.store.settle()
            except _GoneError:
                raise
            except BaseException as error:  # SystemExit, too: a method's exit is its failure
                if isinstance(error, KeyboardInterrupt) and not self.isolated:
                    raise  # a person's, in a terminal
                self.say(self._failed(error))

    # -- orders -------------------------------------------------------------------------------------

    def _prepare(self) -> None:
        config = self.assignment.config
        if self.assignment.threads:
            torch.set_num_threads(self.assignment.threads)
        assignment = self.assignment
        self.bench = Bench(self.workbench, config, assignment.scratch, assignment.task_keys)
        self.gauge = MemoryGauge(self.bench.device)
        self.gauge.start()
        initial = self.bench.initial
        self.context = self.bench.context(self._progress, self.middle)
        self.untouched = Untouched(self.bench)
        self.process = ProcessState()
        self.say(
            messages.Ready(
                preprocessing=asdict(initial.preprocessing),
                weights_digest=initial.weights_digest,
                activation=initial.activation,
                parameters=sum(p.numel() for p in initial.model.parameters()),
                device=_device_name(self.bench.device),
                threads=torch.get_num_threads(),
                logit_bias=None if initial.logit_bias is None else float(initial.logit_bias),
            )
        )

    def _carry_out(self, order: messages.Order) -> None:
        match order:
            case messages.Build():
                self._build()
            case messages.Restore():
                self._restore()
            case messages.Learn(index, tasks):
                self._learn(index, tasks)
            case messages.Examination():
                self._examine(order)
            case _:
                raise TypeError(f"{order!r} is no order")

    def _build(self) -> None:
        self.begin()
        self.learner = LEARNERS[self.bench.method.spec.protocol](self.bench, self.context)
        self.say(messages.Built(dict(self.bench.declared)))

    def _restore(self) -> None:
        self.checkpoint, rows = self.store.resume()
        if self.checkpoint.learned:
            self._built().load_state_dict(self.checkpoint.state)
            measured = self.context.measured
            measured.trainable_parameters = list(self.checkpoint.trainable_parameters)
            measured.generated_images = self.checkpoint.generated_images
        self._say_learned(len(rows))

    def _learn(self, index: int, tasks: tuple[TrainingTask, ...]) -> None:
        checkpoint, learner, measured = self.checkpoint, self._built(), self.context.measured
        seconds = 0.0
        if tasks:
            self.process.restore()
            self.context.begin(f"{index}:{self.assignment.task_keys[index]}")
            watch = Stopwatch(self.bench.device)
            learner.learn(tasks)
            seconds = watch.seconds() + measured.earlier_seconds
            self.process.restore()
            self.untouched.check()
            checkpoint.state = checked_state(learner.state_dict())
        checkpoint.learned = index + 1
        checkpoint.learn_seconds.append(seconds)
        checkpoint.trainable_parameters = checked_counts(measured.trainable_parameters)
        checkpoint.stored_parameters.append(count_elements(checkpoint.state))
        checkpoint.generated_images = measured.generated_images
        checkpoint.peak_memory = max(checkpoint.peak_memory, self.gauge.read())
        self.store.save(checkpoint)
        self.middle.clear()
        self._say_learned()

    def _examine(self, examination: messages.Examination) -> None:
        scorer: Scorer | None
        if examination.initial:
            scorer = CosineScorer(self.bench.initial)
        else:
            scorer = self._built().method or CosineScorer(self.bench.initial)
        watch = Stopwatch(self.bench.device)
        preprocessing = self.bench.initial.preprocessing
        with Paper(
            scorer, examination, preprocessing, self.bench.device, self.assignment.config.precision
        ) as self.paper:
            while isinstance(order := self._hear(), messages.Batch):
                slot = order.slot
                self.paper.answer(order, lambda slot=slot: self.say(messages.Taken(slot)))  # type: ignore[misc]
            if not isinstance(order, messages.EndOfTest):
                raise TypeError(f"{order!r} does not belong into a test")
            best, logit = self.paper.hand_in()
        self.paper = None
        if self.checkpoint.learned == len(self.assignment.task_keys):
            self.untouched.check()  # what it does later, no check after a task would find
        self.checkpoint.peak_memory = max(self.checkpoint.peak_memory, self.gauge.read())
        self.say(messages.Answered(best, logit, watch.seconds(), self.checkpoint.peak_memory))

    # -- parts --------------------------------------------------------------------------------------

    def _built(self) -> Learner:
        assert self.learner is not None, "the supervisor asks for a method before it gives an order to it"
        return self.learner

    def _say_learned(self, rows: int = 0) -> None:
        checkpoint = self.checkpoint
        self.say(
            messages.Learned(
                learned=checkpoint.learned,
                learn_seconds=list(checkpoint.learn_seconds),
                trainable_parameters=list(checkpoint.trainable_parameters),
                stored_parameters=list(checkpoint.stored_parameters),
                generated_images=checkpoint.generated_images,
                peak_memory=checkpoint.peak_memory,
                rows=rows,
                reference_origin=self.bench.reference_origin,
            )
        )

    def _progress(self, phase: str, done: int, total: int, loss: float | None = None) -> None:
        now = time.monotonic()
        if done < total and phase == self._spoken[0] and now - self._spoken[1] < _PATIENCE:
            return
        self._spoken = (phase, now)
        self.say(messages.Progressed(phase, done, total, loss))

    def _failed(self, error: BaseException) -> messages.Failed:
        """Whatever the exception does when it is looked at, this says something of it."""
        try:
            message = str(error)
        except BaseException as second:
            message = f"(its text cannot be told: {type(second).__name__})"
        if isinstance(error, SystemExit):
            message = f"the method ended the process: sys.exit({message})"
        try:
            trace = "".join(traceback.format_exception(error))
        except BaseException:
            trace = ""
        return messages.Failed(
            kind=type(error).__name__,
            message=str.__str__(message) or type(error).__name__,
            traceback=trace,
            step=error.step if isinstance(error, NotFiniteError) else None,
            batch=None if self.paper is None else self.paper.batches,
        )


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
