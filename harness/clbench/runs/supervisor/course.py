"""One run on its way through the stream: learn a task, test all, record a row; go on where it stopped."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from clbench.config import RunConfig
from clbench.errors import ClbenchError, RecordError
from clbench.events import Event, Progress, RowRecorded, RunFinished, RunStarted, TaskLearned
from clbench.locking import BusyError, locked
from clbench.privacy import without_secrets
from clbench.results.atomic import fitting
from clbench.results.predictions import load_predictions
from clbench.results.presence import remove_stale_presence
from clbench.results.records import Record
from clbench.results.rescoring import rescore
from clbench.results.store import RECORD_FILE, read_record
from clbench.runs import messages
from clbench.runs.evaluation import Evaluation
from clbench.runs.exam import Exam
from clbench.runs.rows import RowStore
from clbench.runs.sources import RunSources, Sources
from clbench.runs.supervisor.announcing import Announcement
from clbench.runs.supervisor.decoding import decode_tests
from clbench.runs.supervisor.initial import initial_answers
from clbench.runs.supervisor.mending import make_way
from clbench.runs.supervisor.opening import Opener, Opening
from clbench.runs.supervisor.protocols import PROTOCOLS, Protocol
from clbench.runs.supervisor.pupil import Pupil, StoppedError, WorkerError
from clbench.runs.supervisor.recording import Recorder
from clbench.streams import Preprocessing, Stream

__all__ = ["Course", "RunOutcome", "run_folder"]

log = logging.getLogger(__name__)

Listener = Callable[[Event], None]
_PATIENCE = 0.3  # seconds between two looks at whether another process has ended


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
    return out / fitting(home) / f"{fitting(config.method)}-seed{config.seed}-{config.key[:10]}"


class Course:
    """One configuration on its way through the stream.

    Args:
        sources: streams that are loaded already.
        config: what to run.
        out: folder of all records.
        tell: told every event.
        open_worker: starts the worker.
        isolated: whether that is a process of its own.
        stop: set when a person wants all runs to end.
    """

    def __init__(
        self,
        sources: Sources,
        config: RunConfig,
        out: Path,
        tell: Listener,
        open_worker: Opener,
        *,
        isolated: bool,
        stop: threading.Event,
    ) -> None:
        self.sources = sources
        self.config = config
        self.out = out
        self.folder = run_folder(out, config)
        self.tasks: tuple[str, ...] = ()
        self.run: RunSources | None = None
        self.recorder: Recorder | None = None
        self._tell = tell
        self._open_worker = open_worker
        self._isolated = isolated
        self._stop = stop
        self._rows: list[tuple[float, ...]] = []
        self._index = 0  # the task at hand, for messages
        self._announcement: Announcement | None = None
        self._store = RowStore(self.folder, config.key)

    # -- events -------------------------------------------------------------------------------------

    def _event(self, kind: Callable[..., Event], **details: Any) -> None:
        config = self.config
        event = kind(
            run_id=config.key,
            method=config.method,
            stream=config.stream,
            order=config.order,
            backbone=config.backbone,
            seed=config.seed,
            tasks=self.tasks,
            path=self.folder,
            **details,
        )
        if self._announcement is not None:
            self._announcement.tell(event)
        self._tell(event)

    def progress(self, phase: str, done: int, total: int, loss: float | None = None) -> None:
        """Tell how far a phase of the run is."""
        self._event(Progress, phase=phase, index=self._index, done=done, total=total, loss=loss)

    def touched(self, what: str, which: str) -> None:
        """Note that the method has opened something that it was not given."""
        if self.recorder is not None:
            self.recorder.note_touched(what, which)

    def _finish(self, status: Literal["finished", "failed", "cached"], reason: str = "") -> RunOutcome:
        self._event(RunFinished, status=status, matrix=tuple(self._rows), reason=reason)
        return RunOutcome(self.config, self.folder, status, reason)

    # -- the run ------------------------------------------------------------------------------------

    def execute(self) -> RunOutcome:
        """Run it, unless it is finished; wait for another process that is at it.

        Raises:
            StoppedError: a person has stopped it; what was recorded is kept.
        """
        try:
            spec = self.sources.find_stream(self.config.stream_source).spec
            self.tasks = tuple(task.key for task in spec.tasks)
            finished = self._finished_record()  # which needs no lock, and no folder that can be written to
            if finished is not None:
                return self._replay(finished)
            with ExitStack() as stack:
                waited = self._lock(stack)
                finished = self._finished_record()
                if finished is not None:
                    return self._replay(finished)
                if waited and (failed := self._failed_record()) is not None:
                    return self._finish("failed", failed)
                with Announcement(self.folder, self.config) as self._announcement:
                    return self._execute_locked()
        except StoppedError:
            raise
        except ClbenchError as error:
            return self._finish("failed", f"{type(error).__name__}: {error}")
        except OSError as error:
            return self._finish("failed", f"{self.folder} cannot be written: {error.strerror or error}")

    def _lock(self, stack: ExitStack) -> bool:
        """Wait until no other process is at work in the folder; return whether one was."""
        waited = False
        while True:
            try:
                stack.enter_context(locked(self.folder / ".lock", wait=False))
                return waited
            except BusyError:
                if not waited:
                    self.progress("wait", 0, 1)
                waited = True
            if self._stop.wait(_PATIENCE):
                raise StoppedError

    def _finished_record(self) -> Record | None:
        record = self._record()
        if record is None or record.status != "finished":
            return None
        if record.predictions is not None:
            try:
                predictions = load_predictions(self.folder, record.predictions)
                wrong = [line for space in rescore(record, predictions) for line in space.differences]
            except RecordError as error:
                log.warning("%s: %s; its predictions are put together again", error.what, error.why)
                return None
            if wrong:
                path = self.folder / RECORD_FILE
                log.warning("%s is not what its predictions give: %s; it is written anew", path, wrong[0])
                return None
        return record

    def _failed_record(self) -> str | None:
        """Why the process that was waited for failed."""
        record = self._record()
        failure = record.failure if record is not None else None
        return f"{failure.kind}: {failure.error}" if failure is not None else None

    def _record(self) -> Record | None:
        path = self.folder / RECORD_FILE
        if not path.exists():
            return None
        try:
            return read_record(path)
        except ClbenchError:
            return None  # a damaged record is written anew from the rows, which are kept apart

    def _replay(self, record: Record) -> RunOutcome:
        """Tell listeners what was done before; nothing is computed."""
        self.tasks = tuple(task.key for task in record.stream.tasks)
        self._rows = [tuple(float(a) for a in row if a is not None) for row in record.matrix]
        remove_stale_presence(self.folder)
        return self._finish("cached")

    def _execute_locked(self) -> RunOutcome:
        self.progress("prepare", 0, 1)
        pupil: Pupil | None = None
        try:
            self.run = RunSources(self.sources, self.config)
            self.tasks = self.run.stream.keys
            self.recorder = Recorder(self.run, self.folder, isolated=self._isolated)
            self.recorder.go_on_from(self._record())
            pupil = self._open_worker(
                Opening(self.run, self.folder, self.out, self.folder, self.progress, self.touched)
            )
            if self._announcement is not None:
                self._announcement.begun(pupil.process.pid if pupil.process is not None else None)
                pupil.pulse = self._announcement.pulse
            self._learn_stream(self.run, self.recorder, pupil)
            pupil.stop(finished=True)
            self.recorder.finish()
        except StoppedError:
            raise
        except WorkerError as failure:
            return self._fail(failure)
        except (Exception, SystemExit) as error:
            return self._fail(
                WorkerError(type(error).__name__, str(error), traceback.format_exc()),
            )
        finally:
            if pupil is not None:
                pupil.kill()
        return self._finish("finished")

    def _fail(self, failure: WorkerError) -> RunOutcome:
        """Record what is known, in a way that needs nothing of what failed."""
        task = self.tasks[min(self._index, len(self.tasks) - 1)] if self.tasks else None
        try:
            if self.recorder is None:
                raise LookupError("the stream is not known")
            try:
                self.recorder.fail(failure, task)
            except OSError:  # the method has put something else there, or filled the disk
                make_way(self.folder)
                self.recorder.fail(failure, task)
        except Exception:
            text = without_secrets(failure.traceback or str(failure))
            (self.folder / "failure.txt").write_bytes(text.encode("utf-8", "backslashreplace"))
        return self._finish("failed", str(failure))

    def _learn_stream(self, run: RunSources, recorder: Recorder, pupil: Pupil) -> None:
        config, stream = self.config, run.stream
        recorder.ready = ready = pupil.ready()
        decode_tests(
            [*(task.test for task in stream.tasks), *(held.test for held in run.held_out)],
            ready.transform,
            lambda done, total: self.progress("decode", done, total),
        )
        before = initial_answers(
            run,
            ready,
            pupil,
            folder=self.out / "zero-shot",
            progress=lambda done, total: self.progress("zero-shot", done, total),
        )
        recorder.zero_shot(before)
        protocol = PROTOCOLS[run.method.spec.protocol](stream)
        recorder.declared = pupil.build().declared
        learned = pupil.restore()
        recorder.reference_origin = learned.reference_origin
        earlier = self._earlier_rows(learned.rows)
        self._event(
            RunStarted,
            resumed_rows=len(earlier),
            zero_shot=before.row(stream, config.label_space, 0),
            config=config.as_json(),
        )
        for self._index in range(len(stream)):
            if self._index < len(earlier):
                evaluation, seconds = earlier[self._index]
            else:
                if self._index >= learned.learned:
                    learned = self._learn(stream, protocol, pupil)
                    recorder.reference_origin = learned.reference_origin
                evaluation, seconds = self._test(run, protocol, ready.transform, pupil, before)
                self._store.save(self._index, evaluation, seconds)
            before = evaluation
            row = recorder.row(evaluation, seconds, learned)
            self._rows.append(row)
            if self._index >= len(earlier):
                recorder.save()
                self._event(RowRecorded, index=self._index, row=row, seconds=seconds)

    def _earlier_rows(self, count: int) -> list[tuple[Evaluation, float]]:
        """Rows on disk from the first on, which the worker has found whole."""
        rows = [self._store.load(index) for index in range(count)]
        return [row for row in rows if row is not None]

    def _learn(self, stream: Stream, protocol: Protocol, pupil: Pupil) -> messages.Learned:
        lessons = tuple(stream.training_task(i).detached() for i in protocol.lessons(self._index))
        learned = pupil.learn(messages.Learn(self._index, lessons))
        if lessons:
            self._event(TaskLearned, index=self._index, seconds=float(learned.learn_seconds[-1]))
        return learned

    def _test(
        self,
        run: RunSources,
        protocol: Protocol,
        preprocessing: Preprocessing,
        pupil: Pupil,
        before: Evaluation,
    ) -> tuple[Evaluation, float]:
        config = self.config
        only = protocol.tested(self._index)
        tested, seconds = None, 0.0
        exams = []
        if only is None or only:
            exams.append(
                Exam.of_stream(
                    run.stream,
                    preprocessing,
                    wide=set(config.label_spaces) != {"task"},
                    batch=config.eval_batch,
                    task_given=run.method.spec.assumptions.task_identity == "given",
                    only=only,
                    composition=config.batches,
                    seed=config.seed,
                )
            )
        if only is None and run.held_out:
            exams.append(Exam.of_held_out(run.held_out, preprocessing, batch=config.eval_batch))
        for exam in exams:
            found, answered = pupil.test(exam, lambda done, total: self.progress("evaluate", done, total))
            tested = Evaluation({**(tested.answers if tested else {}), **found.answers})
            seconds += answered.seconds
            if self.recorder is not None and self.recorder.test_order is None:
                self.recorder.test_order = exam.seed
        return protocol.complete(self._index, tested, before), seconds
