"""Folders of save_pretrained: embeddings are those of transformers; nothing is fetched or executed."""

from __future__ import annotations

import json
import re
import shutil

import pytest
import safetensors.torch
import torch
from clbench.errors import ConfigError, DataError
from clbench.models.backbonefiles import find_backbone
from clbench.models.huggingface.loading import load_folder
from clbench.plugins import Registry
from clbench.testing import tiny_plugin
from transformers import CLIPModel, PreTrainedTokenizerFast, SiglipModel

TEXTS = ["a photo of a cat.", "A photo of a DOG!", "the sea", "a drawing of a very, very large building"]
CONTEXT = 12


@pytest.fixture(params=["clip", "siglip"])
def saved(request):
    return request.getfixturevalue(request.param)


@pytest.fixture
def copied(clip, tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_CACHE", str(tmp_path / "cache"))
    return shutil.copytree(clip[0], tmp_path / "tiny-clip")


def features(output):
    return output if isinstance(output, torch.Tensor) else output.pooler_output


def images(size=16):
    return torch.randn(3, 3, size, size, generator=torch.Generator().manual_seed(1))


def loaded(folder):
    return find_backbone(Registry.of(tiny_plugin), f"hf:{folder}").spec.build("cpu")


@torch.no_grad()
def test_embeddings_are_those_of_transformers(saved, offline):
    folder, model = saved
    backbone = load_folder("mine", str(folder))
    # the slow tokenizer of SigLIP, which needs sentencepiece, leaves out punctuation; the fast one does not
    bare = [re.sub(r"[^\w\s]", "", text) for text in TEXTS] if isinstance(model, SiglipModel) else TEXTS
    ids = PreTrainedTokenizerFast.from_pretrained(folder)(
        bare, padding="max_length", truncation=True, max_length=CONTEXT, return_tensors="pt"
    ).input_ids
    theirs = features(model.get_text_features(input_ids=ids))
    assert float((theirs[0] - theirs[2]).abs().max()) > 1e-2
    torch.testing.assert_close(backbone.encode_text(backbone.tokenize(TEXTS)), theirs, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        backbone.encode_image(images()), features(model.get_image_features(images())), rtol=0, atol=1e-5
    )
    # the very models, not two with the same embeddings: scale and bias, too
    outputs = model(input_ids=ids, pixel_values=images())
    X, W = (torch.nn.functional.normalize(Z, dim=-1) for Z in (backbone.encode_image(images()), theirs))
    bias = 0.0 if backbone.logit_bias is None else backbone.logit_bias
    torch.testing.assert_close(backbone.scale * X @ W.T + bias, outputs.logits_per_image, rtol=0, atol=1e-4)


@pytest.mark.parametrize("act", ["gelu", "gelu_pytorch_tanh"])
@torch.no_grad()
def test_other_activations(clip, siglip, tmp_path, act):
    for model_class, (folder, _) in ((CLIPModel, clip), (SiglipModel, siglip)):
        other = shutil.copytree(folder, tmp_path / model_class.__name__)
        config = json.loads((other / "config.json").read_text())
        for tower in ("text_config", "vision_config"):
            config[tower]["hidden_act"] = act
        (other / "config.json").write_text(json.dumps(config))
        backbone, model = load_folder("mine", str(other)), model_class.from_pretrained(other).eval()
        assert backbone.activation == ("gelu" if act == "gelu" else "gelu-tanh")
        torch.testing.assert_close(
            backbone.encode_image(images()), features(model.get_image_features(images())), rtol=0, atol=1e-5
        )


def test_the_end_of_a_text_has_the_largest_id(clip):
    tokens = load_folder("mine", str(clip[0])).tokenize([*TEXTS, "word " * 40])
    vocabulary = json.loads((clip[0] / "config.json").read_text())["text_config"]["vocab_size"]
    assert tokens.shape == (5, CONTEXT)
    assert bool((tokens.max(dim=1).values == vocabulary - 1).all())


def test_what_the_record_says(siglip):
    backbone = load_folder("mine", str(siglip[0]))
    assert backbone.logit_bias is not None
    assert backbone.logit_bias.item() == -7.5
    assert (backbone.preprocessing.resize, backbone.preprocessing.mean) == ("squash", (0.5, 0.5, 0.5))
    assert not {"logit_scale", "logit_bias"} & {name for name, _ in backbone.trainable()}


def test_input_transform(clip):
    preprocessing = load_folder("mine", str(clip[0])).preprocessing
    assert (preprocessing.size, preprocessing.resize) == (16, "shortest")
    assert preprocessing.interpolation == "bilinear"


def test_siglip_texts_are_cleaned_as_transformers_slow_tokenizer_does(siglip):
    tokenizer = load_folder("mine", str(siglip[0])).tokenizer
    assert torch.equal(tokenizer(["A photo, of a CAT!"]), tokenizer(["a photo of a cat"]))


# -- names and digests ----------------------------------------------------------------------------------


def test_the_digest_is_that_of_all_files_that_decide(copied, tmp_path):
    def digest():
        return find_backbone(Registry.of(tiny_plugin), f"hf:{copied}").spec.digest

    first = digest()
    (copied / "README.md").write_text("nothing")
    assert digest() == first
    seen = {first}
    for name in ("config.json", "tokenizer.json", "tokenizer_config.json", "preprocessor_config.json"):
        file = next(copied.glob(name.replace("preprocessor", "*processor")))
        file.write_text(file.read_text() + "\n")
        seen.add(digest())
    assert len(seen) == 5


def test_a_file_in_the_folder_names_it(copied):
    registry = Registry.of(tiny_plugin)
    specs = {find_backbone(registry, f"hf:{path}").spec for path in (copied, copied / "model.safetensors")}
    assert len(specs) == 1
    [spec] = specs
    assert spec.name == f"tiny-clip-{spec.digest[:8]}"
    assert spec.build("cpu").name == spec.name


def test_weights_in_parts(copied):
    state = safetensors.torch.load_file(copied / "model.safetensors")
    first = find_backbone(Registry.of(tiny_plugin), f"hf:{copied}").spec.build("cpu").weights_digest
    names = sorted(state)
    where = {name: f"model-{i % 2}.safetensors" for i, name in enumerate(names)}
    for part in set(where.values()):
        safetensors.torch.save_file({n: state[n] for n in names if where[n] == part}, copied / part)
    (copied / "model.safetensors").unlink()
    (copied / "model.safetensors.index.json").write_text(json.dumps({"weight_map": where}))
    assert loaded(copied).weights_digest == first
    (copied / "model-1.safetensors").unlink()
    with pytest.raises(DataError, match=r"lacks model-1\.safetensors"):
        loaded(copied)
    (copied / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": "../other"}}))
    with pytest.raises(DataError, match="does not name the files"):
        loaded(copied)


# -- nothing is executed, and nothing fetched -----------------------------------------------------------


def test_code_in_a_folder_is_not_executed(copied, offline):
    marker = copied / "was-here"
    for name in ("modeling_mine", "tokenization_mine"):
        (copied / f"{name}.py").write_text(f"open({str(marker)!r}, 'w').close()\n")
    for name, mapped in (
        ("config.json", {"AutoModel": "modeling_mine.Mine", "AutoConfig": "modeling_mine.Config"}),
        ("tokenizer_config.json", {"AutoTokenizer": ["tokenization_mine.Mine", None]}),
    ):
        content = json.loads((copied / name).read_text())
        (copied / name).write_text(json.dumps(content | {"auto_map": mapped}))
    assert loaded(copied).width == 24
    assert not marker.exists()


def test_pickles_are_refused(copied):
    (copied / "model.safetensors").unlink()
    torch.save({"model": print}, copied / "pytorch_model.bin")
    with pytest.raises(DataError, match="cannot be read without executing code"):
        loaded(copied)


# -- what cannot be used --------------------------------------------------------------------------------


def changed(file, **values):
    content = json.loads(file.read_text())
    for name, value in values.items():
        place, keys = content, name.split("__")
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value
    file.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"model_type": "blip"}, "its model_type is 'blip'"),
        ({"architectures": ["CLIPVisionModel"]}, "does not describe both towers"),
        ({"vision_config__hidden_act": "relu"}, r"vision_config\.hidden_act"),
        ({"vision_config__hidden_act": "gelu"}, "different activations"),
        ({"vision_config__patch_size": 7}, "image_size 16 is no multiple of patch_size 7"),
        ({"text_config__num_attention_heads": 3}, "no multiple of num_attention_heads 3"),
        ({"text_config__vocab_size": "many"}, r"text_config\.vocab_size"),
        ({"text_config": 3}, "text_config"),
        ({"text_config__hidden_size": 64}, r"where the configuration makes it \(93, 64\)|of shape"),
        ({"vision_config__num_hidden_layers": 3}, r"no vision_model\.encoder\.layers\.2"),
        ({"vision_config__num_hidden_layers": 1}, "has no place in the model"),
        ({"text_config__vocab_size": 10}, "gives ids up to"),
    ],
)
def test_configurations_that_do_not_fit(copied, values, said):
    changed(copied / "config.json", **values)
    with pytest.raises(DataError, match=said):
        loaded(copied)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"size": {"shortest_edge": 20}}, "images become 16 and 20 wide"),
        ({"resample": 1}, "resample is 1"),
        ({"do_normalize": False}, "do_normalize is false"),
        ({"image_mean": [0.5, 0.5]}, "three numbers"),
        ({"size": {"shortest_edge": "big"}}, "names a size that is none"),
    ],
)
def test_inputs_that_cannot_be_made(copied, values, said):
    (file,) = copied.glob("*processor*.json")
    content = json.loads(file.read_text())
    inner = content.get("image_processor", content)
    inner.update(values)
    file.write_text(json.dumps(content))
    with pytest.raises(DataError, match=said):
        loaded(copied)


