"""Rewrite the tables in the documents from the records kept here, and draw the figures anew.

With --check only say what would change. `clbench admit` updates the same tables; see clbench.boards.documents
for how a document says what stands in it. typed.py beside this does the same for what documents type.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from clbench.boards import documents

ROOT = Path(__file__).resolve().parents[1]
DOCUMENTS = (
    "README.md",
    "docs/tables.md",
    "docs/statistics.md",
    "leaderboards/mini.md",
    "leaderboards/mini/tables.md",
    "leaderboards/published.md",
    "plugins/clbench-mini/README.md",
)
BLOCK = documents.TABLE


def printed(arguments: str) -> str:
    """What a clbench command prints, run in the repository."""
    return documents.printed(arguments, ROOT)


def updated(text: str) -> str:
    """The document with every table printed anew."""
    return documents.updated(text, ROOT)


def draw() -> None:
    """Draw Last against Transfer for each order, the figures of mini/figures.md, and the README's matrix."""
    from clbench.boards import accuracy_heatmap, transfer_last_scatter
    from clbench.results import load_records, read_record

    for order in ("I", "II"):
        records = load_records([ROOT / "leaderboards" / "mini" / "records" / order]).records
        transfer_last_scatter(records, ROOT / "leaderboards" / "mini" / f"transfer-last-{order}.png")
    shown = (ROOT / "leaderboards" / "mini" / "figures.md").read_text(encoding="utf-8")
    for command in re.findall(r"^\$ clbench (plot .*)$", shown.replace("\\\n", ""), re.MULTILINE):
        printed(command)
    for drawn in (ROOT / "leaderboards" / "mini" / "figures").rglob("*.png"):
        if drawn.relative_to(ROOT / "leaderboards" / "mini").as_posix() not in shown:
            drawn.unlink()
    accuracy_heatmap(
        read_record(ROOT / "leaderboards" / "mini" / "records" / "I" / "gift-seed0"),
        ROOT / "docs" / "images" / "gift-matrix.png",
    )


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
