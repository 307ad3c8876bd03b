import csv
import io
import json
import re
import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest
from clbench.boards import FORMATS, board_of, render
from clbench.errors import PluginError, UnknownNameError
from clbench.results import Failure
from clbench.specs import FormatSpec
from clbench.testing.records import make_record


@pytest.fixture
def board():
    records = [
        make_record([[100 / 3, 40], [60, 70]], method="b_1 & co"),
        make_record([[81, 44], [75, 94]], method="a|<x>", seed=0),
        make_record([[80, 40], [70, 90]], method="a|<x>", seed=1),
        make_record([[79, 42], [74, 92]], method="a|<x>", seed=2),
        make_record([[90, 60], [90, 90]], method="joint", method_fields={"protocol": "joint"}),
    ]
    failure = Failure(task="t0", error="out of memory", kind="RuntimeError")
    gone = make_record(method="gift").evolve(
        status="failed", metrics=None, failure=failure, matrices={"task": ()}
    )
    return board_of([*records, gone])


def words(line):
    return re.split(r"\s{2,}", line.strip())


def test_text(board):
    lines = render(board).splitlines()
    assert lines[0] == (
        "stream toy-stream, protocol toy protocol, order default, backbone toy-clip, label space task"
    )
    assert words(lines[2]) == [
        "Method",
        "Stream",
        "Order",
        "Backbone",
        "Seeds",
        "Transfer",
        "Average",
        "Last",
        "Status",
    ]
    # t(0.975, 2) = 4.303; transfers 44, 40 and 42
    assert words(lines[5])[:6] == ["a|<x>", "toy-stream", "default", "toy-clip", "3", "42.00 ± 4.97"]
    assert [words(line)[0] for line in lines[4:9]] == ["joint", "a|<x>", "b_1 & co", "zero-shot", "gift"]
    assert words(lines[8])[4:] == ["1", "–", "–", "–", "failed"]
    assert lines[9] == "* gift failed: seed 0: RuntimeError in task t0: out of memory"
    assert render(board) == render(board, "text")


def test_markdown(board):
    text = render(board, "md")
    row = next(line for line in text.splitlines() if line.startswith(r"| a\|&lt;x&gt;"))
    cells = [c.strip() for c in re.split(r"(?<!\\)\|", row)[1:-1]]
    assert cells[5:8] == ["**42.00 ± 4.97**", "**71.75 ± 4.35**", "**82.50 ± 5.69**"]
    assert "| *joint*" in text  # a reference does not compete
    assert "**60.00**" not in text
    separator = next(line for line in text.splitlines() if line.startswith("|:"))
    assert separator.count("|") == row.replace(r"\|", "").count("|")


def test_latex(board):
    text = render(board, "latex")
    assert r"b\_1 \& co" in text
    assert r"a|\textless{}x\textgreater{}" in text
    assert r"\textbf{42.00}{\scriptsize\,$\pm$\,4.97}" in text
    assert r"\underline{40.00}" in text
    assert r"\textit{joint}" in text
    body = text[text.index(r"\toprule") : text.index(r"\bottomrule")]
    rows = [line for line in body.splitlines() if line.endswith(r"\\")]
    columns = re.search(r"\\begin\{tabular\}\{@\{\}([lr]+)@\{\}\}", text)[1]
    assert len(rows) == 1 + 5
    references = [line.split(" & ")[0] for line in body.split(r"\midrule")[1].strip().splitlines()]
    assert references == [r"\textit{joint}", r"\textit{zero-shot}"]
    assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(columns)}


def test_html_is_well_formed_and_escaped(board):
    text = render(board, "html")
    root = ET.fromstring(re.sub("<meta[^>]*>", "", text.removeprefix("<!doctype html>\n")))
    rows = [["".join(cell.itertext()) for cell in row] for row in root.iter("tr")]
    assert len(rows) == 1 + 5
    assert rows[2][0] == "a|<x>"
    assert root.find(".//td/strong").text == "42.00"
    assert "".join(rows[2][-4:-3]) == "42.00 ± 4.97"
    heads = [(cell.get("scope"), cell.text) for cell in root.iter("th")]
    assert ("col", "Transfer") in heads
    assert ("row", "a|<x>") in heads
    assert [row[0].text for row in root.iter("tr") if row.get("class") == "reference"] == [
        "joint",
        "zero-shot",
    ]


def test_csv_and_json_hold_the_same_unrounded_rows(board):
    rows = json.loads(render(board, "json"))
    flat = list(csv.DictReader(io.StringIO(render(board, "csv"))))
    assert len(rows) == len(flat) == 5
    for a, b in zip(rows, flat, strict=True):
        assert {k: "" if v is None else str(v) for k, v in a.items()} == b
    found = {row["method"]: row for row in rows}
    assert {"method", "stream", "order", "backbone", "seeds", "transfer", "average", "last"} <= set(rows[0])
    assert found["b_1 & co"]["average"] == (100 / 3 + 60) / 2 / 2 + (40 + 70) / 2 / 2
    assert found["b_1 & co"]["transfer_ci95"] is None
    assert found["a|<x>"]["transfer_ci95"] == pytest.approx(4.9683, abs=1e-4)
    assert found["gift"]["transfer"] is None
    assert found["gift"]["reason"] == "seed 0: RuntimeError in task t0: out of memory"
    assert found["zero-shot"]["seeds"] is None


TEXTS = sorted(name for name, form in FORMATS.items() if not form.binary)


@pytest.mark.parametrize("name", TEXTS)
def test_nothing_to_show(name):
    text = render(board_of([]), name)
    if name == "json":
        assert json.loads(text) == []
    elif name == "csv":
        assert text.startswith("table,method,")
        assert "\n" not in text
    else:
        assert "no records" in text or name == "latex"


@pytest.mark.parametrize("name", TEXTS)
def test_several_tables_say_how_they_differ(name):
    text = render(board_of([make_record(), make_record(protocol={"weights": "other"})]), name)
    if name in ("csv", "json"):
        assert len(set(re.findall(r"[0-9a-f]{64}", text))) == 2
    else:
        assert "table 2 is not comparable with table 1: different weights" in text
        # LaTeX numbers tables by itself.
        assert ("Table 2: " in text) != (name == "latex")


def test_formats_of_plugins(board):
    spec = FormatSpec(
        name="count", title="", summary="", suffix=".txt", factory="clbench.testing.records:make_record"
    )
    with pytest.raises(UnknownNameError, match="did you mean 'count'"):
        render(board, "cuont", extra=[spec])
    spec = FormatSpec(name="repr", title="", summary="", suffix=".txt", factory="builtins:repr")
    assert render(board, "repr", extra=[spec]).startswith("Board(")


def test_a_plugins_format_that_fails_is_a_message(board):
    spec = FormatSpec(name="raw", title="", summary="", suffix=".bin", factory="builtins:memoryview")
    with pytest.raises(PluginError, match="the format 'raw' failed: TypeError"):
        render(board, "raw", extra=[spec])
    spec = replace(spec, factory="builtins:repr", binary=True)
    with pytest.raises(PluginError, match=r"made str\n.*binary=True"):
        render(board, "raw", extra=[spec])


def test_equal_figures_share_the_mark():
    text = render(board_of([make_record(method="a"), make_record(method="b")]), "md")
    assert text.count("**70.00**") == 2
    assert "**" not in render(board_of([make_record()]), "md").split("\n", 1)[1]
