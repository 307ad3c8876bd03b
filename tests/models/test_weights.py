"""Weights in files: three forms, one model; nothing in a file is executed; other activations are refused."""

from __future__ import annotations

import copy
import json
import os
import pickle
import zipfile
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path

import open_clip
import pytest
import safetensors.torch
import torch
from clbench.errors import ConfigError, DataError, UnknownNameError
from clbench.models import architectures as architectures_read
from clbench.models import backbonefiles, parts
from clbench.models.backbonefiles import find_backbone
from clbench.models.checkpoint import load_checkpoint
from clbench.models.torchscript import read_torchscript
from clbench.models.weights import read_weights
from clbench.plugins import Registry
from clbench.specs import BackboneSpec
from clbench.testing import still_plugin, tiny_plugin
from hypothesis import given, settings
from hypothesis import strategies as st

# The format of OpenAI's weights is that of torch's tracer, which is deprecated; only it writes such files.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.torch.jit:FutureWarning"),
    pytest.mark.filterwarnings("ignore:Converting a tensor to a Python boolean"),
]

ARCHITECTURE = "clbench-test-tiny"


def config(quick_gelu: bool) -> dict:
    return {
        "embed_dim": 16,
        "quick_gelu": quick_gelu,
        "vision_cfg": {"image_size": 16, "layers": 2, "width": 32, "patch_size": 8, "head_width": 16},
        "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
    }


@pytest.fixture(scope="module", autouse=True)
def architectures(tmp_path_factory):
    """A tiny architecture in open_clip's list, with either activation."""
    folder = tmp_path_factory.mktemp("model_configs")
    for name, quick in ((ARCHITECTURE, False), (f"{ARCHITECTURE}-quickgelu", True)):
        (folder / f"{name}.json").write_text(json.dumps(config(quick)))
    open_clip.add_model_config(folder)
    with pytest.MonkeyPatch.context() as patch:
        for module in (architectures_read, backbonefiles, parts):
            patch.setattr(module, "configurations", lambda: folder)
        yield


@pytest.fixture(scope="module")
def models():
    """A model by activation: the same weights, in half precision as OpenAI's are."""
    found = {}
    for name, quick in (("gelu", False), ("quickgelu", True)):
        torch.manual_seed(0)
        suffix = "-quickgelu" if quick else ""
        found[name] = (
            open_clip.create_model(f"{ARCHITECTURE}{suffix}", precision="fp32").half().float().eval()
        )
    return found


def openai_archive(model, path: Path, *, extras: bool = True) -> Path:
    """A TorchScript archive in half precision, with the numbers that OpenAI keeps in its own."""
    model = copy.deepcopy(model)
    if extras:
        for name in ("input_resolution", "context_length", "vocab_size"):
            model.__dict__.pop(name, None)
            model.register_buffer(name, torch.tensor(7))
    example = (torch.zeros(1, 3, 16, 16), torch.zeros(1, 16, dtype=torch.long))
    torch.jit.trace(model, example, check_trace=False).half().save(str(path))
    return path


