"""EWC and the model soup on the tiny stream, against plain implementations."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
import torch.nn.functional as F
from clbench.testing import tiny_backbone, tiny_context, tiny_stream
from clbench_baselines.ewc import EWC
from clbench_baselines.finetune import FineTune
from clbench_baselines.settings import EWCSettings, FineTuneSettings, SoupSettings
from clbench_baselines.soup import ModelSoup

QUICK = {"iterations": 4, "warmup": 1, "lr": 1e-3, "batch_size": 8}
STREAM = tiny_stream(tasks=2, train=20)
TASKS = [task.for_training(i) for i, task in enumerate(STREAM.tasks)]
SETTINGS = {FineTune: FineTuneSettings, EWC: EWCSettings, ModelSoup: SoupSettings}
SMALL = {EWC: {"fisher_samples": 5}}


def build(method, **changes):
    settings = SETTINGS[method](**QUICK | SMALL.get(method, {}) | changes)
    return method(tiny_backbone(), settings, tiny_context(STREAM))


def learn(instance, *tasks):
    for index in tasks:
        instance.context.begin(f"{index}:{TASKS[index].key}")
        instance.learn(TASKS[index])
    return instance


def weights(instance):
    """All weights by name but the attention's key biases: their gradient is rounding alone."""
    values = {name: p.detach().clone() for name, p in instance.backbone.trainable()}
    for name, value in values.items():
        if name.endswith("in_proj_bias"):
            value.chunk(3)[1].zero_()
    return values


def distance(a, b) -> float:
    return float(sum((a[n] - b[n]).square().sum() for n in a) ** 0.5)


@functools.cache
def fine_tuned(*tasks):
    return weights(learn(build(FineTune), *tasks))


@functools.cache
def start():
    return weights(build(FineTune))


# -- EWC --------------------------------------------------------------------------------------------


def test_fisher_information_is_the_mean_squared_gradient_of_single_images():
    method = build(EWC, fisher_samples=7)
    method.context.begin("0:t0")
    fisher = method._fisher_information(TASKS[0])
    twin = build(EWC)
    twin.context.begin("0:t0")
    batches = twin.context.batches(TASKS[0].train, 1, name="fisher")
    expected = {n: torch.zeros_like(p, dtype=torch.float64) for n, p in twin.backbone.trainable()}
    for _ in range(7):
        batch = next(batches)
        W = F.normalize(
            twin.backbone.model.encode_text(twin.backbone.tokenize(TASKS[0].labels.first_prompts)), dim=-1
        )
        Z = F.normalize(twin.backbone.encode_image(batch.images), dim=-1)
        twin.backbone.model.zero_grad()
        (-(100.0 * Z @ W.T).log_softmax(1)[0, batch.labels[0]]).backward()
        for name, parameter in twin.backbone.trainable():
            expected[name] += parameter.grad.double() ** 2 / 7
    assert fisher.keys() == expected.keys()
    for name, value in fisher.items():
        scale = float(expected[name].max())
        torch.testing.assert_close(value.double(), expected[name], rtol=1e-3, atol=1e-4 * scale, msg=name)
    assert all(p.grad is None for p in method.backbone.model.parameters())


def test_without_strength_or_in_the_first_task_ewc_is_fine_tuning():
    assert distance(weights(learn(build(EWC), 0)), fine_tuned(0)) < 1e-5
    assert distance(weights(learn(build(EWC, strength=0.0), 0, 1)), fine_tuned(0, 1)) < 1e-4


def test_the_pull_is_the_gradient_of_the_penalty():
    method = learn(build(EWC, strength=50.0), 0)
    fisher, centre = copy.deepcopy(method._fisher), copy.deepcopy(method._centre)
    seen = []

    def fit(task, parameters, step, *, before_optimizer, **_):
        with torch.no_grad():
            for p in parameters:
                p.add_(torch.randn(p.shape, generator=torch.Generator().manual_seed(0)), alpha=0.01)
                p.grad = torch.ones_like(p)
        before_optimizer(0)
        seen.append({n: (p.detach().clone(), p.grad.clone()) for n, p in method.backbone.trainable()})

    method.context.fit = fit
    method.learn(TASKS[1])
    for name, (theta, gradient) in seen[0].items():
        theta = theta.double().requires_grad_()
        penalty = 50.0 / 2 * (fisher[name].double() * (theta - centre[name].double()) ** 2).sum()
        expected = 1 + torch.autograd.grad(penalty, theta)[0]
        torch.testing.assert_close(gradient.double(), expected, rtol=1e-5, atol=1e-6)


