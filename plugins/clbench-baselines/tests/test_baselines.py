"""The baselines on the tiny stream: each differs from fine-tuning by exactly what it says."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from clbench import ConfigError
from clbench.methods import warmup_cosine
from clbench.specs import load_reference
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_images, tiny_stream
from clbench_baselines.finetune import FineTune, WeightConsolidation, WiSEFT, ZeroShot
from clbench_baselines.joint import Joint
from clbench_baselines.lwf import LwF, LwFVR
from clbench_baselines.plugin import clbench_methods

QUICK = {"iterations": 4, "warmup": 1, "lr": 1e-3, "batch_size": 8}
STREAM = tiny_stream(tasks=2)
TASKS = [task.for_training(i) for i, task in enumerate(STREAM.tasks)]
SPECS = {spec.name: spec for spec in clbench_methods()}
SETTINGS = {
    FineTune: "finetune",
    WeightConsolidation: "wc",
    WiSEFT: "wise-ft",
    Joint: "joint",
    LwF: "lwf",
    LwFVR: "lwf-vr",
}


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def build(method, **changes):
    settings = load_reference(SPECS[SETTINGS[method]].settings)
    return method(tiny_backbone(), settings(**QUICK | changes), tiny_context(STREAM))


def weights(method) -> list[torch.Tensor]:
    """All weights but the attention's key biases: their gradient is rounding alone, which Adam blows up."""
    values = {name: p.detach().clone() for name, p in method.backbone.trainable()}
    for name, value in values.items():
        if name.endswith("in_proj_bias"):
            value.chunk(3)[1].zero_()
    return list(values.values())


def distance(a, b) -> float:
    return float(sum((x - y).square().sum() for x, y in zip(a, b, strict=True)) ** 0.5)


def learned(method, task=TASKS[0], **changes) -> list[torch.Tensor]:
    instance = build(method, **changes)
    instance.learn(task)
    return weights(instance)


@functools.cache
def start() -> list[torch.Tensor]:
    return weights(build(FineTune))


@functools.cache
def fine_tuned() -> list[torch.Tensor]:
    return learned(FineTune)


def test_zero_shot_learns_nothing():
    method = ZeroShot(tiny_backbone(), load_reference(SPECS["zero-shot"].settings)(), tiny_context(STREAM))
    method.learn(TASKS[0])
    assert distance(weights(method), start()) == 0


def test_fine_tuning_learns_its_task_and_moves_the_others():
    method = build(FineTune, iterations=25, warmup=3, lr=2e-3, batch_size=24)
    probes = [next(method.context.batches(t.train, len(t.train), name="probe")) for t in TASKS]

    def loss() -> float:
        with torch.no_grad():
            return float(method.task_loss(probes[0], TASKS[0].labels))

    before, other = loss(), method.score(probes[1].images, TASKS[1].labels)
    method.learn(TASKS[0])
    assert loss() < 0.5 * before
    # Classifiers cached before the learning are gone: the other task's logits have moved.
    assert not torch.allclose(method.score(probes[1].images, TASKS[1].labels), other)


def test_fine_tuning_steps_as_plain_torch():
    """Three steps, with the authors' schedule, of the loss alone."""
    # At a low rate AdamW does not enlarge the rounding of gradients near zero.
    method = build(FineTune, iterations=2, warmup=1, lr=1e-4)
    method.learn(TASKS[0])
    twin = build(FineTune)
    batches = twin.context.batches(TASKS[0].train, 8, name="train", augment=True)
    parameters = [p for _, p in twin.backbone.trainable()]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, weight_decay=0)
    rate = warmup_cosine(1e-4, warmup=1, iterations=2)
    for k in range(3):
        optimizer.param_groups[0]["lr"] = rate(k)
        optimizer.zero_grad()
        batch = next(batches)
        logits = (
            twin.backbone.scale.detach()
            * torch.nn.functional.normalize(twin.backbone.encode_image(batch.images), dim=-1)
            @ torch.nn.functional.normalize(
                twin.backbone.encode_text(twin.backbone.tokenize(TASKS[0].labels.first_prompts)), dim=-1
            ).T
        )
        torch.nn.functional.cross_entropy(logits, batch.labels, label_smoothing=0.2).backward()
        optimizer.step()
    assert distance(weights(method), weights(twin)) < 1e-5
    assert distance(weights(method), start()) > 1e-2


@pytest.mark.parametrize("method", [FineTune, WeightConsolidation, WiSEFT, LwF, LwFVR, Joint])
def test_state_is_all_that_the_next_task_depends_on(method):
    straight = build(method)
    straight.learn(TASKS[0])
    state = {k: {n: v.clone() for n, v in d.items()} for k, d in straight.state_dict().items()}
    resumed = build(method)
    resumed.load_state_dict(state)
    for instance in (straight, resumed):
        instance.context.begin("1:t1")
        instance.learn(TASKS[1])
    assert distance(weights(straight), weights(resumed)) == 0


def test_weight_consolidation_is_fine_tuning_with_a_pull():
    assert distance(learned(WeightConsolidation, l2=1e-12), fine_tuned()) < 1e-5
    assert distance(learned(WeightConsolidation, l2=100.0), start()) < distance(fine_tuned(), start())


@pytest.mark.parametrize("alpha", [0.0, 0.25, 1.0])
def test_wise_ft_lies_on_the_line_to_the_previous_weights(alpha):
    mixture = [alpha * t + (1 - alpha) * s for t, s in zip(fine_tuned(), start(), strict=True)]
    assert distance(learned(WiSEFT, alpha=alpha), mixture) < 1e-5


