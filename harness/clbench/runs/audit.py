"""Score a finished run's last state in other test batches: what the composition of batches is worth."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from clbench.config import RunConfig
from clbench.config.runconfig import Composition
from clbench.errors import RecordError
from clbench.models.features import CosineScorer
from clbench.plugins import Registry
from clbench.results import RECORD_FILE, Record, read_record
from clbench.runs.checkpoints import CheckpointStore
from clbench.runs.evaluation import Evaluation, evaluate
from clbench.runs.protocols import PROTOCOLS
from clbench.runs.workbench import Bench, Workbench
from clbench.streams import LabelSpaceName, Stream

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
    state = CheckpointStore(folder, config.key).load()
    if state.learned != len(record.stream.tasks):
        raise RecordError(
            f"{folder} has no checkpoint of all tasks",
            why="it is needed to score again; only the record was kept",
            fix="run the same command again with another --out",
        )
    if device is not None:
        config = replace(config, device=device)
    seed = config.seed if seed is None else seed
    with tempfile.TemporaryDirectory(prefix="clbench-audit-") as scratch, torch.no_grad():
        bench = Bench(Workbench(registry), config, Path(scratch))
        stream = bench.stream if limit is None else limited(bench.stream, limit, seed)
        protocol = PROTOCOLS[bench.method.spec.protocol](bench, bench.context(lambda *_: None))
        protocol.load_state_dict(state.state)
        scorer = protocol.scorer() or CosineScorer(bench.initial)
        evaluations: dict[Composition, Evaluation] = {}
        for composition in dict.fromkeys((config.batches, *compositions)):

            def report(done: int, total: int, what: Composition = composition) -> None:
                if progress is not None:
                    progress(what, done, total)

            evaluations[composition] = evaluate(
                scorer,
                stream,
                bench.initial.preprocessing,
                wide=set(config.label_spaces) != {"task"},
                batch=config.eval_batch,
                device=bench.device,
                precision=config.precision,
                task_given=bench.method.spec.assumptions.task_identity == "given",
                composition=composition,
                seed=seed,
                progress=report,
            )
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
