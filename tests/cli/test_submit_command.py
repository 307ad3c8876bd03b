"""``clbench submit`` and ``clbench verify`` as a person types them."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from clbench.cli import main
from clbench.results import write_record
from clbench.testing.records import make_record
from click.testing import CliRunner

RECORDS = Path(__file__).parents[2] / "leaderboards" / "mini" / "records"


def run(*words):
    return CliRunner().invoke(main, list(map(str, words)))


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    out = tmp_path_factory.mktemp("sent")
    assert run("submit", RECORDS / "I/rail-seed0", "-o", out).exit_code == 0
    (path,) = out.iterdir()
    return path


def test_a_run_is_packed_and_its_digest_is_the_files(tmp_path):
    import hashlib

    done = run("submit", RECORDS / "I/rail-seed0", "--out", tmp_path)
    assert done.exit_code == 0, done.output
    (path,) = tmp_path.iterdir()
    assert hashlib.sha256(path.read_bytes()).hexdigest() in done.output
    assert "on mini, order I, mini-clip, seed 0: Transfer 41.17" in done.output
    assert "verified: " in done.output


def test_a_folder_of_runs_gives_a_file_each(tmp_path):
    for name in ("l2p-seed0", "l2p-seed1"):
        shutil.copytree(RECORDS / "I" / name, tmp_path / "runs" / name)
    write_record(tmp_path / "runs" / "bare", make_record())
    done = run("submit", tmp_path / "runs", "-o", tmp_path / "out")
    assert len(list((tmp_path / "out").iterdir())) == 2
    assert done.exit_code == 1  # one could not be
    assert "left out:" in done.output
    assert "names no predictions" in done.output


def test_the_leaderboard_says_what_packed_runs_want(file):
    done = run("leaderboard", file.parent)
    assert f"has submissions (1), which are no records: clbench admit {file.parent}" in done.output


def test_what_fails_is_not_packed(tmp_path):
    shutil.copytree(RECORDS / "I/rail-seed0", tmp_path / "run")
    path = tmp_path / "run/record.json"
    path.write_text(path.read_text().replace('"seed": 0', '"seed": 1', 1))
    done = run("submit", tmp_path / "run", "-o", tmp_path / "out")
    assert done.exit_code == 1
    assert "configuration: the configuration is not that of the record" in done.output
    assert "seed is 0 in the configuration and 1 in the record" in done.output
    assert not (tmp_path / "out").exists()


def test_nothing_to_submit_is_said(tmp_path):
    assert "there is no record under" in run("submit", tmp_path).output
    assert "there is nothing at" in run("submit", tmp_path / "none").output
    assert "there is no submission and no record under" in run("verify", tmp_path).output


def test_a_name_that_is_nearly_right_is_suggested(file):
    done = run("verify", file.with_name(file.name.replace("rail", "rial")))
    assert done.exit_code == 1
    assert "there is nothing at" in done.output
    assert f"did you mean {file}?" in done.output


def test_each_check_has_a_line(file):
    done = run("verify", file)
    assert done.exit_code == 0, done.output
    for name in (
        "archive",
        "manifest",
        "schema",
        "metrics",
        "matrices",
        "agreement",
        "method",
        "stream",
        "data",
    ):
        assert f"✓ {name}" in done.output
    assert "– weights" in done.output
    assert "no check can say" in done.output


def test_the_published_digest_is_compared(file):
    digest = next(w for w in run("verify", file).output.split() if len(w) == 64)
    assert run("verify", file, "--sha256", digest.upper(), "--no-data").exit_code == 0
    done = run("verify", file, "--sha256", "0" * 64, "--no-data")
    assert done.exit_code == 1
    assert "✗ published digest" in done.output
    assert run("verify", file, RECORDS / "I/l2p-seed0", "--sha256", digest).exit_code == 2


def test_several_are_told_in_short(file, tmp_path):
    bad = tmp_path / "bad.clbench.zip"
    bad.write_bytes(file.read_bytes()[:-3])
    done = run("verify", file, bad, RECORDS / "I/l2p-seed0", "--no-data")
    assert done.exit_code == 1
    assert "2 of 3 verified" in done.output
    assert f"✗ {bad}: archive: " in done.output
    assert "✓" not in done.output
    assert "✓ matrices" in run("verify", file, RECORDS / "I/l2p-seed0", "--no-data", "-v").output


def test_json_and_markdown(file):
    (found,) = json.loads(run("verify", file, "--no-data", "--format", "json").output)
    assert found["verified"] is True
    assert {check["outcome"] for check in found["checks"]} == {"passed", "not checkable"}
    assert len(found["not_known"]) == 3
    text = run("verify", file, "--no-data", "--format", "md").output
    assert text.startswith("## ✅ 1 submission verified")


def test_no_torch_is_needed(file):
    code = (
        "import sys; from clbench.cli import main\n"
        f"try: main(['verify', {str(file)!r}])\n"
        "except SystemExit as end: assert not end.code\n"
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


@pytest.mark.parametrize("command", ["submit", "verify", "admit"])
def test_help_says_what_it_is_for(command):
    done = run(command, "--help")
    assert done.exit_code == 0
    assert len(done.output.splitlines()) > 8
