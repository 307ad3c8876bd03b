"""iCaRL, EWC and the model soup on the tiny stream, against plain implementations."""

from __future__ import annotations

import copy
import functools

import pytest
import torch
import torch.nn.functional as F
from clbench.methods import warmup_cosine
from clbench.testing import tiny_backbone, tiny_context, tiny_stream
from clbench_baselines.ewc import EWC
from clbench_baselines.finetune import FineTune
from clbench_baselines.icarl import ICaRL
from clbench_baselines.settings import EWCSettings, FineTuneSettings, ICaRLSettings, SoupSettings
from clbench_baselines.soup import ModelSoup

QUICK = {"iterations": 4, "warmup": 1, "lr": 1e-3, "batch_size": 8}
STREAM = tiny_stream(tasks=2, train=20)
TASKS = [task.for_training(i) for i, task in enumerate(STREAM.tasks)]
SETTINGS = {FineTune: FineTuneSettings, ICaRL: ICaRLSettings, EWC: EWCSettings, ModelSoup: SoupSettings}
SMALL = {ICaRL: {"memory": 10, "exemplar_batch_size": 6}, EWC: {"fisher_samples": 5}}


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


# -- iCaRL ------------------------------------------------------------------------------------------


def test_icarl_begins_as_fine_tuning_and_keeps_what_herding_chooses():
    method = learn(build(ICaRL), 0)
    assert distance(weights(method), fine_tuned(0)) < 1e-5
    memory = method._memory
    assert memory.prompts == list(TASKS[0].labels.first_prompts)
    assert [len(p) for p in memory.pixels] == [3, 3, 2, 2]
    pixels = torch.from_numpy(TASKS[0].train.pixels(method.backbone.preprocessing).copy())
    with torch.no_grad():
        features = method.backbone.encode_image(method.backbone.preprocessing.normalise(pixels))
    features = F.normalize(features, dim=-1).double()
    for label, kept in enumerate(memory.pixels):
        own = torch.from_numpy(TASKS[0].train.labels) == label
        nearest = (features[own].mean(0) - features[own]).norm(dim=1).argmin()
        assert torch.equal(kept[0], pixels[own][nearest])


def test_icarl_shares_its_memory_anew_after_each_task():
    method = learn(build(ICaRL), 0, 1)
    assert [len(p) for p in method._memory.pixels] == [2, 2, 1, 1, 1, 1, 1, 1]
    first = learn(build(ICaRL), 0)._memory.pixels
    for before, after in zip(first, method._memory.pixels, strict=False):
        assert torch.equal(before[: len(after)], after)


def test_a_second_task_of_icarl_equals_a_plain_loop():
    method = learn(build(ICaRL, lr=2e-4, image_weight=0.7, text_weight=1.3), 0)
    twin, memory = method.backbone.copy(), copy.deepcopy(method._memory)
    before = weights(method)
    learn(method, 1)

    context = tiny_context(STREAM)
    context.begin("1:t1")
    teacher, tokenize = tiny_backbone(), twin.tokenize
    target = context.batches(TASKS[1].train, 8, name="train", augment=True)
    exemplars = memory.batches(6, twin.preprocessing, context.generator("exemplars"), context.device)
    parameters = [p for _, p in twin.trainable()]
    optimizer = torch.optim.AdamW(parameters, lr=1.0, weight_decay=0)
    rate = warmup_cosine(2e-4, warmup=1, iterations=4)

    def unit(x):
        return x / x.norm(dim=-1, keepdim=True)

    def soft(teacher_logits, student_logits):
        return -4 * ((teacher_logits / 2).softmax(1) * (student_logits / 2).log_softmax(1)).sum(1).mean()

    for k in range(5):
        batch, old = next(target), next(exemplars)
        W = unit(twin.encode_text(tokenize(TASKS[1].labels.first_prompts)))
        logits = 100.0 * unit(twin.encode_image(batch.images)) @ W.T
        loss = F.cross_entropy(logits, batch.labels, label_smoothing=0.2)
        with torch.no_grad():
            W_old = unit(teacher.encode_text(tokenize(TASKS[0].labels.first_prompts)))
            Q = 100.0 * unit(teacher.encode_image(old.images)) @ W_old.T
        P = 100.0 * unit(twin.encode_image(old.images)) @ W_old.T
        loss = loss + 0.7 * soft(Q, P) + 1.3 * soft(Q.T, P.T)
        optimizer.param_groups[0]["lr"] = rate(k)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    expected = dict(zip((n for n, _ in twin.trainable()), parameters, strict=True))
    for name, ours in weights(method).items():
        theirs = expected[name].detach().clone()
        if name.endswith("in_proj_bias"):
            theirs.chunk(3)[1].zero_()
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-5, msg=name)
    assert distance(weights(method), before) > 1e-2


@pytest.mark.parametrize(
    "change",
    [{"memory": 4}, {"exemplar_batch_size": 3}, {"temperature": 1.0}, {"image_weight": 0.0},
     {"text_weight": 0.0}, {"herding_images": 6}],
    ids=str,
)  # fmt: skip
def test_every_setting_of_icarl_has_an_effect(change):
    usual, changed = learn(build(ICaRL), 0, 1), learn(build(ICaRL, **change), 0, 1)
    assert distance(weights(usual), weights(changed)) > 1e-6


def test_no_more_images_than_allowed_are_herded():
    method = learn(build(ICaRL, herding_images=3), 0)
    assert len(method._memory) <= 3


def test_nearest_mean_answers_with_the_exemplars_where_there_are_any():
    method = learn(build(ICaRL, classifier="nearest_mean"), 0)
    plain = learn(build(ICaRL), 0)
    labels = STREAM.union
    images = next(method.context.batches(TASKS[0].train, 6, name="probe")).images
    scores, as_clip = method.score(images, labels), plain.score(images, labels)
    with torch.no_grad():
        Z = F.normalize(method.backbone.encode_image(images), dim=-1)
        for column, pixels in enumerate(method._memory.pixels):
            kept = method.backbone.encode_image(method.backbone.preprocessing.normalise(pixels))
            mean = F.normalize(F.normalize(kept, dim=-1).mean(0), dim=-1)
            torch.testing.assert_close(scores[:, column], 100 * Z @ mean, rtol=0, atol=1e-3)
    # Classes of the task that is yet to come have no exemplars.
    torch.testing.assert_close(scores[:, 4:], as_clip[:, 4:])
    assert (scores[:, :4] - as_clip[:, :4]).abs().max() > 0.1


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
