"""The backbones: sizes as declared, QuickGELU where OpenAI's weights need it."""

from __future__ import annotations

import open_clip
import pytest
import torch
from clbench.errors import ConfigError
from clbench.models import load_open_clip
from clbench_mtil.models import vit_b_32_random
from clbench_mtil.plugin import clbench_backbones
from open_clip.transformer import QuickGELU


@pytest.mark.parametrize("spec", clbench_backbones(), ids=lambda spec: spec.name)
def test_parameters_are_as_many_as_declared(spec):
    architecture = f"{spec.name.partition('.')[0]}-quickgelu"
    with torch.device("meta"):
        model = open_clip.create_model(architecture, load_weights=False, device="meta")
    assert sum(p.numel() for p in model.parameters()) == spec.parameters
    assert model.visual.image_size in (spec.image_size, (spec.image_size, spec.image_size))


def test_random_weights_have_the_activation_of_openai(tmp_path):
    backbone = vit_b_32_random("cpu")
    assert backbone.activation == "quickgelu"
    assert sum(isinstance(m, QuickGELU) for m in backbone.model.modules()) == 24
    assert backbone.preprocessing.size == 224
    assert backbone.preprocessing.mean == pytest.approx((0.48145466, 0.4578275, 0.40821073))


@pytest.mark.parametrize(
    ("architecture", "weights", "fix"),
    [
        ("ViT-B-16", "openai", "load them into ViT-B-16-quickgelu"),
        ("ViT-B-16-quickgelu", "laion2b_s34b_b88k", "load them into ViT-B-16"),
    ],
)
def test_weights_of_another_activation_are_refused(architecture, weights, fix, monkeypatch):
    config = open_clip.get_pretrained_cfg("ViT-B-16", weights)
    monkeypatch.setattr(open_clip, "get_pretrained_cfg", lambda model, tag: config)
    monkeypatch.setattr(open_clip, "create_model", lambda *a, **k: pytest.fail("it was loaded"))
    with pytest.raises(ConfigError) as caught:
        load_open_clip("x", architecture, weights)
    assert caught.value.fix == fix
