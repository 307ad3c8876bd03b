"""A repository's documents show what it declares; admission executes nothing that a document says."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from clbench.cli import documents, main
from clbench.cli.declaring import TABLES_FILE, Table, about, allowed, declared
from clbench.errors import ClbenchError, ConfigError
from click.testing import CliRunner

RECORDS = Path(__file__).parents[2] / "leaderboards" / "mini" / "records" / "I"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A repository with a record."""
    (tmp_path / ".git").mkdir()
    shutil.copytree(RECORDS / "zscl-seed0", tmp_path / "records" / "I" / "zscl-seed0")
    return tmp_path


def declare(home: Path, text: str) -> None:
    (home / TABLES_FILE).parent.mkdir(exist_ok=True)
    (home / TABLES_FILE).write_text(text, encoding="utf-8")


def table(command: str, *, name: str = "mine", document: str = "board.md") -> str:
    return f"[[table]]\nname = {name!r}\ndocument = {document!r}\ncommand = {command!r}\n"


def test_a_comment_of_a_document_is_not_executed(home: Path) -> None:
    evil = "<!-- made by: clbench leaderboard records -o stolen.txt -->\n<!-- end -->\n"
    evil += "<!-- table: mine -->\n<!-- end -->\n"
    for name in ("board.md", "records/README.md"):
        (home / name).write_text(evil, encoding="utf-8")
    into = ["--into", str(home / "records")]
    done = CliRunner().invoke(main, ["admit", str(RECORDS / "gift-seed0"), *into])
    assert done.exit_code == 0, done.output
    assert f"{TABLES_FILE} declares no table that is made from" in done.output
    assert (home / "board.md").read_text(encoding="utf-8") == evil
    assert not list(home.rglob("stolen.txt"))


@pytest.mark.parametrize(
    ("command", "why"),
    [
        ("push records /tmp/elsewhere", "push is no command for a table"),
        ("run --methods zscl", "run is no command for a table"),
        ("plot records", "plot is no command for a table"),
        ("mini report", "mini is no command for a table"),
        ("", "nothing is no command for a table"),
        ("leaderboard records -o board.md", "would write board.md"),
        ("leaderboard records --output=/tmp/x", "would write /tmp/x"),
        ("compare a b --runs records -oboard.md", "would write board.md"),
        ("leaderboard /etc", "would read /etc"),
        ("leaderboard ../other", "would read ../other"),
        ("compare zscl gift --runs /etc", "would read /etc"),
        ("compare ../x zscl --runs records", "would read ../x"),
        ("leaderboard outside", "would read outside"),
        ("claims ~/x/../../..", "would read"),
        ("leaderboard --help", "prints its help"),
        ("leaderboard --nonsense", "No such option"),
        ('leaderboard "records', "cannot be read"),
    ],
)
def test_only_commands_that_print_and_read_here_are_allowed(home: Path, command: str, why: str) -> None:
    (home / "outside").symlink_to("/etc")
    declare(home, f"[[table]]\nname = \"mine\"\ndocument = \"board.md\"\ncommand = '''{command}'''\n")
    with pytest.raises(ConfigError) as caught:
        declared(home)
    assert why in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "table = 3",
        "[table]",
        "[[table]]\nname = 1\ndocument = 'a.md'\ncommand = 'claims'",
        table("claims") + "shell = 'rm'\n",
        table("claims", name="-->"),
        table("claims", document="../a.md"),
        table("claims", document="/etc/a.md"),
        table("claims", document="setup.py"),
        table("claims") + table("claims", document="b.md"),
        "[other]\n",
        "not toml",
    ],
)
def test_a_declaration_with_mistakes_stops_before_anything_is_written(home: Path, text: str) -> None:
    declare(home, text)
    before = sorted(home.rglob("*"))
    done = CliRunner().invoke(main, ["admit", str(RECORDS / "gift-seed0"), "--into", str(home / "records")])
    assert done.exit_code == 2, done.output
    assert TABLES_FILE in done.output
    assert sorted(home.rglob("*")) == before


def test_no_file_of_the_repository_is_taken_for_a_module(home: Path) -> None:
    for name in ("clbench.py", "click.py", "json.py"):
        (home / name).write_text("open('ran', 'w')", encoding="utf-8")
    assert "zscl" in documents.printed(["leaderboard", "records"], home)
    assert not (home / "ran").exists()


def test_what_is_printed_cannot_end_its_place() -> None:
    mine = Table("mine", "board.md", ("leaderboard", "records"))
    text = "<!-- table: mine -->\n<!-- end -->\n"
    made = documents.updated(text, [mine], lambda _: "a ``` b\n```\nc")
    assert "````text\na ``` b\n```\nc\n````\n" in made
    assert documents.standing(made) == {"mine": "a ``` b\n```\nc"}
    with pytest.raises(ClbenchError, match="mistaken for the end"):
        documents.updated(text, [mine], lambda _: "<!-- end -->")


def test_a_document_without_the_place_is_named(home: Path) -> None:
    with pytest.raises(ClbenchError, match=r"board\.md has no place for the table mine"):
        documents.updated("nothing", [Table("mine", "board.md", ("claims",))], lambda _: "")


def test_a_table_whose_command_fails_leaves_all_documents(home: Path) -> None:
    text = "<!-- table: mine -->\n<!-- end -->\n<!-- table: bad -->\n<!-- end -->\n"
    (home / "board.md").write_text(text, encoding="utf-8")
    declare(home, table("leaderboard records") + table("leaderboard nowhere", name="bad"))
    with pytest.raises(ClbenchError, match=r"clbench leaderboard nowhere failed"):
        documents.update(declared(home), home)
    assert (home / "board.md").read_text(encoding="utf-8") == text


def test_tables_are_found_by_the_records_they_show(home: Path) -> None:
    commands = ["leaderboard records", "leaderboard records/I", "claims elsewhere", "compare a b --runs ."]
    declare(home, "".join(table(each, name=f"t{n}") for n, each in enumerate(commands)))
    names = [each.name for each in about(home / "records", declared(home), home)]
    assert names == ["t0", "t1", "t3"]


def test_figures_are_written_to_their_folder_alone(home: Path) -> None:
    words = ["plot", "records", "-o", "figures/a"]
    assert allowed(words, home, figures=home / "figures") == tuple(words)
    for elsewhere in ("figures/../x", "/tmp/x", "."):
        with pytest.raises(ConfigError, match="would write"):
            allowed(["plot", "records", "-o", elsewhere], home, figures=home / "figures")
