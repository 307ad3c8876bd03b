"""Autoencoders and the choice of a task against the formulas, written out in float64."""

from __future__ import annotations

import math

import pytest
import torch
from clbench import ConfigError, MethodError, NotFiniteError
from clbench.testing.doubles import tiny_backbone
from clbench_moe_adapters import features as features_module
from clbench_moe_adapters.autoencoder import Autoencoder, decayed_rate, train_autoencoder
from clbench_moe_adapters.features import last_convolution, task_features
from clbench_moe_adapters.selection import CLIP, REFERENCE, Entry, TaskSelector, select_batch, select_each
from hypothesis import given
from hypothesis import strategies as st
from torch import nn


def made(width: int = 6, code: int = 3, seed: int = 0) -> Autoencoder:
    return Autoencoder(width, code, torch.Generator().manual_seed(seed))


def plain(W1, b1, W2, b2, x):
    return 1 / (1 + torch.exp(-((x @ W1.T + b1).clamp(min=0) @ W2.T + b2)))


def weights(autoencoder: Autoencoder) -> list[torch.Tensor]:
    return [p.detach().double().clone() for p in autoencoder.parameters()]


def rows(seed: int, *shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(seed))


def test_errors_are_mean_squares_of_each_image():
    autoencoder, x = made(), rows(1, 5, 6)
    again = plain(*weights(autoencoder), x.double())
    torch.testing.assert_close(autoencoder(x), again.float())
    torch.testing.assert_close(autoencoder.errors(x), ((again - x) ** 2).mean(dim=1).float())


def test_first_weights_are_torch_default_distribution():
    autoencoder = made(400, 100)
    for layer, bound in ((autoencoder.encoder, 1 / 20), (autoencoder.decoder, 1 / 10)):
        for part in (layer.weight.detach(), layer.bias.detach()):
            assert 0.9 * bound < float(part.abs().max()) <= bound


@pytest.mark.parametrize(("step", "rate"), [(0, 1.0), (29, 1.0), (30, 0.1), (59, 0.1), (60, 0.01)])
def test_rate_falls_to_a_tenth_every_ten_epochs(step, rate):
    assert decayed_rate(1.0, step, epoch=3, decay_epochs=10) == pytest.approx(rate)


def test_training_is_adam_with_l2_on_the_mean_squared_error():
    autoencoder, data = made(), [rows(10 + k, 4, 6) for k in range(5)]
    theta = [w.requires_grad_() for w in weights(autoencoder)]
    train_autoencoder(
        autoencoder,
        iter(data),
        steps=5,
        epoch=1,
        rate=0.05,
        decay_epochs=2,
        weight_decay=0.3,
        where="here",
    )
    m, v = [torch.zeros_like(p) for p in theta], [torch.zeros_like(p) for p in theta]
    for k, x in enumerate(data):
        loss = ((plain(*theta, x.double()) - x.double()) ** 2).mean()
        for i, g in enumerate(torch.autograd.grad(loss, theta)):
            g = g + 0.3 * theta[i].detach()
            m[i] = 0.9 * m[i] + 0.1 * g
            v[i] = 0.999 * v[i] + 0.001 * g**2
            mean, square = m[i] / (1 - 0.9 ** (k + 1)), v[i] / (1 - 0.999 ** (k + 1))
            step = 0.05 * 0.1 ** (k // 2) * mean / (square.sqrt() + 1e-8)
            theta[i] = (theta[i].detach() - step).requires_grad_()
    for got, wanted in zip(autoencoder.parameters(), theta, strict=True):
        torch.testing.assert_close(got, wanted.detach().float(), atol=1e-5, rtol=1e-4)
        assert not got.requires_grad


def test_training_makes_its_own_images_familiar():
    basis = rows(0, 2, 12)
    own, foreign = (rows(1, 64, 2) @ basis / 2), rows(2, 64, 12)
    autoencoder = made(12, 4)
    train_autoencoder(
        autoencoder,
        iter(own.split(16) * 50),
        steps=200,
        epoch=4,
        rate=0.01,
        decay_epochs=50,
        weight_decay=0.0,
        where="here",
    )
    assert autoencoder.errors(own).mean() < 0.2 * autoencoder.errors(foreign).mean()


def test_an_error_that_is_not_finite_is_reported_with_its_step():
    data = [rows(0, 4, 6), torch.full((4, 6), math.nan)]
    with pytest.raises(NotFiniteError, match="task digits, step 1") as caught:
        train_autoencoder(
            made(),
            iter(data),
            steps=2,
            epoch=1,
            rate=0.01,
            decay_epochs=10,
            weight_decay=0.0,
            where="task digits",
        )
    assert caught.value.step == 1


KEYS = [REFERENCE, 0, 1]


@pytest.mark.parametrize(
    ("errors", "chosen"),
    [
        ([[0.3, 0.1, 0.2], [0.3, 0.1, 0.2]], 0),
        ([[0.3, 0.1, 0.9], [0.9, 0.8, 0.1]], 0),  # means 0.6, 0.45, 0.5: one image would go elsewhere
        ([[0.1, 0.2, 0.3]], CLIP),  # the reference data explain it best
        ([[0.9, 0.7, 0.8]], CLIP),  # best is task 0, but above its threshold
        ([[0.9, 0.8, 0.65]], 1),  # the threshold of the winner counts
        ([[0.9, 0.6, 0.7]], 0),  # at the threshold
        ([[0.5, 0.4, 0.4]], 0),  # of equal ones the first
    ],
)
def test_choice_for_a_batch(errors, chosen):
    assert select_batch(torch.tensor(errors), KEYS, torch.tensor([0.05, 0.6, 0.7])) == chosen


@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=1, max_size=5))
def test_each_image_by_itself_is_a_batch_of_one(errors):
    table, thresholds = torch.tensor(errors), torch.tensor([0.5, 0.4, 0.6])
    wanted = [select_batch(row[None], KEYS, thresholds) for row in table]
    assert select_each(table, KEYS, thresholds).tolist() == wanted


