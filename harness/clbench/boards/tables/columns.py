"""What can stand in a column beside the metrics: what a row is, used and cost, and where it is from."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from clbench.boards.formats.cells import NONE
from clbench.boards.tables.costs import cost_of
from clbench.boards.tables.figures import Column
from clbench.boards.tables.groups import Group
from clbench.boards.tables.rows import Row
from clbench.errors import UnknownNameError
from clbench.results.records import Record

__all__ = ["FIELDS", "METRICS_FIELD", "Field", "Selected", "ranks_text", "select"]

METRICS_FIELD = "metrics"
"""Stands for all chosen metrics."""

Value = str | int | float | None


@dataclass(frozen=True)
class Field:
    """A column that is no metric.

    Attributes:
        title: as in tables for people.
        about: one line.
        value: what a program gets; ``None`` where there is none.
        text: what a person reads.
        align: side of the cell.
    """

    title: str
    about: str
    value: Callable[[Row, Group], Value]
    text: Callable[[Value], str] = str
    align: Literal["left", "right"] = "left"

    def show(self, row: Row, group: Group) -> str:
        """Return the cell's text."""
        value = self.value(row, group)
        return NONE if value is None else self.text(value)


Selected = Field | Column
"""A column of a table: a field or a metric."""


def _said(what: Callable[[Record], object]) -> Callable[[Row, Group], Value]:
    """What the row's records say, all that differ, in order of their seeds."""

    def value(row: Row, _: Group) -> Value:
        known = [str(x) for x in map(what, row.records) if x is not None and x != ""]
        return ", ".join(dict.fromkeys(known)) or None

    return value


def _ranks(row: Row, _: Group) -> Value:
    if row.ranks is None:
        return None
    return ranks_text(row.ranks)


def ranks_text(ranks: tuple[int, int] | None) -> str:
    """Return best and worst rank as ``3–5``, or as ``3`` where they are one; a dash where none is claimed."""
    if ranks is None:
        return NONE
    best, worst = ranks
    return f"{best}–{worst}" if best < worst else str(best)


def _cost(name: str) -> Callable[[Row, Group], Value]:
    """What the row's runs cost; nothing where they ran on unequal machines, whose costs are not averaged."""

    def value(row: Row, _: Group) -> Value:
        places = {(r.provenance.device, r.provenance.threads) for r in row.records}
        if row.status != "finished" or len(places) != 1:
            return None
        found: Value = getattr(cost_of(row.method, row.records), name)
        return found

    return value


def _count(value: Value) -> str:
    if not isinstance(value, int | float):
        return str(value)
    # From ten thousand on: smaller numbers are as short in full.
    for least, unit, size in ((1e9, "B", 1e9), (1e6, "M", 1e6), (1e4, "k", 1e3)):
        if value >= least:
            return f"{value / size:.1f}{unit}"
    return f"{value:,.0f}"


def _gibibytes(value: Value) -> str:
    return f"{value / 2**30:.2f}" if isinstance(value, int | float) else str(value)


def _seconds(value: Value) -> str:
    return f"{value:.1f}" if isinstance(value, int | float) else str(value)


def _short(value: Value) -> str:
    return ", ".join(part[:12] for part in str(value).split(", "))


