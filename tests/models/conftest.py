"""Models of transformers with random weights and a tokenizer trained on the spot, saved by transformers."""

from __future__ import annotations

import json
import socket

import open_clip
import pytest
import safetensors.torch
import torch
import transformers
from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast, SiglipConfig, SiglipModel

TEXTS = ["a photo of a cat.", "A photo of a DOG!", "the sea", "a drawing of a very, very large building"]
CONTEXT = 12
TOWER = {
    "hidden_size": 32,
    "intermediate_size": 40,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}  # an MLP that is no multiple of the width
TOKENS = {"pad_token": "<pad>", "eos_token": "<end>", "bos_token": "<start>", "unk_token": "<unk>"}


def tokenizer(special):
    """Byte pairs of a few words; ``special`` in the order of their ids, the rest of the words before."""
    made = Tokenizer(models.BPE(unk_token="<unk>", end_of_word_suffix="</w>"))
    made.normalizer = normalizers.Sequence([normalizers.Replace(Regex(r"\s+"), " "), normalizers.Lowercase()])
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.train_from_iterator(
        TEXTS, trainers.BpeTrainer(vocab_size=90, special_tokens=list(special), show_progress=False)
    )
    return made


def save_tokenizer(folder, made, template, tokenizer_class):
    ids = {name: made.token_to_id(name) for name in TOKENS.values()}
    made.post_processor = processors.TemplateProcessing(
        single=template, special_tokens=[(name, ids[name]) for name in ("<start>", "<end>")]
    )
    PreTrainedTokenizerFast(tokenizer_object=made, **TOKENS, model_max_length=CONTEXT).save_pretrained(folder)
    file = folder / "tokenizer_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"tokenizer_class": tokenizer_class}))
    return ids


def randomised(model):
    """All parameters away from nought and one, so that each matters."""
    generator = torch.Generator().manual_seed(0)
    for name, parameter in model.named_parameters():
        if not name.startswith("logit"):
            parameter.data += 0.1 * torch.randn(parameter.shape, generator=generator)
    return model.eval()


@pytest.fixture(scope="session")
def clip(tmp_path_factory):
    """A folder with a CLIPModel, and the model."""
    folder = tmp_path_factory.mktemp("hf") / "tiny-clip"
    folder.mkdir()
    # "<end>" must not have the id 2, which in configurations of CLIP means the token of the largest id
    made = tokenizer(("<pad>", "<unk>", "<start>", "<end>"))
    ids = save_tokenizer(folder, made, "<start> $A <end>", "CLIPTokenizer")
    text = {**TOWER, "vocab_size": made.get_vocab_size() + 3, "max_position_embeddings": CONTEXT}
    text |= {"eos_token_id": ids["<end>"], "bos_token_id": ids["<start>"], "pad_token_id": ids["<pad>"]}
    vision = {**TOWER, "image_size": 16, "patch_size": 8}
    torch.manual_seed(0)
    model = CLIPModel(CLIPConfig(text_config=text, vision_config=vision, projection_dim=24))
    randomised(model).save_pretrained(folder)
    transformers.CLIPImageProcessor(
        size={"shortest_edge": 16}, crop_size={"height": 16, "width": 16}, resample=2
    ).save_pretrained(folder)
    return folder, model


@pytest.fixture(scope="session")
def siglip(tmp_path_factory):
    """A folder with a SiglipModel, and the model."""
    folder = tmp_path_factory.mktemp("hf") / "tiny-siglip"
    folder.mkdir()
    made = tokenizer(("<pad>", "<end>", "<unk>", "<start>"))
    save_tokenizer(folder, made, "$A <end>", "SiglipTokenizer")
    text = {**TOWER, "vocab_size": made.get_vocab_size(), "max_position_embeddings": CONTEXT}
    vision = {**TOWER, "image_size": 16, "patch_size": 8}
    torch.manual_seed(0)
    model = SiglipModel(SiglipConfig(text_config=text, vision_config=vision))
    with torch.no_grad():
        model.logit_bias.fill_(-7.5)
        model.logit_scale.fill_(4.6)
    randomised(model).save_pretrained(folder)
    return folder, model


@pytest.fixture
def offline(monkeypatch):
    """No socket can be made."""

    def refused(*_args, **_kwargs):
        raise AssertionError("something reached for the network")

    for name in ("socket", "create_connection", "getaddrinfo"):
        monkeypatch.setattr(socket, name, refused)


def saved_architecture(folder, name, config, bias=None):
    """``NAME.json`` and its random weights; returns what ``--backbone`` takes."""
    (folder / f"{name}.json").write_text(json.dumps(config))
    built = {key: value for key, value in config.items() if key != "custom_text"}
    torch.manual_seed(0)
    model_class = open_clip.CustomTextCLIP if config.get("custom_text") else open_clip.CLIP
    model = randomised(model_class(**built))
    with torch.no_grad():
        model.logit_scale.fill_(4.6)
        if bias is not None:
            model.logit_bias.fill_(bias)
    safetensors.torch.save_file(model.state_dict(), folder / "weights.safetensors")
    return f"{folder / name}.json:{folder / 'weights.safetensors'}", model


WORDS = {"context_length": CONTEXT, "width": 32, "heads": 2, "layers": 2}


@pytest.fixture(scope="session")
def own_resnet(tmp_path_factory):
    """A CLIP with a small ResNet, as a JSON file and weights."""
    vision = {"image_size": 32, "layers": [1, 1, 1, 1], "width": 8, "head_width": 16}
    config = {"embed_dim": 16, "vision_cfg": vision, "text_cfg": {**WORDS, "vocab_size": 49408}}
    return saved_architecture(tmp_path_factory.mktemp("own"), "my-resnet", config)


@pytest.fixture(scope="session")
def own_siglip(tmp_path_factory):
    """A small model like open_clip's SigLIP: timm's image tower, a bias, and a tokenizer of its own."""
    folder = tmp_path_factory.mktemp("own")
    made = tokenizer(("<pad>", "<end>", "<unk>", "<start>"))
    save_tokenizer(folder, made, "$A <end>", "SiglipTokenizer")
    text = {
        **WORDS,
        "vocab_size": made.get_vocab_size(),
        "hf_tokenizer_name": "nobody/nothing",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
    }
    vision = {"image_size": 160, "timm_model_name": "test_vit3", "timm_pool": "map", "timm_proj": "linear"}
    config = {"embed_dim": 16, "init_logit_bias": -10, "custom_text": True}
    config |= {"vision_cfg": vision, "text_cfg": text}
    return saved_architecture(folder, "my-siglip", config, bias=-7.5)
