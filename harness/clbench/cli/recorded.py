"""The records that a command line names, with a word on what cannot be read and what does not exist."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from clbench.errors import RecordError, UnknownNameError

if TYPE_CHECKING:
    from clbench.results import LoadedRecords, StoredRecord

__all__ = ["choice_options", "names", "recorded"]

F = TypeVar("F", bound=Callable[..., Any])

_CHOICES = ("method", "order", "stream")


def choice_options(function: F) -> F:
    """Add ``--methods``, ``--orders``, ``--streams`` and ``--label-spaces``."""
    function = click.option(
        "--label-spaces",
        "--label-space",
        metavar="A,B,…",
        help="Seen in these label spaces: task, seen, union, all.  [default: the primary one of each record]",
    )(function)
    for kind in reversed(_CHOICES):
        option = click.option(f"--{kind}s", metavar="A,B,…", help=f"Records of these {kind}s alone.")
        function = option(function)
    return function


def recorded(paths: tuple[Path, ...], **chosen: str | None) -> LoadedRecords:
    """Return the records under ``paths`` (default: ``runs``); bad files are named and stop nothing.

    Args:
        paths: files or folders.
        chosen: ``methods``, ``orders``, ``streams``, ``label_spaces``: names with commas, or nothing for all.

    Raises:
        RecordError: a path does not exist, or no record is under any.
        UnknownNameError: no record has that method, order or stream.
    """
    from clbench.boards.tables.arranging import FILTERS
    from clbench.results import LoadedRecords, load_records

    loaded = load_records(paths or (Path("runs"),))
    for problem in loaded.problems:
        click.secho(f"left out: {problem}", fg="yellow", err=True)
    if not loaded.stored:
        raise RecordError(
            f"there is no record under {', '.join(map(str, paths or (Path('runs'),)))}",
            why="a run's folder holds record.json",
            fix="clbench run --methods zscl --out runs, or name the folder that a run wrote to",
        )
    stored = _seen(loaded, names(chosen.pop("label_spaces", None)))
    for kind in _CHOICES:
        of, wanted = FILTERS[kind], names(chosen.get(f"{kind}s"))
        known = {of(s.record) for s in loaded.stored}
        for name in wanted:
            if name not in known:
                raise UnknownNameError(kind, name, known, fix=f"give a {kind} that the records have")
        if wanted:
            stored = tuple(s for s in stored if of(s.record) in wanted)
    if not stored:
        raise RecordError(
            "no record has all that was asked for",
            why="; ".join(f"{kind} {given}" for kind, given in chosen.items() if given),
            fix="leave out one of the options",
        )
    return LoadedRecords(stored, loaded.problems)


def _seen(loaded: LoadedRecords, spaces: list[str]) -> tuple[StoredRecord, ...]:
    """The records in each of the label spaces that are named and that they have."""
    from clbench.results.spaces import seen_in

    known = {space for record in loaded.records for space in record.matrices}
    for space in spaces:
        if space not in {*known, "all"}:
            raise UnknownNameError("label space", space, known, fix="give one that the records have")
    having = [s for s in loaded.stored if not spaces or "all" in spaces or {*spaces} & {*s.record.matrices}]
    return seen_in(having, spaces)


def names(given: str | None) -> list[str]:
    """The names in a list with commas, each once."""
    return list(dict.fromkeys(name.strip() for name in (given or "").split(",") if name.strip()))
