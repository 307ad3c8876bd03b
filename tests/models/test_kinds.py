"""Backbones of every kind: methods run on them or are refused, and the short way is their own forward."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import open_clip
import pytest
import safetensors.torch
import torch
from clbench.config import Options, resolve
from clbench.errors import ConfigError, DataError
from clbench.models.backbonefiles import absolute, find_backbone
from clbench.models.openclip import load_open_clip
from clbench.plugins import Registry, get_registry
from clbench.results import read_record
from clbench.runs import execute
from clbench.testing import tiny_plugin
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

TEXTS = ["a photo of a cat.", "a photo of a dog.", "the sea"]
STEPS = {"iterations": 2, "warmup": 1, "batch_size": 6, "lr": 1e-3}
TWO_STEPS = {
    "zero-shot": {},
    "finetune": STEPS,
    "zscl": STEPS | {"reference_batch_size": 6},
    "gift": STEPS | {"num_images": 6, "synthetic_batch_size": 6},
}
KINDS = ("own_resnet", "own_siglip", "clip", "siglip")
BIASES = {"own_siglip": -7.5, "siglip": -7.5}


@pytest.fixture(autouse=True)
def _one_thread(one_thread): ...


@pytest.fixture(scope="module")
def registry():
    return Registry([*Registry.of(tiny_plugin)._loaded, *get_registry()._loaded])


def name_of(request, kind):
    found = request.getfixturevalue(kind)[0]
    return found if kind.startswith("own") else f"hf:{found}"


@pytest.fixture
def named(request, kind):
    """What ``--backbone`` takes."""
    return name_of(request, kind)


def planned(registry, backbone, settings):
    wishes = Options(methods=tuple(settings), stream="tiny", settings=settings, backbone=backbone)
    return resolve(registry, wishes, find_device=lambda name: "cpu")


# -- runs -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=pytest.mark.slow if kind == "own_siglip" else ()) for kind in KINDS]
)
def test_methods_run(registry, kind, named, tmp_path):
    outcomes = execute(registry, planned(registry, named, TWO_STEPS), out=tmp_path)
    assert [o.status for o in outcomes] == ["finished"] * 4, [o.reason for o in outcomes]
    records = [read_record(outcome.path) for outcome in outcomes]
    assert {record.backbone.logit_bias for record in records} == {BIASES.get(kind)}
    assert all(record.resources.trainable_parameters[0] > 0 for record in records[1:])
    again = execute(registry, planned(registry, named, TWO_STEPS), out=tmp_path)
    assert [o.status for o in again] == ["cached"] * 4


@pytest.mark.parametrize("kind", ["own_resnet", "own_siglip", "siglip"])
def test_diki_is_refused_before_anything_is_loaded(registry, kind, named):
    with pytest.raises(ConfigError) as caught:
        planned(registry, named, {"diki": {"steps": 2}})
    said = str(caught.value)
    assert "diki does not work on backbone" in said
    assert "its image tower is not open_clip's vision transformer" in said


def test_diki_runs_on_a_clip_of_hugging_faces(registry, clip, tmp_path):
    settings = {"diki": {"steps": 2, "batch_size": 6, "depth": 2, "length": 2, "score_scale": "dimension"}}
    [outcome] = execute(registry, planned(registry, f"hf:{clip[0]}", settings), out=tmp_path)
    assert outcome.status == "finished", outcome.reason


# -- the short way --------------------------------------------------------------------------------------


def adapted(model):
    """Low-rank adapters on every linear layer of the towers, those of the attention's output included."""
    names = {
        name
        for name, module in model.named_modules()
        # the projection after the towers, open_clip's own forward asks for its type
        if isinstance(module, nn.Linear) and not name.endswith("text_projection")
    }
    generator = torch.Generator().manual_seed(0)
    inject_adapter_in_model(LoraConfig(r=2, lora_alpha=8, target_modules=sorted(names)), model)
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            nn.init.normal_(parameter, generator=generator)
    return names


@pytest.mark.parametrize("kind", KINDS)
@torch.no_grad()
def test_embeddings_are_the_models_own(registry, kind, named, offline):
    backbone = find_backbone(registry, named).spec.build("cpu")
    size = backbone.preprocessing.size
    images = torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(0))
    tokens = backbone.tokenize(TEXTS)
    before = backbone.encode_image(images), backbone.encode_text(tokens)
    torch.testing.assert_close(before[0], backbone.model.encode_image(images), rtol=0, atol=1e-5)
    torch.testing.assert_close(before[1], backbone.model.encode_text(tokens), rtol=0, atol=1e-5)
    names = adapted(backbone.model)
    assert any(name.endswith(("out_proj", "attn.proj")) for name in names)
    found = backbone.encode_image(images), backbone.encode_text(tokens)
    torch.testing.assert_close(found[0], backbone.model.encode_image(images), rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found[1], backbone.model.encode_text(tokens), rtol=1e-5, atol=1e-5)
    assert float((found[1] - before[1]).abs().max()) > 1e-2  # the adapters do something


# -- architectures of one's own -------------------------------------------------------------------------


