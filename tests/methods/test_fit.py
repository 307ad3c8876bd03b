import math

import pytest
import torch
import torch.nn.functional as F
from clbench.errors import ConfigError, NotFiniteError
from clbench.methods import Context, FineTuning, constant, cosine, warmup_cosine
from clbench.models import text_classifier
from clbench.testing import tiny_backbone, tiny_context, tiny_stream
from hypothesis import given
from hypothesis import strategies as st


@given(st.integers(1, 50), st.integers(51, 400), st.floats(1e-6, 1.0))
def test_warmup_cosine_rises_then_falls_to_exactly_zero(warmup, iterations, rate):
    at = warmup_cosine(rate, warmup=warmup, iterations=iterations)
    assert at(warmup - 1) == pytest.approx(rate)
    assert at(warmup) == pytest.approx(rate)
    assert at(iterations) == 0.0
    rising = [at(k) for k in range(warmup)]
    falling = [at(k) for k in range(warmup, iterations + 1)]
    assert rising == sorted(rising)
    assert falling == sorted(falling, reverse=True)


def test_warmup_cosine_at_the_authors_numbers():
    at = warmup_cosine(1e-5, warmup=100, iterations=1000)
    assert at(0) == pytest.approx(1e-7)
    assert at(550) == pytest.approx(0.5e-5)
    assert at(1000) == 0.0


def test_cosine_starts_at_the_rate_and_ends_near_the_final_one():
    at = cosine(5.0, final=0.005, steps=100)
    assert at(0) == pytest.approx(5.0)
    assert at(100) == pytest.approx(0.005)
    assert at(50) == pytest.approx((5.0 + 0.005) / 2)


def _fit(context: Context, weight: torch.nn.Parameter, step, **options):
    task = tiny_stream().tasks[0].for_training(0)
    context.fit(task, [weight], step, **({"steps": 3, "schedule": constant(0.1), "batch_size": 5} | options))


def test_partial_backward_hooks_and_steps_come_in_order():
    context, weight, seen = tiny_context(), torch.nn.Parameter(torch.ones(1)), []

    def step(k, batch):
        context.backward({"first": 2.0 * weight.sum()})
        seen.append(("after partial", k, weight.grad.item()))
        return {"second": 3.0 * weight.sum()}

    _fit(
        context,
        weight,
        step,
        optimizer="sgd",
        before_optimizer=lambda k: seen.append(("complete", k, weight.grad.item())),
        after_step=lambda k: seen.append(("moved", k, round(weight.item(), 6))),
        steps=2,
    )
    assert seen == [
        ("after partial", 0, 2.0),
        ("complete", 0, 5.0),
        ("moved", 0, 0.5),
        ("after partial", 1, 2.0),
        ("complete", 1, 5.0),
        ("moved", 1, 0.0),
    ]
    assert context.measured.trainable_parameters == [1]


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_broken_loss_names_task_step_and_loss_and_leaves_the_weights(bad):
    context, weight = tiny_context(), torch.nn.Parameter(torch.ones(1))

    def step(k, batch):
        return {"ce": weight.sum(), "distillation": weight.sum() * (bad if k == 1 else 1.0)}

    with pytest.raises(NotFiniteError, match=r"distillation = (nan|inf) at task t0, step 1"):
        _fit(context, weight, step, optimizer="sgd")
    assert weight.item() == pytest.approx(0.8)


def test_each_pass_sees_every_image_once_and_keeps_the_last_batch():
    stream, context = tiny_stream(train=12), tiny_context()
    batches = context.batches(stream.tasks[0].train, 5, name="train")
    first_pass = [next(batches) for _ in range(3)]
    assert [len(b) for b in first_pass] == [5, 5, 2]
    assert sorted(torch.cat([b.indices for b in first_pass]).tolist()) == list(range(12))
    second_pass = [next(batches) for _ in range(3)]
    assert (
        torch.cat([b.indices for b in second_pass]).tolist()
        != torch.cat([b.indices for b in first_pass]).tolist()
    )


@pytest.mark.parametrize("augment", [False, True])
def test_batches_depend_on_seed_task_and_name_only(augment):
    images = tiny_stream().tasks[0].train

    def first(seed: int, moment: str, name: str):
        context = tiny_context(seed=seed)
        context.begin(moment)
        torch.rand(7)  # a method's own use of the global state must not matter
        return next(context.batches(images, 6, name=name, augment=augment)).images

    assert torch.equal(first(0, "1:t1", "train"), first(0, "1:t1", "train"))
    assert not torch.equal(first(0, "1:t1", "train"), first(1, "1:t1", "train"))
    assert not torch.equal(first(0, "1:t1", "train"), first(0, "2:t2", "train"))
    assert not torch.equal(first(0, "1:t1", "train"), first(0, "1:t1", "reference"))


def test_begin_sets_the_global_states():
    import random

    import numpy as np

    draws = []
    for _ in range(2):
        tiny_context().begin("3:x")
        draws.append((random.random(), np.random.rand(), torch.rand(1).item()))
    assert draws[0] == draws[1]


def test_undeclared_data_are_refused_with_a_fix(tmp_path):
    context = Context(initial=tiny_backbone().freeze(), seed=0, task_keys=("a", "b"), scratch=tmp_path)
    for use in (lambda: context.reference, lambda: context.class_pool, lambda: context.generate(["x"], [1])):
        with pytest.raises(ConfigError, match="fix"):
            use()


def test_initial_features_are_computed_once(monkeypatch):
    context, images = tiny_context(), tiny_stream().tasks[0].train
    first = context.initial_features(images)
    monkeypatch.setattr(context.initial.model, "encode_image", None)
    assert context.initial_features(images) is first


def test_the_tasks_loss_takes_its_product_in_float32_under_mixed_precision():
    class Plain(FineTuning):
        def learn(self, task): ...

    stream, context = tiny_stream(tasks=2), tiny_context()
    task = stream.tasks[0].for_training(0)
    method = Plain(tiny_backbone(), None, context)
    batch = next(context.batches(task.train, 24, name="train"))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        loss = method.task_loss(batch, task.labels, label_smoothing=0.2)
        # The towers' embeddings are as narrow as mixed precision has them; their product is not.
        Z = F.normalize(method.backbone.encode_image(batch.images), dim=-1)
        W = text_classifier(method.backbone, task.labels, templates="first")
    logits = 100.0 * Z.double() @ W.double().T
    expected = F.cross_entropy(logits, batch.labels, label_smoothing=0.2)
    assert loss.dtype == torch.float32
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-5)
