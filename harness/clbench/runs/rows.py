"""The rows of a run on disk: answers, by which every accuracy can be computed again. No torch here."""

from __future__ import annotations

from pathlib import Path

from clbench.results.checked import DamagedError, Identity
from clbench.runs.answers import load_answers, save_answers
from clbench.runs.evaluation import Evaluation

__all__ = ["RowStore"]


class RowStore:
    """``rows/NNN.npz`` in a run's folder."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder / "rows"
        self._key = key
        self._anew = f"delete {folder} and run again"

    def save(self, index: int, evaluation: Evaluation, seconds: float) -> None:
        """Write the answers of row ``index`` and the seconds their test took."""
        save_answers(self.path(index), evaluation, self._identity(index), seconds)

    def load(self, index: int) -> tuple[Evaluation, float] | None:
        """Answers of row ``index`` and the seconds their test took, or ``None`` where there is no file.

        Raises:
            DamagedError: the file is damaged, or it is another row's or run's.
        """
        path = self.path(index)
        return load_answers(path, self._identity(index), fix=self._anew) if path.exists() else None

    def whole(self) -> tuple[list[tuple[Evaluation, float]], DamagedError | None]:
        """Whole rows from the first on, and what is wrong with the next one if it is there."""
        rows: list[tuple[Evaluation, float]] = []
        try:
            while (row := self.load(len(rows))) is not None:
                rows.append(row)
        except DamagedError as error:
            return rows, error
        return rows, None

    def drop(self, learned: int) -> None:
        """Rows of tasks that are learned again are not of the model that is going to be."""
        for path in self._folder.glob("*.npz"):
            if path.stem.isdecimal() and int(path.stem) >= learned:
                path.unlink()

    def path(self, index: int) -> Path:
        """The file of row ``index``."""
        return self._folder / f"{index:03d}.npz"

    def _identity(self, index: int) -> Identity:
        return Identity("row", {"run": self._key, "row": index})
