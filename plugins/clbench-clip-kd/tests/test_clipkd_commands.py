"""``clbench clip-kd`` from the outside."""

from __future__ import annotations

import json

import pytest
from clbench.cli import main
from clbench.cli.session import Session
from clbench.errors import ConfigError
from clbench.plugins import Registry
from clbench.testing import tiny_plugin
from clbench_clip_kd import plugin
from clbench_clip_kd.commands import TUNED, read_settings
from clbench_clip_kd.settings import DistillSettings
from clbench_clip_kd.students import load_student
from click.testing import CliRunner

NARROW = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 16, "patch_size": 8, "width": 16, "layers": 1, "head_width": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 16, "heads": 1, "layers": 1},
}


@pytest.fixture
def clip_kd(monkeypatch, tmp_path):
    """Run ``clbench clip-kd …`` in this process, with the tiny stream, backbone and pairs."""
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    registry = Registry.of(tiny_plugin, plugin)

    def call(*args):
        return CliRunner().invoke(main, ["clip-kd", *map(str, args)], obj=Session(given=registry))

    return call


def test_distil_test_and_write(clip_kd, tmp_path):
    config, out = tmp_path / "narrow.json", tmp_path / "out"
    config.write_text(json.dumps(NARROW))
    command = ["distill", "--teacher", "tiny", "--student", config, "--stream", "tiny", "-o", out]
    settings = ["epochs=2", "batch_size=10", "warmup=1", "lr=1e-3"]
    command += [part for setting in settings for part in ("--set", setting)]
    result = clip_kd(*command, "--device", "cpu")
    assert result.exit_code == 0, result.output
    assert "pairs   tiny-reference: 2 epochs of 2 steps" in result.output
    for who in ("teacher", "before", "after"):
        assert f"\n  {who}" in result.output
    assert load_student(out).width == 16
    again = clip_kd(*command, "--device", "cpu")
    assert again.exit_code == 0
    assert "epoch " not in again.output  # nothing is left to do


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("--pairs", "tiny-pool"), "no image–text pairs"),
        (("--pairs", "tiny-referense"), "did you mean 'tiny-reference'"),
        (("--teacher", "tinny"), "did you mean 'tiny'"),
        (("--student", "ViT-T-61"), "did you mean 'ViT-T-16'"),
        (("--student", "ViT-T-16"), "image size 224, not 16"),
        (("--set", "lr=-1", "--set", "epoch=3", "--set", "fd"), "not of the form KEY=VALUE"),
    ],
)
def test_mistakes_are_told(clip_kd, tmp_path, change, message):
    usual = ("--teacher", "tiny", "--student", "ViT-T-16", "--stream", "tiny", "--set", "warmup=0")
    result = clip_kd("distill", *usual, "-o", tmp_path / "out", "--device", "cpu", *change)
    assert result.exit_code == 2
    assert message in result.output
    assert not (tmp_path / "out").exists()


def test_all_mistakes_of_settings_are_told_at_once():
    with pytest.raises(ConfigError) as caught:
        read_settings("tiny-reference", ["lr=-1", "epoch=3", "fd"])
    for part in ("lr = -1", "did you mean 'epochs'", "KEY=VALUE"):
        assert part in str(caught.value)


def test_settings_of_the_paper_of_the_data_set_and_of_the_user():
    assert read_settings("else", []) == DistillSettings()
    for name, tuned in TUNED.items():
        assert read_settings(name, []) == DistillSettings(**tuned)
    assert read_settings("mini-reference", ["epochs=3"]).epochs == 3


def test_settings_are_listed(clip_kd):
    lines = clip_kd("settings").output.splitlines()
    assert [line.split()[0] for line in lines] == list(DistillSettings.model_fields)
    assert any("mini-reference: 128" in line for line in lines)
