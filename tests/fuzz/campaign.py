"""Kinds of inputs, each with the place it plays in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from types import TracebackType

from tests.fuzz import commands, configurations, matrices, recorded, runs, surroundings
from tests.fuzz.judging import Case, Verdict, judge, listing
from tests.fuzz.place import Place, prepared


@dataclass(frozen=True)
class Kind:
    """A kind of input: how one is drawn, and how many a whole campaign has."""

    draw: Callable[[Random, Place], Case]
    usual: int


KINDS = {
    "matrices": Kind(matrices.matrix, 12_000),
    "settings": Kind(configurations.settings, 10_000),
    "values": Kind(configurations.typed_value, 10_000),
    "yaml": Kind(configurations.configuration, 8_000),
    "streams": Kind(configurations.stream_file, 5_000),
    "side-files": Kind(configurations.side_files, 4_000),
    "commands": Kind(commands.command_line, 4_000),
    "records": Kind(recorded.record, 4_000),
    "names": Kind(configurations.names, 2_000),
    "archives": Kind(recorded.archive, 1_500),
    "predictions": Kind(recorded.predictions, 1_000),
    "indexes": Kind(recorded.index, 1_000),
    "environment": Kind(surroundings.environment, 1_000),
    "runs": Kind(runs.run, 400),
    "processes": Kind(surroundings.process, 200),
}


class Campaign:
    """Inputs of one kind, each from a random state of its own: any can be repeated by itself."""

    def __init__(self, kind: str, seed: int) -> None:
        self.kind = kind
        self.seed = seed
        self._stack = ExitStack()

    def __enter__(self) -> Campaign:
        root = Path(tempfile.mkdtemp(prefix="clbench-fuzz-"))
        self._stack.callback(shutil.rmtree, root, ignore_errors=True)
        self._stack.callback(os.chdir, Path.cwd())
        self.place = self._stack.enter_context(prepared(root))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def judge(self, number: int) -> Verdict:
        """Draw input ``number`` and judge it; the same number gives the same input.

        What takes too long is given once more: a machine that is busy with others is no hang.
        """
        verdict = self._judge(number)
        if verdict.outcome == "hang" or "TimeoutExpired" in verdict.complaint:
            verdict = self._judge(number)
        return verdict

    def _judge(self, number: int) -> Verdict:
        place = self.place
        place.clear()
        os.chdir(place.here)
        case = KINDS[self.kind].draw(Random(f"{self.seed}-{self.kind}-{number}"), place)
        before = listing(*place.kept)
        verdict = judge(case)
        after = listing(*place.kept)
        if before != after and not verdict.complaint:
            changed = sorted(set(before.items()) ^ set(after.items()))
            verdict.complaint = f"it changes a file that is not its own: {changed[0][0]!r}"
        if before != after:
            place.restore()
        return verdict