FIELDS: Mapping[str, Field] = MappingProxyType(
    {
        "method": Field("Method", "the method, and what tells the row apart", lambda r, _: r.method),
        "kind": Field("Kind", "ranked, or a reference", lambda r, _: r.kind),
        "stream": Field("Stream", "the stream", lambda _, g: g.stream),
        "protocol": Field("Protocol", "the stream's protocol family", lambda _, g: g.protocol),
        "order": Field("Order", "the order of the tasks", lambda _, g: g.order),
        "shots": Field("Shots", "training samples per class, or full", lambda _, g: str(g.shots or "full")),
        "backbone": Field("Backbone", "the pre-trained model", lambda _, g: g.backbone),
        "label_space": Field("Label space", "classes to choose from", lambda _, g: g.label_space),
        "fingerprint": Field("Fingerprint", "digest of the protocol", lambda _, g: g.fingerprint, _short),
        "seeds": Field("Seeds", "how many runs were averaged", lambda r, _: r.seeds, align="right"),
        "rank": Field("Rank", "best and worst place that the tests leave", _ranks, align="right"),
        "rank_best": Field(
            "Best rank", "that the tests leave", lambda r, _: r.ranks and r.ranks[0], align="right"
        ),
        "rank_worst": Field(
            "Worst rank", "that the tests leave", lambda r, _: r.ranks and r.ranks[1], align="right"
        ),
        "letters": Field("Letters", "rows that share one are not separable", lambda r, _: r.letters or None),
        "form": Field("Form", "of its traps: published, intended, mixed", lambda r, _: r.form or None),
        "uses": Field("Uses", "what it takes for granted", lambda r, _: r.uses),
        "status": Field("Status", "finished, running or failed", lambda r, _: r.status),
        "reason": Field("Reason", "why it is not finished", lambda r, _: r.reason),
        "seed_list": Field("Seeds", "which seeds", _said(lambda r: r.seed)),
        "trainable_parameters": Field(
            "Trainable", "most parameters that a task trained", _cost("trainable_parameters"), _count, "right"
        ),
        "stored_parameters": Field(
            "Stored", "kept beside the initial backbone", _cost("stored_parameters"), _count, "right"
        ),
        "peak_memory": Field(
            "Memory (GiB)", "peak; bytes in csv and json", _cost("peak_memory_bytes"), _gibibytes, "right"
        ),
        "learn_seconds": Field(
            "Learn (s)", "to learn a task, mean", _cost("learn_seconds"), _seconds, "right"
        ),
        "evaluate_seconds": Field(
            "Test (s)", "to test all tasks once, mean", _cost("evaluate_seconds"), _seconds, "right"
        ),
        "generated_images": Field(
            "Images made", "by the text-to-image model", _cost("generated_images"), _count, "right"
        ),
        "generator": Field("Generator", "the text-to-image model", _said(lambda r: r.generator)),
        "device": Field("Device", "where it ran", _said(lambda r: r.provenance.device)),
        "threads": Field("Threads", "of the processor", _said(lambda r: r.provenance.threads), align="right"),
        "package": Field("Package", "that provides the method", _said(lambda r: r.method.distribution)),
        "version": Field("Version", "of that package", _said(lambda r: r.method.version)),
        "clbench": Field(
            "clbench", "version of the harness", _said(lambda r: r.provenance.versions.get("clbench"))
        ),
        "commit": Field("Commit", "of the harness", _said(lambda r: r.provenance.commit), _short),
        "finished": Field(
            "Finished",
            "the day",
            _said(lambda r: r.provenance.finished and f"{r.provenance.finished:%Y-%m-%d}"),
        ),
        "cite": Field("Cite", "the method's paper", _said(lambda r: r.method.citation)),
    }
)
"""By name, in the order in which messages list them."""


def select(
    names: Sequence[str], metrics: Iterable[Column], *, more: Iterable[str] = ()
) -> list[tuple[str, Selected]]:
    """Return the columns of these names; ``metrics`` stands for all metrics, ``all`` for everything.

    Args:
        names: of fields and of metrics.
        metrics: those of the board.
        more: further names that exist, to be suggested.

    Raises:
        UnknownNameError: no such column.
    """
    known = {column.name: column for column in metrics}
    chosen: dict[str, Selected] = {}
    for name in names:
        if name == "all":
            fields = list(FIELDS.items())
            chosen |= dict(fields[:14]) | known | dict(fields[14:])
        elif name == METRICS_FIELD:
            chosen |= known
        elif name in FIELDS:
            chosen[name] = FIELDS[name]
        elif name in known:
            chosen[name] = known[name]
        else:
            raise UnknownNameError("column", name, [*FIELDS, *known, *more, METRICS_FIELD, "all"])
    return list(chosen.items())
