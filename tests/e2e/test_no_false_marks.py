"""Methods of this repository open nothing that they are not given, and so have no mark."""

from __future__ import annotations

import pytest
from clbench.cli import main
from clbench.results import load_records
from click.testing import CliRunner


@pytest.mark.slow
def test_methods_that_generate_images_for_the_first_time_have_no_mark(tmp_path, monkeypatch):
    """With an empty cache: that of the test's own is where images are decoded and generated."""
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    words = ["run", "--methods", "gift,gmail"]
    few = ("iterations=2", "warmup=1", "num_images=8")
    small = [f"{method}.{each}" for method in ("gift", "gmail") for each in few]
    words += [word for each in small for word in ("--set", each)]
    done = CliRunner().invoke(main, [*words, "--plain", "--out", str(tmp_path / "runs")])
    assert done.exit_code == 0, done.output
    records = load_records([tmp_path / "runs"]).records
    touched = {r.method.name: r.conduct.touched if r.conduct else None for r in records}
    assert touched == {"gift": {}, "gmail": {}}
