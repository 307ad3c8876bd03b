"""The record of one run: one method, one stream, one order, one backbone, one seed.

Records are versioned JSON documents; ``record.schema.json`` beside this file is their JSON Schema.
A record that contradicts itself (a changed number, a missing row, a foreign digest) cannot be built.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, JsonValue, model_validator

from clbench.results import metrics as formulas
from clbench.results.fingerprint import Fingerprint

__all__ = [
    "SCHEMA_VERSION",
    "AssumptionsRecord",
    "BackboneRecord",
    "ConductRecord",
    "Failure",
    "HeldOutRecord",
    "MethodRecord",
    "Metrics",
    "PredictionsFile",
    "Provenance",
    "Record",
    "Resources",
    "StreamRecord",
    "TaskRecord",
    "measure",
    "schema",
]

SCHEMA_VERSION = 1

Percent = Annotated[float, Field(strict=True, ge=0, le=100, allow_inf_nan=False)]
Real = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Row = tuple[Percent | None, ...]
Said = Annotated[str, Field(min_length=1)]
Name = Annotated[str, Field(min_length=1, max_length=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AssumptionsRecord(_Part):
    """What the method takes for granted; see :class:`clbench.specs.Assumptions`."""

    extra_data: bool = False
    replay: bool = False
    generated_images: bool = False
    task_identity: Literal["none", "given", "inferred"] = "none"
    external_models: tuple[str, ...] = ()


class MethodRecord(_Part):
    """Which method, by whom, with which settings and where each setting comes from."""

    name: Name
    title: str
    distribution: str = Field(description="Python distribution that provides the method.")
    version: str = Field(description="Version of that distribution.")
    protocol: Literal["stream", "zero_shot", "joint", "independent"] = Field(
        default="stream", description="Only stream methods are ranked; the others are references."
    )
    settings: dict[str, JsonValue]
    settings_sources: dict[str, Literal["default", "tuned", "user"]] = Field(
        description="For each setting: the paper's value, the plugin's for this stream, or the user's."
    )
    assumptions: AssumptionsRecord = AssumptionsRecord()
    citation: str = ""

    @model_validator(mode="after")
    def _every_setting_has_a_source(self) -> MethodRecord:
        odd = sorted(set(self.settings) ^ set(self.settings_sources))
        if odd:
            raise ValueError(f"settings and settings_sources name different settings: {', '.join(odd)}")
        return self


class TaskRecord(_Part):
    """A task: how many classes, training samples and test samples it has."""

    key: Name
    title: str
    classes: Count
    train: Count
    test: Count
    groups: Count | None = Field(
        default=None,
        description="How many groups of test images that are alike, such as renderings of one design; "
        "intervals draw groups. Null: the stream named none, and intervals draw images.",
    )


class StreamRecord(_Part):
    """The tasks in the order in which they were learned."""

    name: Name
    protocol: str = Field(description="Protocol family.")
    order: Name
    shots: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Training samples per class; null: all of them."
    )
    tasks: tuple[TaskRecord, ...] = Field(min_length=1)
    facts: dict[Name, str] = Field(
        default_factory=dict,
        description="What makes the protocol, by name: splits, class names, prompts to learn with and at "
        "test, draw of shots; empty where the stream names none.",
    )

    @model_validator(mode="after")
    def _keys_are_unique(self) -> StreamRecord:
        keys = [task.key for task in self.tasks]
        if len(set(keys)) != len(keys):
            raise ValueError(f"a task key occurs twice in {keys}")
        return self


class BackboneRecord(_Part):
    """The pre-trained model."""

    name: Name
    weights_digest: str
    activation: str
    parameters: Count
    logit_bias: Real | None = Field(
        default=None,
        description="Of models trained with the sigmoid loss, such as SigLIP: s · cosine + bias are their "
        "logits. It changes neither softmax nor argmax. Null: the model has none.",
    )


class Metrics(_Part):
    """In percent, unrounded; null where the matrix lacks the values. Build it with :func:`measure`."""

    transfer: Real | None
    average: Real | None
    last: Real | None
    forgetting: Real | None = Field(description="Negative = forgotten.")


class Resources(_Part):
    """What the harness measured; lists have one entry per task."""

    trainable_parameters: tuple[Count, ...] = ()
    stored_parameters: tuple[Count, ...] = Field(
        default=(), description="What the method keeps after each task, beside the initial backbone."
    )
    peak_memory_bytes: Count | None = None
    learn_seconds: tuple[Seconds, ...] = ()
    evaluate_seconds: tuple[Seconds, ...] = ()
    generated_images: Count = 0


class PredictionsFile(_Part):
    """Per-sample predictions beside the record."""

    file: Annotated[str, Field(pattern=r"^[^/\\\x00-\x1f.][^/\\\x00-\x1f]{0,199}$")] = Field(
        description="Name of a file in the record's own folder."
    )
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    groups_by: str = Field(
        default="",
        description="Distribution and version whose stream named the groups of test images, where they were "
        "added after the run; empty: the run wrote them, or there are none.",
    )


class HeldOutRecord(_Part):
    """Accuracy on a data set of no task, within its own classes: what is left of the zero-shot skill."""

    title: str
    classes: Count
    test: Count
    digest: str = Field(description="Of its images, labels, class names and templates.")
    zero_shot: Percent
    after: tuple[Percent, ...] = Field(default=(), description="After each task.")


class ConductRecord(_Part):
    """How far the method was kept to what it was given; see docs/trust.md."""

    isolated: bool = Field(description="It ran in a process of its own, without the test labels.")
    touched: dict[Name, tuple[str, ...]] = Field(
        default_factory=dict,
        description="By kind, what was opened that the method was not given, such as test images, records of "
        "other runs, data of other plugins, the network; empty: nothing was seen.",
    )
    test_order: int | None = Field(
        default=None, description="Seed of the order in which test batches and the images in them were shown."
    )

    @property
    def line(self) -> str:
        """What a reader must know of it; empty where there is nothing to be said."""
        said = [f"opened what it was not given ({', '.join(sorted(self.touched))})"] if self.touched else []
        if not self.isolated:
            said.append("ran without a process of its own, so that nothing kept it from the test labels")
        return "; ".join(said)


class Failure(_Part):
    """Why a run ended early."""

    task: str | None = Field(description="Key of the task that was being learned or tested.")
    step: int | None = None
    error: Said = Field(description="The message.")
    kind: Name = Field(description="Class name of the exception.")
    traceback: str = ""

    @property
    def place(self) -> str:
        """Where in the stream, such as ``in task dtd, step 12``; empty where that is not known."""
        parts = [f"in task {self.task}"] if self.task else []
        return ", ".join([*parts, *([f"step {self.step}"] if self.step is not None else [])])

    @property
    def line(self) -> str:
        """What happened and where, with the first line of the message."""
        lines = self.error.strip().splitlines() or [""]
        return f"{' '.join(filter(None, (self.kind, self.place)))}: {lines[0]}"


class Provenance(_Part):
    """Code, packages, plugins, machine and time."""

    commit: str | None = Field(description="Commit of the harness, if it runs from a work tree.")
    dirty: bool | None = Field(description="Whether tracked files of that work tree were changed.")
    versions: dict[str, str] = Field(description="Version by package.")
    plugins: dict[str, str] = Field(description="Version by plugin distribution.")
    python: str
    platform: str
    device: str
    threads: Count
    started: AwareDatetime
    finished: AwareDatetime | None = None
    data: dict[str, str] = Field(
        default_factory=dict,
        description="By task, data set held out, and name of the reference data, where images were read "
        "from, such as a repository and its commit; nothing for a folder of the user's.",
    )

    @property
    def machine(self) -> str:
        """Device, threads and platform in words."""
        return f"{self.device}, {self.threads} thread{'s' * (self.threads != 1)}, {self.platform}"


class Record(_Part):
    """One run, complete in itself. Accuracies are top-1, in percent, unrounded."""

    schema_version: Literal[1] = Field(description="Version of this document's form.")
    run_id: Said = Field(description="Key of the configuration: equal configurations have equal keys.")
    status: Literal["running", "finished", "failed"]
    method: MethodRecord
    stream: StreamRecord
    backbone: BackboneRecord
    generator: str | None = Field(default=None, description="Text-to-image model, if one was used.")
    seed: int
    config: dict[str, JsonValue] = Field(description="The resolved configuration.")
    fingerprint: Fingerprint
    label_space: Name = Field(description="The primary label space: metrics are computed in it.")
    zero_shot: dict[str, Row] = Field(
        description="By label space: the initial model's accuracy on each task, in the stream's order."
    )
    matrices: dict[str, tuple[Row, ...]] = Field(
        description="By label space: row i = after task i, column j = accuracy on task j; complete rows only."
    )
    metrics: Metrics | None = Field(default=None, description="Null until the run is finished.")
    held_out: dict[Name, HeldOutRecord] = Field(
        default_factory=dict,
        description="By name: data sets that were tested after each task, never learned.",
    )
    resources: Resources = Resources()
    notes: tuple[str, ...] = ()
    declared: dict[str, JsonValue] = Field(
        default_factory=dict, description="What the method wants recorded, such as its way of inference."
    )
    conduct: ConductRecord | None = Field(
        default=None, description="Null in records from before methods had processes of their own."
    )
    predictions: PredictionsFile | None = None
    failure: Failure | None = None
    provenance: Provenance

    @property
    def matrix(self) -> tuple[Row, ...]:
        """The rows recorded so far in the primary label space."""
        return self.matrices[self.label_space]

    @property
    def code(self) -> str:
        """Digest of the method's source files; empty in records from before it was kept."""
        digest = self.config.get("method_digest", "")
        return digest if isinstance(digest, str) else ""

    @property
    def rows(self) -> int:
        """How many tasks have been learned and tested."""
        return len(self.matrix)

    def evolve(self, **changes: Any) -> Record:
        """Return a copy with ``changes``, validated as a whole.

        Raises:
            pydantic.ValidationError: the result contradicts itself.
        """
        return Record.model_validate(
            {name: getattr(self, name) for name in type(self).model_fields} | changes
        )

    @model_validator(mode="after")
    def _is_consistent(self) -> Record:
        problems = [*self._shape_problems(), *self._status_problems()]
        if problems:
            raise ValueError("; ".join(problems))
        return self

    def _shape_problems(self) -> list[str]:
        width = len(self.stream.tasks)
        problems = []
        if self.label_space not in self.matrices:
            problems.append(f"matrices lacks the primary label space {self.label_space!r}")
        if set(self.zero_shot) - set(self.matrices):
            problems.append("zero_shot has label spaces that matrices lacks")
        for space, row in self.zero_shot.items():
            if len(row) != width:
                problems.append(f"zero_shot.{space} has {len(row)} values for {width} tasks")
        for space, rows in self.matrices.items():
            if len(rows) > width:
                problems.append(f"matrices.{space} has {len(rows)} rows for {width} tasks")
            for i, row in enumerate(rows):
                if len(row) != width:
                    problems.append(f"matrices.{space}[{i}] has {len(row)} values for {width} tasks")
        for name, held in self.held_out.items():
            recorded = len(self.matrices.get(self.label_space, ()))
            if len(held.after) != recorded:
                problems.append(f"held_out.{name} has {len(held.after)} values for {recorded} rows")
        for name in ("trainable_parameters", "stored_parameters", "learn_seconds", "evaluate_seconds"):
            if len(getattr(self.resources, name)) > width:
                problems.append(f"resources.{name} has more entries than there are tasks ({width})")
        if len({len(rows) for rows in self.matrices.values()}) > 1:
            problems.append("the matrices have different numbers of rows")
        return problems

    def _status_problems(self) -> list[str]:
        problems = []
        if (self.status == "failed") != (self.failure is not None):
            problems.append(f"status is {self.status!r} but failure is {'set' if self.failure else 'null'}")
        if (self.status == "finished") != (self.metrics is not None):
            problems.append(f"status is {self.status!r} but metrics is {'set' if self.metrics else 'null'}")
        rows = self.matrices.get(self.label_space, ())
        if self.status == "finished" and len(rows) != len(self.stream.tasks):
            problems.append(f"finished with {len(rows)} of {len(self.stream.tasks)} rows")
        elif self.metrics is not None:
            problems += _disagreements(self.metrics, rows)
        return problems


def measure(rows: Sequence[Sequence[float | None]]) -> Metrics:
    """Return the metrics of a complete matrix; ``None`` for those that it lacks the values for."""
    values: dict[str, float | None] = {}
    # Converted once for all metrics; None becomes NaN.
    matrix = np.array(rows, dtype=np.float64)
    for name, metric in formulas.METRICS.items():
        try:
            values[name] = metric(matrix)
        except formulas.MatrixError:
            values[name] = None
    return Metrics(**values)


def _disagreements(claimed: Metrics, rows: Sequence[Sequence[float | None]]) -> list[str]:
    if any(len(row) != len(rows) for row in rows):
        return []  # reported as a problem of shape
    computed = measure(rows)
    problems = []
    for name in formulas.METRICS:
        said, found = getattr(claimed, name), getattr(computed, name)
        # Summation order may differ between library versions, by far less than this.
        if (said is None) != (found is None) or (
            said is not None and not math.isclose(said, found, rel_tol=1e-9, abs_tol=1e-9)
        ):
            problems.append(f"metrics.{name} is {said} but the matrix gives {found}")
    return problems


def schema() -> Mapping[str, Any]:
    """Return the JSON Schema of :class:`Record`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **Record.model_json_schema(mode="serialization"),
    }
