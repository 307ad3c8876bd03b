"""Tables in a repository's Markdown documents, each printed anew by the command that is declared for it.

A document says where a table stands, and nothing that is executed:

    <!-- table: order-I -->
    <!-- end -->
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from clbench.cli.declaring import TABLES_FILE, Table
from clbench.errors import ClbenchError
from clbench.results.atomic import atomic_write

__all__ = ["printed", "standing", "update", "updated"]

_BLOCK = re.compile(r"(<!-- table: (?P<name>[\w.-]+) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


def printed(arguments: Sequence[str], root: Path) -> str:
    """Return what ``clbench`` prints when it is given ``arguments`` in ``root``.

    Raises:
        ClbenchError: it fails.
    """
    # -P: a file of the repository that is called as a module is not taken for it.
    command = [sys.executable, "-P", "-c", "from clbench.cli import main; main()", *arguments]
    surroundings = {**os.environ, "COLUMNS": "120", "PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        command, cwd=root, capture_output=True, encoding="utf-8", env=surroundings, check=False
    )
    if done.returncode:
        raise ClbenchError(f"clbench {shlex.join(arguments)} failed", why=done.stderr.strip())
    return done.stdout.rstrip()


def standing(text: str) -> dict[str, str]:
    """What stands in a document now, by the name of the table; without the fence around it."""
    return {
        block["name"]: re.sub(r"\A(`{3,})text\n(.*)\n\1\Z", r"\2", block["body"].strip(), flags=re.DOTALL)
        for block in _BLOCK.finditer(text)
    }


def updated(text: str, tables: Sequence[Table], print_: Callable[[Table], str]) -> str:
    """Return a document with ``tables`` printed anew; others in it stay as they are.

    Raises:
        ClbenchError: a command fails, what it prints would end its table, or a table has no place.
    """
    by_name = {table.name: table for table in tables}
    missing = by_name.keys() - standing(text).keys()
    if missing:
        first = by_name[min(missing)]
        raise ClbenchError(
            f"{first.document} has no place for the table {first.name}",
            why=f"{TABLES_FILE} says that it has",
            fix=f"put `<!-- table: {first.name} -->` and `<!-- end -->` there, each on a line",
        )

    def fill(block: re.Match[str]) -> str:
        table = by_name.get(block["name"])
        if table is None:
            return block[0]
        output = print_(table)
        if "<!-- end -->" in output or "<!-- table:" in output:
            raise ClbenchError(
                f"the table {table.name} would be mistaken for the end of itself",
                why="a name in the records is a comment of a document",
            )
        if "md" not in table.arguments and "--format=md" not in table.arguments:
            # Longer than any in it, which would end it.
            fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", output)), 3)
            output = f"{fence}text\n{output}\n{fence}"
        return f"{block[1]}\n{output}\n\n{block[4]}"

    return _BLOCK.sub(fill, text)


def update(tables: Sequence[Table], root: Path) -> dict[str, bool]:
    """Print ``tables`` anew; return for each of their documents whether that changed it.

    Raises:
        ClbenchError: a command fails, or a document cannot be read; then all documents are as they were.
    """
    found = {}
    for name in dict.fromkeys(table.document for table in tables):
        path = root / name
        try:
            before = path.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise ClbenchError(f"cannot read {path}", why=str(error), fix=f"see {TABLES_FILE}") from error
        inside = [table for table in tables if table.document == name]
        found[name] = (before, updated(before, inside, lambda table: printed(table.arguments, root)))
    for name, (before, after) in found.items():
        if after != before:
            atomic_write(root / name, after.encode())
    return {name: after != before for name, (before, after) in found.items()}
