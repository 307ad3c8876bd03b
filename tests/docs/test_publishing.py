"""What docs/publishing.md shows is what its commands print, typed one after the other."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest
from clbench.cli import main
from click.testing import CliRunner

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "publishing.md"
STEP = re.compile(
    r"(?P<mark>^<!-- no test: [^>]+ -->\n)?^```console\n(?P<commands>.*?)^```$"
    r"(?:\n\n^```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with some of the leaderboard's records, to type in."""
    home = tmp_path_factory.mktemp("home")
    for name in ("gift-seed0", "zscl-seed0"):
        records = Path("leaderboards/mini/records/I")
        shutil.copytree(ROOT / records / name, home / records / name)
    return home


def steps(text):
    return [found for found in STEP.finditer(text) if not found["mark"]]


def printed(commands, home):
    """What the last of some commands prints."""
    output = ""
    for line in commands.splitlines():
        words = shlex.split(line.removeprefix("$ "))
        if words[0] == "clbench":
            output = CliRunner().invoke(main, words[1:]).output
        else:
            output = subprocess.run(words, cwd=home, capture_output=True, text=True, check=True).stdout
    return output


def test_the_commands_print_what_is_shown(place, monkeypatch):
    monkeypatch.chdir(place)
    text = DOCUMENT.read_text()
    compared = 0
    for step in steps(text):
        found = printed(step["commands"], place)
        if step["output"] is not None:
            assert found.rstrip() == step["output"].rstrip(), step["commands"]
            compared += 1
    assert compared == 5
