"""``clbench leaderboard`` from the outside: bad records, files, filters, the literature, clear refusals."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pandas as pd
import pytest
from clbench.cli import main
from clbench.cli.session import Session
from clbench.hookspecs import hookimpl
from clbench.plugins import Registry
from clbench.results import write_record
from clbench.specs import FormatSpec
from clbench.testing.records import make_record
from click.testing import CliRunner

HERE = "clbench_leaderboard_test_plugin"
PUBLISHED = Path(__file__).parents[2] / "leaderboards/published"


def as_bytes(board):
    return bytes([0, len(board.tables)])


class Plugin:
    """A format that is no text."""

    @hookimpl
    def clbench_formats(self):
        return [
            FormatSpec(
                name="blob",
                title="Blob",
                summary="two bytes",
                suffix=".b",
                factory=f"{HERE}:as_bytes",
                binary=True,
            )
        ]


@pytest.fixture
def clbench(monkeypatch):
    monkeypatch.setitem(sys.modules, HERE, sys.modules[__name__])
    registry = Registry.of(Plugin(), distribution="acme", version="1.5")

    def call(*words):
        return CliRunner().invoke(main, [str(word) for word in words], obj=Session(given=registry))

    return call


@pytest.fixture
def runs(tmp_path):
    for seed in (0, 1):
        write_record(tmp_path / "runs" / f"toy-{seed}", make_record(seed=seed))
        write_record(tmp_path / "runs" / f"ii-{seed}", make_record(seed=seed, order="II", backbone="vit"))
    return tmp_path / "runs"


def tampered(document):
    document["matrices"]["task"][1][0] += 0.01


BAD = {
    "field seed is missing": lambda document: document.pop("seed"),
    "has schema version 99 (this clbench reads version 1)": lambda document: document.update(
        schema_version=99
    ),
    "metrics.average is 70.0 but the matrix gives 70.0025": tampered,
    "the digest": lambda document: document["fingerprint"]["fields"].update(templates="others"),
}


@pytest.mark.parametrize("said", sorted(BAD))
@pytest.mark.parametrize("form", ["csv", "html", "json", "latex", "md", "text"])
def test_a_bad_record_is_named_and_the_others_go_through(clbench, runs, said, form):
    file = runs / "bad" / "record.json"
    write_record(file, make_record(method="bad"))
    document = json.loads(file.read_text())
    BAD[said](document)
    file.write_text(json.dumps(document))
    result = clbench("leaderboard", runs, "-f", form)
    assert result.exit_code == 0
    # Formats without room for notes leave standard output to the rows.
    shown, notes = (
        (result.stdout, result.stderr) if form in ("csv", "json") else (result.stdout, result.stdout)
    )
    assert said in notes.replace(r"\_", "_")
    assert "left out: " in notes
    assert "toy" in shown
    assert (said in shown) == (form not in ("csv", "json"))


def test_parquet_is_a_file_with_typed_columns(clbench, runs, tmp_path):
    refused = clbench("leaderboard", runs, "-f", "parquet")
    assert refused.exit_code == 2
    assert "fix: -f parquet -o FILE" in refused.output
    file = tmp_path / "new" / "board.parquet"
    assert clbench("leaderboard", runs, "-f", "parquet", "-o", file).exit_code == 0
    frame = pd.read_parquet(io.BytesIO(file.read_bytes()))
    again = pd.DataFrame(json.loads(clbench("leaderboard", runs, "-f", "json").stdout))
    assert list(frame.columns) == list(again.columns)
    assert list(frame.average) == list(again.average)
    assert str(frame.seeds.dtype) == "Int64"


def test_a_plugins_format_may_be_no_text(clbench, runs, tmp_path):
    assert "blob is no text" in clbench("leaderboard", runs, "-f", "blob").output
    clbench("leaderboard", runs, "-f", "blob", "-o", tmp_path / "x.b")
    assert (tmp_path / "x.b").read_bytes() == bytes([0, 2])


def test_filters_and_what_they_do_not_match(clbench, runs):
    assert "order II" not in clbench("leaderboard", runs, "--orders", "default").output
    assert "vit" not in clbench("leaderboard", runs, "--backbones", "toy-clip").output
    nothing = clbench("leaderboard", runs, "--shots", "5", "--backbones", "toy-klip").output
    assert "no records" in nothing
    assert "no record has shots '5'; there is full" in nothing
    assert "no record has backbone 'toy-klip'; did you mean toy-clip?" in nothing
    assert "clbench run" not in nothing


def test_an_empty_folder_is_said_to_be_filled_by_a_run(clbench, tmp_path):
    done = clbench("leaderboard", tmp_path)
    assert "no records" in done.output
    assert f"clbench run --methods zscl --out {tmp_path} writes some" in done.output


def test_columns_bring_the_metrics_that_they_name(clbench, runs):
    output = clbench("leaderboard", runs, "--columns", "method,forgetting,shots", "-f", "csv").stdout
    assert output.splitlines()[0] == "table,method,forgetting,forgetting_ci95,shots"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--columns", "metod"], "unknown column 'metod'\n  why: did you mean 'method'"),
        (["--layout", "per_task"], "unknown layout 'per_task'\n  why: did you mean 'per-task'"),
        (["--sort", "lst"], "unknown column to sort by 'lst'"),
        (["--group-by", "oder"], "did you mean 'order'"),
        (["--metrics", "lost"], "unknown metric 'lost'"),
        (["--published", "-f", "csv"], "measured and published figures never stand in one table"),
        (["--published", "-f", "blob", "-o", "x"], "blob cannot show this"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_cannot_be_shown_is_refused(clbench, runs, words, said):
    result = clbench("leaderboard", runs, *words)
    assert result.exit_code != 0
    assert said in result.output


def test_the_literature_by_itself_and_beside_records(clbench, runs):
    alone = clbench("leaderboard", "--published", "--orders", "II").output
    assert alone == clbench("leaderboard", PUBLISHED, "--orders", "II").output
    assert "Published 1: MTIL (task id given), order II, all data, protocol family zscl" in alone
    assert "order I," not in alone
    assert "no record has" not in alone
    both = clbench("leaderboard", runs, PUBLISHED).output
    assert both.index("stream toy-stream") < both.index("Published 1: ")
    assert "no published table is comparable with a measured one: they are of other streams" in both
