"""iCaRL against the rule of ZSCL's authors, written a second time, in float64."""

from __future__ import annotations

import functools
import math
import shutil

import pytest
import torch
import torch.nn.functional as F
from clbench.testing import tiny_backbone, tiny_context, tiny_stream
from clbench_baselines.finetune import FineTune
from clbench_baselines.icarl import ICaRL
from clbench_baselines.remembering import class_shares, data_set_shares
from clbench_baselines.settings import FineTuneSettings, ICaRLSettings

pytestmark = pytest.mark.usefixtures("one_thread")

SEVEN = {"iterations": 6, "warmup": 2, "lr": 1e-5}
QUICK = {"iterations": 1, "warmup": 1, "lr": 1e-4, "batch_size": 8}
SMALL = {"memory": 11, "herding_images": 17, "exemplar_batch_size": 6}
STREAM = tiny_stream(tasks=3, train=20)
TASKS = [task.for_training(i) for i, task in enumerate(STREAM.tasks)]


def build(method=ICaRL, **changes):
    if method is FineTune:
        return FineTune(tiny_backbone(), FineTuneSettings(**QUICK | changes), tiny_context(STREAM))
    return ICaRL(tiny_backbone(), ICaRLSettings(**QUICK | SMALL | changes), tiny_context(STREAM))


def learn(instance, *tasks):
    for index in tasks:
        instance.context.begin(f"{index}:{TASKS[index].key}")
        instance.learn(TASKS[index])
    return instance


def weights(model):
    """All weights by name but the attention's key biases: their gradient is rounding alone."""
    values = {n: p.detach().double().clone() for n, p in model.named_parameters() if n != "logit_scale"}
    for name, value in values.items():
        if name.endswith("in_proj_bias"):
            value.chunk(3)[1].zero_()
    return values


@functools.cache
def learned(*tasks, **changes):
    instance = learn(build(**changes), *tasks)
    shutil.rmtree(instance.context.scratch)  # it is kept, and its folder is not needed any more
    return instance


def difference(one, other) -> float:
    a, b = weights(one.backbone.model), weights(other.backbone.model)
    return max(float((a[n] - b[n]).abs().max()) for n in a)


# -- the authors' rule, again ------------------------------------------------------------------------


