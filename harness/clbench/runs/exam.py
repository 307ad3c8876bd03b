"""A test as the supervisor deals it: which images share a batch, in which order, and what answers mean.

The worker is given pixels and label spaces, batch after batch, and answers. Which task a batch is of, where
in the test an image stands and what it shows stays here. Batches come in an order of their own, and so do
the images of a batch: the permutation follows from the test labels, which a worker does not have.
Images share a batch as :mod:`clbench.runs.composition` says.
"""

from __future__ import annotations

import hashlib
import mmap
import os
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from clbench.config.runconfig import Composition
from clbench.errors import DataError, MethodError
from clbench.runs.composition import TestBatch, compose
from clbench.runs.evaluation import Answers, Evaluation
from clbench.runs.messages import Ask, Batch, Examination
from clbench.streams import HeldOut, LabelSpace, Preprocessing, Stream
from clbench.temporary import owner, remove_abandoned

__all__ = ["Exam", "Slots"]

_UNION = "union"


class Slots:
    """Room for batches of pixels in a file that two processes map into memory.

    Args:
        shape: of a full batch, (images, 3, side, side).
        count: how many batches have room at once.

    Raises:
        DataError: the disk of the temporary folder has no room for them.
    """

    def __init__(self, shape: tuple[int, int, int, int], count: int = 2) -> None:
        self.shape = shape
        self.count = count
        size = int(np.prod(shape)) * count
        remove_abandoned(Path(tempfile.gettempdir()).glob("clbench-test-*"))
        handle, name = tempfile.mkstemp(prefix=f"clbench-test-{owner()}-")
        self.path = Path(name)
        try:
            # A file that grows as it is written would end the process where the disk is full.
            if hasattr(os, "posix_fallocate"):
                os.posix_fallocate(handle, 0, size)
            else:
                os.truncate(handle, size)
            self._map = mmap.mmap(handle, size)
        except OSError as error:
            self.path.unlink()
            raise DataError(
                f"no room for {size:,} bytes of test images in {tempfile.gettempdir()}",
                why=error.strerror or str(error),
                fix="set TMPDIR to a folder with room, or lower --eval-batch",
            ) from error
        finally:
            os.close(handle)
        self.pixels = np.frombuffer(self._map, dtype=np.uint8).reshape(count, *shape)

    def __enter__(self) -> Slots:
        return self

    def __exit__(self, *exc: object) -> None:
        del self.pixels
        self._map.close()
        self.path.unlink(missing_ok=True)


@dataclass(frozen=True)
class _Set:
    """Test images that are asked about in the same way.

    Attributes:
        key: of the task, or of the data held out.
        pixels: uint8 (n, 3, side, side).
        asks: names of the label spaces.
    """

    key: str
    pixels: np.ndarray
    asks: tuple[str, ...]


