"""Type the commands that documents show, one after the other, and put what they print below them.

README.md between its marks, and all of docs/publishing.md and docs/reproduce.md; a block after
"<!-- no test: WHY -->" is left alone.
"""

from __future__ import annotations

import contextlib
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from clbench.cli import main
from click.testing import CliRunner

ROOT = Path(__file__).resolve().parents[1]
STEP = re.compile(
    r"(?P<mark>^<!-- no test: [^>]+ -->\n)?^```console\n(?P<commands>.*?)^```$"
    r"(?:\n\n^```text\n(?P<output>.*?)^```$)?",
    re.MULTILINE | re.DOTALL,
)
MARKED = re.compile(r"(?<=<!-- typed -->\n).*?(?=<!-- end of typed -->)", re.DOTALL)


def printed(commands: str, home: Path) -> str:
    """What the last of some commands prints to its standard output."""
    output = ""
    for line in commands.replace("\\\n", " ").splitlines():
        words = shlex.split(line.removeprefix("$ "))
        if words[0] == "clbench":
            result = CliRunner(env={"COLUMNS": "120"}).invoke(main, words[1:])
            if result.exit_code == 2:
                raise SystemExit(f"{line}: {result.output}")
            output = result.stdout
        else:
            output = subprocess.run(words, cwd=home, capture_output=True, text=True, check=True).stdout
    return output


def typed(text: str, home: Path) -> str:
    """``text`` with what its commands print in the folder ``home``."""

    def fill(step: re.Match[str]) -> str:
        if step["mark"]:
            return step[0]
        output = printed(step["commands"], home)
        if step["output"] is None:
            return step[0]
        return f"```console\n{step['commands']}```\n\n```text\n{output.rstrip()}\n```"

    with contextlib.chdir(home):
        return STEP.sub(fill, text)


def readme(home: Path) -> str:
    """README.md with its marked part typed anew in ``home``, which gets all that is published."""
    (home / "leaderboards").symlink_to(ROOT / "leaderboards")
    return MARKED.sub(lambda part: typed(part[0], home), (ROOT / "README.md").read_text(encoding="utf-8"))


def publishing(home: Path) -> str:
    """docs/publishing.md typed anew in ``home``, which gets two records that may be changed."""
    for name in ("gift-seed0", "zscl-seed0"):
        records = Path("leaderboards/mini/records/I")
        shutil.copytree(ROOT / records / name, home / records / name)
    return typed((ROOT / "docs" / "publishing.md").read_text(encoding="utf-8"), home)


def reproducing(home: Path) -> str:
    """docs/reproduce.md typed anew in ``home``."""
    return typed((ROOT / "docs" / "reproduce.md").read_text(encoding="utf-8"), home)


DOCUMENTS = {"README.md": readme, "docs/publishing.md": publishing, "docs/reproduce.md": reproducing}


def update() -> list[str]:
    """Type all documents anew and return those that changed."""
    changed = []
    for name, anew in DOCUMENTS.items():
        with tempfile.TemporaryDirectory() as home:
            text = anew(Path(home))
        if text != (ROOT / name).read_text(encoding="utf-8"):
            (ROOT / name).write_text(text, encoding="utf-8")
            changed.append(name)
    return changed


if __name__ == "__main__":
    for document in update():
        print(f"{document}: updated")
