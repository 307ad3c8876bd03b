"""Fixtures for plugin tests; loaded by pytest through an entry point, so it imports nothing heavy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

__all__: list[str] = []


@pytest.fixture
def clbench_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder as clbench's cache (of decoded and generated images) for one test."""
    folder = tmp_path / "clbench-cache"
    monkeypatch.setenv("CLBENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Compute with one thread: quick for tiny models, and the same rounding on every machine."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
