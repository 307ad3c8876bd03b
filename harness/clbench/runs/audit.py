"""Score a finished run's last state in other test batches: what the composition of batches is worth."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from clbench.config import RunConfig
from clbench.config.runconfig import Composition
from clbench.errors import RecordError
from clbench.plugins import Registry
from clbench.results import RECORD_FILE, Record, read_record
from clbench.runs.evaluation import Evaluation
from clbench.runs.exam import Exam
from clbench.runs.sources import RunSources, Sources
from clbench.runs.supervisor.opening import Opener, Opening, in_this_process, open_process
from clbench.runs.supervisor.pupil import WorkerError
from clbench.runs.supervisor.sharing import Share
from clbench.streams import LabelSpaceName, Stream
from clbench.temporary import temporary_folder

__all__ = ["Audit", "audit", "limited"]

COMPOSITIONS: tuple[Composition, ...] = ("natural", "mixed", "single")


@dataclass(frozen=True)
class Audit:
    """What a run's last state scores in each composition of batches.

    Attributes:
        record: of the run.
        usual: the run's own composition, which the others are compared with.
        images: by task key, how many test images were scored.
        limit, seed: at most so many images a task, drawn with that seed; the order of ``mixed`` has it, too.
        evaluations: answers by composition, the usual one first.
        stream: the tasks with the test images that were scored.
    """

    record: Record
    usual: Composition
    images: Mapping[str, int]
    limit: int | None
    seed: int
    evaluations: Mapping[Composition, Evaluation]
    stream: Stream

    def row(self, composition: Composition, space: LabelSpaceName) -> tuple[float, ...]:
        """Accuracy in percent on each task."""
        return self.evaluations[composition].row(self.stream, space, len(self.stream))

    def last(self, composition: Composition, space: LabelSpaceName) -> float:
        """Mean of :meth:`row`: Last."""
        return float(np.mean(self.row(composition, space)))

    def changed(self, composition: Composition, space: LabelSpaceName) -> tuple[float, ...]:
        """On each task, percent of the images that are answered otherwise than in the usual batches."""
        learned = len(self.stream)
        usual, other = (
            self.evaluations[c].predictions(self.stream, space, learned) for c in (self.usual, composition)
        )
        return tuple(100.0 * float(np.mean(usual[key] != other[key])) for key in self.stream.keys)

    def reproduces(self, space: LabelSpaceName) -> bool | None:
        """Whether the usual batches give the recorded last row; ``None`` where not all images were scored."""
        if self.limit is not None and any(
            task.test > self.images[task.key] for task in self.record.stream.tasks
        ):
            return None
        return self.row(self.usual, space) == self.record.matrices[space][-1]


def audit(
    registry: Registry,
    run: Path,
    *,
    compositions: Sequence[Composition] = COMPOSITIONS,
    limit: int | None = None,
    seed: int | None = None,
    device: str | None = None,
    progress: Callable[[str, int, int], None] | None = None,
) -> Audit:
    """Score the last state of the run in the folder ``run``.

    Args:
        registry: the plugins.
        run: folder (or its ``record.json``) of a finished run with its checkpoint.
        compositions: what to score beside the run's own composition.
        limit: score at most so many images a task, drawn at random.
        seed: of that draw and of the order of ``mixed``; default: the run's.
        device: where to compute; default: where the run did.
        progress: told (composition, images done, images in all).

    Raises:
        RecordError: the run is not finished, its checkpoint is gone, or it keeps a model for each task.
        ClbenchError: a plugin, the data or a device of the run is missing here.
    """
    folder = run.parent if run.name == RECORD_FILE else run
    record = read_record(folder)
    _check(record, folder)
    config = RunConfig.from_json(record.config)
    if device is not None:
        config = replace(config, device=device)
    seed = config.seed if seed is None else seed
    sources = Sources(registry)
    run_sources = RunSources(sources, config)
    stream = run_sources.stream if limit is None else limited(run_sources.stream, limit, seed)

    def score(opener: Opener, scratch: Path) -> dict[Composition, Evaluation]:
        opening = Opening(run_sources, folder, folder.parent, scratch, lambda *_: None, lambda *_: None)
        pupil = opener(opening)
        try:
            transform = pupil.ready().transform
            pupil.build()
            if pupil.restore().learned != len(record.stream.tasks):
                raise _no_checkpoint(folder)
            found = {}
            for composition in dict.fromkeys((config.batches, *compositions)):
                exam = Exam.of_stream(
                    stream,
                    transform,
                    wide=set(config.label_spaces) != {"task"},
                    batch=config.eval_batch,
                    task_given=run_sources.method.spec.assumptions.task_identity == "given",
                    composition=composition,
                    seed=seed,
                )

                def report(done: int, total: int, what: Composition = composition) -> None:
                    if progress is not None:
                        progress(what, done, total)

                found[composition] = pupil.test(exam, report)[0]
            pupil.stop(finished=False)
            return found
        finally:
            pupil.kill()

    with temporary_folder("audit") as scratch:
        try:
            if registry.origin is None:
                evaluations = in_this_process(sources, lambda opener, _: score(opener, scratch))
            else:
                stop = threading.Event()
                opener = partial(open_process, share=Share(), stall=0.0, stop=stop)
                evaluations = score(opener, scratch)
        except WorkerError as error:
            raise RecordError(f"{folder} cannot be scored again", why=str(error)) from error
    images = {task.key: len(task.test) for task in stream.tasks}
    return Audit(record, config.batches, images, limit, seed, evaluations, stream)


def limited(stream: Stream, limit: int, seed: int) -> Stream:
    """The stream with at most ``limit`` test images a task, drawn at random, in their order."""
    tasks = []
    for task in stream.tasks:
        count = len(task.test)
        if count > limit:
            chosen = np.random.default_rng([seed, count, limit]).choice(count, limit, replace=False)
            task = replace(task, test=task.test.select(sorted(chosen.tolist())))
        tasks.append(task)
    return replace(stream, tasks=tuple(tasks))


def _check(record: Record, folder: Path) -> None:
    if record.status != "finished":
        raise RecordError(
            f"{folder} is {record.status}, and only a finished run can be audited",
            fix="run the same command again: it goes on",
        )
    if record.method.protocol == "independent":
        raise RecordError(
            f"{folder} has a model for each task, of which only the last was kept",
            why="its other answers cannot be computed again",
            fix="audit a run of another method",
        )


def _no_checkpoint(folder: Path) -> RecordError:
    return RecordError(
        f"{folder} has no checkpoint of all tasks",
        why="it is needed to score again; only the record was kept",
        fix="run the same command again with another --out",
    )
