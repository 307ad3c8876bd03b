"""``clbench doctor cil`` and ``clbench prepare cil``, on data sets in miniature."""

from __future__ import annotations

from pathlib import Path

import pytest
from clbench.cli import main
from clbench_cil import testing
from clbench_mtil.testing import write_captions
from click.testing import CliRunner


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path / "data"))
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("CLBENCH_CIL_COUNTS", "any")
    return tmp_path / "data"


def run(*arguments: str):
    return CliRunner().invoke(main, arguments)


def test_doctor_names_what_is_missing_and_its_cure(root):
    testing.write_tinyimagenet(root)
    testing.write_domainnet(root, classes=1)
    (root / "domainnet/real_train.txt").unlink()
    result = run("doctor", "cil")
    assert result.exit_code == 1
    lines = [line.split() for line in result.output.splitlines()]
    assert ["there", "tinyimagenet", "images"] in lines
    assert ["missing", "imagenet", "images"] in lines
    assert ["no", "domainnet/real_train.txt"] in lines
    assert "clbench prepare cil --fetch --only domainnet" in result.output
    assert result.output.endswith("are missing: imagenet, domainnet\n")


def test_doctor_is_content(root):
    testing.write_tinyimagenet(root)
    testing.write_imagenet(root, classes=1)
    testing.write_domainnet(root, classes=1)
    write_captions(root)
    result = run("doctor", "cil")
    assert result.exit_code == 0
    assert "missing" not in result.output
    assert result.output.endswith("--methods zero-shot\n")


def test_doctor_and_prepare_of_both_plugins_are_there():
    for group in ("doctor", "prepare"):
        commands = run(group, "--help").output.partition("Commands:")[2]
        assert {"cil", "mtil"} <= {line.split()[0] for line in commands.splitlines() if line.strip()}


def test_prepare_decodes_once(root, tmp_path):
    testing.write_domainnet(root, classes=2)
    dry = run("prepare", "cil", "--only", "domainnet", "--dry-run")
    assert dry.exit_code == 0, dry.output
    assert "domainnet/real/test: 2 images, to decode" in dry.output
    assert not list((tmp_path / "cache").rglob("*.npy"))
    first = run("prepare", "cil", "--only", "domainnet")
    assert first.output.count("decoding 2 images") == 6
    again = run("prepare", "cil", "--only", "domainnet", "--train")
    assert again.output.count("test: 2 images, decoded") == 6
    assert again.output.count("train: decoding 2 images") == 6


def test_steps_that_streams_have_in_common_are_decoded_once(root):
    testing.write_tinyimagenet(root)
    result = run("prepare", "cil", "--only", "tinyimagenet", "--dry-run")
    # 21 + 11 + 6 tasks, the first of which are the same hundred classes
    assert result.output.count("to decode\n") == 36


def test_prepare_says_what_is_not_there(root):
    assert "TinyImageNet is not complete" in run("prepare", "cil", "--only", "tinyimagenet").output
    assert "did you mean 'domainnet'" in run("prepare", "cil", "--only", "domainet").output


def test_prepare_fetches_only_when_told(root, monkeypatch):
    import torchvision.datasets.utils as torchvision_utils

    asked = []

    def archive(url, place, md5=None):
        asked.append((url, md5))
        testing.write_tinyimagenet(root)

    monkeypatch.setattr(torchvision_utils, "download_and_extract_archive", archive)
    assert run("prepare", "cil", "--only", "tinyimagenet").exit_code == 1
    dry = run("prepare", "cil", "--only", "tinyimagenet", "--fetch", "--dry-run")
    assert "to download" in dry.output
    assert "about 0.2 GB" in dry.output
    assert not asked
    result = run("prepare", "cil", "--only", "tinyimagenet", "--fetch", "--dry-run")
    result = run("prepare", "cil", "--only", "tinyimagenet", "--fetch")
    assert result.exit_code == 0, result.output
    [(url, md5)] = asked
    assert url.endswith("/tiny-imagenet-200.zip")
    assert len(bytes.fromhex(md5)) == 16


def test_a_broken_download_is_told(root, monkeypatch):
    import torchvision.datasets.utils as torchvision_utils

    def broken(*_, **__):
        raise OSError("connection reset")

    monkeypatch.setattr(torchvision_utils, "download_url", broken)
    result = run("prepare", "cil", "--only", "domainnet", "--fetch")
    assert result.exit_code == 1
    assert "DomainNet could not be fetched" in result.output
    assert "connection reset" in result.output


def test_domainnet_is_fetched_domain_by_domain(root, monkeypatch):
    """What is there is not fetched again; clipart and painting are the cleaned archives."""
    import torchvision.datasets.utils as torchvision_utils

    folder = root / "domainnet"
    urls = []

    def url(address, place):
        urls.append(address)
        (folder / address.rpartition("/")[2]).write_text("")

    def archive(address, place):
        urls.append(address)
        (folder / address.rpartition("/")[2].removesuffix(".zip")).mkdir()

    (folder / "clipart").mkdir(parents=True)
    monkeypatch.setattr(torchvision_utils, "download_url", url)
    monkeypatch.setattr(torchvision_utils, "download_and_extract_archive", archive)
    result = run("prepare", "cil", "--only", "domainnet", "--fetch")
    assert "clipart_train.txt is empty" in result.output
    assert len([u for u in urls if u.endswith(".txt")]) == 12
    zips = [u.partition("multi-source/")[2] for u in urls if u.endswith(".zip")]
    assert zips == ["infograph.zip", "groundtruth/painting.zip", "quickdraw.zip", "real.zip", "sketch.zip"]


def test_unpacking_that_stops_is_not_taken_for_a_data_set(root, monkeypatch):
    import torchvision.datasets.utils as torchvision_utils

    places = []

    def archive(address, place, md5=None):
        places.append(place)
        (Path(place) / "tiny-imagenet-200.zip").write_bytes(b"whole")
        if len(places) == 1:
            (Path(place) / "tiny-imagenet-200/train").mkdir(parents=True)
            raise KeyboardInterrupt
        assert [path.name for path in Path(place).iterdir()] == ["tiny-imagenet-200.zip"]
        testing.write_tinyimagenet(Path(place))

    monkeypatch.setattr(torchvision_utils, "download_and_extract_archive", archive)
    run("prepare", "cil", "--only", "tinyimagenet", "--fetch")
    assert [path.name for path in root.iterdir()] == [".clbench-fetching"]
    result = run("prepare", "cil", "--only", "tinyimagenet", "--fetch")
    assert result.exit_code == 0, result.output
    assert [path.name for path in root.iterdir()] == ["tiny-imagenet-200"]


def test_one_that_is_not_there_stops_no_other(root):
    testing.write_tinyimagenet(root)
    result = run("prepare", "cil", "--only", "imagenet,tinyimagenet")
    assert result.exit_code == 1
    assert "ImageNet" in result.output
    assert "decoding" in result.output


def test_imagenet_is_not_fetched(root):
    from clbench.errors import DataError
    from clbench_cil.fetching import fetch

    with pytest.raises(DataError, match="ImageNet cannot be fetched by a command"):
        fetch("imagenet", root)
