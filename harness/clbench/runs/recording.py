"""A run's record, row by row; what is on disk is valid at any moment."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import numpy as np
import torch

from clbench.errors import NotFiniteError
from clbench.results.fingerprint import Fingerprint, fingerprint
from clbench.results.predictions import HELD_OUT, ZERO_SHOT_ROW, save_predictions
from clbench.results.provenance import collect
from clbench.results.records import (
    AssumptionsRecord,
    BackboneRecord,
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
from clbench.runs.checkpoints import Checkpoint
from clbench.runs.evaluation import Evaluation
from clbench.runs.heldout import accuracy
from clbench.runs.workbench import Bench
from clbench.streams import Stream

__all__ = ["Recorder"]


class Recorder:
    """Builds and writes the record of one run.

    Args:
        bench: what the run uses.
        folder: where ``record.json`` and ``predictions.npz`` go.
    """

    def __init__(self, bench: Bench, folder: Path) -> None:
        self._bench = bench
        self._folder = folder
        self._started = datetime.now(UTC)
        self._zero_shot: dict[str, tuple[float, ...]] = {}
        self._matrices: dict[str, list[tuple[float, ...]]] = {
            space: [] for space in bench.config.label_spaces
        }
        self._held_out: dict[str, list[float]] = {held.key: [] for held in bench.held_out}
        self._resources = Resources()
        self._answers: dict[tuple[str, int, str], np.ndarray] = {}

    def zero_shot(self, evaluation: Evaluation) -> None:
        """Note the zero-shot row."""
        self._zero_shot = self._note(evaluation, ZERO_SHOT_ROW, learned=0)

    def row(self, evaluation: Evaluation, seconds: float, checkpoint: Checkpoint) -> tuple[float, ...]:
        """Note the next row and what its task cost; return it in the primary label space, in percent."""
        index = len(self._matrices[self._bench.config.label_space])
        for space, row in self._note(evaluation, index, learned=index + 1).items():
            self._matrices[space].append(row)
        count = index + 1
        self._resources = Resources(
            trainable_parameters=tuple(checkpoint.trainable_parameters[:count]),
            stored_parameters=tuple(checkpoint.stored_parameters[:count]),
            peak_memory_bytes=checkpoint.peak_memory,
            learn_seconds=tuple(checkpoint.learn_seconds[:count]),
            evaluate_seconds=(*self._resources.evaluate_seconds, seconds),
            generated_images=checkpoint.generated_images,
        )
        return self._matrices[self._bench.config.label_space][index]

    def save(self) -> None:
        """Write the record of a run that goes on."""
        write_record(self._folder, self._record("running"))

    def finish(self) -> None:
        """Write predictions and the complete record."""
        truth = {
            task.key: task.test.labels + self._bench.stream.offsets[j]
            for j, task in enumerate(self._bench.stream.tasks)
        }
        truth |= {held.key: held.test.labels for held in self._bench.held_out}
        predictions = save_predictions(self._folder, self._answers, truth)
        record = self._record("finished").evolve(predictions=predictions)
        write_record(self._folder, record)

    def fail(self, error: Exception, task: str, trace: str) -> None:
        """Write the record of a run that broke while at work on ``task``."""
        failure = Failure(
            task=task,
            step=error.step if isinstance(error, NotFiniteError) else None,
            error=str(error) or type(error).__name__,
            kind=type(error).__name__,
            traceback=trace,
        )
        write_record(self._folder, self._record("failed", failure))

    def _note(self, evaluation: Evaluation, row: int, learned: int) -> dict[str, tuple[float, ...]]:
        stream = self._bench.stream
        rows: dict[str, tuple[float, ...]] = {}
        for space in self._bench.config.label_spaces:
            for key, columns in evaluation.predictions(stream, space, learned).items():
                self._answers[(space, row, key)] = columns
            rows[space] = evaluation.row(stream, space, learned)
        for held in self._bench.held_out:
            answers = evaluation.answers[held.key]
            self._answers[(HELD_OUT, row, held.key)] = answers.own
            self._held_out[held.key].append(accuracy(held, answers))
        return rows

    def _record(
        self, status: Literal["running", "finished", "failed"], failure: Failure | None = None
    ) -> Record:
        bench, config = self._bench, self._bench.config
        finished = status != "running"
        primary = self._matrices[config.label_space]
        provenance = collect(
            device=_device_name(bench.device),
            plugins=bench.plugin_versions(),
            threads=torch.get_num_threads(),
            started=self._started,
            data=bench.origins(),
        )
        return Record(
            schema_version=1,
            run_id=config.key,
            status=status,
            method=self._method(),
            stream=StreamRecord(
                name=config.stream,
                protocol=bench.stream.protocol,
                order=config.order,
                shots=_shots(bench.stream),
                tasks=tuple(
                    TaskRecord(
                        key=t.key, title=t.title, classes=len(t.classes), train=len(t.train), test=len(t.test)
                    )
                    for t in bench.stream.tasks
                ),
            ),
            backbone=BackboneRecord(
                name=config.backbone,
                weights_digest=bench.initial.weights_digest,
                activation=bench.initial.activation,
                parameters=sum(p.numel() for p in bench.initial.model.parameters()),
            ),
            generator=config.generator if "generator" in bench.method.spec.requires else None,
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
                for held in bench.held_out
                if self._held_out[held.key]
            },
            resources=self._resources,
            notes=(*_NOTES.get(bench.method.spec.protocol, ()), *_stream_notes(bench.stream)),
            declared=dict(bench.declared),
            failure=failure,
            provenance=provenance.model_copy(update={"finished": datetime.now(UTC) if finished else None}),
        )

    def _method(self) -> MethodRecord:
        found, config = self._bench.method, self._bench.config
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
        bench, config = self._bench, self._bench.config
        return fingerprint(
            **bench.stream.digests,
            preprocessing=bench.initial.preprocessing.digest,
            weights=f"{bench.initial.weights_digest[:16]}-{bench.initial.activation}-{config.precision}",
            label_space=config.label_space,
            batch_composition="single"
            if config.batches == "single"
            else f"{config.batches}-{config.eval_batch}",
        )


_NOTES = {
    "joint": ("joint training on all tasks: every row is the same model, Transfer is not a transfer",),
    "independent": ("one model per task: a task is answered by its own model, later tasks zero-shot",),
}


def _shots(stream: Stream) -> int | None:
    shots = stream.meta.get("shots")
    return shots if isinstance(shots, int) else None


def _stream_notes(stream: Stream) -> tuple[str, ...]:
    """What the stream wants said beside its results."""
    notes = stream.meta.get("notes", ())
    return tuple(map(str, notes)) if isinstance(notes, (list, tuple)) else ()


def _device_name(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type
