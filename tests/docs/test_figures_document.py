"""What docs/figures.md says of the kinds and of the lines of equal Average."""

import re
from pathlib import Path

from clbench.boards import board_of
from clbench.boards.figures import KINDS
from clbench.boards.figures.drawing.isoaverage import IsoAverage
from clbench.results import load_records

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/figures.md").read_text(encoding="utf-8")


def test_all_kinds_are_listed_with_what_they_show():
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", TEXT, re.MULTILINE))
    assert rows == {name: kind.shows for name, kind in KINDS.items()}


def test_measured_averages_are_as_far_from_the_lines_as_the_text_says():
    words = " ".join(TEXT.split())
    said = re.search(r"on mini (\S+) to (\S+) points in order I, (\S+) to (\S+) in order II", words)
    found = []
    for order in ("I", "II"):
        table = board_of(load_records([ROOT / "leaderboards/mini/records" / order]).records).tables[0]
        rows = [row for row in table.rows if row.protocol != "joint"]
        residuals = IsoAverage.of(rows, len(table.group.tasks), "task").residuals.values()
        found += [f"{min(residuals):+.1f}".replace("-", "−"), f"{max(residuals):+.1f}"]
    assert [x.rstrip(".") for x in said.groups()] == found
