"""The residual branch against a plain float64 implementation and against torch's own attention."""

from __future__ import annotations

import numpy as np
import open_clip
import pytest
import torch
from clbench import MethodError
from clbench.models.text import encode_text
from clbench.testing.doubles import tiny_backbone
from clbench_diki.attention import ResidualAttention, residual_attention
from clbench_diki.prompts import PromptPool
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn


def layer(width: int, heads: int, seed: int = 0) -> nn.MultiheadAttention:
    torch.manual_seed(seed)
    made = nn.MultiheadAttention(width, heads, batch_first=True).double().eval()
    nn.init.normal_(made.in_proj_bias)
    nn.init.normal_(made.out_proj.bias)
    return made.requires_grad_(False)


def weights_of(made: nn.MultiheadAttention) -> tuple:
    return (made.in_proj_weight, made.in_proj_bias, made.out_proj.weight, made.out_proj.bias, made.num_heads)


def softmax(scores: np.ndarray) -> np.ndarray:
    powers = np.exp(scores - scores.max(-1, keepdims=True))
    return powers / powers.sum(-1, keepdims=True)


def by_hand(x, made, keys, values, weight, mask=None):
    """Sample by sample, head by head, in numpy; keys and values (batch, slots, width), weight (batch,)."""
    W, b = made.in_proj_weight.numpy(), made.in_proj_bias.numpy()
    width, size = x.shape[-1], x.shape[-1] // made.num_heads
    out = np.zeros_like(x)
    for n in range(len(x)):
        q, k, v = (
            (x[n] @ W[i * width : (i + 1) * width].T) + b[i * width : (i + 1) * width] for i in range(3)
        )
        for h in range(made.num_heads):
            s = slice(h * size, (h + 1) * size)
            own = q[:, s] @ k[:, s].T / np.sqrt(size) + (0 if mask is None else mask)
            slots = q[:, s] @ keys[n][:, s].T / np.sqrt(size)
            out[n][:, s] = softmax(own) @ v[:, s] + weight[n] * softmax(slots) @ values[n][:, s]
    return out @ made.out_proj.weight.numpy().T + made.out_proj.bias.numpy()


@settings(max_examples=25, deadline=None)
@given(
    batch=st.integers(1, 3),
    tokens=st.integers(1, 5),
    slots=st.integers(1, 4),
    heads=st.integers(1, 3),
    causal=st.booleans(),
    per_sample=st.booleans(),
    seed=st.integers(0, 2**16),
)
def test_matches_plain_numpy(batch, tokens, slots, heads, causal, per_sample, seed):
    made = layer(heads * 4, heads, seed)
    random = np.random.default_rng(seed)
    x = random.normal(size=(batch, tokens, heads * 4))
    keys, values = random.normal(size=(2, batch, slots, heads * 4))
    weight = random.uniform(0, 1, batch)
    mask = np.triu(np.full((tokens, tokens), -np.inf), 1) if causal else None
    if not per_sample:
        keys, values = np.repeat(keys[:1], batch, 0), np.repeat(values[:1], batch, 0)
    given_keys, given_values = (torch.tensor(p if per_sample else p[0]) for p in (keys, values))
    got = residual_attention(
        torch.tensor(x),
        *weights_of(made),
        given_keys,
        given_values,
        weight=torch.tensor(weight),
        attn_mask=None if mask is None else torch.tensor(mask),
    )
    np.testing.assert_allclose(got.numpy(), by_hand(x, made, keys, values, weight, mask), atol=1e-10)


@pytest.mark.parametrize(("scale_values", "weight"), [(0.0, 1.0), (1.0, 0.0)])
def test_without_values_or_weight_it_is_torchs_attention(scale_values, weight):
    made = layer(12, 3)
    x, keys, values = torch.randn(2, 5, 12).double(), torch.randn(4, 12).double(), torch.randn(4, 12).double()
    mask = torch.full((5, 5), -torch.inf, dtype=torch.float64).triu(1)
    got = residual_attention(x, *weights_of(made), keys, scale_values * values, weight=weight, attn_mask=mask)
    torch.testing.assert_close(got, made(x, x, x, need_weights=False, attn_mask=mask)[0])


def test_the_branch_ignores_the_mask_and_is_projected_on_the_way_out():
    # All slots hold the same value, so the branch adds exactly that value before the output projection.
    made = layer(8, 2)
    x, value = torch.randn(1, 3, 8).double(), torch.randn(8).double()
    mask = torch.full((3, 3), -torch.inf, dtype=torch.float64).triu(1)
    keys, values = torch.randn(5, 8).double(), value.expand(5, 8)
    plain = residual_attention(x, *weights_of(made), attn_mask=mask)
    got = residual_attention(x, *weights_of(made), keys, values, weight=0.5, attn_mask=mask)
    torch.testing.assert_close(got - plain, (0.5 * value @ made.out_proj.weight.T).expand(1, 3, 8))


