"""Environment variables that change what a stream holds make another run of it, and the board says so."""

from __future__ import annotations

import pytest
from clbench.config import Options, resolve
from clbench.errors import ConfigError
from clbench.plugins import get_registry

VARIABLES = ("SHOTS_SEED", "COUNTS", "SOURCE", "HUB")


@pytest.fixture(autouse=True)
def _plain(monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    for name in VARIABLES:
        monkeypatch.delenv(f"CLBENCH_MTIL_{name}", raising=False)


def key(stream: str) -> str:
    wishes = Options(methods=("zero-shot",), stream=stream, device="cpu")
    return resolve(get_registry(), wishes)[0].key


@pytest.mark.parametrize(
    ("stream", "name", "value", "other"),
    [
        ("mtil-5shot", "SHOTS_SEED", "2", True),
        ("mtil-5shot", "SHOTS_SEED", "42", False),  # that of the published code
        ("mtil-coop-4shot", "SHOTS_SEED", "1", False),
        ("mtil", "SHOTS_SEED", "2", False),  # no shots are drawn
        ("mtil", "COUNTS", "any", True),
        ("cifar100-10", "COUNTS", "any", True),
        ("mtil", "SOURCE", "hub", False),  # the same samples in the same order
        ("mtil", "SOURCE", "hub-any", True),
    ],
)
def test_what_changes_the_data_makes_another_run(monkeypatch, stream, name, value, other):
    before = key(stream)
    monkeypatch.setenv(f"CLBENCH_MTIL_{name}", value)
    assert (key(stream) != before) == other


def test_data_of_any_size_are_those_of_their_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    before = key("mtil")
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "other"))
    assert key("mtil") != before
    monkeypatch.delenv("CLBENCH_MTIL_COUNTS")
    published = key("mtil")
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    assert key("mtil") == published


def test_a_seed_that_is_none_is_told_when_the_run_is_planned(monkeypatch):
    monkeypatch.setenv("CLBENCH_MTIL_SHOTS_SEED", "two")
    with pytest.raises(ConfigError, match="CLBENCH_MTIL_SHOTS_SEED is 'two'"):
        key("mtil-5shot")
