"""``clbench site`` from the outside."""

import pytest
from clbench.cli import main
from clbench.results import write_record
from clbench.testing.records import make_record
from click.testing import CliRunner

pytest.importorskip("altair")
pytest.importorskip("vl_convert")


@pytest.fixture
def leaderboards(tmp_path):
    for seed in (0, 1):
        write_record(tmp_path / "in" / str(seed) / "record.json", make_record(seed=seed))
    return tmp_path / "in"


def run(*words):
    return CliRunner().invoke(main, ["site", *map(str, words)])


def test_it_says_what_was_written_and_how_to_look(leaderboards, tmp_path):
    (leaderboards / "bad").mkdir()
    (leaderboards / "bad" / "record.json").write_text("no json")
    result = run(
        leaderboards, "--out", tmp_path / "site", "--title", "Our board", "--metrics", "last,average"
    )
    assert result.exit_code == 0, result.output
    assert "1 board, 1 method, 2 runs, " in result.output
    assert f"python -m http.server -d {tmp_path / 'site'}" in result.output
    assert "left out: " in result.stderr
    assert "bad/record.json" in result.stderr
    text = (tmp_path / "site" / "index.html").read_text()
    assert "<h1>Our board</h1>" in text
    heads = text[text.index("<thead>") : text.index("</thead>")]
    assert "Transfer" not in heads
    assert heads.index("Last") < heads.index("Average")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nowhere"], "there is nothing at nowhere"),
        (["IN", "--metrics", "avrage"], "did you mean 'average'"),
        (["IN", "--published", "nowhere"], "there is no folder nowhere"),
        (["IN", "--out", "IN/site"], "the site cannot lie in"),
    ],
)
def test_what_cannot_be_is_said(leaderboards, words, message, tmp_path):
    words = [word.replace("IN", str(leaderboards)) for word in words]
    result = run(*words, *([] if "--out" in words else ["--out", tmp_path / "site"]))
    assert result.exit_code in (1, 2)
    assert message in result.stderr
    assert "fix:" in result.stderr or "did you mean" in result.stderr
    assert not (tmp_path / "site").exists()
