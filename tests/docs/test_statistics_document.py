"""What docs/statistics.md shows is what its commands and scripts print."""

import importlib.util
import re
from pathlib import Path

from clbench.definitions import RIVALS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs/statistics.md").read_text()


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_other_definitions_are_listed_with_formula_and_source():
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", TEXT, re.MULTILINE))
    assert rows == {spec.name: f"{spec.title} | {spec.formula} | {spec.source}" for spec in RIVALS}


def test_published_matrices_under_other_definitions():
    assert load(ROOT / "tests/benchmarks/rival_definitions.py").table() in TEXT