class Exam:
    """Test images in batches, and the reading of their answers. Build it with a class method."""

    def __init__(
        self,
        sets: Mapping[int, _Set],
        spaces: Mapping[str, LabelSpace],
        groups: Mapping[str, tuple[np.ndarray, ...]],
        batches: Iterable[TestBatch],
        *,
        tasks: int,
        secret: Sequence[np.ndarray],
    ) -> None:
        self._sets = dict(sets)
        self._spaces = dict(spaces)
        self._groups = dict(groups)
        self._tasks = tasks
        self.seed = _seed(secret)
        random = np.random.default_rng(self.seed)
        dealt = [_shuffled(each, random) for each in batches]
        self._batches = [dealt[i] for i in random.permutation(len(dealt))]
        self._asks = [self._asked(each) for each in self._batches]
        side = next(iter(self._sets.values())).pixels.shape[1:] if self._sets else (3, 1, 1)
        self.shape = (max([1, *map(len, self._batches)]), *side)
        self.images = sum(map(len, self._batches))

    @classmethod
    def of_stream(
        cls,
        stream: Stream,
        preprocessing: Preprocessing,
        *,
        wide: bool,
        batch: int,
        task_given: bool = False,
        only: Sequence[int] | None = None,
        composition: Composition = "natural",
        seed: int = 0,
    ) -> Exam:
        """The test images of the tasks, each once.

        Columns are independent by contract, so the union's are computed once and sliced.

        Args:
            wide: score the classes of all tasks; otherwise only each task's own. ``mixed`` batches are always
                scored so: their images are of different tasks.
            batch: images per batch; the last one may be smaller.
            task_given: hand the task's index to the method, with its own label space and only with that; in
                ``mixed`` batches for each task's images apart.
            only: indices of the tasks to test; all by default.
            composition, seed: which images share a batch; see :func:`clbench.runs.composition.compose`.
        """
        wide = wide or composition == "mixed"
        chosen = range(len(stream)) if only is None else only
        own = {j: f"task {j}" for j in chosen if not wide or task_given}
        sets = {
            j: _Set(
                stream.keys[j],
                stream.tasks[j].test.pixels(preprocessing),
                (*([_UNION] if wide else []), *([own[j]] if j in own else [])),
            )
            for j in chosen
        }
        # A method that is told the task's identity is told it for the task's own label space only.
        spaces = {name: stream.labels(j, told=task_given) for j, name in own.items()}
        groups: dict[str, tuple[np.ndarray, ...]] = {name: (np.arange(len(spaces[name])),) for name in own.values()}
        if wide:
            spaces[_UNION], groups[_UNION] = stream.union, stream.columns
        counts = {j: len(each.pixels) for j, each in sets.items()}
        return cls(
            sets,
            spaces,
            groups,
            compose(counts, batch, composition, seed),
            tasks=len(stream),
            secret=[stream.tasks[j].test.labels for j in chosen],
        )

    @classmethod
    def of_held_out(cls, sets: Sequence[HeldOut], preprocessing: Preprocessing, *, batch: int) -> Exam:
        """The images of data held out, each set within its own classes; no task's identity is told."""
        names = {i: f"set {i}" for i in range(len(sets))}
        held = {
            i: _Set(each.key, each.test.pixels(preprocessing), (names[i],)) for i, each in enumerate(sets)
        }
        return cls(
            held,
            {names[i]: each.labels for i, each in enumerate(sets)},
            {names[i]: (np.arange(len(each.classes)),) for i, each in enumerate(sets)},
            compose({i: len(each.pixels) for i, each in held.items()}, batch),
            tasks=0,
            secret=[each.test.labels for each in sets],
        )

    def __len__(self) -> int:
        """Number of batches."""
        return len(self._batches)

    def opening(self, slots: Slots, *, initial: bool) -> Examination:
        """What a worker is told before the first batch; ``initial``: it tests the initial model."""
        return Examination(initial, str(slots.path), slots.count, slots.shape, self._spaces, self._groups)

    def fill(self, number: int, slots: Slots, slot: int) -> Batch:
        """Put batch ``number`` into a slot, and return the order to score it."""
        batch = self._batches[number]
        room = slots.pixels[slot]
        for j, rows in batch.parts:
            room[rows] = self._sets[j].pixels[batch.images[rows]]
        return Batch(slot, len(batch), self._asks[number])

    def tested(self, number: int) -> str:
        """Keys of the tasks that batch ``number`` has images of, in words."""
        return ", ".join(self._sets[j].key for j, _ in self._batches[number].parts)

    def mark(self, best: np.ndarray, logit: np.ndarray) -> Evaluation:
        """The answers of a worker, put back into the order of the images.

        Args:
            best, logit: see :class:`clbench.runs.messages.Answered`.

        Raises:
            MethodError: they are not answers to this test.
        """
        due = sum(self._due(i, ask) for i, asks in enumerate(self._asks) for ask in asks)
        if best.shape != (due,) or logit.shape != (due,) or not np.isfinite(logit).all():
            raise MethodError(f"{due} finite answers are due; the method's process gave others")
        found = {j: _unanswered(len(each.pixels), self._tasks) for j, each in self._sets.items()}
        at = 0
        for number, asks in enumerate(self._asks):
            for ask in asks:
                size = self._due(number, ask)
                self._enter(found, number, ask, best[at : at + size], logit[at : at + size])
                at += size
        return Evaluation({self._sets[j].key: answers for j, answers in found.items()})

    # -- parts --------------------------------------------------------------------------------------

    def _asked(self, batch: TestBatch) -> tuple[Ask, ...]:
        """What is asked about a batch: all of it among the classes of all tasks, parts among their own."""
        parts = batch.parts
        asks = [Ask(_UNION)] if any(_UNION in self._sets[j].asks for j, _ in parts) else []
        for j, rows in parts:
            whole = len(rows) == len(batch)
            asks += [Ask(name, None if whole else rows) for name in self._sets[j].asks if name != _UNION]
        return tuple(asks)

    def _rows(self, number: int, ask: Ask) -> np.ndarray:
        return np.arange(len(self._batches[number])) if ask.rows is None else ask.rows

    def _due(self, number: int, ask: Ask) -> int:
        return len(self._rows(number, ask)) * len(self._groups[ask.space])

    def _enter(
        self, found: Mapping[int, Answers], number: int, ask: Ask, best: np.ndarray, logit: np.ndarray
    ) -> None:
        batch, rows, groups = self._batches[number], self._rows(number, ask), self._groups[ask.space]
        best, logit = best.reshape(len(rows), len(groups)), logit.reshape(len(rows), len(groups))
        if (best < 0).any() or (best >= [len(each) for each in groups]).any():
            raise MethodError("the method's process answered with a class that there is not")
        for j in np.unique(batch.tasks[rows]).tolist():
            mine = batch.tasks[rows] == j
            at = batch.images[rows[mine]]
            if ask.space == _UNION:
                found[j].best[at], found[j].logit[at] = best[mine], logit[mine]
                if len(self._sets[j].asks) == 1:
                    found[j].own[at] = best[mine, j]
            else:
                found[j].own[at] = best[mine, 0]
                if self._tasks and _UNION not in self._spaces:
                    found[j].best[at, j], found[j].logit[at, j] = best[mine, 0], logit[mine, 0]


def _shuffled(batch: TestBatch, random: np.random.Generator) -> TestBatch:
    """The same images in another order: where an image stands in its batch says nothing of it."""
    order = random.permutation(len(batch))
    return TestBatch(batch.tasks[order], batch.images[order])


def _seed(secret: Sequence[np.ndarray]) -> int:
    """A number that follows from the right answers, which whoever is tested does not have."""
    total = hashlib.sha256()
    for each in secret:
        total.update(np.ascontiguousarray(each, dtype=np.int64).tobytes())
    return int.from_bytes(total.digest()[:6], "big")


def _unanswered(images: int, tasks: int) -> Answers:
    """Room for the answers to ``images`` images."""
    return Answers(
        np.zeros(images, dtype=np.int32),
        np.zeros((images, tasks), dtype=np.int32),
        np.full((images, tasks), -np.inf, dtype=np.float32),
    )
