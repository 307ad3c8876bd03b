"""A run's record, row by row; what is on disk is valid at any moment."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np

from clbench.results.fingerprint import Fingerprint, fingerprint
from clbench.results.predictions import HELD_OUT, ZERO_SHOT_ROW, save_predictions
from clbench.results.provenance import collect
from clbench.results.records import (
    AssumptionsRecord,
    BackboneRecord,
    ConductRecord,
    Failure,
    HeldOutRecord,
    MethodRecord,
    Record,
    Resources,
    StreamRecord,
    TaskRecord,
    measure,
)
from clbench.results.store import write_record
from clbench.runs.evaluation import Answers, Evaluation
from clbench.runs.messages import Learned, Ready
from clbench.runs.sources import RunSources
from clbench.runs.supervisor.pupil import WorkerError
from clbench.streams import HeldOut, Stream

__all__ = ["Recorder"]


class Recorder:
    """Builds and writes the record of one run.

    Args:
        sources: what the configuration names.
        folder: where ``record.json`` and ``predictions.npz`` go.
        isolated: whether the method has a process of its own.

    Attributes:
        ready: what is known of the initial model, as soon as it is known.
        declared: what the method wants recorded.
        reference_origin: where the reference data are from.
        touched: by kind, what the method opened that it was not given.
        test_order: the seed of the order in which test batches were shown.
    """

    def __init__(self, sources: RunSources, folder: Path, *, isolated: bool) -> None:
        self._sources = sources
        self._config = sources.config
        self._folder = folder
        self._isolated = isolated
        self._started = datetime.now(UTC)
        self._zero_shot: dict[str, tuple[float, ...]] = {}
        self._matrices: dict[str, list[tuple[float, ...]]] = {
            space: [] for space in self._config.label_spaces
        }
        self._held_out: dict[str, list[float]] = {held.key: [] for held in sources.held_out}
        self._resources = Resources()
        self._answers: dict[tuple[str, int, str], np.ndarray] = {}
        self.ready: Ready | None = None
        self.declared: dict[str, Any] = {}
        self.reference_origin = ""
        self.touched: dict[str, list[str]] = {}
        self.test_order: int | None = None

    def go_on_from(self, earlier: Record | None) -> None:
        """Take over what was seen of the method in the part of the run that an earlier process did."""
        if earlier is None or earlier.conduct is None or earlier.run_id != self._config.key:
            return
        if earlier.rows:
            self._isolated = self._isolated and earlier.conduct.isolated
        # Without a row, too: what it saw may lie in its folder.
        for what, which in earlier.conduct.touched.items():
            for each in which:
                self.note_touched(what, each)

    def note_touched(self, what: str, which: str) -> None:
        """Note that the method has opened something; of very many, the first ones."""
        if what in self.touched or len(self.touched) < _MOST_TOUCHED:
            paths = self.touched.setdefault(what, [])
            if which not in paths and len(paths) < _MOST_TOUCHED:
                paths.append(which)

    def zero_shot(self, evaluation: Evaluation) -> None:
        """Note the zero-shot row."""
        self._zero_shot = self._note(evaluation, ZERO_SHOT_ROW, learned=0)

    def row(self, evaluation: Evaluation, seconds: float, learned: Learned) -> tuple[float, ...]:
        """Note the next row and what its task cost; return it in the primary label space, in percent."""
        index = len(self._matrices[self._config.label_space])
        for space, row in self._note(evaluation, index, learned=index + 1).items():
            self._matrices[space].append(row)
        count = index + 1
        self._resources = Resources(
            trainable_parameters=tuple(learned.trainable_parameters[:count]),
            stored_parameters=tuple(learned.stored_parameters[:count]),
            peak_memory_bytes=learned.peak_memory,
            learn_seconds=tuple(learned.learn_seconds[:count]),
            evaluate_seconds=(*self._resources.evaluate_seconds, seconds),
            generated_images=learned.generated_images,
        )
        return self._matrices[self._config.label_space][index]

    def save(self) -> None:
        """Write the record of a run that goes on."""
        write_record(self._folder, self._record("running"))

    def finish(self) -> None:
        """Write predictions and the complete record."""
        truth = {
            task.key: task.test.labels + self._sources.stream.offsets[j]
            for j, task in enumerate(self._sources.stream.tasks)
        }
        truth |= {held.key: held.test.labels for held in self._sources.held_out}
        groups = {t.key: t.test.groups for t in self._sources.stream.tasks if t.test.groups is not None}
        predictions = save_predictions(self._folder, self._answers, truth, groups)
        record = self._record("finished").evolve(predictions=predictions)
        write_record(self._folder, record)

    def fail(self, failure: WorkerError, task: str | None) -> None:
        """Write the record of a run that broke while at work on ``task``."""
        write_record(
            self._folder,
            self._record(
                "failed",
                Failure(
                    task=task,
                    step=failure.step,
                    error=failure.message or failure.kind,
                    kind=failure.kind,
                    traceback=failure.traceback,
                ),
            ),
        )

    def _note(self, evaluation: Evaluation, row: int, learned: int) -> dict[str, tuple[float, ...]]:
        stream = self._sources.stream
        rows: dict[str, tuple[float, ...]] = {}
        for space in self._config.label_spaces:
            for key, columns in evaluation.predictions(stream, space, learned).items():
                self._answers[(space, row, key)] = columns
            rows[space] = evaluation.row(stream, space, learned)
        for held in self._sources.held_out:
            answers = evaluation.answers[held.key]
            self._answers[(HELD_OUT, row, held.key)] = answers.own
            self._held_out[held.key].append(_accuracy(held, answers))
        return rows

    def _record(
        self, status: Literal["running", "finished", "failed"], failure: Failure | None = None
    ) -> Record:
        sources, config, ready = self._sources, self._config, self.ready
        stream = sources.stream
        finished = status != "running"
        primary = self._matrices[config.label_space]
        provenance = collect(
            device=ready.device if ready else config.device,
            plugins=sources.plugin_versions(),
            threads=ready.threads if ready else None,
            started=self._started,
            data=sources.origins(self.reference_origin),
        )
        return Record(
            schema_version=1,
            run_id=config.key,
            status=status,
            method=self._method(),
            stream=StreamRecord(
                name=config.stream,
                protocol=stream.protocol,
                order=config.order,
                shots=_shots(stream),
                tasks=tuple(
                    TaskRecord(
                        key=t.key,
                        title=t.title,
                        classes=len(t.classes),
                        train=len(t.train),
                        test=len(t.test),
                        groups=t.test.group_count,
                    )
                    for t in stream.tasks
                ),
                facts=_facts(stream),
            ),
            backbone=BackboneRecord(
                name=config.backbone,
                weights_digest=ready.weights_digest if ready else UNKNOWN,
                activation=ready.activation if ready else UNKNOWN,
                parameters=ready.parameters if ready else sources.backbone.spec.parameters,
                logit_bias=ready.logit_bias if ready else None,
            ),
            generator=sources.generator,
            seed=config.seed,
            config=config.as_json(),
            fingerprint=self._fingerprint(),
            label_space=config.label_space,
            zero_shot={space: tuple(row) for space, row in self._zero_shot.items()},
            matrices={space: tuple(rows) for space, rows in self._matrices.items()},
            metrics=measure(primary) if status == "finished" else None,
            held_out={
                held.key: HeldOutRecord(
                    title=held.title,
                    classes=len(held.classes),
                    test=len(held.test),
                    digest=held.digest,
                    zero_shot=self._held_out[held.key][0],
                    after=tuple(self._held_out[held.key][1:]),
                )
                for held in sources.held_out
                if self._held_out[held.key]
            },
            resources=self._resources,
            notes=(*_NOTES.get(sources.method.spec.protocol, ()), *_stream_notes(stream)),
            declared=dict(self.declared),
            conduct=ConductRecord(
                isolated=self._isolated,
                touched={what: tuple(which) for what, which in sorted(self.touched.items())},
                # Known while it is tested, it would say which image is which: their usual order is no secret.
                test_order=self.test_order if status == "finished" else None,
            ),
            failure=failure,
            provenance=provenance.model_copy(update={"finished": datetime.now(UTC) if finished else None}),
        )

    def _method(self) -> MethodRecord:
        found, config = self._sources.method, self._config
        spec = found.spec
        return MethodRecord(
            name=spec.name,
            title=spec.title,
            distribution=found.distribution,
            version=found.version,
            protocol=spec.protocol,
            settings=dict(config.settings),
            settings_sources=dict(config.settings_sources),
            assumptions=AssumptionsRecord(
                extra_data=spec.assumptions.extra_data,
                replay=spec.assumptions.replay,
                generated_images=spec.assumptions.generated_images,
                task_identity=spec.assumptions.task_identity,
                external_models=spec.assumptions.external_models,
            ),
            citation=spec.citation,
        )

    def _fingerprint(self) -> Fingerprint:
        config, ready = self._config, self.ready
        weights = f"{ready.weights_digest[:16]}-{ready.activation}" if ready else UNKNOWN
        return fingerprint(
            **self._sources.stream.digests,
            preprocessing=ready.transform.digest if ready else UNKNOWN,
            weights=f"{weights}-{config.precision}",
            label_space=config.label_space,
            batch_composition="single"
            if config.batches == "single"
            else f"{config.batches}-{config.eval_batch}",
        )


_MOST_TOUCHED = 20  # kinds, and paths of a kind
UNKNOWN = "unknown"
"""Stands for what a run that failed early never came to know."""

_NOTES = {
    "joint": ("joint training on all tasks: every row is the same model, Transfer is not a transfer",),
    "independent": ("one model per task: a task is answered by its own model, later tasks zero-shot",),
}


def _shots(stream: Stream) -> int | None:
    shots = stream.meta.get("shots")
    return shots if isinstance(shots, int) else None


def _facts(stream: Stream) -> dict[str, str]:
    """What makes the stream's protocol, by name, as far as it says so."""
    told = stream.meta.get("facts", {})
    return {str(name): str(value) for name, value in told.items()} if isinstance(told, Mapping) else {}


def _stream_notes(stream: Stream) -> tuple[str, ...]:
    """What the stream wants said beside its results."""
    notes = stream.meta.get("notes", ())
    return tuple(map(str, notes)) if isinstance(notes, (list, tuple)) else ()


def _accuracy(held: HeldOut, answers: Answers) -> float:
    """Top-1 accuracy in percent."""
    return 100.0 * int((answers.own == held.test.labels).sum()) / len(held.test)
