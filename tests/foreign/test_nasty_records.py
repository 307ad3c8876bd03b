"""Whatever a record says, every command that reads records answers, and nothing in it acts or stands raw.

Each text of a record is nasty in turn. The commands' output, and what they write, are looked through for what
would act: on a terminal, in a browser, a spreadsheet, Markdown or LaTeX.
"""

from __future__ import annotations

import copy
import html.parser
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clbench.cli import main
from clbench.printing import UNFIT
from click.testing import CliRunner

RECORDS = Path(__file__).parents[2] / "leaderboards" / "mini" / "records" / "I"

NASTY = {
    "terminal": "q\x1b[2J\x1b]0;t\x07\u202egnp.\u200b\x85\x00\r\n# q",
    "markup": "q<script>alert(1)</script>|](http://q)`![q](http://q)<!-- end -->**q**\\input{q}$\\def\\q{}$",
    "formula": "=cmd|'/C calc'!A0",
    "half": "q\ud800q\udcff",
    "path": "../../../q/../../etc/passwd",
    "addresses": "://" * 20_000 + "/a b" * 20_000,
    "empty": " ",
    "long": "q" * 200_000,
}
LONGEST = {**NASTY, "long": "q" * 2_000_000}
QUICK = ("terminal", "markup", "formula", "half", "path")

COMMANDS = {
    **{
        f"leaderboard {form}": f"leaderboard RUNS -f {form} --columns all -o OUT/board.{form}"
        for form in ("text", "md", "csv", "latex", "html", "json")
    },
    **{f"printed {form}": f"leaderboard RUNS -f {form}" for form in ("text", "md", "csv", "latex", "html")},
    "per-task": "leaderboard RUNS -l per-task",
    "across-orders": "leaderboard RUNS -l across-orders",
    "compare": "compare RUNS/nasty RUNS/wc-seed0",
    "compare md": "compare RUNS/nasty RUNS/wc-seed0 -f md",
    "claims": "claims RUNS",
    "claims md": "claims RUNS -f md",
    "show": "show run RUNS/nasty",
    "status": "status RUNS",
    "rescore": "rescore RUNS",
    "verify": "verify RUNS/nasty --no-data -v",
    "verify md": "verify RUNS/nasty --no-data --format md",
    "submit": "submit RUNS/nasty --out OUT",
    "site": "site RUNS --out OUT/site --no-predictions --no-ranks",
}
DRAWN = {
    "report": "report RUNS -o OUT/report.html",
    "plot": "plot RUNS --kind scatter,matrix --format svg --out OUT",
}


