"""The rows of one table: a method's records over seeds become means with intervals."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from clbench import definitions
from clbench.boards.tables.figures import Column, Figures
from clbench.boards.tables.variants import Variant, variants
from clbench.errors import UnknownNameError
from clbench.results.records import Record
from clbench.results.statistics.estimates import deterministic
from clbench.results.statistics.intervals import Interval
from clbench.results.statistics.trials import Trial
from clbench.specs import MetricSpec, load_reference

__all__ = ["DEFAULT_METRICS", "Column", "Row", "best_first", "columns_of", "leading", "rows_of"]

_LOG = logging.getLogger(__name__)

Protocol = Literal["stream", "zero_shot", "joint", "independent"]

DEFAULT_METRICS = ("transfer", "average", "last")


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        method: the method's name, and what tells it apart from its other rows.
        protocol: how it learns: ``stream``, ``zero_shot``, ``joint`` or ``independent``.
        seeds: how many records were averaged; ``None`` where nothing depends on a seed.
        values: by metric, in percent; a metric that cannot be computed is missing.
        uses: what the method takes for granted, in words.
        status: ``finished``, ``running`` or ``failed``.
        reason: why it failed, or how far it is.
        records: what it was made of, by seed; none for the zero-shot row that is added.
        trials: the records as statistics see them, with predictions where they are used; none for rows that
            are not finished.
        ranks: best and worst rank that the paired tests allow, see
            :mod:`clbench.results.statistics.ranks`; ``None`` where none is claimed.
        letters: rows that share one are not separable; empty where nothing is claimed.
        form: of the method's traps, see :class:`clbench.traps.TrapBook`; empty where it was not asked for.
    """

    method: str
    protocol: Protocol
    seeds: int | None
    values: Mapping[str, Interval] = field(default_factory=dict)
    uses: str = ""
    status: Literal["finished", "running", "failed"] = "finished"
    reason: str = ""
    records: tuple[Record, ...] = field(default=(), repr=False, compare=False)
    trials: tuple[Trial, ...] = field(default=(), repr=False, compare=False)
    ranks: tuple[int, int] | None = None
    letters: str = ""
    form: str = ""

    @property
    def deterministic(self) -> bool:
        """Whether several seeds gave the same accuracies to the last bit."""
        return deterministic(self.trials)

    @property
    def kind(self) -> Literal["ranked", "reference"]:
        """``ranked`` methods learn task after task and compete; a ``reference`` does not."""
        return "ranked" if self.protocol == "stream" else "reference"


def columns_of(metrics: Sequence[str], extra: Sequence[MetricSpec] = ()) -> tuple[Column, ...]:
    """Return the columns with these names.

    Raises:
        UnknownNameError: neither clbench nor ``extra`` provides one of them.
    """
    own = (*definitions.METRICS, *definitions.RIVALS)
    provided = {spec.name: spec for spec in (*extra, *own)}
    unknown = [name for name in metrics if name not in provided]
    if unknown:
        raise UnknownNameError("metric", unknown[0], provided, fix="see what there is: clbench list metrics")
    return tuple(_column(provided[name]) for name in metrics)


def _column(spec: MetricSpec) -> Column:
    parts = [spec.summary, spec.formula, spec.source]
    remark = f"{spec.title} is not the {spec.rival_of.capitalize()} of MTIL papers: " if spec.rival_of else ""
    remark += "; ".join(part for part in parts if part) if remark else ""
    metric = load_reference(spec.factory)
    return Column(spec.name, spec.title, metric, spec.higher_is_better, spec.needs, remark)


def rows_of(
    records: Sequence[Record],
    columns: Sequence[Column],
    *,
    images: bool = True,
    form: Callable[[Record], str] | None = None,
) -> tuple[list[Row], list[str]]:
    """Return the rows of comparable records, best average first, and remarks on them.

    Rows without a result come last. A zero-shot row is added unless a record provides one. ``images`` is
    whether predictions beside the records are read, for intervals over test images; ``form`` tells in which
    form a record has its method's traps.
    """
    rows: list[Row] = []
    notes: list[str] = []
    figures = Figures(columns, images=images)
    for variant in variants(records):
        told = form(variant.records[0]) if form is not None else ""
        rows += [replace(row, form=told) for row in _rows_of_variant(variant, figures)]
        if variant.superseded:
            notes.append(
                f"{variant.label}: left out {variant.superseded} older or unfinished records of its seeds"
            )
        for note in dict.fromkeys(note for r in variant.records for note in r.notes):
            notes.append(f"{variant.label}: {' '.join(note.split())}")
        notes += _inference(variant)
        notes += _conduct(variant)
    notes += _disagreement(records)
    if not any(r.method.protocol == "zero_shot" and r.status == "finished" for r in records):
        rows += _zero_shot(records, figures)
    notes += figures.problems
    return best_first(rows, leading(columns)), notes


