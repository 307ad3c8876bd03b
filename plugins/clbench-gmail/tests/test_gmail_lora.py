"""Adapters against W + α/r · B A put into the plain towers; attention of linear layers against torch's."""

from __future__ import annotations

import pytest
import torch
from clbench.errors import ConfigError
from clbench.testing import tiny_backbone
from clbench_gmail.attention import LinearAttention, use_linear_attention
from clbench_gmail.lora import TowerLoRA
from torch import nn

ALL = ("in_proj", "out_proj", "c_fc", "c_proj")
WIDTH, BLOCKS = 32, 2  # of both towers of the double
TEXTS = ["a photo of a dog", "cats", "one more text that is longer"]


def adapted(tower, *, rank=3, alpha=6.0, targets=ALL, seed=0):
    """A backbone with adapters that are not zero."""
    backbone = tiny_backbone().freeze()
    adapter = TowerLoRA(getattr(backbone.model, tower), rank=rank, alpha=alpha, targets=targets)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in adapter.parameters.values():
            parameter.copy_(0.1 * torch.randn(parameter.shape, generator=generator))
    return backbone, adapter


def merged(tower, adapter, scaling):
    """The plain model, its weights moved by the formula."""
    model = tiny_backbone().freeze().model
    weights = dict(model.named_parameters())
    for name, A in adapter.parameters.items():
        if "lora_A" not in name:
            continue
        B = adapter.parameters[name.replace("lora_A", "lora_B")]
        layer = f"{tower}.{name.split('.lora_A')[0]}"
        weight = weights[f"{layer}_weight" if layer.endswith("in_proj") else f"{layer}.weight"]
        weight.data += scaling * B.detach() @ A.detach()
    return model


def embeddings(backbone):
    images = torch.randn(4, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    return {
        "images": backbone.encode_image(images),
        "images, the tower's own way": backbone.model.encode_image(images),
        "texts": backbone.encode_text(backbone.tokenize(TEXTS)),
        "texts, the tower's own way": backbone.model.encode_text(backbone.tokenize(TEXTS)),
    }


@pytest.mark.parametrize("tower", ["visual", "transformer"])
@pytest.mark.parametrize("targets", [ALL, ("in_proj",), ("out_proj", "c_fc"), ("c_proj",)])
@torch.no_grad()
def test_adapters_are_the_formula(tower, targets):
    backbone, adapter = adapted(tower, rank=3, alpha=6.0, targets=targets)
    plain = tiny_backbone()
    before = embeddings(plain)
    plain.model = merged(tower, adapter, scaling=2.0)
    expected = embeddings(plain)
    for name, ours in embeddings(backbone).items():
        torch.testing.assert_close(ours, expected[name], atol=2e-5, rtol=0)
    moved = "images" if tower == "visual" else "texts"
    assert (expected[moved] - before[moved]).abs().max() > 1e-2


@pytest.mark.parametrize("tower", ["visual", "transformer"])
@torch.no_grad()
def test_fresh_adapters_change_nothing(tower):
    backbone, plain = tiny_backbone().freeze(), tiny_backbone()
    TowerLoRA(getattr(backbone.model, tower), rank=4, alpha=4.0, targets=ALL)
    for ours, expected in zip(embeddings(backbone).values(), embeddings(plain).values(), strict=True):
        torch.testing.assert_close(ours, expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("rank", [1, 4])
def test_adapters_alone_are_trained_and_counted(rank):
    backbone, adapter = adapted("visual", rank=rank)
    trained = {n for n, p in backbone.model.named_parameters() if p.requires_grad}
    assert trained == {f"visual.{name}" for name in adapter.parameters}
    d = WIDTH
    per_block = rank * ((d + 3 * d) + (d + d) + (d + 4 * d) + (4 * d + d))
    assert sum(p.numel() for p in adapter.parameters.values()) == BLOCKS * per_block


def test_training_leaves_the_frozen_weights_alone_to_the_bit():
    backbone, adapter = adapted("visual")
    optimizer = torch.optim.AdamW(adapter.parameters.values(), lr=1e-2)
    for k in range(3):
        optimizer.zero_grad()
        backbone.encode_image(torch.randn(2, 3, 16, 16)).square().sum().backward()
        assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in adapter.parameters.values()), k
        optimizer.step()
    ours = {
        name.replace(".base_layer", "").replace("in_proj.", "in_proj_"): value
        for name, value in backbone.model.state_dict().items()
        if ".lora_" not in name
    }
    initial = tiny_backbone().model.state_dict()
    assert ours.keys() == initial.keys()
    assert all(torch.equal(ours[name], initial[name]) for name in ours)


def test_the_state_is_the_adapters_and_restores_them():
    backbone, adapter = adapted("transformer", seed=0)
    other, second = adapted("transformer", seed=1)
    state = adapter.state_dict()
    assert all(".lora_" in name for name in state)
    second.load_state_dict(state)
    for name, ours in embeddings(backbone).items():
        assert torch.equal(ours, embeddings(other)[name]), name
    with torch.no_grad():
        next(iter(adapter.parameters.values())).add_(1)
    assert torch.equal(next(iter(state.values())), next(iter(second.parameters.values())))  # a copy
    with pytest.raises(KeyError, match="other layers"):
        second.load_state_dict({"a": torch.zeros(1)})


def test_layers_that_are_not_there_are_an_error_that_says_so():
    with pytest.raises(ConfigError, match="c_fc, c_proj"):
        TowerLoRA(nn.Sequential(nn.Linear(2, 2)), rank=1, alpha=1.0, targets=("c_fc", "c_proj"))


@pytest.mark.parametrize("masked", [False, True])
def test_attention_is_torchs(masked):
    attention = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    nn.init.normal_(attention.in_proj_bias)
    ours = LinearAttention(attention)
    x = torch.randn(4, 5, 12)
    mask = torch.full((5, 5), float("-inf")).triu(1) if masked else None
    expected, _ = attention(x, x, x, need_weights=False, attn_mask=mask)
    torch.testing.assert_close(ours(x, x, x, need_weights=False, attn_mask=mask)[0], expected)
    assert ours.in_proj_weight is attention.in_proj_weight
    with pytest.raises(ValueError, match="self-attention"):
        ours(x, x.clone(), x)


def test_attention_of_another_kind_is_left_as_it_is():
    tower = nn.ModuleDict(
        {
            "dropout": nn.MultiheadAttention(4, 2, dropout=0.1, batch_first=True),
            "sequence first": nn.MultiheadAttention(4, 2),
            "other keys": nn.MultiheadAttention(4, 2, kdim=3, batch_first=True),
            "plain": nn.MultiheadAttention(4, 2, batch_first=True),
        }
    )
    use_linear_attention(tower)
    assert [name for name, m in tower.items() if isinstance(m, LinearAttention)] == ["plain"]
