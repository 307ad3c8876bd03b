"""Rewrite the tables in the documents from the records kept here; with --check only say what would change.

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
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = ("README.md", "leaderboards/mini.md", "plugins/clbench-mini/README.md")
BLOCK = re.compile(r"(<!-- made by: clbench (?P<arguments>.*?) -->\n)(?P<body>.*?)(<!-- end -->)", re.DOTALL)


def printed(arguments: str) -> str:
    """What a clbench command prints, run in the repository."""
    command = [sys.executable, "-c", "from clbench.cli import main; main()", *shlex.split(arguments)]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, env={**os.environ, "COLUMNS": "120"}, check=False
    )
    if done.returncode:
        raise SystemExit(f"clbench {arguments} failed:\n{done.stderr}")
    return done.stdout.rstrip()


def updated(text: str) -> str:
    """The document with every table printed anew."""

    def fill(block: re.Match[str]) -> str:
        output = printed(block["arguments"])
        if "--format md" not in block["arguments"]:
            output = f"```text\n{output}\n```"
        return f"{block[1]}\n{output}\n\n{block[4]}"

    return BLOCK.sub(fill, text)


def draw() -> None:
    """Draw Last against Transfer for each order."""
    from clbench.boards import transfer_last_scatter
    from clbench.results import load_records

    for order in ("I", "II"):
        records = load_records([ROOT / "leaderboards" / "mini" / "records" / order]).records
        transfer_last_scatter(records, ROOT / "leaderboards" / "mini" / f"transfer-last-{order}.png")


def main() -> int:
    """Update all documents and figures; return 1 if --check finds a document that is out of date."""
    stale = []
    if "--check" not in sys.argv:
        draw()
    for name in DOCUMENTS:
        path = ROOT / name
        before = path.read_text(encoding="utf-8")
        after = updated(before)
        if after != before:
            stale.append(name)
            if "--check" not in sys.argv:
                path.write_text(after, encoding="utf-8")
    print("\n".join(f"{name}: {'out of date' if '--check' in sys.argv else 'updated'}" for name in stale))
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    raise SystemExit(main())
