"""The figures that ``clbench run`` leaves beside its records."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from clbench.errors import RecordError

if TYPE_CHECKING:
    from clbench.runs import RunOutcome

__all__ = ["MATRIX_FIGURE", "SCATTER_FIGURE", "draw_figures"]

MATRIX_FIGURE = "matrix.png"
SCATTER_FIGURE = "transfer-last.png"


def draw_figures(outcomes: Sequence[RunOutcome]) -> list[Path]:
    """Draw each finished run's matrix, where that is missing or older than its record, and all in one figure.

    Returns:
        The figures' files. The common one lies in the folder of the runs and shows these runs alone.
    """
    from clbench.boards import accuracy_heatmap, transfer_last_scatter
    from clbench.results import RECORD_FILE, read_record

    figures: list[Path] = []
    records = []

    def drawn(draw: Callable[..., Path], what: Any, figure: Path) -> None:
        try:
            figures.append(draw(what, figure))
        except OSError as error:  # of finished runs in a folder that cannot be written to, say
            click.secho(f"{figure} cannot be drawn: {error.strerror or error}", fg="yellow", err=True)

    for outcome in outcomes:
        if outcome.status == "failed":
            continue
        try:
            records.append(read_record(outcome.path))
        except RecordError:
            continue
        figure = outcome.path / MATRIX_FIGURE
        written = (outcome.path / RECORD_FILE).stat().st_mtime
        if not figure.exists() or figure.stat().st_mtime < written:
            drawn(accuracy_heatmap, records[-1], figure)
        else:
            figures.append(figure)
    if len({record.method.name for record in records}) > 1:
        drawn(transfer_last_scatter, records, outcomes[0].path.parent / SCATTER_FIGURE)
    return figures
