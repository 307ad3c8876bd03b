"""The short way through a tower gives what the model's own forward gives, whatever has been made of it."""

from __future__ import annotations

import pytest
import torch
from clbench.models import blocks
from clbench.testing import tiny_backbone
from peft import LoraConfig, inject_adapter_in_model
from torch import nn

TEXTS = ["a photo of a cat.", "a photo of a dog.", "the sea"]


class Doubling(nn.Module):
    """Around a layer: its output, twice."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:  # open_clip and torch read weights of layers that they do not call
            return getattr(super().__getattr__("layer"), name)

    def forward(self, x):
        return 2 * self.layer(x)


class Mixing(Doubling):
    """Around a layer: its output with the mean over tokens."""

    def forward(self, x):
        y = self.layer(x)
        return y + y.mean(dim=1, keepdim=True)


def lora(model, *targets):
    """Adapters with random weights, so that they have an effect."""
    inject_adapter_in_model(LoraConfig(r=2, lora_alpha=8, target_modules=list(targets)), model)
    for name, parameter in model.named_parameters():
        if ".lora_" in name:
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(0))


def each_tower(change):
    def apply(model):
        for tower in (model.transformer, model.visual.transformer):
            for block in tower.resblocks:
                change(block)

    return apply


def around(place, wrap):
    def change(block):
        owner, _, name = place.rpartition(".")
        module = block.get_submodule(owner)
        setattr(module, name, wrap(getattr(module, name)))

    return each_tower(change)


CHANGES = {
    "nothing": lambda model: None,
    "lora on out_proj": lambda model: lora(model, "out_proj"),
    "lora on the MLP": lambda model: lora(model, "c_fc", "c_proj"),
    "lora on all": lambda model: lora(model, "out_proj", "c_fc", "c_proj"),
    "another out_proj": around("attn.out_proj", Doubling),
    "another MLP": around("mlp", Doubling),
    "an MLP that mixes tokens": around("mlp", Mixing),
    "a norm that mixes tokens": around("ln_2", Mixing),
    "a hook on the MLP": each_tower(lambda b: b.mlp.register_forward_hook(lambda *a: 1 + a[2].mean(1, True))),
    "a hook on out_proj": each_tower(lambda b: b.attn.out_proj.register_forward_hook(lambda *a: 2 * a[2])),
    "another last norm": lambda model: setattr(model, "ln_final", Mixing(model.ln_final)),
    "other token embeddings": lambda model: setattr(model, "token_embedding", Mixing(model.token_embedding)),
    "another encode_text": lambda model: setattr(model, "encode_text", lambda t: torch.ones(len(t), 4)),
    "another encode_image": lambda model: setattr(model, "encode_image", lambda x: torch.ones(len(x), 4)),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
@torch.no_grad()
def test_embeddings_are_those_of_the_models_own_forward(change):
    backbone = tiny_backbone()
    images = torch.randn(3, 3, *[backbone.preprocessing.size] * 2, generator=torch.Generator().manual_seed(0))
    tokens = backbone.tokenize(TEXTS)
    before = backbone.model.encode_text(tokens), backbone.model.encode_image(images)
    CHANGES[change](backbone.model)
    text, image = backbone.model.encode_text(tokens), backbone.model.encode_image(images)
    torch.testing.assert_close(backbone.encode_text(tokens), text, rtol=0, atol=1e-5)
    torch.testing.assert_close(backbone.encode_image(images), image, rtol=0, atol=1e-5)
    if change == "lora on the MLP":  # the test would say nothing if the adapters did nothing
        assert float((text - before[0]).abs().max()) > 1e-2
        assert float((image - before[1]).abs().max()) > 1e-2


def test_the_short_way_is_taken_where_it_is_right():
    plain, adapted, bypassed = tiny_backbone().model, tiny_backbone().model, tiny_backbone().model
    lora(adapted, "c_fc", "c_proj")
    lora(bypassed, "out_proj")  # open_clip's attention reads its weights and never calls it
    for model, known in ((plain, True), (adapted, True), (bypassed, False)):
        assert blocks.known_blocks(model.transformer) is known
        assert blocks.known_blocks(model.visual.transformer) is known
