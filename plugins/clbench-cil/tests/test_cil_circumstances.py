"""Environment variables that change what a stream holds make another run of it."""

from __future__ import annotations

import pytest
from clbench.config import Options, resolve
from clbench.plugins import get_registry


def key(stream: str) -> str:
    wishes = Options(methods=("zero-shot",), stream=stream, device="cpu")
    return resolve(get_registry(), wishes)[0].key


@pytest.mark.parametrize(
    ("stream", "name", "value", "other"),
    [
        ("tinyimagenet-100-5", "CLASSES", "random-3", True),
        ("imagenet100-10-10", "CLASSES", "random-3", True),
        ("domainnet", "CLASSES", "random-3", False),
        ("domainnet", "COUNTS", "any", True),
        ("imagenet100-10-10", "SOURCE", "hub", False),
        ("imagenet100-10-10", "SOURCE", "hub-any", True),
    ],
)
def test_what_changes_the_data_makes_another_run(monkeypatch, stream, name, value, other):
    for each in ("CLASSES", "COUNTS", "SOURCE"):
        monkeypatch.delenv(f"CLBENCH_CIL_{each}", raising=False)
    before = key(stream)
    monkeypatch.setenv(f"CLBENCH_CIL_{name}", value)
    assert (key(stream) != before) == other
