"""Execute planned runs: learn a task, test all tasks, record a row; go on where an earlier run stopped."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from clbench.config import RunConfig
from clbench.errors import ClbenchError, RecordError
from clbench.events import Event, Progress, RowRecorded, RunFinished, RunStarted, TaskLearned
from clbench.plugins import Registry
from clbench.results.predictions import load_predictions
from clbench.results.records import Record
from clbench.results.store import RECORD_FILE, read_record
from clbench.runs.checkpoints import Checkpoint, CheckpointStore, count_elements
from clbench.runs.decoding import decode_tests
from clbench.runs.evaluation import Evaluation, evaluate
from clbench.runs.heldout import evaluate_held_out, held_out_zero_shot
from clbench.runs.protocols import PROTOCOLS
from clbench.runs.recording import Recorder
from clbench.runs.resources import MemoryGauge, Stopwatch
from clbench.runs.workbench import Bench, Workbench
from clbench.runs.zero_shot import zero_shot

__all__ = ["RunOutcome", "execute", "run_folder"]

log = logging.getLogger(__name__)

Listener = Callable[[Event], None]


@dataclass(frozen=True)
class RunOutcome:
    """How a planned run ended.

    Attributes:
        config: what was planned.
        path: the run's folder; its ``record.json`` says everything.
        status: ``finished``, ``failed``, or ``cached``: it was finished before.
        reason: why it failed.
    """

    config: RunConfig
    path: Path
    status: Literal["finished", "failed", "cached"]
    reason: str = ""


def run_folder(out: Path, config: RunConfig) -> Path:
    """The folder of a run: readable, and unique by the configuration's key."""
    home = f"{config.stream}-{config.order}-{config.backbone}"
    return out / home / f"{config.method}-seed{config.seed}-{config.key[:10]}"


def execute(
    registry: Registry,
    configs: Sequence[RunConfig],
    *,
    out: Path,
    listener: Listener | None = None,
    workbench: Workbench | None = None,
) -> list[RunOutcome]:
    """Execute runs one after another; one that fails is recorded as failed and never stops the others.

    Args:
        registry: the plugins.
        configs: what to run, resolved.
        out: folder of all records.
        listener: told every event, also :class:`clbench.events.Progress`, which plugins are not told.
        workbench: streams and models that are loaded already.
    """
    workbench = workbench or Workbench(registry)
    return [_Run(workbench, config, out, listener).execute() for config in configs]