def test_selector_keeps_its_entries():
    selector, x = TaskSelector(), rows(0, 9, 6)
    for key, threshold in ((1, 1.0), (REFERENCE, 1.0), (0, 0.001)):
        selector.add(key, Entry(made(seed=key + 1), threshold))
    errors = torch.stack([made(seed=key + 1).errors(x) for key in (REFERENCE, 0, 1)], dim=1)
    wanted = select_each(errors, KEYS, torch.tensor([1.0, 0.001, 1.0]))
    assert selector.tasks == [0, 1]
    assert torch.equal(selector.select(x, per_sample=True), wanted)
    assert len(set(selector.select(x, per_sample=False).tolist())) == 1
    again = TaskSelector()
    again.add(7, Entry(made(), 1.0))
    again.load_state_dict(selector.state_dict(), torch.device("cpu"))
    assert again.tasks == [0, 1]
    assert REFERENCE in again
    assert torch.equal(again.select(x, per_sample=True), wanted)


def test_patches_are_the_squashed_patch_embedding():
    backbone, images = tiny_backbone(), rows(0, 2, 3, 16, 16) * 4 - 2
    got = task_features("patches", backbone)(images)
    kernel = backbone.model.visual.conv1.weight  # 32 × 3 × 8 × 8, four patches an image
    patches = images.unfold(2, 8, 8).unfold(3, 8, 8)  # batch, colour, row, column, 8, 8
    embedding = torch.einsum("ncijab,wcab->nwij", patches.double(), kernel.double())
    torch.testing.assert_close(got, torch.sigmoid(embedding).flatten(1).float())
    assert got.shape == (2, 32 * 4)
    assert not got.requires_grad


def test_tokens_are_those_of_patches_behind_half_of_the_blocks():
    backbone, images = tiny_backbone(), rows(0, 2, 3, 16, 16) * 4 - 2
    seen = []
    half = tiny_backbone().model.visual  # two blocks: the first one
    half.transformer.resblocks[0].register_forward_hook(lambda _m, _inputs, out: seen.append(out))
    half(images)
    got = task_features("tokens", backbone)(images)
    torch.testing.assert_close(got, torch.sigmoid(seen[0][:, 1:]).flatten(1).detach())
    assert got.shape == (2, 32 * 4)


def test_embedding_features_have_unit_mean_square_before_the_sigmoid():
    backbone, images = tiny_backbone(), rows(0, 3, 3, 16, 16) * 4 - 2
    x = torch.logit(task_features("embedding", backbone)(images))
    torch.testing.assert_close(x.square().mean(dim=1), torch.ones(3), atol=1e-4, rtol=0)
    cosine = torch.cosine_similarity(x, backbone.encode_image(images))
    torch.testing.assert_close(cosine, torch.ones(3))


def test_features_stay_in_full_precision():
    backbone, images = tiny_backbone(), rows(0, 2, 3, 16, 16)
    features = task_features("patches", backbone)
    exact = features(images)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(features(images), exact)


def tiny_alexnet() -> nn.Module:
    """Something with AlexNet's shape: its features end with a convolution, an activation and a pooling."""
    torch.manual_seed(0)
    model = nn.Module()
    model.features = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 5, 3), nn.ReLU(), nn.MaxPool2d(2)
    )
    return model


def test_alexnet_features_end_with_its_last_convolution(monkeypatch):
    alexnet, images = tiny_alexnet(), rows(0, 2, 3, 16, 16)
    monkeypatch.setattr(features_module, "_alexnet", lambda: alexnet)
    got = task_features("alexnet", tiny_backbone())(images)
    first, relu, last, _, _ = alexnet.features
    torch.testing.assert_close(got, torch.sigmoid(last(relu(first(images)))).flatten(1).detach())
    assert not any(p.requires_grad for p in last_convolution(alexnet).parameters())


def test_alexnet_of_torchvision_gives_43264_numbers():
    from torchvision.models import AlexNet

    with torch.device("meta"):
        convolutions = last_convolution(AlexNet())
        assert convolutions(torch.empty(1, 3, 224, 224)).flatten(1).shape == (1, 43264)


def test_weights_that_cannot_be_had_are_a_clear_error(monkeypatch):
    import torchvision.models

    def offline(**_):
        raise OSError("no route to host")

    monkeypatch.setattr(torchvision.models, "alexnet", offline)
    with pytest.raises(ConfigError, match="AlexNet") as caught:
        task_features("alexnet", tiny_backbone())
    assert "moe-adapters.features=tokens" in caught.value.fix
    assert "no route" in caught.value.why


def test_a_backbone_without_patches_is_refused():
    backbone = tiny_backbone()
    transformer, backbone.model.visual.transformer = backbone.model.visual.transformer, nn.Identity()
    with pytest.raises(MethodError, match="no patch tokens"):
        task_features("tokens", backbone)
    backbone.model.visual.transformer = transformer
    del backbone.model.visual.conv1
    with pytest.raises(MethodError, match="conv1"):
        task_features("patches", backbone)