class Reference:
    """Weights, memory and steps of iCaRL in float64: plain lists, plain AdamW, open_clip's own forward."""

    def __init__(self):
        self.backbone, self.teacher = tiny_backbone(), tiny_backbone()
        self.model, self.old = self.backbone.model.double(), self.teacher.model.double()
        self.context = tiny_context(STREAM)
        self.memory: list[list[torch.Tensor]] = []  # data sets, each a list of images (3, size, size)

    def images(self, model, x):
        return F.normalize(model.encode_image(x.double()), dim=-1)

    def texts(self, model, prompts):
        return F.normalize(model.encode_text(self.backbone.tokenize(prompts)), dim=-1)

    def learn(self, index):
        task = TASKS[index]
        self.context.begin(f"{index}:{task.key}")
        target = self.context.batches(task.train, 8, name="train", augment=True)
        prompts = list(task.labels.first_prompts)
        parameters = [p for n, p in self.model.named_parameters() if n != "logit_scale"]
        means, squares = ([torch.zeros_like(p) for p in parameters] for _ in range(2))
        exemplars = [image for data_set in self.memory for image in data_set]
        at = 0
        for k in range(7):
            batch = next(target)
            s = self.model.logit_scale.exp().detach()
            logits = s * self.images(self.model, batch.images) @ self.texts(self.model, prompts).T
            loss = F.cross_entropy(logits, batch.labels, label_smoothing=0.2)
            if exemplars:
                old = self.backbone.preprocessing.normalise(torch.stack(exemplars[at : at + 6]))
                at = at + 6 if at + 6 < len(exemplars) else 0
                with torch.no_grad():
                    W = self.texts(self.old, prompts)
                    Q = s * self.images(self.old, old) @ W.T / 2
                P = s * self.images(self.model, old) @ W.T / 2
                for q, p in ((Q, P), (Q.T, P.T)):
                    loss = loss - 4 * (q.softmax(1) * p.log_softmax(1)).sum(1).mean()
            gradients = torch.autograd.grad(loss, parameters)
            rate = 1e-5 * ((k + 1) / 2 if k < 2 else 0.5 * (1 + math.cos(math.pi * (k - 2) / (6 - 2))))
            with torch.no_grad():
                for p, g, m, v in zip(parameters, gradients, means, squares, strict=True):
                    m.mul_(0.9).add_(0.1 * g)
                    v.mul_(0.999).add_(0.001 * g * g)
                    p -= rate * (m / (1 - 0.9 ** (k + 1))) / ((v / (1 - 0.999 ** (k + 1))).sqrt() + 1e-8)
        self.remember(task)

    @torch.no_grad()
    def remember(self, task):
        pixels = list(torch.from_numpy(task.train.pixels(self.backbone.preprocessing).copy()))[:17]
        if not self.memory:
            self.memory.append(pixels[:11])
            return
        t = len(self.memory) + 1
        self.memory = [data_set[: 11 // t] for data_set in self.memory]
        features = self.images(self.model, self.backbone.preprocessing.normalise(torch.stack(pixels)))
        mean, chosen = features.mean(0), []
        while len(chosen) < 11 - 11 // t:
            rest = [i for i in range(len(pixels)) if i not in chosen]
            chosen.append(min(rest, key=lambda i: float((features[[*chosen, i]].mean(0) - mean).norm())))
        self.memory.append([pixels[i] for i in chosen])


def test_seven_steps_and_the_memory_agree_with_the_rule_in_float64_over_three_tasks():
    method, reference = build(**SEVEN), Reference()
    for index in range(3):
        learn(method, index)
        reference.learn(index)
        theirs = weights(reference.model)
        for name, ours in weights(method.backbone.model).items():
            torch.testing.assert_close(ours, theirs[name], rtol=0, atol=1e-6, msg=f"task {index}: {name}")
        assert len(method._memory.groups) == len(reference.memory)
        for group, images in zip(method._memory.groups, reference.memory, strict=True):
            assert torch.equal(group.pixels, torch.stack(images))
    # The steps were not idle: they moved the weights far more than they may differ.
    assert difference(method, build()) > 5e-5


# -- parts ---------------------------------------------------------------------------------------------


def test_the_first_task_is_fine_tuning():
    assert difference(learned(0), learn(build(FineTune), 0)) < 1e-6


def test_data_sets_share_the_memory_as_the_authors_share_it():
    assert [len(g.pixels) for g in learned(0, 1, 2)._memory.groups] == [3, 3, 8]
    assert [len(g.pixels) for g in learned(0, 1, 2, newest="rest")._memory.groups] == [3, 3, 5]
    assert data_set_shares(10_000, 1, exceeding=True) == (0, 10_000)
    assert data_set_shares(10_000, 3, exceeding=True) == (3333, 6667)
    assert data_set_shares(10_000, 11, exceeding=True) == (909, 9091)
    assert data_set_shares(10_000, 11, exceeding=False) == (909, 910)


def test_by_class_all_share_alike_and_each_is_herded():
    memory = learned(0, 1, groups="classes")._memory
    assert [len(g.pixels) for g in memory.groups] == [2, 2, 2, 1, 1, 1, 1, 1] == class_shares(11, 8)
    assert memory.owners().tolist() == [0, 0, 1, 1, 2, 2, 3, 4, 5, 6, 7]
    assert memory.prompts == [p for task in TASKS[:2] for p in task.labels.first_prompts]
    before = learned(0, groups="classes")._memory.groups
    for old, new in zip(before, memory.groups, strict=False):
        assert torch.equal(old.pixels[: len(new.pixels)], new.pixels)


@pytest.mark.parametrize(
    "change",
    [
        {"memory": 4},
        {"exemplar_batch_size": 3},
        {"temperature": 1.0},
        {"image_weight": 0.0},
        {"text_weight": 0.0},
        {"herding_images": 3},
        {"herding_candidates": "random"},
        {"groups": "classes"},
        {"first_data_set": "herded"},
        {"exemplar_texts": "own"},
        {"exemplar_order": "random"},
    ],
    ids=str,
)
def test_every_setting_has_an_effect(change):
    assert difference(learned(0, 1, 2), learned(0, 1, 2, **change)) > 1e-7


def test_nearest_mean_answers_with_the_exemplars_where_there_are_any():
    method, plain = learned(0, classifier="nearest_mean", memory=20), learned(0, memory=20)
    labels = STREAM.union
    images = next(method.context.batches(TASKS[0].train, 6, name="probe")).images
    scores, as_clip = method.score(images, labels), plain.score(images, labels)
    pixels, owners = method._memory.all_pixels(), method._memory.owners()
    with torch.no_grad():
        Z = F.normalize(method.backbone.encode_image(images), dim=-1)
        for column in range(4):
            kept = method.backbone.preprocessing.normalise(pixels[owners == column])
            mean = F.normalize(F.normalize(method.backbone.encode_image(kept), dim=-1).mean(0), dim=-1)
            torch.testing.assert_close(scores[:, column], 100 * Z @ mean, rtol=0, atol=1e-3)
    # Classes of the tasks that are yet to come have no exemplars.
    torch.testing.assert_close(scores[:, 4:], as_clip[:, 4:])
    assert (scores[:, :4] - as_clip[:, :4]).abs().max() > 0.1


def test_nearest_mean_answers_before_the_first_task():
    method, labels = build(classifier="nearest_mean"), STREAM.union
    images = next(method.context.batches(TASKS[0].train, 6, name="probe")).images
    torch.testing.assert_close(method.score(images, labels), build().score(images, labels))