def test_ewc_keeps_important_weights_near():
    first = fine_tuned(0)

    def shift(strength):
        method = learn(build(EWC, strength=strength), 0)
        fisher = copy.deepcopy(method._fisher)
        learn(method, 1)
        now = weights(method)
        return sum(float((fisher[n] * (now[n] - first[n]) ** 2).sum()) for n in now)

    assert shift(1e6) < 0.5 * shift(0.0)


@pytest.mark.parametrize("decay", [1.0, 0.25])
def test_penalties_of_all_tasks_are_one_quadratic(decay):
    method = build(EWC, decay=decay)
    (name, theta), *_ = method.backbone.trainable()
    drawn = torch.Generator().manual_seed(0)
    points = [torch.randn(theta.shape, generator=drawn) for _ in range(3)]
    fishers = [torch.rand(theta.shape, generator=drawn) for _ in range(3)]
    fishers[0][..., :1] = fishers[1][..., :1] = 0  # weights that have not mattered yet
    others = {n: torch.zeros_like(p) for n, p in method.backbone.trainable()}
    for point, fisher in zip(points, fishers, strict=True):
        theta.data.copy_(point)
        method._consolidate(others | {name: fisher})
    probe, far = (torch.randn(theta.shape, generator=drawn).double() for _ in range(2))

    def separate(x):
        weighted = (decay ** (2 - t) * f.double() for t, f in enumerate(fishers))
        return sum((f * (x - p.double()) ** 2).sum() for f, p in zip(weighted, points, strict=True))

    def together(x):
        return (method._fisher[name].double() * (x - method._centre[name].double()) ** 2).sum()

    # Equal up to a constant that does not depend on the weights.
    torch.testing.assert_close(
        together(probe) - together(far), separate(probe) - separate(far), rtol=1e-4, atol=1e-3
    )
    assert all(torch.isfinite(c).all() for c in method._centre.values())


def test_online_ewc_is_anchored_at_the_latest_weights():
    method = learn(build(EWC, anchor="latest"), 0, 1)
    latest = {n: p.detach() for n, p in method.backbone.trainable()}
    assert all(torch.equal(method._centre[n], latest[n]) for n in latest)
    assert any(not torch.equal(learn(build(EWC), 0, 1)._centre[n], latest[n]) for n in latest)


# -- model soup -------------------------------------------------------------------------------------


@pytest.mark.parametrize("include_initial", [False, True])
def test_soup_is_the_mean_of_the_tasks_models(include_initial):
    method = learn(build(ModelSoup, include_initial=include_initial), 0)
    ingredients = [start(), fine_tuned(0)] if include_initial else [fine_tuned(0)]
    mean = {n: torch.stack([i[n] for i in ingredients]).mean(0) for n in start()}
    assert distance(weights(method), mean) < 1e-5
    # The second model begins at the mean so far.
    twin = build(FineTune)
    twin.backbone.model.load_state_dict(method.backbone.model.state_dict())
    ingredients.append(weights(learn(twin, 1)))
    mean = {n: torch.stack([i[n] for i in ingredients]).mean(0) for n in start()}
    assert distance(weights(learn(method, 1)), mean) < 1e-4


def test_soup_of_models_that_all_begin_at_the_initial_one():
    soup = weights(learn(build(ModelSoup, start="initial"), 0, 1))
    ingredients = [fine_tuned(0), fine_tuned(1)]
    assert distance(soup, {n: (ingredients[0][n] + ingredients[1][n]) / 2 for n in soup}) < 1e-4
    assert distance(soup, weights(learn(build(ModelSoup), 0, 1))) > 1e-3
