"""Rewrite the tables in the documents from the records kept here, and draw the figures anew.

With --check only say what would change. tables.toml beside this says what stands where; `clbench admit`
updates the same tables. typed.py does the same for what documents type.
"""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

from clbench.cli import documents
from clbench.cli.declaring import Table, allowed, declared

ROOT = Path(__file__).resolve().parents[1]
OWN = (
    Table(
        "mini-demands",
        "leaderboards/mini.md",
        ("mini", "report", "--no-images", "leaderboards/mini/records"),
    ),
    Table("mini-readme", "plugins/clbench-mini/README.md", ("mini", "report", "leaderboards/mini/records")),
)
"""Printed by a plugin's command, which admission does not give: it measures models."""
TABLES = (*declared(ROOT), *OWN)


def printed(table: Table) -> str:
    """What the table's command prints, given in the repository."""
    return documents.printed(table.arguments, ROOT)


def shown(table: Table) -> str:
    """What stands in the document now."""
    return documents.standing((ROOT / table.document).read_text(encoding="utf-8"))[table.name]


def draw() -> None:
    """Draw Last against Transfer for each order, the figures of mini/figures.md, and the README's matrix."""
    from clbench.boards import accuracy_heatmap, transfer_last_scatter
    from clbench.results import load_records, read_record

    for order in ("I", "II"):
        records = load_records([ROOT / "leaderboards" / "mini" / "records" / order]).records
        transfer_last_scatter(records, ROOT / "leaderboards" / "mini" / f"transfer-last-{order}.png")
    shown = (ROOT / "leaderboards" / "mini" / "figures.md").read_text(encoding="utf-8")
    for command in re.findall(r"^\$ clbench (plot .*)$", shown.replace("\\\n", ""), re.MULTILINE):
        words = allowed(shlex.split(command), ROOT, figures=ROOT / "leaderboards" / "mini" / "figures")
        documents.printed(words, ROOT)
    for drawn in (ROOT / "leaderboards" / "mini" / "figures").rglob("*.png"):
        if drawn.relative_to(ROOT / "leaderboards" / "mini").as_posix() not in shown:
            drawn.unlink()
    accuracy_heatmap(
        read_record(ROOT / "leaderboards" / "mini" / "records" / "I" / "gift-seed0"),
        ROOT / "docs" / "images" / "gift-matrix.png",
    )


def main() -> int:
    """Update all documents and figures; return 1 if --check finds a document that is out of date."""
    check = "--check" in sys.argv
    if not check:
        draw()
        changed = documents.update(TABLES, ROOT)
    else:
        changed = {table.document: False for table in TABLES}
        for table in TABLES:
            changed[table.document] |= shown(table) != printed(table)
    stale = [name for name, differs in changed.items() if differs]
    print("\n".join(f"{name}: {'out of date' if check else 'updated'}" for name in stale))
    return int(bool(stale) and check)


if __name__ == "__main__":
    raise SystemExit(main())