def test_wise_ft_towards_the_initial_weights():
    method = build(WiSEFT, alpha=0.0, towards="initial")
    for index, task in enumerate(TASKS):
        method.context.begin(f"{index}:{task.key}")
        method.learn(task)
    assert distance(weights(method), start()) == 0
    previous, initial = (build(WiSEFT, alpha=0.5, towards=towards) for towards in ("previous", "initial"))
    for method in (previous, initial):
        for index, task in enumerate(TASKS):
            method.context.begin(f"{index}:{task.key}")
            method.learn(task)
    assert distance(weights(initial), start()) < distance(weights(previous), start())


@pytest.mark.parametrize("method", [LwF, LwFVR])
def test_lwf_without_its_weights_is_fine_tuning(method):
    small = {"texts": 20} if method is LwFVR else {}
    assert distance(learned(method, image_weight=0.0, text_weight=0.0, **small), fine_tuned()) < 1e-5
    assert distance(learned(method, **small), fine_tuned()) > 1e-3
    for one in (
        {"image_weight": 0.0},
        {"text_weight": 0.0},
        {"temperature": 1.0},
        {"reference_batch_size": 4},
    ):
        assert distance(learned(method, **one | small), learned(method, **small)) > 1e-6


@pytest.mark.parametrize("method", [LwF, LwFVR])
def test_lwf_keeps_the_previous_models_answers_on_the_tasks_images(method):
    def shift(**changes) -> float:
        instance = build(method, iterations=15, warmup=2, reference_batch_size=24, **changes)
        instance.learn(TASKS[0])
        batch = next(instance.context.batches(TASKS[1].train, 24, name="probe"))
        with torch.no_grad():
            before = instance.backbone.encode_image(batch.images)
        instance.learn(TASKS[1])
        with torch.no_grad():
            now = instance.backbone.encode_image(batch.images)
        return float(1 - torch.nn.functional.cosine_similarity(before, now).mean())

    assert shift(image_weight=20.0, text_weight=20.0) < 0.8 * shift(image_weight=0.0, text_weight=0.0)


def test_joint_of_one_task_takes_fine_tunings_steps():
    # Same budget, same schedule; only the names of the random streams differ.
    method, moved = build(Joint), []
    fit = method.context.fit

    def spy(task, parameters, step, *, steps, schedule, **rest):
        moved.append([schedule(k) for k in range(steps)])
        fit(task, parameters, step, steps=steps, schedule=schedule, **rest)

    method.context.fit = spy
    method.learn(TASKS[0])
    rate = warmup_cosine(1e-3, warmup=1, iterations=4)
    assert moved == [[rate(k) for k in range(5)]]


@pytest.mark.parametrize("mixing", ["equal", "proportional"])
def test_joint_learns_all_tasks_each_in_its_own_label_space(mixing):
    method = build(Joint, iterations=20, warmup=2, lr=2e-3, batch_size=24, mixing=mixing)
    probes = [next(method.context.batches(t.train, len(t.train), name=f"probe {t.key}")) for t in TASKS]

    def losses() -> list[float]:
        with torch.no_grad():
            return [float(method.task_loss(p, t.labels)) for p, t in zip(probes, TASKS, strict=True)]

    before = losses()
    method.learn_jointly(TASKS)
    assert all(now < 0.6 * then for now, then in zip(losses(), before, strict=True))


def test_joint_mixes_as_its_setting_says_and_scales_rates_by_task():
    tasks = [replace(TASKS[0], rate_scale=5.0), replace(TASKS[1], train=tiny_images(216, 4))]
    equal = build(Joint)._turns(tasks, 100)
    assert all(sorted(equal[k : k + 2]) == [0, 1] for k in range(0, 100, 2))
    proportional = build(Joint, mixing="proportional")._turns(tasks, 1000)
    assert 850 < sum(proportional) < 950  # 9 of 10 images are in the second task

    rates = []
    method = build(Joint)
    method.context.fit = lambda *_, steps, schedule, **__: rates.extend(schedule(k) for k in range(steps))
    method.learn_jointly(tasks)
    base = warmup_cosine(1e-3, warmup=2, iterations=9)
    turns = build(Joint)._turns(tasks, 10)
    assert rates == pytest.approx([base(k) * (1.0 if turn else 5.0) for k, turn in enumerate(turns)])


def test_specs():
    assert " ".join(SPECS) == (
        "zero-shot finetune joint independent pixel-neighbour ridge wc wise-ft lwf lwf-vr icarl ewc soup"
    )
    assert {n: s.protocol for n, s in SPECS.items() if s.protocol != "stream"} == {
        "zero-shot": "zero_shot",
        "joint": "joint",
        "independent": "independent",
        "pixel-neighbour": "independent",
        "ridge": "independent",
    }
    for spec in SPECS.values():
        settings = load_reference(spec.settings)
        load_reference(spec.factory).check(settings())
        for tuned in spec.tuned.values():
            load_reference(spec.factory).check(settings(**tuned))
    with pytest.raises(ConfigError, match="9 of 8"):
        FineTune.check(load_reference(SPECS["finetune"].settings)(iterations=8, warmup=9))


def test_the_readme_lists_every_setting_with_its_default():
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", readme, flags=re.MULTILINE))
    defaults = {}
    for spec in SPECS.values():
        defaults |= {k: str(v).lower() for k, v in load_reference(spec.settings)().model_dump().items()}
        assert f"| `{spec.name}` |" in readme
    assert {k: v for k, v in rows.items() if k in defaults} == defaults
