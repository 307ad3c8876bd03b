"""Published figures → the tables of the literature: grouped, means checked against what they are means of."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean
from types import MappingProxyType

from clbench.boards.literature.published import AVERAGES_FILE, published_lines, published_matrices
from clbench.boards.literature.settings import (
    METRICS,
    Literature,
    PublishedGroup,
    PublishedRow,
    PublishedTable,
    Recomputed,
)
from clbench.errors import RecordError, did_you_mean
from clbench.results import metrics as formulas

__all__ = ["read_literature"]

_PRINTED_APART = 0.1
"""Points by which a printed mean may miss the mean of the printed values: both are rounded to 0.1."""


def read_literature(folder: Path, only: Mapping[str, Collection[str]] | None = None) -> Literature:
    """Return the published figures of ``folder``.

    Args:
        folder: has ``averages.csv``, ``per_dataset.csv`` and ``matrices/index.csv``.
        only: what to show, by ``method, stream, order, shots, protocol, backbone`` or ``label_space``.

    Raises:
        RecordError: a file is missing, is no CSV, or lacks a column.
    """
    only = only or {}
    averages, values = published_lines(folder / AVERAGES_FILE), published_lines(folder / "per_dataset.csv")
    try:
        tasks = _task_names(values)
        per_task = _per_task(values, tasks)
        suspects = {(t.group, r.method, r.table): r for t in per_task for r in t.rows if r.suspect}
        tables = _grouped((_group(line), _row(line, suspects)) for line in averages)
        recomputed = list(_recomputed(folder))
    except KeyError as error:
        raise RecordError(
            f"the published figures in {folder} cannot be read",
            why=f"the column {error} is missing",
            fix="point at leaderboards/published of the repository",
        ) from error
    return Literature(
        tuple(_only(tables, only)),
        tuple(_only(per_task, only)),
        tuple(r for r in recomputed if _has(r, only)),
        tasks,
        tuple(_unmatched(tables, only)),
    )


def _per_task(lines: Sequence[Mapping[str, str]], tasks: Sequence[str]) -> list[PublishedTable]:
    found: dict[tuple[PublishedGroup, str, str], list[Mapping[str, str]]] = {}
    for line in lines:
        found.setdefault((_group(line), line["method"], line["table"]), []).append(line)
    rows = []
    for (group, method, table), members in found.items():
        figures, values, suspect = {}, {}, {}
        for line in members:
            if line["metric"] not in METRICS:
                continue
            printed = {task: float(line[task]) for task in tasks if line[task]}
            values[line["metric"]], figures[line["metric"]] = printed, float(line["printed_mean"])
            mean = fmean(printed.values())
            if abs(mean - figures[line["metric"]]) > _PRINTED_APART + 1e-9:
                suspect[line["metric"]] = mean
        first = members[0]
        row = PublishedRow(
            method,
            first["learns"],
            figures,
            first["source_kind"],
            table,
            first["source"],
            {},
            values,
            suspect,
        )
        rows.append((group, row))
    return _grouped(rows)


def _row(
    line: Mapping[str, str], suspects: Mapping[tuple[PublishedGroup, str, str], PublishedRow]
) -> PublishedRow:
    figures = {name: float(line[name]) for name in METRICS if line[name]}
    suspect: dict[str, float] = {}
    for (group, method, table), row in suspects.items():
        if (group, method) == (_group(line), line["method"]) and table.split()[0] in line["table"].split():
            same = {name for name in row.suspect if figures.get(name) == row.figures[name]}
            suspect |= {name: mean for name, mean in row.suspect.items() if name in same}
    named = ("method", "learns", *METRICS, "source_kind", "table", "source")
    facts = {name: text for name, text in line.items() if name not in named}
    return PublishedRow(
        line["method"],
        line["learns"],
        figures,
        line["source_kind"],
        line["table"],
        line["source"],
        MappingProxyType(facts),
        suspect=suspect,
    )


def _group(line: Mapping[str, str]) -> PublishedGroup:
    names = ("setting", "stream", "protocol", "order", "shots", "label_space", "backbone")
    return PublishedGroup(*(line[name] for name in names))


def _grouped(rows: Iterable[tuple[PublishedGroup, PublishedRow]]) -> list[PublishedTable]:
    """Tables in the order in which they first occur; what is not trained stands in those with all data."""
    found: dict[PublishedGroup, list[PublishedRow]] = {}
    for group, row in rows:
        known = PublishedGroup(**{**vars(group), "shots": "full" if group.shots == "-" else group.shots})
        found.setdefault(known, []).append(row)
    return [PublishedTable(group, tuple(sorted(members, key=_rank))) for group, members in found.items()]


def _rank(row: PublishedRow) -> tuple[bool, float, float, str]:
    """References first, then the best Average, then the best Last."""
    figures = row.figures
    return (
        row.learns == "stream",
        -figures.get("average", -1.0),
        -figures.get("last", -1.0),
        row.method,
    )


def _recomputed(folder: Path) -> Iterable[Recomputed]:
    matrices = published_matrices(folder)
    for line in published_lines(folder / "matrices" / "index.csv"):
        A = matrices[line["method"]].to_numpy()
        yield Recomputed(
            line["method"],
            line["benchmark"].rpartition("-")[2],
            f"{line['paper']}, {line['table']}",
            line["precision"],
            line["source"],
            {name: float(line[f"printed_{name}"]) for name in METRICS},
            {name: formulas.METRICS[name](A) for name in METRICS},
        )


def _task_names(lines: Sequence[Mapping[str, str]]) -> tuple[str, ...]:
    """The columns between the metric and its mean."""
    names = list(lines[0]) if lines else ["metric", "printed_mean"]
    return tuple(names[names.index("metric") + 1 : names.index("printed_mean")])


def _only(tables: Sequence[PublishedTable], only: Mapping[str, Collection[str]]) -> Iterable[PublishedTable]:
    for table in tables:
        if all(getattr(table.group, kind) in names for kind, names in only.items() if kind != "method"):
            rows = [r for r in table.rows if "method" not in only or _called(r.method, only["method"])]
            if rows:
                yield PublishedTable(table.group, tuple(rows))


def _has(recomputed: Recomputed, only: Mapping[str, Collection[str]]) -> bool:
    of = {"order": recomputed.order, "protocol": "zscl", "stream": "mtil", "shots": "full"}
    return all(of[kind] in names for kind, names in only.items() if kind in of) and (
        "method" not in only or _called(recomputed.method, only["method"])
    )


def _called(method: str, names: Iterable[str]) -> bool:
    """Whether one of ``names`` means it: ``zscl`` means ZSCL, and ZSCL* and ZSCL (…), not ZSCL-X."""
    return any(re.match(rf"{re.escape(name)}(?![\w-])", method, re.IGNORECASE) for name in names)


def _unmatched(tables: Sequence[PublishedTable], only: Mapping[str, Collection[str]]) -> Iterable[str]:
    for kind, names in only.items():
        if kind == "method":
            known = sorted({row.method for table in tables for row in table.rows})
            missing = [name for name in names if not any(_called(m, [name]) for m in known)]
        else:
            known = sorted({str(getattr(table.group, kind)) for table in tables} - {""})
            missing = [name for name in names if name not in known]
        for name in missing:
            plain = {each.casefold(): each for each in known}
            near = [plain[each] for each in did_you_mean(name.casefold(), plain)]
            hint = f"did you mean {' or '.join(near)}?" if near else f"there is {', '.join(known)}"
            yield f"nothing published has {kind.replace('_', ' ')} {name!r}; {hint}"
