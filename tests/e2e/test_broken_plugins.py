"""Installed packages that are broken: named on every occasion, and never in the others' way."""

import json

import pytest

BROKEN = {
    # distribution: (module, its text, what is said about it)
    "acme-import": ("acme_import", "import a_package_that_is_not_there\n", "a_package_that_is_not_there"),
    "acme-exits": ("acme_exits", "raise SystemExit('no licence')\n", "no licence"),
    "acme-misspelt": (
        "acme_misspelt",
        "from clbench import hookimpl\n\n\n@hookimpl\ndef clbench_method():\n    return []\n",
        "did you mean clbench_methods",
    ),
    "acme-unmarked": ("acme_unmarked", "def clbench_methods():\n    return []\n", "@clbench.hookimpl"),
}


@pytest.fixture
def broken(install_by_hand):
    for distribution, (module, text, _) in BROKEN.items():
        folder = install_by_hand(distribution, module, text)
    return folder


def test_each_is_reported_by_name_with_the_cause(clbench, site, broken):
    lines = clbench("plugins", sites=(site, broken)).stdout.splitlines()
    status = {words[1]: line for line in lines if len(words := line.split()) > 3}
    for distribution, (module, _, cause) in BROKEN.items():
        assert "broken" in status[distribution]
        (start,) = [i for i, line in enumerate(lines) if line.startswith(f"{module} ({distribution} 1.0)")]
        assert cause in "\n".join(lines[start + 1 : start + 6])
    assert "ok" in status["clbench-example"]
    assert "ok" in status["clbench-zscl"]


def test_listings_go_on(clbench, site, broken):
    done = clbench("list", "methods", sites=(site, broken))
    assert "zscl" in done.stdout
    assert "l2-sp" in done.stdout


@pytest.mark.parametrize("distribution", BROKEN)
def test_asking_for_one_is_an_error_that_names_its_distribution(clbench, site, broken, distribution):
    module, _, cause = BROKEN[distribution]
    done = clbench("run", "--methods", module, "--stream", "tiny", sites=(site, broken), code=2)
    assert f"{distribution} 1.0" in done.stderr
    assert cause in done.stderr


@pytest.mark.slow
def test_the_rest_runs(clbench, site, broken, tmp_path):
    settings = ("--set", "l2-sp.iterations=2", "--set", "l2-sp.batch_size=6")
    clbench(
        "run", "--methods", "l2-sp", "--stream", "tiny", "--device", "cpu", *settings, sites=(site, broken)
    )
    (path,) = (tmp_path / "runs").glob("*/l2-sp-*/record.json")
    assert json.loads(path.read_text())["status"] == "finished"