def _rows_of_variant(variant: Variant, figures: Figures) -> list[Row]:
    sample = variant.records[0]
    protocol = sample.method.protocol
    rows = []
    if variant.finished:
        done = variant.finished
        trials = figures.trials(variant.label, done)
        values, uses = figures.of(done, trials), _uses(variant.records)
        rows.append(Row(variant.label, protocol, len(done), values, uses, records=done, trials=trials))
    for status in ("failed", "running"):
        those = [r for r in variant.records if r.status == status]
        if those:
            reason = "; ".join(f"seed {r.seed}: {_reason(r)}" for r in those)
            rows.append(
                Row(
                    variant.label,
                    protocol,
                    len(those),
                    {},
                    _uses(variant.records),
                    status,
                    reason,
                    records=tuple(those),
                )
            )
    return rows


def _inference(variant: Variant) -> list[str]:
    """What a reader must know of a method that finds out at test which task it is asked about."""
    record = variant.records[0]
    if record.method.assumptions.task_identity != "inferred":
        return []
    how = str(record.declared.get("task identity", "")).strip()
    batches = record.fingerprint.fields.batch_composition
    return [
        f"{variant.label}: infers the task{f' ({how})' if how else ''}; its test batches are {batches}, and "
        "clbench audit shows what it scores in others"
    ]


def _conduct(variant: Variant) -> list[str]:
    """What was seen of methods that were not kept to what they were given, or did not keep to it."""
    lines: dict[str, list[str]] = {}
    for record in variant.records:
        if record.conduct is not None and record.conduct.line:
            lines.setdefault(record.conduct.line, []).append(str(record.seed))
    return [
        f"{variant.label}: {line} (seed{'s' * (len(seeds) > 1)} {', '.join(seeds)}; docs/trust.md)"
        for line, seeds in lines.items()
    ]


def _reason(record: Record) -> str:
    failure = record.failure
    if failure is None:
        return f"{record.rows} of {len(record.stream.tasks)} tasks done"
    return failure.line


def _uses(records: Sequence[Record]) -> str:
    assumed = records[0].method.assumptions
    words = []
    if assumed.extra_data:
        words.append("reference data")
    if assumed.generated_images:
        words.append("generated images")
    if assumed.replay:
        words.append("replay")
    if assumed.task_identity != "none":
        words.append(f"task id {assumed.task_identity}")
    words += assumed.external_models
    touched = {what for record in records if record.conduct is not None for what in record.conduct.touched}
    return ", ".join([*words, *(f"not given: {what}" for what in sorted(touched))])


def _zero_shot(records: Sequence[Record], figures: Figures) -> list[Row]:
    """The initial model as a row: its matrix is the zero-shot row T times.

    Not for the classes seen so far: their number grows, so that rows of its matrix differ.
    """
    for record in records:
        trial = figures.zero_shot(record)
        if trial is None:
            continue
        values = figures.of_matrix(record, trial)
        return [Row("zero-shot", "zero_shot", None, values, trials=(trial,))]
    return []


def _disagreement(records: Sequence[Record]) -> list[str]:
    """What a reader must know where the initial model does not answer alike in all records."""
    rows: dict[tuple[float | None, ...], Record] = {}
    for record in records:
        row = record.zero_shot.get(record.label_space)
        if row is not None:
            rows.setdefault(tuple(row), record)
    if len(rows) < 2:
        return []
    (one, first), (other, second), *_ = rows.items()
    apart = max(abs((a or 0) - (b or 0)) for a, b in zip(one, other, strict=True))
    runs = " and ".join(f"{r.method.name} seed {r.seed} ({r.provenance.machine})" for r in (first, second))
    return [
        f"the initial model scores {len(rows)} different zero-shot rows, up to {apart:.2f} points apart in "
        f"{runs}: machines that round differently, or a changed record (clbench verify)"
    ]


def leading(columns: Sequence[Column]) -> Column | None:
    """Return the metric that ranks unless another is named: average, or the first one shown."""
    return next((c for c in columns if c.name == "average"), columns[0] if columns else None)


def best_first(rows: Iterable[Row], column: Column | None) -> list[Row]:
    """Return ``rows`` by ``column``, ties and ``None`` by name; last what lacks it, is running, or failed."""

    def key(row: Row) -> tuple[int, float, str]:
        if row.status != "finished":
            return (3 if row.status == "failed" else 2), 0.0, row.method
        if column is None:
            return 0, 0.0, row.method
        interval = row.values.get(column.name)
        if interval is None:
            return 1, 0.0, row.method
        return 0, -interval.mean if column.higher_is_better else interval.mean, row.method

    return sorted(rows, key=key)
