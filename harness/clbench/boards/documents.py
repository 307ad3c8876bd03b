"""Tables in Markdown documents, each printed anew by the command that stands above it.

A table stands between two comments, the first of which has the command that prints it:

    <!-- made by: clbench leaderboard leaderboards/mini/records --format md -->
    <!-- end -->
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from clbench.errors import ClbenchError
from clbench.results.atomic import atomic_write

__all__ = ["TABLE", "documents_about", "printed", "repository_of", "update", "updated"]

TABLE = re.compile(r"(<!-- made by: clbench (?P<arguments>.*?) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


def printed(arguments: str, root: Path) -> str:
    """Return what a clbench command prints when it is run in ``root``.

    Raises:
        ClbenchError: it fails.
    """
    command = [sys.executable, "-c", "from clbench.cli import main; main()", *shlex.split(arguments)]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False
    )
    if done.returncode:
        raise ClbenchError(f"clbench {arguments} failed", why=done.stderr.strip())
    return done.stdout.rstrip()


def updated(text: str, root: Path) -> str:
    """Return a document with every table printed anew.

    Raises:
        ClbenchError: a command fails.
    """

    def fill(table: re.Match[str]) -> str:
        output = printed(table["arguments"], root)
        if "--format md" not in table["arguments"]:
            output = f"```text\n{output}\n```"
        return f"{table[1]}\n{output}\n\n{table[4]}"

    return TABLE.sub(fill, text)


def update(document: Path, root: Path) -> bool:
    """Print the tables of ``document`` anew; return whether that changed it.

    Raises:
        ClbenchError: a command fails; then the document is as it was.
    """
    before = document.read_text(encoding="utf-8")
    after = updated(before, root)
    if after == before:
        return False
    atomic_write(document, after.encode())
    return True


def repository_of(folder: Path) -> Path | None:
    """The folder around ``folder`` that has a ``.git``, whose documents show its records."""
    here = folder.resolve()
    return next((each for each in (here, *here.parents) if (each / ".git").exists()), None)


def documents_about(folder: Path, root: Path) -> list[Path]:
    """The Markdown documents below ``root`` with a table made from records in ``folder``, sorted."""
    wanted = folder.resolve()
    found = []
    for document in sorted(_documents(root.resolve())):
        text = document.read_text(encoding="utf-8", errors="replace")
        named = [word for table in TABLE.finditer(text) for word in shlex.split(table["arguments"])]
        places = [(root / word).resolve() for word in named if not word.startswith("-")]
        if any(place == wanted or wanted in place.parents or place in wanted.parents for place in places):
            found.append(document)
    return found


def _documents(root: Path) -> Iterator[Path]:
    for folder, inner, files in os.walk(root):
        inner[:] = [name for name in inner if not name.startswith(".") and name != "node_modules"]
        yield from (Path(folder) / name for name in files if name.endswith(".md"))
