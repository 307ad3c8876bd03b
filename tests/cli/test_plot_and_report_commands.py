"""``clbench plot`` and ``clbench report``."""

import subprocess
import sys

import pytest
from clbench.boards.figures import KINDS
from clbench.cli import main
from clbench.results import write_record
from clbench.testing.records import make_record
from click.testing import CliRunner

A = ((80.0, 35.0), (72.0, 90.0))
B = ((82.0, 37.0), (70.0, 80.0))


@pytest.fixture
def runs(tmp_path):
    for method, matrix in (("alpha", A), ("beta", B)):
        for seed in (0, 1):
            write_record(tmp_path / f"runs/{method}-{seed}", make_record(matrix, method=method, seed=seed))
    return tmp_path / "runs"


def call(*words):
    return CliRunner().invoke(main, [str(word) for word in words])


def written(result):
    assert result.exit_code == 0, result.output
    return sorted(line.rpartition("/")[2] for line in result.stdout.splitlines())


def test_plot_writes_common_figures_and_says_so(runs, tmp_path):
    result = call("plot", runs, "-o", tmp_path / "out", "--format", "svg")
    files = written(result)
    names = ("cost", "drift-course", "drift", "forgetting", "scatter", "tasks")
    assert files == sorted(f"{name}-toy-stream-default.svg" for name in names)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == files
    assert "--each" in result.stderr


def test_plot_draws_each_method_where_it_is_asked_to(runs, tmp_path):
    files = written(call("plot", runs, "-o", tmp_path, "--format", "svg", "--kind", "waterfall", "--each"))
    stem = "toy-stream-default"
    assert files == [f"forgetting-{stem}.svg", f"waterfall-{stem}-alpha.svg", f"waterfall-{stem}-beta.svg"]
    files = written(call("plot", runs, "-o", tmp_path, "--kind", "matrix", "--methods", "beta"))
    assert files == [f"matrix-{stem}-beta.png", f"matrix-{stem}-beta.svg"]


def test_plot_of_one_run_draws_all_that_applies(runs, tmp_path):
    files = written(call("plot", runs / "alpha-0", "-o", tmp_path, "--format", "svg"))
    # One method has no other to be told apart from.
    assert {name.partition("-")[0] for name in files} == set(KINDS) - {"ranks", "pairs", "forest"}


def test_plot_draws_a_method_that_is_alone_under_its_protocol(runs, tmp_path):
    write_record(runs / "third", make_record(A, method="third", order="other"))
    files = written(call("plot", runs, "-o", tmp_path / "out", "--format", "svg"))
    assert [name for name in files if "third" in name] == [
        f"{kind}-toy-stream-other-third.svg" for kind in ("drift", "matrix", "tasks", "waterfall")
    ]
    assert [name for name in files if "alpha" in name] == []


def test_the_help_of_plot_names_every_kind():
    text = call("plot", "--help").output
    assert [name for name in KINDS if f"\n  {name} " not in text] == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--kind", "waterfal"], "did you mean 'waterfall'"),
        (["--format", "pgn"], "did you mean 'png'"),
        (["--format", ","], "no format is given"),
        (["--methods", "alhpa"], "did you mean 'alpha'"),
        (["--orders", "II"], "unknown order 'II'"),
    ],
)
def test_mistakes_are_named_before_anything_is_drawn(words, said, runs, tmp_path):
    result = call("plot", runs, "-o", tmp_path / "out", *words)
    assert result.exit_code == 2
    assert said in result.output
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["plot", "report"])
def test_a_folder_without_records_is_an_error(command, tmp_path):
    result = call(command, tmp_path, "-o", tmp_path / "out")
    assert result.exit_code == 1
    assert "there is no record under" in result.output


def test_a_figure_that_no_record_can_have_is_an_error(tmp_path):
    write_record(tmp_path / "runs/a", make_record(A[:1], status="running"))
    result = call("plot", tmp_path, "-o", tmp_path / "out", "--kind", "waterfall")
    assert result.exit_code == 1
    assert "a run is running with 1 of 2 tasks" in result.output


def test_report_writes_one_file_and_names_what_it_left_out(runs, tmp_path):
    (runs / "broken").mkdir()
    (runs / "broken/record.json").write_text("{")
    result = call("report", runs, "-o", tmp_path / "new/page.html", "--title", "My <runs>")
    assert result.exit_code == 0, result.output
    assert "4 runs" in result.stdout
    page = (tmp_path / "new/page.html").read_text()
    assert "<h1>My &lt;runs&gt;</h1>" in page
    assert "broken/record.json is not JSON" in page
    assert "broken/record.json is not JSON" in result.stderr


def test_report_shows_cards_and_claims_of_installed_methods(tmp_path):
    pytest.importorskip("clbench_zscl")
    write_record(tmp_path / "runs/a", make_record(A, method="zscl"))
    result = call("report", tmp_path / "runs", "-o", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    page = (tmp_path / "page.html").read_text()
    assert 'id="card-zscl"' in page
    assert "Not comparable with any record" in page


@pytest.mark.parametrize("words", [["plot", "-k", "scatter", "-f", "svg"], ["report"]], ids=lambda w: w[0])
def test_they_work_without_torch(words, runs, tmp_path):
    words = [*words, str(runs), "-o", str(tmp_path / "out")]
    code = f"import sys; sys.modules['torch'] = None; from clbench.cli import main; main({words!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "out").exists()
