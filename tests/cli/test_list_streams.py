"""``clbench list streams`` and ``clbench show stream``: what is known before any data are opened."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from clbench import StreamSpec, TaskSummary, hookimpl
from clbench.cli import main
from clbench.plugins import Registry
from click.testing import CliRunner

SPEC = StreamSpec(
    name="birds-4shot",
    title="Birds, 4 shots",
    summary="two gardens",
    factory="nowhere:build",
    tasks=(
        TaskSummary(
            key="front",
            title="Front garden",
            classes=3,
            train=12,
            validation=1200,
            test=3000,
            split="by the fence",
            rate_scale=5.0,
            templates=7,
            source="a neighbour",
        ),
        TaskSummary(key="back", title="Back garden", classes=2, train=None, test=11),
    ),
    orders={"I": ("front", "back")},
    default_order="I",
    default_backbone="tiny",
    protocol="garden",
    shots=4,
)
PLAIN = replace(
    SPEC,
    name="plain",
    shots=None,
    protocol="",
    tasks=tuple(TaskSummary(key=key, title=key, classes=3, train=2000, test=10) for key in ("front", "back")),
)
SHARING = replace(PLAIN, name="sharing", classes=3)


class Birds:
    """A plugin with the streams."""

    __name__ = "birds"

    @hookimpl
    def clbench_streams(self):
        return [SPEC, PLAIN, SHARING]


@pytest.fixture
def clbench(monkeypatch):
    registry = Registry.of(Birds())
    monkeypatch.setattr("clbench.plugins.get_registry", lambda *_: registry)

    def run(*words):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 0, result.output
        return result.output

    return run


def test_numbers_shots_and_protocol_have_columns(clbench):
    rows = {row["name"]: row for row in json.loads(clbench("list", "streams", "--json"))["streams"]}
    wanted = ("tasks", "classes", "train", "test", "shots", "protocol", "labels")
    assert [rows["birds-4shot"][key] for key in wanted] == ["2", "5", "–", "3,011", "4", "garden", "task"]
    assert [rows["plain"][key] for key in wanted] == ["2", "6", "4,000", "20", "all", "–", "task"]
    assert rows["sharing"]["classes"] == "3"


def test_a_narrow_terminal_keeps_the_numbers(clbench, monkeypatch):
    from rich.console import Console

    monkeypatch.setattr(
        "clbench.cli.list.make_console", lambda **_: Console(width=80, highlight=False, force_terminal=False)
    )
    head, *rows = (line.split() for line in clbench("list", "streams").splitlines())
    assert head == ["name", "tasks", "classes", "train", "test", "shots", "protocol"]
    assert rows[0] == ["birds-4shot", "2", "5", "–", "3,011", "4", "garden"]


def test_a_stream_in_full(clbench):
    lines = [" ".join(line.split()) for line in clbench("show", "stream", "birds-4shot").splitlines()]
    assert "shots 4 per class" in lines
    assert "prompts 21 at test" in lines
    assert "task title classes train validation test templates lr × split source" in lines
    assert "front Front garden 3 12 1,200 3,000 7 5 by the fence a neighbour" in lines
    assert "back Back garden 2 – – 11 1" in lines
    assert "all 5 – – 3,011" in lines


def test_columns_of_which_nothing_is_known_are_left_out(clbench):
    lines = [" ".join(line.split()) for line in clbench("show", "stream", "plain").splitlines()]
    assert "task title classes train test" in lines
    assert "front front 3 2,000 10" in lines
    assert "shots all training images" in lines
