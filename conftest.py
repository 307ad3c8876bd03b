"""Settings that all tests share, those of the plugins too."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

# Tests run in several processes: with a thread each they do not get into one another's way. Set before torch
# is imported, and inherited by the commands that tests start.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A slow machine must not fail a property.
settings.register_profile("clbench", deadline=None)
settings.load_profile("clbench")


@pytest.fixture(autouse=True, scope="session")
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep decoded and generated images of the tests out of the user's cache."""
    before = os.environ.get("CLBENCH_CACHE")
    os.environ["CLBENCH_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    yield
    if before is None:
        del os.environ["CLBENCH_CACHE"]
    else:
        os.environ["CLBENCH_CACHE"] = before
