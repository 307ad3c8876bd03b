"""What is in the wheels: every distribution carries its licence, and mini those of what it is drawn from."""

import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DISTRIBUTIONS = [ROOT, *sorted(path.parent for path in ROOT.glob("plugins/*/pyproject.toml"))]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    wheels = pytest.importorskip("hatchling.builders.wheel", reason="uv sync installs hatchling")

    def build(folder):
        (path,) = wheels.WheelBuilder(str(folder)).build(directory=str(tmp_path_factory.mktemp("wheel")))
        return zipfile.ZipFile(path)

    return build


@pytest.mark.parametrize("folder", DISTRIBUTIONS, ids=lambda folder: folder.name)
def test_every_wheel_has_the_licence(wheel, folder):
    with wheel(folder) as archive:
        (licence,) = [n for n in archive.namelist() if n.endswith(".dist-info/licenses/LICENSE")]
        assert archive.read(licence) == (ROOT / "LICENSE").read_bytes()
        (metadata,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        assert "License-File: LICENSE" in archive.read(metadata).decode()


def test_minis_wheel_has_authors_and_licences_of_all_its_sources(wheel):
    from clbench_mini.files import catalogue

    with wheel(ROOT / "plugins" / "clbench-mini") as archive:
        names = archive.namelist()
        (metadata,) = [n for n in names if n.endswith(".dist-info/METADATA")]
        declared = archive.read(metadata).decode()
        attribution = archive.read("clbench_mini/data/ATTRIBUTION.md").decode()
        (expression,) = [line for line in declared.splitlines() if line.startswith("License-Expression: ")]
        for entry in catalogue()["sources"]:
            (line,) = [x for x in attribution.splitlines() if x.startswith(f"| {entry['source']} |")]
            assert entry["author"].replace("|", "/") in line
            assert f"| {entry['licence']} |" in line
            assert entry["licence"] in expression.split()
            (text,) = [n for n in names if n.endswith(f".dist-info/licenses/LICENSES/{entry['licence']}.txt")]
            assert len(archive.read(text)) > 500
            assert f"License-File: LICENSES/{entry['licence']}.txt" in declared
