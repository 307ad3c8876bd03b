"""Claims beside records as text: a table for each verdict, narrow enough for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType

from clbench.boards.claims.frame import STATUSES, ClaimsBoard, Comparison, Status
from clbench.boards.claims.verdicts import figure_verdicts
from clbench.boards.formats.cells import NONE, Cell, Grid, number
from clbench.boards.formats.writing import frame_as_csv, frame_as_json, grids_as_markdown, grids_as_text
from clbench.errors import UnknownNameError
from clbench.results.claims import METRICS, AnyClaim, Claim

__all__ = ["CLAIM_FORMATS", "as_printed", "claim_grids", "figures_grid", "plain_claims_grid", "render_claims"]

_TERMINAL = 120  # columns
_ROW_WIDTH = 14
_PLACE = ("Stream", "Order", "Shots", "T/A/L")

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


def plain_claims_grid(claims: Iterable[AnyClaim], *, wrap: bool = False) -> Grid:
    """Return claims by themselves, with their sources."""
    chosen = tuple(claims)
    rows = [[*_claim_cells(claim, wrap)[1:], claim.kind] for claim in chosen]
    headers = ["Row", *_PLACE, "Kind"]
    return _closed("Published", headers, rows, "Source", [_source(claim) for claim in chosen], wrap)


def figures_grid(caption: str, comparison: Comparison, tolerance: float) -> Grid:
    """Return one row's figures: printed, measured, difference, and what is to be said of each."""
    claim = comparison.claim
    assert isinstance(claim, Claim)
    each = figure_verdicts(claim, comparison.found, tolerance)
    rows = []
    for name, printed in claim.figures.items():
        interval = comparison.found.get(name)
        if interval is None:
            rows.append([name.capitalize(), as_printed(printed), NONE, NONE, comparison.status])
            continue
        verdict = each[name] if comparison.status != "not comparable" else comparison.status
        away = f"{interval.mean - printed:+.2f}".replace("-", "−")
        rows.append([name.capitalize(), as_printed(printed), number(interval), away, verdict])
    headers = ("", "Printed", "Measured", "Difference", "Verdict")
    cells = tuple(tuple(Cell(text) for text in row) for row in rows)
    return Grid(caption, headers, ("left", "right", "right", "right", "left"), cells, ())


def _grid(status: Status, chosen: Sequence[Comparison], tolerance: float, wrap: bool) -> Grid:
    run = any(c.found for c in chosen)
    headers = ["Method", "Row", *_PLACE, *(["Recorded", "Seeds"] if run else ["Kind"])]
    rows = []
    for comparison in chosen:
        cells = _claim_cells(comparison.claim, wrap)
        if run:
            cells += [_found(comparison), NONE if comparison.seeds is None else str(comparison.seeds)]
        else:
            cells.append(comparison.claim.kind)
        rows.append(cells)
    caption = f"{_CAPTIONS[status].format(tolerance=tolerance)} ({len(chosen)})"
    return _closed(caption, headers, rows, "Why", [c.reason for c in chosen], wrap)


def _closed(
    caption: str,
    headers: Sequence[str],
    rows: Sequence[Sequence[str]],
    last: str,
    texts: Sequence[str],
    wrap: bool,
) -> Grid:
    """Add the last column, which gets the width that the others leave."""
    # Tabulate sets a column two wider than its header, and two blanks between columns.
    columns = [[f"{header}  ", *cells] for header, *cells in zip(headers, *rows, strict=True)]
    taken = sum(max(len(line) for cell in column for line in cell.splitlines()) + 2 for column in columns)
    width = max(_TERMINAL - taken, 20)
    full = [[*row, _broken(text, width, wrap)] for row, text in zip(rows, texts, strict=True)]
    align = ["right" if header in ("Shots", "Seeds") else "left" for header in headers]
    cells = tuple(tuple(Cell(text) for text in row) for row in full)
    return Grid(caption, (*headers, last), (*align, "left"), cells, ())


def _claim_cells(claim: AnyClaim, wrap: bool) -> list[str]:
    if not isinstance(claim, Claim):
        what = _broken(f"{claim.row}: {claim.quantity}", _ROW_WIDTH, wrap)
        return [claim.method, what, NONE, NONE, NONE, f"{claim.value:g} {claim.unit}".strip()]
    figures = "/".join(as_printed(claim.figures[m]) if m in claim.figures else NONE for m in METRICS)
    row = _broken(claim.row, _ROW_WIDTH, wrap)
    stream = _broken(f"{claim.stream} {claim.protocol}", _ROW_WIDTH, wrap)
    return [claim.method, row, stream, claim.order, str(claim.shots), figures]


def _source(claim: AnyClaim) -> str:
    return f"{claim.table}; {claim.note}" if claim.note else claim.table


def as_printed(figure: float) -> str:
    """As papers do: one decimal, or two where they have them."""
    return f"{figure:.1f}" if round(figure, 1) == figure else f"{figure:.2f}"


def _found(comparison: Comparison) -> str:
    return "/".join(f"{comparison.found[m].mean:.2f}" if m in comparison.found else NONE for m in METRICS)


def _broken(text: str, width: int, wrap: bool) -> str:
    return "\n".join(textwrap.wrap(text, width, break_on_hyphens=False)) if wrap else text


def _text(board: ClaimsBoard) -> str:
    return grids_as_text(claim_grids(board, wrap=True), _notes(board), empty="no claims", wrapped=True)


def _markdown(board: ClaimsBoard) -> str:
    return grids_as_markdown(claim_grids(board), _notes(board), empty="no claims")


def _notes(board: ClaimsBoard) -> list[str]:
    if not board.comparisons:
        return list(board.notes)
    return [
        "T/A/L: Transfer, Average and Last in percent, as the paper prints them",
        "kind: of the method's authors (own), run again by others (rerun), copied from elsewhere (quoted)",
        "to run a row: clbench list claims METHOD has its number, clbench reproduce METHOD NUMBER runs it",
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
