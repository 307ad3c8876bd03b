"""Programs of the system that some tests look at results with."""

import os
import shutil

import pytest


@pytest.fixture(scope="session")
def program():
    """Find a program by its names; without it the test is skipped, or fails where all tools are required."""

    def find(*names):
        path = next(filter(None, map(shutil.which, names)), None)
        if path is None:
            missing = pytest.fail if os.environ.get("CLBENCH_TEST_TOOLS") == "required" else pytest.skip
            missing(f"{names[0]} is not installed")
        return path

    return find