def test_the_weights_are_those_of_the_file(registry, own_resnet):
    named, model = own_resnet
    spec = find_backbone(registry, named).spec
    assert re.fullmatch(r"my-resnet\.weights-[0-9a-f]{8}", spec.name)
    assert absolute(named) == named
    assert spec.parts == ("text-transformer",)
    ours = spec.build("cpu").model.state_dict()
    assert all(torch.equal(ours[name], value) for name, value in model.state_dict().items())


def test_the_architecture_and_the_tokenizer_are_part_of_the_digest(registry, own_siglip, tmp_path):
    folder = shutil.copytree(own_siglip[0].split(":")[0].rpartition("/")[0], tmp_path / "own")
    named = f"{folder / 'my-siglip.json'}:{folder / 'weights.safetensors'}"
    seen = {find_backbone(registry, named).spec.digest}
    for name in ("my-siglip.json", "tokenizer.json"):
        (folder / name).write_text((folder / name).read_text() + "\n")
        seen.add(find_backbone(registry, named).spec.digest)
    assert len(seen) == 3
    (folder / "tokenizer.json").unlink()
    with pytest.raises(DataError, match="nobody/nothing of my-siglip is not here") as caught:
        find_backbone(registry, named).spec.build("cpu")
    assert f"tokenizer_config.json of nobody/nothing into {folder}" in (caught.value.fix or "")


def test_the_input_is_what_the_file_says(registry, own_resnet, tmp_path):
    architecture, weights = own_resnet[0].split(":")
    own = {
        "model_cfg": json.loads(Path(architecture).read_text()),
        "preprocess_cfg": {"mean": [0.1, 0.2, 0.3], "interpolation": "bilinear", "resize_mode": "squash"},
    }
    (tmp_path / "mine.json").write_text(json.dumps(own))
    found = find_backbone(registry, f"{tmp_path / 'mine.json'}:{weights}").spec.build("cpu").preprocessing
    assert (found.mean, found.interpolation, found.resize) == ((0.1, 0.2, 0.3), "bilinear", "squash")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"embed_dim": 0}, "embed_dim is 0"),
        ({"vision_cfg": None}, "vision_cfg is not an object"),
        ({"embed_dims": 3}, r"embed_dims is not known, did you mean embed_dim\?"),
        ({"multimodal_cfg": {}}, "CoCa"),
        ({"text_cfg": {"hf_model_name": "roberta-base"}}, "would be fetched from a hub"),
        ({"vision_cfg": {"timm_model_name": "hf-hub:timm/vit"}}, "would be fetched from a hub"),
        ({"vision_cfg": {"image_size": [32, 16]}}, "images are square"),
    ],
)
def test_architectures_that_cannot_be_built(registry, own_resnet, tmp_path, change, said):
    architecture, weights = own_resnet[0].split(":")
    content = json.loads(Path(architecture).read_text()) | change
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match=said):
        find_backbone(registry, f"{tmp_path / 'mine.json'}:{weights}")


def test_what_only_open_clip_can_tell(registry, own_resnet, tmp_path):
    architecture, weights = own_resnet[0].split(":")
    content = json.loads(Path(architecture).read_text())
    content["text_cfg"]["depth"] = 3
    (tmp_path / "mine.json").write_text(json.dumps(content))
    with pytest.raises(ConfigError, match="does not describe a model that can be built") as caught:
        find_backbone(registry, f"{tmp_path / 'mine.json'}:{weights}").spec.build("cpu")
    assert "depth" in caught.value.why
    (tmp_path / "mine.json").write_text("{")
    with pytest.raises(ConfigError, match="is not JSON"):
        find_backbone(registry, f"{tmp_path / 'mine.json'}:{weights}")
    with pytest.raises(ConfigError, match="there is no file") as caught:
        find_backbone(registry, f"{tmp_path / 'mime.json'}:{weights}")
    assert "did you mean mine.json?" in caught.value.fix


# -- the published sizes --------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize(
    ("architecture", "methods"),
    [("RN50", ("zero-shot", "finetune", "zscl", "gift")), ("ViT-B-16-SigLIP", ("zero-shot", "finetune"))],
)
def test_architectures_of_open_clip(registry, architecture, methods, siglip, tmp_path):
    torch.manual_seed(0)
    model = open_clip.create_model(architecture, precision="fp32")
    safetensors.torch.save_file(model.state_dict(), tmp_path / "weights.safetensors")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copy(siglip[0] / name, tmp_path)
    named = f"{architecture}:{tmp_path / 'weights.safetensors'}"
    small = {"batch_size": 2, "reference_batch_size": 2, "synthetic_batch_size": 2}
    settings = {
        method: {name: small.get(name, value) for name, value in TWO_STEPS[method].items()}
        for method in methods
    }
    outcomes = execute(registry, planned(registry, named, settings), out=tmp_path / "runs")
    assert {o.status for o in outcomes} == {"finished"}, [o.reason for o in outcomes]
    backbone = find_backbone(registry, named).spec.build("cpu")
    assert (backbone.logit_bias is None) == (architecture == "RN50")
    assert backbone.preprocessing.resize == ("shortest" if architecture == "RN50" else "squash")
    assert backbone.preprocessing.size == 224
    with pytest.raises(ConfigError, match="image tower is not open_clip's vision transformer"):
        planned(registry, named, {"diki": {"steps": 2}})


def test_random_weights_of_a_resnet():
    backbone = load_open_clip("random", "RN50", None)
    assert backbone.logit_bias is None
    assert backbone.width == 1024
