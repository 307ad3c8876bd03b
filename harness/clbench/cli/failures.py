"""What a command says when it cannot go on, and its exit status: never a traceback.

Errors of the family :class:`clbench.errors.ClbenchError` say all that is to be said. What the operating
system refuses is said with the file and a remedy. Anything else is a mistake in clbench or in a plugin, and
is said to be one; with ``CLBENCH_DEBUG=1`` its traceback is shown.
"""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from pathlib import Path

import click

from clbench.errors import ClbenchError, ConfigError, refused
from clbench.printing import in_lines

__all__ = ["DEBUG", "in_words", "say"]

DEBUG = "CLBENCH_DEBUG"


def say(error: Exception) -> int:
    """Say in words what ends the command; return the exit status: 1, or 2 for what was typed.

    Raises:
        Exception: ``error`` itself, where ``CLBENCH_DEBUG`` is set.
    """
    if os.environ.get(DEBUG) and not isinstance(error, ClbenchError):
        raise error
    failure = in_words(error)
    with suppress(OSError, ValueError):  # nobody may be there to hear it
        click.secho("error: ", fg="red", bold=True, err=True, nl=False)
        click.echo(in_lines(failure), err=True)
    return 2 if isinstance(failure, ConfigError) else 1


def in_words(error: BaseException) -> ClbenchError:
    """Any error as one that a person can act on."""
    if isinstance(error, ClbenchError):
        return error
    if isinstance(error, OSError) and error.errno is not None:
        return refused(error)
    if isinstance(error, MemoryError):
        return ClbenchError("there is not enough memory", fix="give smaller inputs, or more memory")
    return ClbenchError(
        f"an error that clbench does not know: {type(error).__name__}: {error}",
        why=f"a mistake in clbench or in a plugin, {_place(error)}",
        fix=f"report it, with what the same command prints with {DEBUG}=1 set",
    )


def _place(error: BaseException) -> str:
    """The innermost line of clbench or a plugin, else the innermost."""
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if "clbench" in frame.filename] or frames
    return f"in {Path(ours[-1].filename).name}, line {ours[-1].lineno}" if ours else "at an unknown place"