def leaves(document: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(document, dict):
        for key, inner in document.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(document, list):
        for number, inner in enumerate(document[:1]):  # one of a kind
            yield from leaves(inner, (*path, number))
    elif isinstance(document, str):
        yield path


def good() -> dict[str, Any]:
    """A record with a text wherever one can be."""
    document: dict[str, Any] = json.loads((RECORDS / "rail-seed0" / "record.json").read_text())
    document["method"]["settings"] |= {"text": "x", "list": ["x"]}
    document["method"]["settings_sources"] |= {"text": "user", "list": "user"}
    document["config"]["settings"] = document["method"]["settings"]
    document["config"]["settings_sources"] = document["method"]["settings_sources"]
    document["method"]["assumptions"]["external_models"] = ["x"]
    document["notes"] = ["x"]
    document["declared"] = {"inference": "x"}
    document["generator"] = "x"
    document["conduct"] = {"isolated": True, "touched": {"x": ["x"]}, "test_order": 1}
    document["provenance"]["data"] = {"x": "x"}
    document["config"] |= {"stream_file": "x", "backbone_file": "x", "stream_variables": {"x": "x"}}
    return document


def at(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


LEAVES = [path for path in leaves(good()) if path[:1] != ("fingerprint",) or path[-1] == "stream"]


def everywhere(text: str, *, names: bool) -> dict[str, Any]:
    """The good record with ``text`` in all texts that may be so; with ``names``, in names, too."""
    document = good()
    for path in LEAVES:
        if not names and (path[0] in ("stream", "label_space", "run_id") or path[-1] == "name"):
            continue
        trial = copy.deepcopy(document)
        at(trial, path[:-1])[path[-1]] = text
        if _is_record(trial):
            document = trial
    return document


def _is_record(document: Any) -> bool:
    from clbench.errors import RecordError
    from clbench.results.store import parse_record

    try:
        parse_record(json.dumps(document).encode("utf-8", "surrogatepass"), Path("x"))
    except RecordError:
        return False
    return True


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    for name in ("rail-seed0", "wc-seed0"):
        shutil.copytree(RECORDS / name, tmp_path / "runs" / ("nasty" if name == "rail-seed0" else name))
    return tmp_path / "runs"


def write(runs: Path, document: Any) -> None:
    (runs / "nasty" / "record.json").write_bytes(json.dumps(document).encode("utf-8", "surrogatepass"))


def given(runs: Path, words: str) -> str:
    """What a command prints and writes for people; fails where it does not end in words."""
    out = runs.parent / "out"
    arguments = [word.replace("RUNS", str(runs)).replace("OUT", str(out)) for word in words.split()]
    done = CliRunner(env={"COLUMNS": "120"}).invoke(main, arguments)
    error = done.exception
    assert error is None or isinstance(error, SystemExit), f"{words}: {error!r}"[:2000]
    assert "Traceback (most" not in done.output, done.output[-2000:]
    assert done.exit_code in (0, 1, 2), done.output[-2000:]
    assert not done.exit_code or done.output.strip()
    assert len(done.output) < (1_000_000 if "json" not in words else 10_000_000), words
    acts(done.stdout, words)
    acts(done.stderr, "messages")
    for file in out.rglob("*") if out.exists() else ():
        if file.suffix in (".html", ".md", ".csv", ".tex", ".latex", ".text", ".svg"):
            acts(file.read_text(encoding="utf-8"), f"{words} {file.suffix}")
    shutil.rmtree(out, ignore_errors=True)
    assert sorted(path.name for path in runs.parent.iterdir()) == ["runs"]  # nothing outside of its folder
    return done.output


class _Page(html.parser.HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bad: list[str] = []
        self._script = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._script = tag if tag == "script" else ""
        self.bad += [f"{k}={v}"[:80] for k, v in attrs if v and re.match(r"\s*(javascript:|http://q)", v)]

    def handle_data(self, data: str) -> None:
        if self._script and data == "alert(1)":
            self.bad.append("a script of the record's")
        self._script = ""


def acts(text: str, what: str) -> None:
    """Fail where a text from the record would act in ``text``."""
    raw = UNFIT.search(re.sub(r"\x1b\[[0-9;]*m|[\t\r]", "", text))
    assert raw is None, f"{what}: {text[max(0, raw.start() - 60) : raw.start() + 20]!r}"
    if "<html" in text or "<svg" in text or "html" in what:
        page = _Page()
        page.feed(text)
        assert not page.bad, f"{what}: {page.bad[:3]}"
    if "csv" in what:
        assert not re.search(r"(?m)(^|,)\"?=cmd", text), what
    if " md" in what or ".md" in what:
        assert "<script" not in text, what
        assert not re.search(r"(?<!\\)\]\(http://q", text), what
        assert "<!-- end" not in text, what
    if "latex" in what:
        text = re.sub(r"(?m)^%.*$", "", text)
        assert "\\input{q" not in text, what
        assert "\\def" not in text, what


@pytest.mark.parametrize("kind", QUICK)
def test_all_texts_at_once(runs, kind):
    write(runs, everywhere(NASTY[kind], names=True))
    for words in COMMANDS.values():
        given(runs, words)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NASTY)
def test_all_texts_but_names_at_once(runs, kind):
    write(runs, everywhere(NASTY[kind], names=False))
    for words in COMMANDS.values():
        given(runs, words)


@pytest.mark.slow
@pytest.mark.parametrize("kind", NASTY)
@pytest.mark.parametrize("words", DRAWN.values(), ids=DRAWN)
def test_what_is_drawn(runs, words, kind):
    write(runs, everywhere(NASTY[kind], names=True))
    given(runs, words)


@pytest.mark.slow
@pytest.mark.parametrize("path", LEAVES, ids=lambda path: ".".join(map(str, path)))
@pytest.mark.parametrize("kind", LONGEST)
def test_each_text_in_turn_in_every_command(runs, path, kind):
    document = good()
    at(document, path[:-1])[path[-1]] = LONGEST[kind]
    write(runs, document)
    for words in COMMANDS.values():
        given(runs, words)
