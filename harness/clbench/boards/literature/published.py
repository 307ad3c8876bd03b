"""Figures that papers print: the files of ``leaderboards/published``, which the wheel carries."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from clbench.errors import RecordError

if TYPE_CHECKING:
    import pandas as pd

__all__ = [
    "AVERAGES_FILE",
    "published_averages",
    "published_folder",
    "published_lines",
    "published_matrices",
]

AVERAGES_FILE = "averages.csv"


def published_folder() -> Path:
    """Return the folder of published figures: the wheel's, or in a work tree the repository's."""
    packaged = Path(str(files("clbench"))) / "published"
    return packaged if packaged.is_dir() else packaged.parents[2] / "leaderboards" / "published"


def published_averages(folder: Path) -> pd.DataFrame:
    """Return ``averages.csv`` of ``folder``: Transfer, Average and Last in percent, as printed.

    Raises:
        RecordError: the folder has no such file.
    """
    return _read(folder / AVERAGES_FILE)


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


def published_lines(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file as text; what is missing is empty.

    Raises:
        RecordError: the file is missing or is no CSV.
    """
    frame = _read(path, dtype=str, keep_default_na=False)
    return [{str(name): str(text) for name, text in row.items()} for row in frame.to_dict(orient="records")]


def _read(path: Path, **how: Any) -> pd.DataFrame:
    import pandas as pd

    try:
        frame: pd.DataFrame = pd.read_csv(path, **how)
    except (OSError, ValueError) as error:
        raise RecordError(
            f"cannot read {path}", why=str(error), fix="point at leaderboards/published of the repository"
        ) from error
    return frame