def test_mistakes_are_named():
    made = layer(8, 2)
    x = torch.randn(1, 3, 8).double()
    with pytest.raises(ValueError, match="3 heads do not divide"):
        residual_attention(x, *weights_of(made)[:4], 3)
    with pytest.raises(ValueError, match="give both or neither"):
        residual_attention(x, *weights_of(made), torch.zeros(1, 8).double())
    with pytest.raises(ValueError, match="self-attention"):
        ResidualAttention(made)(x, x + 1, x + 1)
    with pytest.raises(MethodError, match="Linear"):
        ResidualAttention(nn.Linear(2, 2))
    with pytest.raises(MethodError, match="batch_first"):
        ResidualAttention(nn.MultiheadAttention(8, 2))


def test_the_layer_keeps_the_original_parameters():
    made = layer(8, 2)
    stand_in = ResidualAttention(made)
    assert set(stand_in.state_dict()) == set(made.state_dict())
    assert stand_in.in_proj_weight is made.in_proj_weight
    x = torch.randn(1, 3, 8).double()
    torch.testing.assert_close(stand_in(x, x, x)[0], made(x, x, x)[0])


def pool_of(model: nn.Module, depth: int = 8) -> PromptPool:
    return PromptPool(
        model, tasks=2, depth=depth, slots=3, generator=lambda _name: torch.Generator().manual_seed(1)
    )


@pytest.mark.parametrize("depth", [1, 8])
def test_both_towers_of_open_clip_take_prompts(depth):
    backbone, initial = tiny_backbone().freeze(), tiny_backbone().freeze()
    pool = pool_of(backbone.model, depth)
    assert len(pool.state_dict()) == 2 * min(depth, 2)  # two layers a tower
    images, tokens = torch.randn(3, 3, 16, 16), backbone.tokenize(["a cat", "a photo of a very long dog"])

    with pool.injected(pool.of_task(0)):  # values are zero
        torch.testing.assert_close(backbone.encode_image(images), initial.encode_image(images))
        torch.testing.assert_close(backbone.encode_text(tokens), initial.encode_text(tokens))

    pool.write(0, {name: torch.randn_like(p) for name, p in pool.of_task(0).items()})
    with pool.injected(pool.of_task(0)):
        assert not torch.allclose(backbone.encode_image(images), initial.encode_image(images), atol=1e-3)
        prompted = backbone.encode_text(tokens)
        # Cutting the text, and with it the mask, changes nothing; nor does the longer text beside it.
        torch.testing.assert_close(prompted, encode_text(backbone.model, tokens, everything=True))
        torch.testing.assert_close(prompted[:1], backbone.encode_text(tokens[:1]))
        assert not torch.allclose(prompted, initial.encode_text(tokens), atol=1e-3)
    torch.testing.assert_close(backbone.encode_image(images), initial.encode_image(images))


def test_injection_of_each_sample_equals_one_by_one():
    backbone = tiny_backbone().freeze()
    pool = pool_of(backbone.model)
    for task in range(2):
        pool.write(task, {name: torch.randn_like(p) for name, p in pool.of_task(task).items()})
    images, tasks, weights = torch.randn(3, 3, 16, 16), torch.tensor([1, 0, 1]), torch.tensor([0.1, 0.9, 0.4])
    with pool.injected(pool.of_samples(tasks), weights):
        together = backbone.encode_image(images)
    for n in range(3):
        with pool.injected(pool.of_task(int(tasks[n])), float(weights[n])):
            torch.testing.assert_close(together[n : n + 1], backbone.encode_image(images[n : n + 1]))


def test_an_error_inside_leaves_nothing_injected():
    backbone = tiny_backbone().freeze()
    pool = pool_of(backbone.model)
    pool.write(0, {name: torch.randn_like(p) for name, p in pool.of_task(0).items()})
    images = torch.randn(1, 3, 16, 16)
    with pytest.raises(RuntimeError, match="inside"), pool.injected(pool.of_task(0)):
        raise RuntimeError("inside")
    torch.testing.assert_close(backbone.encode_image(images), tiny_backbone().encode_image(images))


def test_towers_of_another_make_are_refused():
    resnet = open_clip.CLIP(
        embed_dim=8,
        vision_cfg={"layers": [1, 1, 1, 1], "width": 8, "image_size": 32},
        text_cfg={"context_length": 8, "vocab_size": 100, "layers": 1, "width": 8, "heads": 1},
    )
    with pytest.raises(MethodError, match=r"visual\.transformer\.resblocks"):
        pool_of(resnet)
