"""ZSCL on the tiny stream: it learns, keeps its laws, and every switch does what it says."""

from __future__ import annotations

import functools
import re
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from clbench import ConfigError, NotFiniteError
from clbench.models import text_features
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_stream
from clbench_zscl.method import ZSCL
from clbench_zscl.plugin import clbench_methods
from clbench_zscl.settings import ZSCLSettings
from clbench_zscl.texts import cut_text_features, random_text_features, random_tokens
from pydantic import ValidationError

QUICK = {
    "iterations": 4,
    "warmup": 1,
    "lr": 1e-3,
    "batch_size": 8,
    "reference_batch_size": 8,
    "ensemble_interval": 2,
}
STREAM = tiny_stream(tasks=2)
TASKS = [task.for_training(i) for i, task in enumerate(STREAM.tasks)]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def zscl(seed: int = 0, **changes) -> ZSCL:
    return ZSCL(tiny_backbone(), ZSCLSettings(**QUICK | changes), tiny_context(STREAM, seed=seed))


def weights(method: ZSCL) -> list[torch.Tensor]:
    return [p.detach().clone() for _, p in method.backbone.trainable()]


def distance(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    return float(sum((x - y).square().sum() for x, y in zip(a, b, strict=True)) ** 0.5)


def learned(seed: int = 0, **changes) -> list[torch.Tensor]:
    method = zscl(seed, **changes)
    method.learn(TASKS[0])
    return weights(method)


@functools.cache
def learned_as_usual() -> list[torch.Tensor]:
    return learned()


def task_batch(method: ZSCL):
    return next(method.context.batches(TASKS[0].train, len(TASKS[0].train), name="probe"))


def test_it_learns_its_task():
    method = zscl(iterations=25, warmup=3, lr=2e-3, batch_size=24, l2=0.0, ensemble_interval=10)
    probe = task_batch(method)
    with torch.no_grad():
        before = method.task_loss(probe, TASKS[0].labels)
    method.learn(TASKS[0])
    with torch.no_grad():
        after = method.task_loss(probe, TASKS[0].labels)
    assert after < 0.5 * before
    accuracy = (method.score(probe.images, TASKS[0].labels).argmax(-1) == probe.labels).float().mean()
    assert accuracy > 0.5  # chance is a quarter


def test_its_state_is_all_that_scores_and_the_next_task_depend_on():
    straight = zscl()
    straight.learn(TASKS[0])
    state = {k: {n: v.clone() for n, v in d.items()} for k, d in straight.state_dict().items()}
    resumed = zscl()
    images = task_batch(straight).images
    resumed.score(images, TASKS[1].labels)  # a classifier of other weights must not survive the loading
    resumed.load_state_dict(state)
    assert torch.equal(resumed.score(images, TASKS[1].labels), straight.score(images, TASKS[1].labels))
    for method in (straight, resumed):
        method.context.begin("1:t1")
        method.learn(TASKS[1])
    assert torch.equal(resumed.score(images, TASKS[0].labels), straight.score(images, TASKS[0].labels))


def test_seeds_decide():
    first, again, other = learned_as_usual(), learned(seed=0), learned(seed=1)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert distance(first, other) > 0


def test_the_initial_model_and_the_logit_scale_stay():
    method = zscl()
    digest, scale = method.context.initial.weights_digest, method.backbone.scale.item()
    method.learn(TASKS[0])
    del method.context.initial.__dict__["weights_digest"]
    assert method.context.initial.weights_digest == digest
    assert method.backbone.scale.item() == scale


@pytest.mark.parametrize(
    "change",
    [
        {"image_weight": 0.0},
        {"text_weight": 0.0},
        {"image_weight": 0.0, "text_weight": 0.0},
        {"l2": 0.0},
        {"ensemble": False},
        {"ensemble_interval": 1},
        {"temperature": 1.0},
        {"label_smoothing": 0.0},
        {"lr": 5e-4},
        {"warmup": 2},
        {"iterations": 5},
        {"batch_size": 4},
        {"reference_batch_size": 4},
        {"reference_texts": "class_prompts"},
        {"reference_texts": "random", "max_reference_texts": 12},
        {"max_reference_texts": 7},
        {"feature_mse": 10.0},
        {"image_similarity": 1.0},
        {"image_weight": 0.0, "text_weight": 0.0, "image_similarity": 1.0},
        {"ensemble": False, "moving_average": 0.5},
        {"wise_alpha": 0.8},
        {"distillation_target": "student"},
        {"distilled_texts": "student"},
        {"distilled_texts": "student", "reference_texts": "class_prompts"},
        {"snapshots": "interval"},
    ],
    ids=lambda change: ",".join(f"{k}={v}" for k, v in change.items()),
)
def test_every_setting_has_an_effect(change):
    assert distance(learned_as_usual(), learned(**change)) > 1e-6


def test_rate_scale_multiplies_the_rate():
    from dataclasses import replace

    method = zscl()
    method.learn(replace(TASKS[0], rate_scale=0.5))
    assert distance(weights(method), learned(lr=5e-4)) == 0


def test_l2_keeps_the_weights_near_the_tasks_start():
    start = weights(zscl())
    assert distance(learned(l2=100.0), start) < distance(learned(l2=0.0), start)


def test_distillation_keeps_the_reference_images_where_they_were():
    def shift(**changes) -> float:
        method = zscl(iterations=20, warmup=2, l2=0.0, ensemble=False, reference_batch_size=20, **changes)
        batch = next(method.context.batches(method.context.reference.images, 20, name="probe"))
        method.learn(TASKS[0])
        with torch.no_grad():
            now = method.backbone.encode_image(batch.images)
        teacher = method._teacher_images()[batch.indices]
        return float(1 - torch.nn.functional.cosine_similarity(now, teacher).mean())

    assert shift() < 0.8 * shift(image_weight=0.0, text_weight=0.0)


def test_without_distillation_no_reference_data_are_needed():
    method = zscl(image_weight=0.0, text_weight=0.0)
    method.context._reference = None
    method.learn(TASKS[0])
    method = zscl()
    method.context._reference = None
    with pytest.raises(ConfigError, match="no reference data"):
        method.learn(TASKS[0])


def two_tasks(**changes) -> ZSCL:
    method = zscl(**changes)
    for index, task in enumerate(TASKS):
        method.context.begin(f"{index}:{task.key}")
        method.learn(task)
    return method


def test_wise_ft_lies_between_the_learned_and_the_earlier_weights():
    start, tuned = weights(zscl()), learned_as_usual()
    mixture = [0.25 * t + 0.75 * s for t, s in zip(tuned, start, strict=True)]
    assert distance(learned(wise_alpha=0.25), mixture) < 1e-5
    assert distance(learned(wise_alpha=0.0), start) == 0
    # In the second task the model before it and the pre-trained one differ.
    previous, initial = (weights(two_tasks(wise_alpha=0.3, wise_towards=w)) for w in ("previous", "initial"))
    assert distance(initial, start) < distance(previous, start)
    assert distance(weights(two_tasks(wise_alpha=0.0, wise_towards="initial")), start) == 0


def test_the_moving_average_pulls_at_each_interval_towards_what_it_says():
    start = weights(zscl())
    # Pulled all the way after the last step (4, a multiple of the interval 2), nothing learned is left.
    for towards in ("previous", "initial"):
        held = learned(ensemble=False, moving_average=0.0, moving_average_towards=towards)
        assert distance(held, start) == 0
    # "last" goes back to what the weights were just before the pull at step 2: they have moved.
    assert distance(learned(ensemble=False, moving_average=0.0, moving_average_towards="last"), start) > 1e-4
    ends = [
        weights(two_tasks(ensemble=False, moving_average=0.3, moving_average_towards=towards))
        for towards in ("previous", "last", "initial")
    ]
    assert min(distance(a, b) for a, b in ((ends[0], ends[1]), (ends[0], ends[2]), (ends[1], ends[2]))) > 1e-5


def test_the_teacher_can_be_the_previous_model():
    first, usual = (zscl(teacher=name)._teacher_images() for name in ("previous", "initial"))
    torch.testing.assert_close(first, usual, rtol=0, atol=1e-5)  # before the first task both are the same
    assert distance(weights(two_tasks(teacher="previous")), weights(two_tasks())) > 1e-4
    method = two_tasks(teacher="previous")
    batch = next(method.context.batches(method.context.reference.images, 5, name="probe"))
    with torch.no_grad():
        expected = torch.nn.functional.normalize(method.backbone.encode_image(batch.images), dim=-1)
    torch.testing.assert_close(method._teacher_images()[batch.indices], expected, rtol=0, atol=1e-5)


def test_texts_are_not_asked_for_where_images_alone_are_compared():
    method = zscl(image_weight=0.0, text_weight=0.0, feature_mse=1.0)
    method._teacher_texts = lambda: pytest.fail("no text has a part in the loss")
    method.learn(TASKS[0])


def test_teacher_texts():
    context = tiny_context(STREAM)
    method = zscl()
    every = method._teacher_texts()
    assert every.shape == (len(context.reference.texts), 16)
    torch.testing.assert_close(every.norm(dim=-1), torch.ones(len(every)))
    assert not every.requires_grad
    some = zscl(max_reference_texts=5)._teacher_texts()
    assert some.shape == (5, 16)
    nearest = torch.cdist(some, every).min(dim=1)
    assert nearest.values.max() < 1e-3
    assert len(set(nearest.indices.tolist())) == 5
    assert zscl(reference_texts="class_prompts")._teacher_texts().shape == (len(context.class_pool), 16)
    assert zscl(reference_texts="random")._teacher_texts().shape == (1000, 16)


def test_random_texts_are_ten_tokens_between_start_and_end():
    backbone = tiny_backbone()
    tokens = random_tokens(backbone, 50, torch.Generator().manual_seed(0))
    start, end = 49406, 49407
    assert tokens.shape == (50, 77)
    assert (tokens[:, 0] == start).all()
    assert (tokens[:, 11] == end).all()
    assert (tokens[:, 1:11] < start).all()
    assert (tokens[:, 12:] == 0).all()
    assert len(torch.unique(tokens, dim=0)) == 50
    again, other = (
        random_text_features(backbone, 50, torch.Generator().manual_seed(s), batch=16) for s in (0, 1)
    )
    torch.testing.assert_close(
        again, torch.nn.functional.normalize(backbone.encode_text(tokens), dim=-1).detach(), atol=1e-5, rtol=0
    )
    assert not torch.allclose(again, other)


def test_a_diverging_run_names_task_and_step():
    with pytest.raises(NotFiniteError, match=r"task t0, step \d"):
        zscl(lr=1e30, warmup=0).learn(TASKS[0])


def test_wrong_settings_are_refused():
    for wrong in (
        {"lr": float("nan")},
        {"temperature": 0},
        {"ensemble_interval": 0},
        {"reference_texts": "poems"},
        {"l3": 1},
    ):
        with pytest.raises(ValidationError):
            ZSCLSettings(**wrong)
    with pytest.raises(ConfigError, match="warms up for 9 of 8"):
        ZSCL.check(ZSCLSettings(iterations=8, warmup=9))
    ZSCL.check(ZSCLSettings(iterations=8, warmup=8))
    with pytest.raises(ConfigError, match=r"(?s)not both.*zscl.ensemble=false"):
        ZSCL.check(ZSCLSettings(moving_average=0.999))
    ZSCL.check(ZSCLSettings(moving_average=0.999, ensemble=False))
    with pytest.raises(ConfigError, match=r"(?s)random texts.*reference_texts=captions"):
        ZSCL.check(ZSCLSettings(reference_texts="random", distilled_texts="student"))


def test_long_texts_cut_by_the_authors_tokenizer_are_read_at_the_start():
    backbone = tiny_backbone()
    long = ["a very " + "long " * 100 + "caption", "another " * 90]
    texts = ["a short one", long[0], "word " * 75, long[1]]
    cut, ended = cut_text_features(backbone, texts), text_features(backbone, texts)
    assert torch.equal(cut[[0, 2]], ended[[0, 2]])  # 75 words and both ends are 77 tokens
    assert torch.equal(cut[1], cut[3])
    assert not torch.allclose(ended[1], ended[3])
    # What the authors' tokenizer gives: 77 tokens of which none is the end; its largest is the start's.
    tokens = backbone.tokenizer.encode(long[0])[:76]
    row = torch.tensor([[int(backbone.tokenize([""])[0, 0]), *tokens]])
    torch.testing.assert_close(cut[1], F.normalize(backbone.model.encode_text(row), dim=-1)[0])


def test_a_tokenizer_without_byte_pairs_cannot_cut():
    backbone = tiny_backbone().copy()
    whole = backbone.tokenizer
    backbone.tokenizer = lambda texts: whole(texts)
    with pytest.raises(ConfigError, match="does not tell how long"):
        cut_text_features(backbone, ["a"])


def test_the_spec_and_the_readme_agree_with_the_settings():
    (spec,) = clbench_methods()
    for tuned in spec.tuned.values():
        ZSCL.check(ZSCLSettings(**tuned))
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", readme, flags=re.MULTILINE))
    defaults = {name: str(value).lower() for name, value in ZSCLSettings().model_dump().items()}
    assert rows == defaults


@pytest.mark.parametrize(
    "change",
    [{}, {"reference_texts": "random", "max_reference_texts": 12}, {"teacher": "previous"}],
    ids=["captions", "random", "previous"],
)
def test_the_authors_way_of_computing_gives_the_same(change, monkeypatch):
    """Gradients are compared: AdamW makes steps of the rounding noise in those that are zero."""
    seen: list[dict[str, torch.Tensor]] = []
    step = torch.optim.AdamW.step

    def watched(optimizer):
        seen.append({n: p.grad.clone() for n, p in method.backbone.trainable() if p.grad is not None})
        return step(optimizer)

    monkeypatch.setattr(torch.optim.AdamW, "step", watched)
    for official in (False, True):
        method = zscl(official_compute=official, lr=1e-8, iterations=1, warmup=0, **change)
        method.learn(TASKS[0])
    usual, wasteful = seen[0], seen[len(seen) // 2]
    assert usual.keys() == wasteful.keys()
    for name, gradient in usual.items():
        if not name.endswith("in_proj_bias"):
            assert (wasteful[name] - gradient).norm() < 1e-4 * gradient.norm() + 1e-6, name
