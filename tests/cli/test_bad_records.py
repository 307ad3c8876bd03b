"""Records that cannot be trusted are refused and named, and the others go through, in every command."""

import json
import shutil
from pathlib import Path

import pytest
from clbench.cli import main
from clbench.errors import ConfigError, RecordError
from click.testing import CliRunner

RECORDS = Path(__file__).parents[2] / "leaderboards" / "mini" / "records" / "I"


def without_a_field(record):
    del record["backbone"]["activation"]


def of_an_unknown_version(record):
    record["schema_version"] = 2


def with_a_tampered_matrix(record):
    record["matrices"]["task"][3][4] += 1


WORDS = {
    without_a_field: "field backbone.activation is missing",
    of_an_unknown_version: "has schema version 2",
    with_a_tampered_matrix: "but the matrix gives",
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mixed")
    for name in ("rail-seed0", "wc-seed0"):
        shutil.copytree(RECORDS / name, folder / name)
    for damage in WORDS:
        shutil.copytree(RECORDS / "zscl-seed0", folder / damage.__name__)
        path = folder / damage.__name__ / "record.json"
        record = json.loads(path.read_text())
        damage(record)
        path.write_text(json.dumps(record))
    return folder


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("leaderboard RUNS", 0),
        ("compare rail wc --runs RUNS", 0),
        ("plot RUNS --kind scatter --format svg --out OUT", 0),
        ("report RUNS --output OUT/report.html", 0),
        ("site RUNS --out OUT", 0),
        ("submit RUNS --out OUT", 1),
        ("verify RUNS --no-data --verbose", 1),
    ],
    ids=lambda value: str(value).partition(" ")[0],
)
def test_each_is_named_with_its_reason_and_the_others_go_through(runs, tmp_path, command, code):
    words = command.replace("RUNS", str(runs)).replace("OUT", str(tmp_path)).split()
    done = CliRunner().invoke(main, words)
    assert done.exit_code == code, done.output
    for damage, reason in WORDS.items():
        assert damage.__name__ in done.output
        assert reason in done.output
    written = " ".join(str(f) + f.read_text(errors="replace") for f in tmp_path.rglob("*") if f.is_file())
    for method in ("rail", "wc"):
        assert method in done.output + written


def test_an_error_fits_on_one_line():
    problem = RecordError("a is bad", why="two\n  words", fix="mend it")
    assert problem.line == "a is bad (two words); to mend it: mend it"
    assert ConfigError("x is wrong", problems=[problem, "b\nc"]).line == f"x is wrong: {problem.line}; b c"
    assert RecordError("bare").line == "bare"
