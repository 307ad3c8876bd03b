"""What the documents say is true: files are shown as they are, code runs, commands and names exist."""

import re
import shlex
import subprocess
import sys
import types
from pathlib import Path

import click
import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    *sorted(ROOT.glob("README.md")),
    *sorted((ROOT / "docs").glob("*.md")),
    *sorted((ROOT / "plugins").glob("*/README.md")),
    *sorted((ROOT / "leaderboards").rglob("*.md")),
]
# An optional comment "<!-- file: PATH -->" or "<!-- no test: WHY -->", then a fence.
FENCE = re.compile(
    r"(?:^<!-- (?P<mark>file|no test): (?P<value>[^>]+) -->\n)?^```(?P<language>\w*)\n(?P<body>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
LINK = re.compile(r"\[[^\]]*\]\((?!https?:|mailto:|#)([^)#\s]+)[^)]*\)")


def fences(language=None, mark=None):
    for document in DOCUMENTS:
        text = document.read_text()
        for found in FENCE.finditer(text):
            if found["mark"] == mark and language in (None, found["language"]):
                line = text[: found.start("body")].count("\n")
                where = f"{document.relative_to(ROOT)}:{line}"
                yield pytest.param(
                    found["value"] or found["body"], found["body"], id=where.replace("\\", "/")
                )


def commands():
    for case in (*fences("console"), *fences("bash"), *fences("sh")):
        joined = case.values[1].replace("\\\n", " ")
        for line in joined.splitlines():
            # "pip install uv && uv run clbench …" uses clbench, too.
            last = line.removeprefix("$ ").rpartition("&&")[2].strip().removeprefix("uv run ")
            words = shlex.split(last, comments=True)
            if words and words[0] == "clbench":
                yield pytest.param(words[1:], id=f"{case.id} {' '.join(words)}")


@pytest.mark.parametrize(("path", "body"), fences(mark="file"))
def test_files_are_shown_as_they_are(path, body):
    assert body == (ROOT / path).read_text()


@pytest.mark.parametrize(("_", "body"), fences("python"))
def test_python_runs(_, body, tmp_path, clbench_cache):
    done = subprocess.run(
        [sys.executable, "-c", body], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("words", commands())
def test_commands_and_the_names_they_use_exist(words):
    from clbench.cli import main
    from clbench.plugins import get_registry

    command, context = main, None
    while True:
        context = command.make_context("clbench", list(words), parent=context)
        if not isinstance(command, click.Group):
            break
        rest = [*context._protected_args, *context.args]
        if not rest:
            return
        name, command, words = command.resolve_command(context, rest)
        assert command is not None, name
    methods = (context.params.get("methods") or "") if isinstance(context.params.get("methods"), str) else ""
    for name in filter(None, methods.split(",")):
        get_registry().find("method", name)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    text = re.sub(r"^```.*?^```$", "", document.read_text(), flags=re.MULTILINE | re.DOTALL)
    missing = [target for target in LINK.findall(text) if not (document.parent / target).exists()]
    assert not missing


def test_the_fences_are_found():
    assert [case.values[0] for case in fences(mark="file")]
    assert list(fences("python"))
    assert list(commands())


def test_the_laws_are_all_listed():
    from clbench.testing.laws import METHOD_LAWS, PLUGIN_LAWS

    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|$", (ROOT / "docs/plugins.md").read_text(), re.MULTILINE)
    laws = {law.name: law.statement for law in (*METHOD_LAWS, *PLUGIN_LAWS)}
    assert dict(row for row in rows if row[0] in laws) == laws


def test_the_method_in_the_text_keeps_the_laws(monkeypatch):
    from clbench import MethodSpec
    from clbench.testing import check_method

    (body,) = [case.values[1] for case in fences("python") if "class Prototypes" in case.values[1]]
    module = types.ModuleType("prototypes_of_the_docs")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(body, vars(module))
    check_method(
        MethodSpec(
            name="prototypes",
            title="Prototypes",
            summary="from the docs",
            factory="prototypes_of_the_docs:Prototypes",
            settings="clbench:Settings",
        )
    )
