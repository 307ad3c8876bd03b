"""Submissions become records of a leaderboard: verified, counted once, all or none, tables made anew."""

import json
import shutil

import pytest
from clbench.cli import documents, main
from clbench.cli.declaring import declared
from clbench.errors import SubmissionError
from clbench.results import load_records
from clbench.submissions import pack, read_submission
from clbench.submissions.admission import admit, plan
from click.testing import CliRunner

DOCUMENT = """# A board

<!-- table: mine -->
<!-- end -->
"""
DECLARED = """[[table]]
name = "mine"
document = "board.md"
command = "leaderboard records --orders I --format md"
"""


def run(*words):
    return CliRunner().invoke(main, list(map(str, words)))


def contents(folder):
    return {p.relative_to(folder): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def board(tmp_path, records_folder):
    """A repository with three records and a document about them."""
    home = tmp_path / "board"
    (home / ".git").mkdir(parents=True)
    for name in ("zscl-seed0", "zscl-seed1", "finetune-seed0"):
        shutil.copytree(records_folder / "I" / name, home / "records" / "I" / name)
    (home / "board.md").write_text(DOCUMENT)
    (home / "leaderboards").mkdir()
    (home / "leaderboards" / "tables.toml").write_text(DECLARED)
    return home


def update(board):
    """Print the declared tables anew."""
    return documents.update(declared(board), board)["board.md"]


def test_there_and_back_again(board, tmp_path):
    """A record is submitted, taken away, verified and admitted: everything is as it was."""
    assert update(board)
    before = contents(board)
    assert run("submit", board / "records/I/zscl-seed1", "-o", tmp_path / "sent").exit_code == 0
    (file,) = (tmp_path / "sent").iterdir()
    shutil.rmtree(board / "records/I/zscl-seed1")
    assert update(board)
    done = run("admit", file, "--into", board / "records")
    assert done.exit_code == 0, done.output
    assert f"admitted: {board}/records/I/zscl-seed1" in done.output
    assert "tables of board.md: made anew" in done.output
    assert contents(board) == before
    done = run("admit", file, "--into", board / "records")
    assert "there already" in done.output
    assert contents(board) == before


def test_only_saying_what_would_be_done_does_nothing(board, records_folder):
    before = contents(board)
    done = run("admit", records_folder / "I/zscl-seed2", "--into", board / "records", "--check")
    assert done.exit_code == 0
    assert f"would be admitted: {board}/records/I/zscl-seed2" in done.output
    assert contents(board) == before


def test_all_are_admitted_or_none(board, records_folder, tmp_path):
    good = pack(records_folder / "I/zscl-seed2").write(tmp_path)
    bad = pack(records_folder / "I/finetune-seed1").write(tmp_path)
    bad.write_bytes(bad.read_bytes()[:-1])
    before = contents(board)
    done = run("admit", good, bad, "--into", board / "records")
    assert done.exit_code == 1
    assert f"{bad} is NOT verified: 1 failed, 0 checks passed; nothing is admitted" in done.output
    assert f"fix: clbench verify {bad}" in done.output
    assert contents(board) == before


def test_a_record_that_was_changed_is_not_admitted(board, records_folder, tmp_path, forged):
    submission = pack(records_folder / "I/zscl-seed2")
    record = json.loads(submission.members["record.json"])
    record["zero_shot"]["union"][3] += 0.25
    file = forged(tmp_path, submission, record=record)
    before = contents(board)
    done = run("admit", file, "--into", board / "records")
    assert done.exit_code == 1
    assert "matrices: the matrices are not those of the predictions" in done.output
    assert contents(board) == before


def test_the_same_run_with_other_content_needs_a_word(board, records_folder, tmp_path, forged):
    submission = pack(records_folder / "I/zscl-seed1")
    record = json.loads(submission.members["record.json"])
    record["resources"]["learn_seconds"][0] += 1e-6
    again = read_submission(forged(tmp_path, submission, record=record))
    records = board / "records"
    with pytest.raises(SubmissionError, match=r"is there already, with other content(.|\n)*--replace"):
        plan([again], records)
    (entry,) = plan([again], records, replace=True)
    assert (entry.action, entry.folder) == ("replace", records / "I/zscl-seed1")
    admit([entry], records)
    assert (records / "I/zscl-seed1/record.json").read_bytes() == again.members["record.json"]
    assert sorted(p.name for p in records.iterdir()) == ["I"]  # nothing of the work is left
    assert len(load_records([records]).records) == 3


def test_another_run_of_the_same_seed_would_be_hidden_and_is_refused(board, records_folder, tmp_path, forged):
    submission = pack(records_folder / "I/zscl-seed1")
    record = json.loads(submission.members["record.json"])
    record["run_id"] = "0" * 16
    again = read_submission(forged(tmp_path, submission, record=record))
    with pytest.raises(SubmissionError, match="a record of zscl, seed 1, with the same settings is there"):
        plan([again], board / "records")


def test_other_settings_of_the_same_method_stand_beside_it(board, records_folder, tmp_path, forged):
    submission = pack(records_folder / "I/zscl-seed1")
    record = json.loads(submission.members["record.json"])
    record["run_id"] = "abcdef0123456789"
    record["method"]["settings"]["lr"] = 1.0
    (entry,) = plan([read_submission(forged(tmp_path, submission, record=record))], board / "records")
    assert entry.folder == board / "records/I/zscl-seed1-abcdef0123"


def test_what_cannot_be_compared_opens_no_table_by_accident(board, records_folder):
    other = pack(records_folder / "II/zscl-seed0")
    with pytest.raises(SubmissionError, match=r"other order than stream mini, order I(.|\n)*--new-table"):
        plan([other], board / "records")
    (entry,) = plan([other], board / "records", new_table=True)
    assert entry.folder == board / "records/II/zscl-seed0"
    (entry,) = plan([other], board / "nothing-yet")  # the first of a leaderboard
    assert entry.action == "add"


def test_the_same_run_twice_in_one_command(board, records_folder):
    with pytest.raises(SubmissionError, match="are the same run"):
        plan([pack(records_folder / "I/gift-seed0")] * 2, board / "records")


@pytest.mark.parametrize("name", ["../../../evil", "/etc/evil", ".hidden", "..", "a\\b\n"])
def test_names_lead_nowhere_else(board, records_folder, tmp_path, forged, name):
    submission = pack(records_folder / "I/zscl-seed1")
    record = json.loads(submission.members["record.json"])
    record["run_id"] = "0" * 16
    record["method"]["name"] = record["stream"]["order"] = name
    shutil.rmtree(board / "records/I/zscl-seed1")  # else it would be a copy of that
    again = read_submission(forged(tmp_path, submission, record=record))
    (entry,) = plan([again], board / "records", new_table=True)
    inside = entry.folder.resolve().relative_to((board / "records").resolve())
    assert len(inside.parts) == 2
    assert not any(part.startswith(".") for part in inside.parts)


def test_a_readme_comes_with_the_record(board, records_folder, tmp_path):
    (tmp_path / "about.md").write_text("What was done.")
    told = pack(records_folder / "I/gift-seed0", readme=tmp_path / "about.md")
    admit(plan([told], board / "records"), board / "records")
    assert (board / "records/I/gift-seed0/README.md").read_text() == "What was done."


def test_a_full_disk_leaves_everything_as_it_was(board, records_folder, monkeypatch):
    """The second record cannot be put in its place: the first goes back."""
    from pathlib import Path

    before = contents(board)
    entries = plan([pack(records_folder / "I" / f"gift-seed{i}") for i in (0, 1)], board / "records")
    rename = Path.rename

    def full(self, target):
        if target == entries[1].folder:
            raise OSError(28, "No space left on device")
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(OSError, match="No space left"):
        admit(entries, board / "records")
    assert contents(board) == before
