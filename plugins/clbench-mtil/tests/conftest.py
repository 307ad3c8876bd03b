"""What several tests of the streams stand on."""

from __future__ import annotations

import pytest
from clbench_mtil import testing


@pytest.fixture
def data(tmp_path, monkeypatch):
    """The eleven data sets in miniature, taken for what the streams are made of."""
    testing.write_all(tmp_path)
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    monkeypatch.setenv("CLBENCH_MTIL_COUNTS", "any")
    with testing.accepted(tmp_path):
        yield tmp_path
