"""LaTeX tables: what a paper's reader sees, and that pdflatex takes them."""

import re
import subprocess
from pathlib import Path

import pytest
from clbench.boards import board_of, leaderboard
from clbench.boards.formats.cells import Cell, Grid
from clbench.boards.formats.latex import grids_as_latex
from clbench.boards.layouts.rendering import encode, view_of
from clbench.boards.literature.grouping import read_literature
from clbench.boards.literature.views import literature_view
from clbench.testing.records import make_record

ROOT = Path(__file__).parents[3]
HOSTILE = 'a_b & 50% $x$ #1 {c} ~ ^ \\ <d> "e" ± – … × → − ≥ ≤ α β θ ∑ † ‡ · | é ö'


def grid(rows, **more):
    align = ("left", *("right" for _ in rows[0][1:]))
    headers = tuple(f"H{n}" for n in range(len(rows[0])))
    return Grid("stream toy", headers, align, tuple(map(tuple, rows)), (), **more)


def test_marks_sections_spans_and_notes():
    rows = [
        [Cell("ref", reference=True), Cell("1.0")],
        [Cell("m", marks=("a",)), Cell("2.00 ± 0.10", best=True)],
    ]
    table = grid(rows, sections=((0, ""), (1, "Last")), spans=(("", 1), ("Order I", 1)), label="tab:x")
    text = grids_as_latex([table], ["a note"])
    assert (
        r"\caption{Stream toy. Accuracy in \%, best bold, second underlined, $\pm$ half the 95 \% interval"
        in text
    )
    assert r"\label{tab:x}" in text
    assert r"\multicolumn{1}{c}{Order I}" in text
    assert r"\cmidrule(lr){2-2}" in text
    assert r"\textit{ref} & 1.0 \\" in text
    assert r"m\textsuperscript{a} & \textbf{2.00}{\scriptsize\,$\pm$\,0.10} \\" in text
    assert r"\multicolumn{2}{@{}l}{\textbf{Last}} \\" in text
    assert text.endswith("% a note")


def test_many_columns_have_upright_headers():
    assert r"\rotatebox" not in grids_as_latex([grid([[Cell("x")] * 5])], [])
    assert grids_as_latex([grid([[Cell("x")] * 12])], []).count(r"\rotatebox{90}") == 11


def test_a_tall_table_is_one_for_each_block():
    rows = [[Cell("m"), Cell("1")]] * 63
    table = grid(
        rows, sections=((0, "References"), (3, "Transfer"), (23, "Average"), (43, "Last")), label="tab:x"
    )
    text = grids_as_latex([table], [])
    captions = re.findall(r"\\caption\{(.*?)\. Accuracy", text)
    assert captions == ["Stream toy: Transfer", "Stream toy: Average", "Stream toy: Last"]
    assert re.findall(r"\\label\{(.*?)\}", text) == ["tab:x-Transfer", "tab:x-Average", "tab:x-Last"]
    assert text.count(r"m & 1 \\") == 63


def test_labels_are_unique_and_a_table_says_why_it_stands_apart():
    board = board_of([make_record(), make_record(protocol={"weights": "other"})])
    text = encode(board, "latex").decode()
    labels = re.findall(r"\\label\{(.*?)\}", text)
    assert len(set(labels)) == len(labels) == 2
    assert "Not comparable with the table of stream toy-stream" in text
    assert "different weights" in text


def test_what_methods_use_is_in_notes():
    fields = {"assumptions": {"extra_data": True, "replay": True}}
    text = encode(board_of([make_record(method_fields=fields), make_record(method="b")]), "latex").decode()
    assert r"toy\textsuperscript{a,b}" in text
    assert "(a) reference data, (b) replay" in text


@pytest.mark.slow
def test_pdflatex_takes_every_table(tmp_path, program):
    pdflatex = program("pdflatex")
    mini = leaderboard([ROOT / "leaderboards/mini/records"])
    views = [view_of(mini, layout=layout) for layout in ("summary", "per-task", "across-orders")]
    literature = read_literature(ROOT / "leaderboards/published")
    views += [literature_view(literature, layout=layout) for layout in ("summary", "per-task")]
    hostile = board_of([make_record(method=HOSTILE, notes=(HOSTILE,)), make_record(method="b")])
    views.append(view_of(hostile))
    for number, view in enumerate(views):
        (tmp_path / f"{number}.tex").write_bytes(encode(mini, "latex", view=view))
    inputs = "\n\\clearpage\n".join(rf"\input{{{number}}}" for number in range(len(views)))
    document = "\n".join(
        [
            r"\documentclass{article}",
            r"\usepackage[utf8]{inputenc}",
            r"\usepackage{booktabs,graphicx}",
            r"\begin{document}",
            inputs,
            r"\end{document}",
        ]
    )
    (tmp_path / "paper.tex").write_text(document)
    done = subprocess.run(
        [pdflatex, "-interaction=nonstopmode", "-halt-on-error", "paper.tex"],
        cwd=tmp_path,
        capture_output=True,
        check=False,
    )
    log = (tmp_path / "paper.log").read_text(errors="replace")
    assert done.returncode == 0, log[-3000:]
    assert "Float too large" not in log
    assert not re.findall(r"Overfull \\hbox \((?:[2-9]|\d\d+)\.", log)
    assert "multiply defined" not in log
    assert (tmp_path / "paper.pdf").stat().st_size > 50_000


def test_a_total_is_bold_and_no_caption_calls_it_the_best():
    text = grids_as_latex(
        [grid([[Cell("t"), Cell("1.0")], [Cell("mean", total=True), Cell("2.0", total=True)]])], []
    )
    assert r"\textbf{mean} & \textbf{2.0} \\" in text
    assert r"\caption{Stream toy. Accuracy in \%.}" in text


def test_parts_of_a_tall_table_each_say_what_their_marks_mean():
    rows = [[Cell(f"m{n}", marks=("a",)), Cell("1.0")] for n in range(60)]
    sections = tuple((20 * n, f"Part {n}") for n in range(3))
    tall = Grid(
        "toy", ("H", "I"), ("left", "right"), tuple(map(tuple, rows)), ("(a) replay", "more"), sections
    )
    parts = grids_as_latex([tall], []).split(r"\begin{table}")[1:]
    assert len(parts) > 1
    assert all("(a) replay" in part for part in parts)
    assert ["more" in part for part in parts] == [False] * (len(parts) - 1) + [True]
