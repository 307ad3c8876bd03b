"""Many figures drawn at once, on as many cores as there are."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator, Sequence

from clbench.boards.figures.drawing.image import Drawing

__all__ = ["svgs_of"]

_FEWEST = 4  # for fewer figures no process is worth its start

_drawings: Sequence[Drawing] = ()
"""What forked processes find: the functions that draw cannot be sent to them."""


def svgs_of(drawings: Sequence[Drawing]) -> Iterator[str]:
    """Yield each drawing as SVG, in order; the same text whoever draws it."""
    global _drawings
    workers = 1 if multiprocessing.current_process().daemon else min(_cores(), len(drawings) // 2)
    if workers < 2 or len(drawings) < _FEWEST or "fork" not in multiprocessing.get_all_start_methods():
        yield from (drawing.svg() for drawing in drawings)
        return
    yield drawings[0].svg()  # what that imports and remembers, the processes have then
    _drawings = drawings
    try:
        with multiprocessing.get_context("fork").Pool(workers) as pool:
            yield from pool.imap(_svg, range(1, len(drawings)))
    finally:
        _drawings = ()


def _svg(number: int) -> str:
    return _drawings[number].svg()


def _cores() -> int:
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return 1  # systems without it do not fork, or not safely
