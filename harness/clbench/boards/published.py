"""Figures that papers print, read from ``leaderboards/published`` of the repository."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from clbench.errors import RecordError

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["published_averages", "published_matrices"]


def published_averages(folder: Path) -> pd.DataFrame:
    """Return ``averages.csv`` of ``folder``: Transfer, Average and Last in percent, as printed.

    Raises:
        RecordError: the folder has no such file.
    """
    return _read(folder / "averages.csv")


def published_matrices(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the accuracy matrices of ``folder`` in percent, by method.

    Rows = after learning the task of that name, columns = tasks; shape (T, T).

    Raises:
        RecordError: a matrix that the index names is missing.
    """
    index = _read(folder / "matrices" / "index.csv")
    return {
        str(row.method): _read(folder / "matrices" / str(row.file)).set_index("after_task")
        for row in index.itertuples()
    }


def _read(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_csv(path)
    except (OSError, ValueError) as error:
        raise RecordError(
            f"cannot read {path}", why=str(error), fix="point at leaderboards/published of the repository"
        ) from error