def test_what_is_missing(copied):
    for name, said in (
        ("tokenizer.json", "has no tokenizer"),
        ("model.safetensors", "no weights are in"),
        ("config.json", "has no config.json"),
    ):
        (copied / name).rename(copied / f"{name}.away")
        with pytest.raises((ConfigError, DataError), match=said):
            loaded(copied)
        (copied / f"{name}.away").rename(copied / name)
    with pytest.raises(ConfigError, match="there is no folder") as caught:
        loaded("openai/clip-vit-base-patch32")
    assert "hf download openai/clip-vit-base-patch32" in caught.value.fix
    (copied / "config.json").write_text("[")
    with pytest.raises(DataError, match="is not JSON"):
        loaded(copied)


def test_other_ways_to_name_it_say_how(copied):
    registry = Registry.of(tiny_plugin)
    for given in (f"ViT-B-16:{copied}", f"{copied / 'config.json'}:{copied / 'model.safetensors'}"):
        with pytest.raises(ConfigError) as caught:
            find_backbone(registry, given)
        assert caught.value.fix == f"--backbone hf:{copied}"
    file = find_backbone(registry, f"ViT-B-16:{copied / 'model.safetensors'}").spec
    with pytest.raises(DataError) as wrong:
        file.build("cpu")
    assert f"--backbone hf:{copied}" in (wrong.value.fix or "")
