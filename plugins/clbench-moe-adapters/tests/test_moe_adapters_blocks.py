"""Adapters and adapted blocks against the formulas, written out in float64."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from clbench import MethodError
from clbench.models import text_features
from clbench.testing.doubles import tiny_backbone
from clbench_moe_adapters.blocks import AdaptedBlock, Adapter, Route, mix_experts
from clbench_moe_adapters.mixture import AdapterMixture
from clbench_moe_adapters.texts import SharedTexts
from torch import nn


def adapter(width: int = 8, bottleneck: int = 3, *, seed: int = 0, dropout: float = 0.0) -> Adapter:
    """An adapter whose every weight is drawn, in float64."""
    generator = torch.Generator().manual_seed(seed)
    made = Adapter(width, bottleneck, scale=0.1, dropout=dropout, generator=generator).double()
    for parameter in made.parameters():
        nn.init.normal_(parameter, generator=generator)
    return made


def plain_adapter(a: Adapter, x: torch.Tensor) -> torch.Tensor:
    code = (x @ a.down_proj.weight.T + a.down_proj.bias).clamp(min=0)
    return 0.1 * (code @ a.up_proj.weight.T + a.up_proj.bias)


def drawn(seed: int, *shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def sparse_gates() -> torch.Tensor:
    """Five sequences, four experts, the last of which nobody chooses."""
    return torch.tensor(
        [[0.3, 0.7, 0, 0], [0, 0.4, 0.6, 0], [0.5, 0.5, 0, 0], [0, 1.0, 0, 0], [0, 0.2, 0.8, 0]],
        dtype=torch.float64,
    )


def mixture(model: nn.Module, **changed) -> AdapterMixture:
    """Adapters in a tiny CLIP, all their weights drawn."""
    values = {"tasks": 3, "experts": 4, "top_k": 2, "bottleneck": 5, "scale": 0.1, "dropout": 0.0}
    generator = torch.Generator().manual_seed(5)
    made = AdapterMixture(model, **{"towers": "both", "generator": generator, **values, **changed})
    with torch.no_grad():
        for block in made.blocks.values():
            for name, parameter in block.named_parameters():
                if name.startswith(("adaptmlp_list", "router_list", "w_noise_list")):
                    parameter.normal_(generator=generator)
    return made


def test_adapter_is_its_formula():
    a, x = adapter(), drawn(1, 2, 4, 8)
    torch.testing.assert_close(a(x), plain_adapter(a, x))


def test_adapter_starts_as_zero_with_kaiming_uniform_input():
    a = Adapter(64, 500, scale=0.1, dropout=0.1, generator=torch.Generator().manual_seed(0))
    assert not a(torch.randn(3, 64)).any()
    W = a.down_proj.weight.detach()
    assert 0.99 / 8 < float(W.max()) <= 1 / 8
    assert float(W.std()) == pytest.approx(1 / 8 / 3**0.5, rel=0.02)
    assert not any(part.any() for part in (a.down_proj.bias, a.up_proj.weight, a.up_proj.bias))


def test_dropout_is_inside_and_for_training_alone():
    a, x = adapter(bottleneck=400, dropout=0.25), drawn(1, 1, 1, 8)
    torch.testing.assert_close(a(x), plain_adapter(a, x))
    torch.manual_seed(0)
    mean = torch.stack([a(x, training=True) for _ in range(400)]).mean(dim=0)
    assert not torch.allclose(a(x, training=True), a(x))
    torch.testing.assert_close(mean, a(x), atol=0.3, rtol=0)


def test_mixing_chosen_experts_is_the_dense_sum():
    experts = nn.ModuleList(adapter(seed=e) for e in range(4))
    x, G = drawn(1, 5, 3, 8).requires_grad_(), sparse_gates().requires_grad_()
    mixed, used = mix_experts(x, G, experts)
    dense = sum(G[:, e, None, None] * plain_adapter(a, x) for e, a in enumerate(experts))
    torch.testing.assert_close(mixed, dense)
    assert used == [2, 5, 2, 0]
    direction = drawn(2, 5, 3, 8)
    parameters = [x, G, *experts[0].parameters(), *experts[1].parameters(), *experts[2].parameters()]
    got = torch.autograd.grad((mixed * direction).sum(), parameters)
    wanted = torch.autograd.grad((dense * direction).sum(), parameters)
    for name, (mine, plain) in enumerate(zip(got, wanted, strict=True)):
        # The gates of experts that did not run get no gradient; behind a top-k none would flow through them.
        torch.testing.assert_close(mine, plain * (sparse_gates() > 0) if name == 1 else plain)


def test_an_expert_that_nobody_chooses_gets_no_gradient():
    experts = nn.ModuleList(adapter(seed=e) for e in range(4))
    mix_experts(drawn(1, 5, 3, 8), sparse_gates(), experts)[0].sum().backward()
    assert all(p.grad is None for p in experts[3].parameters())
    assert all(p.grad is not None for p in experts[2].parameters())


def test_adapted_block_is_its_formula():
    original = copy.deepcopy(tiny_backbone().model.transformer.resblocks[0]).double()
    made = mixture(tiny_backbone().model)
    block = made.blocks["transformer.resblocks.0"].double()
    x, mask = drawn(3, 6, 7, 32), torch.full((7, 7), -torch.inf, dtype=torch.float64).triu(1)
    y = original.ln_1(x)
    h = x + original.attn(y, y, y, need_weights=False, attn_mask=mask)[0]
    logits = h[:, 0] @ block.router_list[1]
    top = logits.topk(2, dim=1)
    gates = torch.zeros_like(logits).scatter(1, top.indices, top.values.softmax(dim=1))
    mixed = sum(gates[:, e, None, None] * plain_adapter(a, h) for e, a in enumerate(block.adaptmlp_list))
    wanted = h + original.mlp(original.ln_2(h)) + mixed
    block.route = Route(1)
    torch.testing.assert_close(block(x, attn_mask=mask), wanted)
    block.route = None
    torch.testing.assert_close(block(x, attn_mask=mask), h + original.mlp(original.ln_2(h)))
    block.route = Route(1, text_length=5)
    torch.testing.assert_close(block(x, attn_mask=mask), wanted[:, :5])


def test_without_a_route_the_model_is_clip_and_with_untrained_adapters_too():
    backbone, plain = tiny_backbone(), tiny_backbone()
    made = mixture(backbone.model)
    images = drawn(1, 3, 3, 16, 16).float()
    tokens = plain.tokenize(["a photo of a ring.", "dots"])
    for _ in range(2):
        torch.testing.assert_close(backbone.encode_image(images), plain.encode_image(images))
        torch.testing.assert_close(backbone.encode_text(tokens), plain.encode_text(tokens))
        for name, parameter in backbone.model.named_parameters():
            if "up_proj" in name:
                nn.init.zeros_(parameter)
        for block in made.blocks.values():
            block.route = Route(0)


def test_routes_of_tasks_differ_and_end_with_the_block():
    backbone, images = tiny_backbone(), drawn(1, 3, 3, 16, 16).float()
    made = mixture(backbone.model)
    before = backbone.encode_image(images)
    with made.routed(0):
        first = backbone.encode_image(images)
    with made.routed(1):
        second = backbone.encode_image(images)
    assert not torch.allclose(first, second, atol=1e-3)
    assert not torch.allclose(first, before, atol=1e-3)
    assert torch.equal(backbone.encode_image(images), before)


def test_at_test_all_texts_take_the_same_experts():
    backbone = tiny_backbone()
    made = mixture(backbone.model)
    seen: list[set[int]] = []
    for name, block in made.blocks.items():
        if name.startswith("transformer"):
            for expert in block.adaptmlp_list:
                expert.register_forward_hook(lambda _m, inputs, _out: seen.append(len(inputs[0])))
    with made.routed(0):
        text_features(backbone, ["a photo of a ring.", "dots", "three small stars"])
    assert seen == [3] * 4  # two blocks, two experts each


def test_texts_cut_behind_their_end_are_the_same():
    backbone, texts = tiny_backbone(), ["a photo of a ring.", "dots", "three small stars"]
    made = mixture(backbone.model)
    length = int(backbone.tokenize(texts).argmax(dim=-1).max()) + 1
    assert length < 12
    with made.routed(2):
        full = text_features(backbone, texts)
    with made.routed(2, text_length=length):
        cut = text_features(backbone, texts)
    torch.testing.assert_close(cut, full, atol=1e-6, rtol=0)


@torch.no_grad()
def test_texts_that_share_their_beginnings_are_the_same_at_test():
    texts = ["a photo of a ring.", "a photo of two rings.", "dots", "a photo", "a drawing of a ring.", "dots"]
    backbone = tiny_backbone()
    made, shared = mixture(backbone.model), SharedTexts(backbone)
    tokens = backbone.tokenize(texts)
    for task in (0, 2):
        with made.routed(task):
            torch.testing.assert_close(
                shared.encode_text(tokens), backbone.encode_text(tokens), atol=1e-5, rtol=1e-5
            )
    assert torch.equal(shared.encode_text(tokens), backbone.encode_text(tokens))  # plain CLIP


@torch.no_grad()
def test_texts_run_whole_where_sharing_would_not_be_exact(monkeypatch):
    backbone = tiny_backbone()
    made, shared = mixture(backbone.model), SharedTexts(backbone)
    tokens = backbone.tokenize(["a photo of a ring.", "dots"])
    monkeypatch.setattr("clbench_moe_adapters.texts.prefix_tree", None)  # whoever shares would stumble
    with made.routed(0), pytest.raises(TypeError):
        shared.encode_text(tokens)
    with made.routed(0, training=True):
        shared.encode_text(tokens)
    shared.official_compute = True
    with made.routed(0):
        shared.encode_text(tokens)


def test_parameters_have_the_names_of_the_authors_checkpoints():
    backbone = tiny_backbone()
    mixture(backbone.model)
    names = set(backbone.model.state_dict())
    assert set(tiny_backbone().model.state_dict()) <= names
    for tower in ("visual.transformer", "transformer"):
        for inner in (
            "adaptmlp_list.3.down_proj.weight",
            "adaptmlp_list.0.up_proj.bias",
            "router_list.2",
            "w_noise_list.0",
        ):
            assert f"{tower}.resblocks.1.{inner}" in names


def test_adapters_of_vit_b_16_have_the_published_number_of_parameters():
    # 22 adapters of d → 64 → d in 12 + 12 blocks; 11 routers and noise matrices of d × 22 in each.
    adapters = sum(12 * 22 * (2 * d * 64 + 64 + d) for d in (768, 512))
    routers = sum(12 * 11 * 2 * d * 22 for d in (768, 512))
    assert (adapters, routers) == (43_625_472, 7_434_240)
    a = Adapter(768, 64, scale=0.1, dropout=0.1, generator=torch.Generator())
    assert sum(p.numel() for p in a.parameters()) == 2 * 768 * 64 + 64 + 768


def test_most_used_experts_are_frozen_and_stay_so():
    made = mixture(tiny_backbone().model)
    first, *_, last = made.blocks.values()
    first.usage, last.usage = [5, 9, 9, 1], [0, 0, 3, 2]
    made.freeze_most_used(2)
    assert (first.frozen, last.frozen) == ({1, 2}, {2, 3})
    with made.trainable(1) as parameters:
        assert first.usage == [0] * 4
        trained = {id(p) for p in parameters}
        assert all(p.requires_grad for p in parameters)
    for e, expert in enumerate(first.adaptmlp_list):
        assert {id(p) in trained for p in expert.parameters()} == {e not in first.frozen}
    assert [id(p) in trained for p in first.router_list] == [False, True, False]
    assert [id(p) in trained for p in first.w_noise_list] == [False, True, False]
    assert not any(p.requires_grad for p in first.adaptmlp_list.parameters())
    first.usage, last.usage = [0, 9, 9, 8], [1, 2, 0, 0]
    made.freeze_most_used(2)
    assert (first.frozen, last.frozen) == ({1, 2}, {0, 1, 2, 3})


def test_usage_counts_sequences_of_training_routes():
    backbone = tiny_backbone()
    made = mixture(backbone.model)
    images = drawn(1, 5, 3, 16, 16).float()
    block = made.blocks["visual.transformer.resblocks.0"]
    with made.routed(0):
        backbone.encode_image(images)
    assert sum(block.usage) == 0
    with made.routed(0, training=True):
        backbone.encode_image(images)
        backbone.encode_image(images)
    assert sum(block.usage) == 5 * 2 * 2  # images, experts of each, passes


def test_adapters_of_one_tower_leave_the_other_alone():
    backbone = tiny_backbone()
    made = mixture(backbone.model, towers="vision")
    assert all(name.startswith("visual.") for name in made.blocks)
    assert not any(isinstance(block, AdaptedBlock) for block in backbone.model.transformer.resblocks)


def test_blocks_of_another_make_are_refused():
    backbone = tiny_backbone()
    backbone.model.transformer.resblocks[0] = nn.TransformerEncoderLayer(32, 2)
    with pytest.raises(MethodError, match="TransformerEncoderLayer"):
        mixture(backbone.model)
    with pytest.raises(MethodError, match="no transformer blocks"):
        mixture(nn.Linear(2, 2))


def test_saved_adapters_of_other_settings_are_refused():
    state = mixture(tiny_backbone().model).state_dict()
    again = mixture(tiny_backbone().model)
    for parameter in again.blocks["transformer.resblocks.1"].parameters():
        nn.init.ones_(parameter)
    again.load_state_dict(state)
    assert all(torch.equal(v, state["parameters"][n]) for n, v in again.state_dict()["parameters"].items())
    with pytest.raises(MethodError, match="do not fit"):
        mixture(tiny_backbone().model, experts=5).load_state_dict(state)


def test_gelu_variants_are_kept():
    plain, backbone = tiny_backbone(quick_gelu=True), tiny_backbone(quick_gelu=True)
    mixture(backbone.model)
    images = drawn(1, 2, 3, 16, 16).float()
    torch.testing.assert_close(
        F.normalize(backbone.encode_image(images)), F.normalize(plain.encode_image(images))
    )