class _Run:
    """One configuration on its way through the stream."""

    def __init__(self, workbench: Workbench, config: RunConfig, out: Path, listener: Listener | None) -> None:
        self.workbench = workbench
        self.config = config
        self.out = out
        self.folder = run_folder(out, config)
        self.listener = listener
        self.tasks: tuple[str, ...] = ()
        self.rows: list[tuple[float, ...]] = []
        self.index = 0  # the task at hand, for messages
        self.store = CheckpointStore(self.folder, config.key)

    # -- events -------------------------------------------------------------------------------------

    def _event(self, kind: Callable[..., Event], **details: Any) -> None:
        event = kind(
            run_id=self.config.key,
            method=self.config.method,
            stream=self.config.stream,
            order=self.config.order,
            backbone=self.config.backbone,
            seed=self.config.seed,
            tasks=self.tasks,
            path=self.folder,
            **details,
        )
        if not isinstance(event, Progress):
            self.workbench.registry.notify(event)
        if self.listener is not None:
            self.listener(event)

    def _progress(self, phase: str, done: int, total: int, loss: float | None = None) -> None:
        self._event(Progress, phase=phase, index=self.index, done=done, total=total, loss=loss)

    def _finish(self, status: Literal["finished", "failed", "cached"], reason: str = "") -> RunOutcome:
        self._event(RunFinished, status=status, matrix=tuple(self.rows), reason=reason)
        return RunOutcome(self.config, self.folder, status, reason)

    # -- the run ------------------------------------------------------------------------------------

    def execute(self) -> RunOutcome:
        spec = self.workbench.find_stream(self.config.stream_source).spec
        self.tasks = tuple(task.key for task in spec.tasks)
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(self.folder / ".lock", timeout=0):
                finished = self._finished_record()
                if finished is not None:
                    return self._replay(finished)
                return self._execute_locked()
        except Timeout:
            return self._finish(
                "failed", f"another process is at work in {self.folder}; wait for it and run again"
            )

    def _finished_record(self) -> Record | None:
        path = self.folder / RECORD_FILE
        if not path.exists():
            return None
        try:
            record = read_record(path)
        except ClbenchError:
            return None  # a damaged record is written anew from the rows, which are kept apart
        if record.status != "finished":
            return None
        if record.predictions is not None:
            try:
                load_predictions(self.folder, record.predictions)
            except RecordError as error:
                log.warning("%s: %s; its predictions are put together again", error.what, error.why)
                return None
        return record

    def _replay(self, record: Record) -> RunOutcome:
        """Tell listeners what was done before; nothing is computed."""
        self.tasks = tuple(task.key for task in record.stream.tasks)
        self.rows = [tuple(float(a) for a in row if a is not None) for row in record.matrix]
        return self._finish("cached")

    def _execute_locked(self) -> RunOutcome:
        recorder: Recorder | None = None
        self._progress("prepare", 0, 1)
        try:
            bench = Bench(self.workbench, self.config, self.folder / "scratch")
            self.tasks = bench.stream.keys
            recorder = Recorder(bench, self.folder)
            self._learn_stream(bench, recorder)
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            if recorder is not None:
                task = self.tasks[min(self.index, len(self.tasks) - 1)]
                recorder.fail(error, task, traceback.format_exc())
            else:
                (self.folder / "failure.txt").write_text(traceback.format_exc(), encoding="utf-8")
            return self._finish("failed", reason)
        return self._finish("finished")

    def _learn_stream(self, bench: Bench, recorder: Recorder) -> None:
        config, stream = self.config, bench.stream
        checkpoint, earlier = self.store.resume()
        gauge = MemoryGauge(bench.device)
        gauge.start()
        decode_tests(
            [*(task.test for task in stream.tasks), *(held.test for held in bench.held_out)],
            bench.initial.preprocessing,
            lambda done, total: self._progress("decode", done, total),
        )
        before = zero_shot(
            bench.initial,
            stream,
            folder=self.out / "zero-shot",
            batch=config.eval_batch,
            device=bench.device,
            precision=config.precision,
            progress=lambda done, total: self._progress("zero-shot", done, total),
        )
        held_out = held_out_zero_shot(
            bench.initial,
            bench.held_out,
            folder=self.out / "zero-shot",
            batch=config.eval_batch,
            device=bench.device,
            precision=config.precision,
            progress=lambda done, total: self._progress("zero-shot", done, total),
        )
        before = Evaluation({**before.answers, **held_out.answers})
        recorder.zero_shot(before)
        context = bench.context(self._progress)
        protocol = PROTOCOLS[bench.method.spec.protocol](bench, context)
        if checkpoint.learned:
            protocol.load_state_dict(checkpoint.state)
            context.measured.trainable_parameters = list(checkpoint.trainable_parameters)
            context.measured.generated_images = checkpoint.generated_images
        self._event(
            RunStarted,
            resumed_rows=len(earlier),
            zero_shot=before.row(stream, config.label_space, 0),
            config=config.as_json(),
        )
        for self.index in range(len(stream)):
            if self.index < len(earlier):
                evaluation, seconds = earlier[self.index]
            else:
                if self.index >= checkpoint.learned:
                    self._learn(protocol, context, checkpoint, gauge)
                evaluation, seconds = self._test(bench, protocol, before)
                self.store.save_row(self.index, evaluation, seconds)
            before = evaluation
            checkpoint.peak_memory = max(checkpoint.peak_memory, gauge.read())
            row = recorder.row(evaluation, seconds, checkpoint)
            self.rows.append(row)
            if self.index >= len(earlier):
                recorder.save()
                self._event(RowRecorded, index=self.index, row=row, seconds=seconds)
        recorder.finish()
        self.store.settle()

    def _learn(self, protocol: Any, context: Any, checkpoint: Checkpoint, gauge: MemoryGauge) -> None:
        seconds = 0.0
        if protocol.learns(self.index):
            context.begin(f"{self.index}:{self.tasks[self.index]}")
            watch = Stopwatch(context.device)
            protocol.learn(self.index)
            seconds = watch.seconds()
            self._event(TaskLearned, index=self.index, seconds=seconds)
            checkpoint.state = protocol.state_dict()
        checkpoint.learned = self.index + 1
        checkpoint.learn_seconds.append(seconds)
        checkpoint.trainable_parameters = list(context.measured.trainable_parameters)
        checkpoint.stored_parameters.append(count_elements(checkpoint.state))
        checkpoint.generated_images = context.measured.generated_images
        checkpoint.peak_memory = max(checkpoint.peak_memory, gauge.read())
        self.store.save(checkpoint)

    def _test(self, bench: Bench, protocol: Any, before: Evaluation) -> tuple[Evaluation, float]:
        config = self.config
        watch = Stopwatch(bench.device)
        only = protocol.tested(self.index)
        tested = None
        if only is None or only:
            tested = evaluate(
                protocol.scorer(),
                bench.stream,
                bench.initial.preprocessing,
                wide=set(config.label_spaces) != {"task"},
                batch=config.eval_batch,
                device=bench.device,
                precision=config.precision,
                task_given=bench.method.spec.assumptions.task_identity == "given",
                only=only,
                composition=config.batches,
                seed=config.seed,
                progress=lambda done, total: self._progress("evaluate", done, total),
            )
        if tested is not None and only is None:
            held_out = evaluate_held_out(
                protocol.scorer(),
                bench.held_out,
                bench.initial.preprocessing,
                batch=config.eval_batch,
                device=bench.device,
                precision=config.precision,
                progress=lambda done, total: self._progress("evaluate", done, total),
            )
            tested = Evaluation({**tested.answers, **held_out.answers})
        return protocol.complete(self.index, tested, before), watch.seconds()