FORMS = {
    "TorchScript": lambda model, path: openai_archive(model, path),
    "open_clip": lambda model, path: torch.save(
        {
            "epoch": 32,
            "name": "run",
            "state_dict": {f"module.{k}": v.half() for k, v in model.state_dict().items()},
            "optimizer": {"state": {0: {"step": 3, "exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]},
        },
        path,
    ),
    "state dict": lambda model, path: torch.save(model.state_dict(), path),
    "old torch": lambda model, path: torch.save(
        OrderedDict(model.state_dict()), path, _use_new_zipfile_serialization=False
    ),
    "safetensors": lambda model, path: safetensors.torch.save_file(model.state_dict(), path),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_model(models, tmp_path, form):
    model, path = models["quickgelu"], tmp_path / "weights.bin"
    FORMS[form](model, path)
    backbone = load_checkpoint("mine", f"{ARCHITECTURE}-quickgelu", str(path))
    assert (backbone.name, backbone.activation, backbone.preprocessing.size) == ("mine", "quickgelu", 16)
    ours, theirs = backbone.model.state_dict(), model.state_dict()
    assert set(ours) == set(theirs)
    assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    images = torch.randn(2, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(backbone.encode_image(images), model.encode_image(images))


# -- archives of TorchScript ----------------------------------------------------------------------------


class Odd(torch.nn.Module):
    """Lists of modules, buffers, constants, plain attributes and views that share a storage."""

    def __init__(self) -> None:
        super().__init__()
        self.first = torch.nn.Linear(2, 3)
        self.rest = torch.nn.ModuleList([torch.nn.Linear(3, 3), torch.nn.Linear(3, 3, bias=False)])
        self.plain = torch.ones(3)
        self.register_buffer("table", torch.arange(12).view(3, 4).t()[1:])
        self.numbers = [1, 2]
        self.named = {"a": torch.ones(1)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x) * self.plain
        for layer in self.rest:
            x = layer(x)
        return x * self.table[0] * self.numbers[0] * self.named["a"]


def test_an_archive_is_read_as_torch_would(models, tmp_path):
    for module in (
        torch.jit.script(Odd()),
        torch.jit.load(openai_archive(models["gelu"], tmp_path / "c.pt")),
    ):
        path = tmp_path / "x.pt"
        module.save(str(path))
        expected = torch.jit.load(str(path)).state_dict()
        found, _ = read_torchscript(path)
        assert set(found) == set(expected)
        for key, value in expected.items():
            assert found[key].dtype == value.dtype
            assert torch.equal(found[key], value)


@pytest.fixture(scope="module")
def odd_members(tmp_path_factory):
    path = tmp_path_factory.mktemp("odd") / "whole.pt"
    torch.jit.script(Odd()).save(str(path))
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@settings(max_examples=150)
@given(st.data())
def test_an_archive_with_other_content_is_read_or_refused(odd_members, tmp_path_factory, data):
    """Whatever bytes stand in its pickle and its code, and though the archive itself is whole."""
    members = {name: bytearray(content) for name, content in odd_members.items()}
    parts = [name for name in members if name.endswith(("/data.pkl", ".py"))]
    changed = members[data.draw(st.sampled_from(parts))]
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / "changed.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, bytes(content))
    with suppress(DataError):
        found, _ = read_torchscript(path)
        assert all(isinstance(value, torch.Tensor) for value in found.values())


def test_an_archive_whose_list_of_members_is_damaged_is_refused(odd_members, tmp_path):
    path = tmp_path / "x.pt"
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in odd_members.items():
            archive.writestr(name, content)
    path.write_bytes(path.read_bytes().replace(b"PK\x01\x02", b"PK\x01\x03"))
    with pytest.raises(DataError, match="is no whole file of weights"):
        read_weights(path)


def test_nothing_of_an_archive_is_compiled(models, tmp_path, monkeypatch):
    path = openai_archive(models["quickgelu"], tmp_path / "x.pt")
    for loader in ("torch.jit.load", "torch._C.import_ir_module"):
        monkeypatch.setattr(loader, lambda *a, **k: pytest.fail("it was compiled"))
    assert read_weights(path).form == "TorchScript"


class Evil:
    def __reduce__(self):
        return (os.system, ("echo executed > executed",))


@pytest.mark.parametrize("form", ["torch", "old torch", "pickle", "TorchScript"])
def test_code_in_a_file_is_refused_and_not_executed(models, tmp_path, monkeypatch, form):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "evil.pt"
    content = {"state_dict": models["gelu"].state_dict(), "more": Evil()}
    if form == "pickle":
        path.write_bytes(pickle.dumps(content))
    elif form == "TorchScript":
        openai_archive(models["gelu"], tmp_path / "good.pt")
        with zipfile.ZipFile(tmp_path / "good.pt") as good, zipfile.ZipFile(path, "w") as bad:
            for name in good.namelist():
                evil = name.endswith("/data.pkl")
                bad.writestr(name, pickle.dumps(Evil(), protocol=2) if evil else good.read(name))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=form == "torch")
    with pytest.raises(DataError) as caught:
        read_weights(path)
    assert not (tmp_path / "executed").exists()
    assert ("a pickle" if form == "pickle" else "system") in caught.value.why
    if form != "TorchScript":
        assert "cannot be read without executing code" in caught.value.what
        assert "safetensors" in caught.value.fix


@pytest.mark.parametrize("form", FORMS)
def test_a_file_that_is_cut_is_no_whole_one(models, tmp_path, form):
    path = tmp_path / "weights.pt"
    FORMS[form](models["quickgelu"], path)
    whole = path.read_bytes()
    for length in (0, 3, 40, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError) as caught:
            read_weights(path)
        assert str(path) in caught.value.what


def test_what_is_no_file_of_weights(tmp_path):
    path = tmp_path / "weights.pt"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n")
    with pytest.raises(DataError, match="pointer of Git LFS") as caught:
        read_weights(path)
    assert caught.value.fix == f"git -C {tmp_path} lfs pull --include weights.pt"
    torch.save([1, 2], path)
    with pytest.raises(DataError, match="holds list, not weights by name"):
        read_weights(path)
    torch.save({"epoch": 3}, path)
    with pytest.raises(DataError, match="no weights by name"):
        read_weights(path)


# -- activation and architecture ------------------------------------------------------------------------


def wrong_activation(path: Path, architecture: str) -> ConfigError:
    with pytest.raises(ConfigError, match="do not belong to") as caught:
        load_checkpoint("mine", architecture, str(path))
    return caught.value


def test_openais_archive_needs_quickgelu(models, tmp_path):
    path = openai_archive(models["quickgelu"], tmp_path / "ViT.pt")
    error = wrong_activation(path, ARCHITECTURE)
    assert "trained with QuickGELU" in error.why
    assert error.fix == f"--backbone {ARCHITECTURE}-quickgelu:{path}"
    extras = {name: torch.tensor(7) for name in ("input_resolution", "context_length", "vocab_size")}
    torch.save({**models["quickgelu"].state_dict(), **extras}, path)
    assert "of OpenAI's form" in wrong_activation(path, ARCHITECTURE).why


@pytest.mark.parametrize("activation", ["gelu", "quickgelu"])
def test_the_code_of_an_archive_tells_its_activation(models, tmp_path, activation):
    path = openai_archive(models[activation], tmp_path / "x.pt", extras=False)
    assert read_weights(path).activation == activation
    other = ARCHITECTURE if activation == "quickgelu" else f"{ARCHITECTURE}-quickgelu"
    assert "its code has" in wrong_activation(path, other).why


@pytest.mark.parametrize("quick", [False, True])
def test_a_configuration_beside_the_file_tells_activation_and_normalisation(models, tmp_path, quick):
    path = tmp_path / "open_clip_model.safetensors"
    safetensors.torch.save_file(models["gelu"].state_dict(), path)
    content = {
        "model_cfg": config(quick),
        "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "interpolation": "bilinear"},
    }
    path.with_name("open_clip_config.json").write_text(json.dumps(content))
    right, other = ARCHITECTURE, f"{ARCHITECTURE}-quickgelu"
    if quick:
        right, other = other, right
    assert "open_clip_config.json" in wrong_activation(path, other).why
    preprocessing = load_checkpoint("mine", right, str(path)).preprocessing
    assert (preprocessing.mean, preprocessing.interpolation) == ((0.1, 0.2, 0.3), "bilinear")


def test_weights_of_another_architecture_are_refused_and_the_right_one_is_named(models, tmp_path):
    path = tmp_path / "w.safetensors"
    state = models["gelu"].state_dict()
    safetensors.torch.save_file(state, path)
    with pytest.raises(DataError, match="are not those of ViT-S-32-alt") as caught:
        load_checkpoint("mine", "ViT-S-32-alt", str(path))
    assert caught.value.fix.startswith(f"--backbone {ARCHITECTURE}:{path}")
    safetensors.torch.save_file({**state, "visual.proj": torch.zeros(32, 17)}, path)
    with pytest.raises(DataError, match=r"visual\.proj of shape \(32, 17\), not \(32, 16\)"):
        load_checkpoint("mine", ARCHITECTURE, str(path))
    safetensors.torch.save_file({"text_model.embeddings": torch.zeros(2)}, path)
    with pytest.raises(DataError) as caught:
        load_checkpoint("mine", ARCHITECTURE, str(path))
    assert "names must be those of OpenAI's CLIP and open_clip" in caught.value.fix


# -- names ----------------------------------------------------------------------------------------------


class Published:
    """A plugin's backbone of which the file is known."""

    __name__ = "published"

    def __init__(self, digest: str) -> None:
        self.digest = digest

    def registry(self) -> Registry:
        from clbench import hookimpl

        spec = BackboneSpec(
            name="Tiny.known",
            title="t",
            summary="s",
            factory="nowhere:f",
            parameters=1,
            image_size=16,
            architecture=ARCHITECTURE,
            sha256=self.digest,
        )

        class Plugin:
            __name__ = "known"

            @hookimpl
            def clbench_backbones(self):
                return [spec]

        return Registry.of(tiny_plugin, Plugin())


def test_names(models, tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "mine.pt"
    torch.save(models["gelu"].state_dict(), path)
    own = find_backbone(Published("").registry(), f"{ARCHITECTURE}:{path}").spec
    assert own.name == f"{ARCHITECTURE}.mine-{own.digest[:8]}"
    registry = Published(own.digest).registry()
    for architecture in (ARCHITECTURE, "Tiny.known"):
        assert find_backbone(registry, f"{architecture}:{path}").spec.name == "Tiny.known"
    assert find_backbone(registry, "tiny").distribution == "local"
    with pytest.raises(ConfigError, match="not the file in which the weights of Tiny") as caught:
        find_backbone(Published("0" * 64).registry(), f"Tiny.known:{path}")
    assert f"--backbone {ARCHITECTURE}:{path}" in caught.value.fix
    with pytest.raises(UnknownNameError, match="did you mean 'clbench-test-tiny'"):
        find_backbone(registry, f"clbench-test-tine:{path}")
    with pytest.raises(ConfigError, match="there is no file") as caught:
        find_backbone(registry, f"{ARCHITECTURE}:{tmp_path / 'mine.pth'}")
    assert caught.value.fix == f"--backbone {ARCHITECTURE}:{path}"
    with pytest.raises(ConfigError, match="is a folder, not a file of weights"):
        find_backbone(registry, f"{ARCHITECTURE}:{tmp_path}")


@pytest.mark.parametrize("form", ["TorchScript", "open_clip", "safetensors"])
def test_a_run_on_a_file_is_recorded_with_what_it_was(models, tmp_path, monkeypatch, form):
    """From the command line to the record; the place of the file does not count, its content does."""
    from clbench.cli import main
    from clbench.results import load_records
    from click.testing import CliRunner

    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    registry = Registry.of(tiny_plugin, still_plugin)
    monkeypatch.setattr("clbench.plugins.get_registry", lambda *_: registry)

    def run(path):
        words = ["run", "--stream", "tiny", "--methods", "still", "--device", "cpu", "--plain"]
        name = f"{ARCHITECTURE}-quickgelu:{path}"
        return CliRunner().invoke(main, [*words, "--backbone", name, "--out", str(tmp_path / "runs")])

    path = tmp_path / "mine.pt"
    FORMS[form](models["quickgelu"], path)
    result = run(path)
    assert result.exit_code == 0, result.output
    (record,) = load_records([tmp_path / "runs"]).records
    expected = load_checkpoint("x", f"{ARCHITECTURE}-quickgelu", str(path)).weights_digest
    assert record.backbone.weights_digest == expected
    assert record.fingerprint.fields.weights == f"{expected[:16]}-quickgelu-fp32"
    assert record.backbone.name.startswith(f"{ARCHITECTURE}-quickgelu.mine-")
    assert record.config["backbone_file"] == f"{ARCHITECTURE}-quickgelu:{path}"
    assert record.config["backbone_digest"].startswith(record.backbone.name[-8:])
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = path.rename(elsewhere / "mine.pt")
    assert run(path).exit_code == 0
    assert len(load_records([tmp_path / "runs"]).records) == 1, "it was finished before"
    with torch.no_grad():
        models["quickgelu"].visual.proj[0, 0] += 1
        FORMS[form](models["quickgelu"], path)
        models["quickgelu"].visual.proj[0, 0] -= 1
    assert run(path).exit_code == 0
    digests = {record.backbone.weights_digest for record in load_records([tmp_path / "runs"]).records}
    assert len(digests) == 2
