"""Accuracy matrices of any shape, against the definitions written down plainly."""

from __future__ import annotations

import math
from random import Random
from typing import Any

from clbench import metrics
from clbench.results.metrics import MatrixError

from tests.fuzz.drawing import LITERALS, NUMBERS, TEXTS
from tests.fuzz.judging import Case
from tests.fuzz.place import Place


def matrix(random: Random, _: Place) -> Case:
    """A matrix, whole or spoilt, and one of the figures."""
    size = random.choice((0, 1, 2, 2, 3, 5, 11))
    rows: Any = [
        [random.choice((random.uniform(0, 100), random.randint(0, 100))) for _ in range(size)]
        for _ in range(size)
    ]
    for _ in range(random.choice((0, 0, 1, 2))):
        kind = random.randrange(4)
        if rows and kind == 0:
            rows[random.randrange(len(rows))] = _odd(random)
        elif rows and kind == 1 and isinstance(rows[0], list) and rows[0]:
            rows[0][random.randrange(len(rows[0]))] = _odd(random)
        elif rows and kind == 2:
            rows.pop()
        else:
            rows.append([1.0] * random.randint(0, size + 1))
    name = random.choice(("transfer", "average", "last", "forgetting"))
    return Case(call=lambda: _compared(name, rows), note=f"{name} of {rows!r}"[:2000])


def _odd(random: Random) -> Any:
    found = random.choice(LITERALS + NUMBERS + TEXTS)
    return 1e300 if isinstance(found, float) and abs(found) == 1e308 else found  # sums beyond are infinite


def _compared(name: str, rows: Any) -> float:
    numbers = _needed(name, rows)
    try:
        given = getattr(metrics, name)(rows)
    except MatrixError as error:
        given = error
    if isinstance(given, MatrixError):
        assert str(given).strip(), "an error without words"
        assert numbers is None, f"refused: {given}"
        return math.nan
    assert numbers is not None, f"{name} = {given} of what is no matrix of finite numbers"
    expected = DEFINITIONS[name](numbers)
    assert math.isclose(given, expected, rel_tol=1e-9, abs_tol=1e-9), f"{name} = {given}, not {expected}"
    return float(given)


def _needed(name: str, rows: Any) -> list[list[float]] | None:
    """The matrix, where it is one and has all that the figure is made of."""
    if (
        not isinstance(rows, list)
        or len(rows) < 2
        or not all(isinstance(r, list) and len(r) == len(rows) for r in rows)
    ):
        return None
    if not all(value is None or type(value) in (int, float) for row in rows for value in row):
        return None
    numbers = [[math.nan if value is None else float(value) for value in row] for row in rows]
    end = len(rows) - 1
    used = {
        "transfer": lambda i, j: i < j,
        "average": lambda i, j: True,
        "last": lambda i, j: i == end,
        "forgetting": lambda i, j: i in (j, end),
    }[name]
    fine = all(math.isfinite(v) or not used(i, j) for i, row in enumerate(numbers) for j, v in enumerate(row))
    return numbers if fine else None


def _mean(values: list[float]) -> float:
    return math.fsum(v / len(values) for v in values)


def transfer(rows: list[list[float]]) -> float:
    """Mean over tasks j >= 1 of the mean of what is above the diagonal of column j."""
    return _mean([_mean([rows[i][j] for i in range(j)]) for j in range(1, len(rows))])


def average(rows: list[list[float]]) -> float:
    """Mean of all."""
    return _mean([_mean([row[j] for row in rows]) for j in range(len(rows))])


def last(rows: list[list[float]]) -> float:
    """Mean of the last row."""
    return _mean(rows[-1])


def forgetting(rows: list[list[float]]) -> float:
    """Mean over all tasks but the last of the accuracy at the end less that when it was learned."""
    return _mean([rows[-1][j] - rows[j][j] for j in range(len(rows) - 1)])


DEFINITIONS = {"transfer": transfer, "average": average, "last": last, "forgetting": forgetting}
