"""Tables that a repository declares to stand in its documents, and what may print them.

``leaderboards/tables.toml`` says what stands where:

    [[table]]
    name = "order-I"
    document = "README.md"
    command = "leaderboard leaderboards/mini/records --orders I --format md"

A command is one of :data:`COMMANDS`; it reads below the repository and writes nothing. No document is asked
what to execute.
"""

from __future__ import annotations

import io
import re
import shlex
import tomllib
from collections.abc import Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from clbench.errors import ConfigError

__all__ = ["COMMANDS", "TABLES_FILE", "Table", "about", "allowed", "declared", "repository_of"]

TABLES_FILE = "leaderboards/tables.toml"
COMMANDS = ("leaderboard", "compare", "claims", "traps")
"""What a declared table may be printed by."""


@dataclass(frozen=True)
class Table:
    """What stands where.

    Attributes:
        name: in the document's comment.
        document: the Markdown file, relative to the repository.
        arguments: of ``clbench``; the first is the command.
    """

    name: str
    document: str
    arguments: tuple[str, ...]


def repository_of(folder: Path) -> Path | None:
    """The folder around ``folder`` that has a ``.git``, whose documents show its records."""
    here = folder.resolve()
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), None)


def declared(root: Path) -> list[Table]:
    """The tables that the repository ``root`` declares; none where it has no such file.

    Raises:
        ConfigError: the file is no TOML, or declares what is not allowed; names all mistakes.
    """
    path = root / TABLES_FILE
    try:
        document = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"cannot read {path}", why=str(error), fix="mend it") from error
    tables, problems = [], []
    found = document.get("table", [])
    for number, each in enumerate(found if isinstance(found, list) else [found], start=1):
        try:
            tables.append(_table(each, root))
        except ConfigError as error:
            problems.append(ConfigError(f"table {number}: {error.what}", why=error.why, fix=error.fix))
    names = [table.name for table in tables]
    for name in dict.fromkeys(name for name in names if names.count(name) > 1):
        problems.append(ConfigError(f"there are two tables {name}", fix="give one of them another name"))
    if odd := [key for key in document if key != "table"]:
        problems.append(ConfigError(f"{', '.join(odd)} is unknown", fix="each table begins with [[table]]"))
    if problems:
        raise ConfigError(f"{path} has mistakes", problems=problems)
    return tables


def _table(given: Any, root: Path) -> Table:
    keys = ("name", "document", "command")
    if (
        not isinstance(given, Mapping)
        or {*given} != {*keys}
        or not all(isinstance(given[key], str) for key in keys)
    ):
        raise ConfigError("it has not name, document and command, each a text, and nothing else")
    if re.fullmatch(r"[\w.-]+", given["name"]) is None:
        raise ConfigError(f"the name {given['name']!r} has other characters than letters, digits and _.-")
    if not given["document"].endswith(".md") or not _below(Path(given["document"]), root):
        raise ConfigError(f"{given['document']} is no Markdown document of the repository")
    try:
        words = shlex.split(given["command"])
    except ValueError as error:
        raise ConfigError(f"the command {given['command']!r} cannot be read", why=str(error)) from error
    return Table(given["name"], given["document"], allowed(words, root))


def allowed(words: Sequence[str], root: Path, *, figures: Path | None = None) -> tuple[str, ...]:
    """Return the words of a command, if it may be given in the repository ``root``.

    Args:
        words: of ``clbench``.
        root: what it reads is below.
        figures: folder that ``plot`` may write to; without it there is no ``plot``.

    Raises:
        ConfigError: it is another command than those, has a mistake, reads elsewhere, or writes.
    """
    from clbench.cli.application import main

    commands = (*COMMANDS, *(["plot"] if figures is not None else []))
    command = main.commands.get(words[0]) if words and words[0] in commands else None
    if command is None:
        raise ConfigError(
            f"{' '.join(words[:1]) or 'nothing'} is no command for a table",
            why="what a document shows is read from records, and nothing else is done",
            fix=f"use one of {', '.join(commands)}",
        )
    try:
        with redirect_stdout(io.StringIO()):  # --help prints at once
            context = command.make_context(words[0], list(words[1:]), parent=click.Context(main))
    except (click.ClickException, click.exceptions.Exit) as error:
        raise ConfigError(
            f"clbench {shlex.join(words)} is no command that prints a table",
            why=error.format_message() if isinstance(error, click.ClickException) else "it prints its help",
        ) from error
    if context.params.get("measure"):
        raise ConfigError(
            f"clbench {words[0]} --measure would run methods",
            why="what a document shows is read from records, and nothing else is done",
            fix="use --measured PATH",
        )
    for parameter in command.params:
        value = context.params.get(parameter.name or "")
        given = value if isinstance(value, tuple) else (value,)
        paths = [Path(each) for each in given if isinstance(each, (str, Path))]
        if parameter.name in ("output", "out"):
            if paths and (figures is None or not all(_below(root / path, figures) for path in paths)):
                raise ConfigError(f"clbench {words[0]} would write {paths[0]}", fix="leave out --output")
        elif isinstance(parameter.type, click.Path) or parameter.name == "methods":
            for path in paths:
                if not _below(path, root):
                    raise ConfigError(
                        f"clbench {words[0]} would read {path}",
                        why=f"it is not below {root}",
                        fix="name folders of the repository, relative to it",
                    )
    return tuple(words)


def _below(path: Path, root: Path) -> bool:
    return (root / path).resolve().is_relative_to(root.resolve())


def about(folder: Path, tables: Sequence[Table], root: Path) -> list[Table]:
    """Those of ``tables`` that are made from records in ``folder``."""
    wanted = folder.resolve()
    found = []
    for table in tables:
        places = [(root / word).resolve() for word in table.arguments[1:] if not word.startswith("-")]
        if any(place == wanted or wanted in place.parents or place in wanted.parents for place in places):
            found.append(table)
    return found
