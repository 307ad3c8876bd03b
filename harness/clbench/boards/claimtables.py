"""Claims beside records as text: a table for each verdict, narrow enough for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping
from types import MappingProxyType

from clbench.boards.cells import NONE, Cell, Grid
from clbench.boards.claims import STATUSES, ClaimsBoard, Comparison, Status
from clbench.boards.writing import frame_as_csv, frame_as_json, grids_as_markdown, grids_as_text
from clbench.errors import UnknownNameError
from clbench.results.claims import METRICS, Claim

__all__ = ["CLAIM_FORMATS", "claim_grids", "render_claims"]

# What is left of 120 columns for the reason beside all other columns at their widest.
_REASON_WIDTH = 38
_ROW_WIDTH = 24

_CAPTIONS: Mapping[Status, str] = {
    "reproduced": "Reproduced within ± {tolerance:g} points",
    "not reproduced": "Not reproduced within ± {tolerance:g} points",
    "undecided": "Undecided: more seeds would tell",
    "never run": "Never run",
    "not comparable": "Not comparable with any record",
}


def render_claims(board: ClaimsBoard, format: str = "text") -> str:
    """Return ``board`` as ``text`` (120 columns), ``md``, ``csv`` or ``json``; no line end at the end.

    Raises:
        UnknownNameError: no such format.
    """
    if format not in CLAIM_FORMATS:
        raise UnknownNameError("format", format, CLAIM_FORMATS)
    return CLAIM_FORMATS[format](board).rstrip("\n")


def claim_grids(board: ClaimsBoard, *, wrap: bool = False) -> list[Grid]:
    """Return one table for each status that occurs; ``wrap`` breaks long cells into lines."""
    grids = []
    for status in STATUSES:
        chosen = [c for c in board.comparisons if c.status == status]
        if chosen:
            grids.append(_grid(status, chosen, board.tolerance, wrap))
    return grids


def _grid(status: Status, chosen: list[Comparison], tolerance: float, wrap: bool) -> Grid:
    run = any(c.found for c in chosen)
    headers = ["Method", "Row", "Stream", "Order", "Shots", "T / A / L", "Kind"]
    headers += ["Recorded", "Seeds"] if run else []
    align = ["left", "left", "left", "left", "right", "left", "left"] + (["left", "right"] if run else [])
    rows = []
    for comparison in chosen:
        cells = [*_claim_cells(comparison, wrap)]
        if run:
            cells += [_found(comparison), NONE if comparison.seeds is None else str(comparison.seeds)]
        width = _REASON_WIDTH - (28 if run else 0)
        cells.append(_broken(comparison.reason, max(width, 24), wrap))
        rows.append(tuple(Cell(text) for text in cells))
    caption = f"{_CAPTIONS[status].format(tolerance=tolerance)} ({len(chosen)})"
    return Grid(caption, (*headers, "Why"), (*align, "left"), tuple(rows), ())


def _claim_cells(comparison: Comparison, wrap: bool) -> list[str]:
    claim = comparison.claim
    if not isinstance(claim, Claim):
        what = f"{claim.row}: {claim.quantity}"
        figure = f"{claim.value:g} {claim.unit}".strip()
        return [claim.method, _broken(what, _ROW_WIDTH, wrap), NONE, NONE, NONE, figure, claim.kind]
    figures = " / ".join(_printed(claim.figures[m]) if m in claim.figures else NONE for m in METRICS)
    return [
        claim.method,
        _broken(claim.row, _ROW_WIDTH, wrap),
        f"{claim.stream} {claim.protocol}",
        claim.order,
        str(claim.shots),
        figures,
        claim.kind,
    ]


def _printed(figure: float) -> str:
    """As papers do: one decimal, or two where they have them."""
    return f"{figure:.1f}" if round(figure, 1) == figure else f"{figure:.2f}"


def _found(comparison: Comparison) -> str:
    return " / ".join(f"{comparison.found[m].mean:.2f}" if m in comparison.found else NONE for m in METRICS)


def _broken(text: str, width: int, wrap: bool) -> str:
    return "\n".join(textwrap.wrap(text, width)) if wrap else text


def _text(board: ClaimsBoard) -> str:
    return grids_as_text(claim_grids(board, wrap=True), _notes(board), empty="no claims")


def _markdown(board: ClaimsBoard) -> str:
    return grids_as_markdown(claim_grids(board), _notes(board), empty="no claims")


def _notes(board: ClaimsBoard) -> list[str]:
    if not board.comparisons:
        return list(board.notes)
    return [
        "T / A / L: Transfer, Average and Last in percent, as the paper prints them",
        "kind: of the method's authors (own), run again by others (rerun), copied from elsewhere (quoted)",
        *board.notes,
    ]


CLAIM_FORMATS: Mapping[str, Callable[[ClaimsBoard], str]] = MappingProxyType(
    {
        "text": _text,
        "md": _markdown,
        "csv": lambda board: frame_as_csv(board.frame),
        "json": lambda board: frame_as_json(board.frame),
    }
)
"""Ways to write claims, by name."""
