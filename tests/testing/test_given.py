"""A method learns from given batches as it would from its own."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from clbench import ConfigError
from clbench.errors import UnknownNameError
from clbench.testing import learn_given, tiny_backbone

PROMPTS = ["a photo of a cat.", "a photo of a dog.", "a photo of a very long thing."]
QUICK = {"iterations": 6, "warmup": 2, "lr": 1e-4}


def inputs(seed, *sizes):
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(n, 3, 16, 16, generator=random) for n in sizes]


def labelled(seed, *sizes):
    random = torch.Generator().manual_seed(seed + 1)
    return [(x, torch.randint(3, (len(x),), generator=random)) for x in inputs(seed, *sizes)]


def weights(model):
    """Without the key biases of attention: their true gradient is zero."""
    values = {n: p.detach().clone() for n, p in model.named_parameters()}
    for name, value in values.items():
        if name.endswith("in_proj_bias"):
            value.chunk(3)[1].zero_()
    return values


def test_fine_tuning_takes_the_given_batches_in_their_order_as_they_are():
    start, batches = tiny_backbone(), labelled(0, 5, 7, 4)
    digest = start.weights_digest
    method = learn_given("finetune", start, batches=batches, prompts=PROMPTS, settings=QUICK)
    model, tokens = tiny_backbone().model, start.tokenize(PROMPTS)
    trained = [p for n, p in model.named_parameters() if n != "logit_scale"]
    optimizer = torch.optim.AdamW(trained, lr=1.0, weight_decay=0.0)
    for k in range(7):
        images, labels = batches[k % 3]
        optimizer.param_groups[0]["lr"] = (
            QUICK["lr"] * (k + 1) / 2
            if k < 2
            else QUICK["lr"] * 0.5 * (1 + torch.cos(torch.tensor(torch.pi * (k - 2) / 4)).item())
        )
        Z, W = F.normalize(model.encode_image(images), dim=-1), F.normalize(model.encode_text(tokens), dim=-1)
        optimizer.zero_grad()
        F.cross_entropy(100.0 * Z @ W.T, labels, label_smoothing=0.2).backward()
        optimizer.step()
    ours, theirs = weights(method.backbone.model), weights(model)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5)
    assert max((ours[n] - p).abs().max() for n, p in weights(tiny_backbone().model).items()) > 2e-4
    start.__dict__.pop("weights_digest")
    assert start.weights_digest == digest  # what was handed in stays as it was


def test_a_second_task_has_another_initial_model():
    given = {
        "batches": labelled(0, 6),
        "prompts": PROMPTS,
        "reference": inputs(3, 6, 5),
        "reference_texts": ["one thing", "another thing"],
        "settings": QUICK | {"l2": 0.0, "ensemble": False},
    }
    later = tiny_backbone(seed=1)
    alone, taught = (
        learn_given("zscl", later, initial=initial, **given) for initial in (None, tiny_backbone())
    )
    a, b = weights(alone.backbone.model), weights(taught.backbone.model)
    assert max((a[n] - b[n]).abs().max() for n in a) > 1e-4


def test_generated_images_replace_the_generators():
    def learned(seed, words):
        generated = [(x, words[: len(x)]) for x in inputs(seed, 4, 3)]
        method = learn_given(
            "gift",
            tiny_backbone(),
            batches=labelled(0, 6),
            prompts=PROMPTS,
            generated=generated,
            settings=QUICK,
        )
        return weights(method.backbone.model)

    words = ["a house", "a tree", "a house", "a road"]
    one, again, other, renamed = (
        learned(5, words),
        learned(5, words),
        learned(6, words),
        learned(5, words[::-1]),
    )
    assert all(torch.equal(one[n], again[n]) for n in one)
    for changed in (other, renamed):
        assert max((one[n] - changed[n]).abs().max() for n in one) > 1e-4


def test_mistakes_are_named():
    start, given = tiny_backbone(), {"batches": labelled(0, 5), "prompts": PROMPTS}
    with pytest.raises(UnknownNameError, match="finetun"):
        learn_given("finetun", start, **given)
    with pytest.raises(ConfigError, match="stepz"):
        learn_given("finetune", start, settings={"stepz": 1}, **given)
    with pytest.raises(ConfigError, match="warms up for 2 of 1"):
        learn_given("finetune", start, settings={"iterations": 1, "warmup": 2}, **given)
    with pytest.raises(ConfigError, match="one label for each image"):
        learn_given("finetune", start, batches=[(given["batches"][0][0], torch.zeros(3))], prompts=PROMPTS)
    with pytest.raises(ConfigError, match="no reference data"):
        learn_given("zscl", start, settings=QUICK, **given)
    with pytest.raises(ConfigError, match="class pool"):
        learn_given("gift", start, settings=QUICK, **given)
    with pytest.raises(ConfigError, match="one prompt each"):
        learn_given("gift", start, settings=QUICK, generated=[(inputs(0, 2)[0], ["one"])], **given)
