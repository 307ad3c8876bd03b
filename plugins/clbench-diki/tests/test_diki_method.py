"""DIKI as the harness uses it: learn a tiny stream, score, save, restore."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from clbench import ConfigError, LabelSpace, MethodError
from clbench.models import text_classifier
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_images, tiny_stream
from clbench_diki import plugin
from clbench_diki.method import DIKI
from clbench_diki.settings import DIKISettings
from torch import nn
from torch.nn import functional as F


@pytest.fixture(scope="module")
def stream():
    return tiny_stream(tasks=3, classes=4, train=48, test=24)


def made(stream, **settings) -> DIKI:
    settings = {"score_scale": "dimension", "length": 4, "batch_size": 16, "epochs": 3, **settings}
    context = tiny_context(stream)
    return DIKI(context.initial.copy(), DIKISettings(**settings), context)


def learned(stream, tasks: int = 2, **settings) -> DIKI:
    method = made(stream, **settings)
    for index in range(tasks):
        method.learn(stream.tasks[index].for_training(index))
    return method


@pytest.fixture(scope="module")
def trained(stream) -> DIKI:
    return learned(stream)


def views(images) -> torch.Tensor:
    preprocessing = tiny_backbone().preprocessing
    return preprocessing.normalise(torch.from_numpy(images.pixels(preprocessing).copy()))


def clip_logits(images: torch.Tensor, labels: LabelSpace, templates="first") -> torch.Tensor:
    backbone = tiny_backbone().freeze()
    features = F.normalize(backbone.encode_image(images), dim=-1)
    return backbone.scale * (features @ text_classifier(backbone, labels, templates=templates).T)


def randomise(method: DIKI, task: int) -> None:
    """Give a slot prompts that change embeddings a great deal."""
    torch.manual_seed(7 + task)
    method.pool.write(task, {n: torch.randn_like(p) for n, p in method.pool.of_task(task).items()})
    method._forget()


@pytest.mark.parametrize("templates", ["first", "all"])
def test_before_any_task_it_is_clip(stream, templates):
    images = views(stream.tasks[0].test)
    got = made(stream, test_templates=templates).score(images, stream.union)
    torch.testing.assert_close(got, clip_logits(images, stream.union, templates), atol=1e-5, rtol=1e-6)


@pytest.mark.parametrize("inference", ["batch_vote", "per_sample"])
def test_prompts_with_zero_values_leave_clip_unchanged(stream, inference):
    method = made(stream, inference=inference, calibrated=False)
    method.gaussians[0] = method._new_gaussian().fit(method.context.initial_features(stream.tasks[0].train))
    images = views(stream.tasks[0].test)
    torch.testing.assert_close(
        method.score(images, stream.union), clip_logits(images, stream.union), atol=1e-5, rtol=1e-6
    )


def test_learning_fits_the_training_images(stream):
    task, method = stream.tasks[0], made(stream, epochs=25, lr=0.05, final_lr=0.0005)
    images, truth = views(task.train), torch.from_numpy(task.train.labels)

    def loss_and_accuracy() -> tuple[float, float]:
        logits = method.score(images, task.labels)
        return float(F.cross_entropy(logits, truth)), float((logits.argmax(-1) == truth).float().mean())

    loss, accuracy = loss_and_accuracy()
    method.learn(task.for_training(0))
    loss_after, accuracy_after = loss_and_accuracy()
    assert loss_after < loss / 2
    assert accuracy_after > accuracy + 0.1


def test_learning_changes_its_own_slot_and_nothing_else(stream):
    method = made(stream, epochs=1)
    backbone_before = {n: v.clone() for n, v in method.backbone.model.state_dict().items()}
    before = method.pool.state_dict()
    method.learn(stream.tasks[1].for_training(1))
    after = method.pool.state_dict()
    for name in before:
        assert torch.equal(before[name][[0, 2]], after[name][[0, 2]])
        assert not torch.equal(before[name][1, 1], after[name][1, 1])
    assert all(torch.equal(v, backbone_before[n]) for n, v in method.backbone.model.state_dict().items())
    assert list(method.gaussians) == [1]


def test_only_one_tasks_prompts_count_as_trainable(stream):
    method = learned(stream, epochs=1)
    # 2 layers a tower, width 32, keys and values of 4 slots
    assert method.context.measured.trainable_parameters == [2 * 2 * 32 * 2 * 4] * 2


def test_keys_start_uniform_and_values_at_zero(stream):
    pool = made(stream, length=50).pool.state_dict()
    for name, prompts in pool.items():
        assert name.endswith("attn.prefix_pool")
        assert prompts.shape == (3, 2, 50, 32)
        keys, values = prompts[:, 0], prompts[:, 1]
        assert not values.any()
        assert -1 <= float(keys.min()) < -0.99 < 0.99 < float(keys.max()) <= 1
        assert abs(float(keys.mean())) < 0.05
    assert len({float(prompts.sum()) for prompts in pool.values()}) == len(pool)


def test_first_step_is_plain_gradient_descent(stream):
    # One step at lr: the values move by lr times the gradient, the keys by nothing (values are zero).
    task, method = stream.tasks[0], made(stream, steps=1, lr=0.5, final_lr=0.0, batch_size=48)
    backbone, images = method.backbone, views(task.train)
    prompts = {n: nn.Parameter(p.clone()) for n, p in method.pool.of_task(0).items()}
    with method.pool.injected(prompts):
        features = F.normalize(backbone.encode_image(images), dim=-1)
        texts = F.normalize(backbone.encode_text(backbone.tokenize(task.labels.first_prompts)), dim=-1)
    F.cross_entropy(backbone.scale * features @ texts.T, torch.from_numpy(task.train.labels)).backward()
    method.learn(task.for_training(0))
    for name, moved in method.pool.of_task(0).items():
        start = prompts[name].detach()
        torch.testing.assert_close(moved, start - 0.5 * prompts[name].grad, atol=1e-5, rtol=1e-4)
        assert torch.equal(moved[0], start[0])
        assert not torch.equal(moved[1], start[1])


@pytest.mark.parametrize("inference", ["batch_vote", "per_sample"])
def test_state_round_trip_scores_bit_equal(stream, inference):
    method = learned(stream, inference=inference, epochs=1)
    images = [views(task.test) for task in stream.tasks]
    expected = [method.score(batch, stream.union) for batch in images]
    restored = made(stream, inference=inference, epochs=1)
    restored.load_state_dict(method.state_dict())
    for method_again in (restored, method):  # the second answers from memory
        for batch, logits in zip(images, expected, strict=True):
            assert torch.equal(method_again.score(batch, stream.union), logits)


def test_learning_on_after_a_restore_is_the_same_as_straight(stream):
    straight, first = learned(stream, epochs=1), learned(stream, tasks=1, epochs=1)
    resumed = made(stream, epochs=1)
    resumed.score(views(stream.tasks[2].test), stream.union)
    resumed.load_state_dict(first.state_dict())
    resumed.learn(stream.tasks[1].for_training(1))
    a, b = straight.state_dict(), resumed.state_dict()
    assert all(torch.equal(a["prompts"][n], b["prompts"][n]) for n in a["prompts"])
    assert torch.equal(a["gaussians"]["1"]["factor"], b["gaussians"]["1"]["factor"])


def test_memory_forgets_when_prompts_change(stream):
    method = learned(stream, tasks=1, epochs=1)
    images = views(stream.tasks[0].test)
    before = method.score(images, stream.union)
    method.learn(stream.tasks[0].for_training(0))  # the same task again, from the prompts it has
    after = method.score(images, stream.union)
    assert not torch.equal(before, after)
    method._frozen.clear()
    method._forget()
    assert torch.equal(after, method.score(images, stream.union))


def test_columns_are_independent(stream, trained):
    images = views(stream.tasks[1].test)
    whole = trained.score(images, stream.union)
    start, stop = stream.offsets[1], stream.offsets[2]
    part = trained.score(images, stream.tasks[1].labels)
    torch.testing.assert_close(part, whole[:, start:stop], atol=1e-4, rtol=1e-4)


def mixed_batch(stream) -> torch.Tensor:
    """Eight images of the first task, then three of the second."""
    return torch.cat([views(stream.tasks[0].train)[:8], views(stream.tasks[1].train)[:3]])


def test_per_sample_scores_do_not_depend_on_batch_mates(stream):
    method = learned(stream, inference="per_sample", epochs=1)
    randomise(method, 0)
    randomise(method, 1)
    images = mixed_batch(stream)
    assert set(method.decide(images).tasks.tolist()) == {0, 1}
    together = method.score(images, stream.union)
    alone = torch.cat([method.score(image[None], stream.union) for image in images])
    torch.testing.assert_close(together, alone, atol=1e-3, rtol=1e-4)


def test_batch_vote_makes_scores_depend_on_batch_mates(stream):
    method = learned(stream, inference="batch_vote", epochs=1)
    randomise(method, 0)
    randomise(method, 1)
    images = mixed_batch(stream)
    assert set(method.decide(images).tasks.tolist()) == {0}  # the majority's
    assert set(method.decide(images[8:]).tasks.tolist()) == {1}
    together, alone = method.score(images, stream.union)[8:], method.score(images[8:], stream.union)
    assert float((together - alone).abs().max()) > 0.1


@pytest.mark.parametrize("inference", ["batch_vote", "per_sample"])
def test_mixed_precision_learns_and_scores_nearly_the_same(stream, inference):
    method = made(stream, inference=inference, epochs=1, lr=0.01, final_lr=0.0)
    method.context.precision = "bf16"
    method.learn(stream.tasks[0].for_training(0))
    images = views(stream.tasks[0].test)
    exact = method.score(images, stream.union)
    method.load_state_dict(method.state_dict())
    with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
        narrow = method.score(images, stream.union)
    assert torch.isfinite(narrow).all()
    torch.testing.assert_close(narrow.float(), exact, atol=2.0, rtol=0)  # of logits up to 100


def test_images_unlike_any_task_are_left_to_clip(stream):
    method = learned(stream, epochs=1, score_scale=0.5)
    randomise(method, 0)
    randomise(method, 1)
    foreign = torch.full((2, 3, 16, 16), -2.0)  # black
    assert float(method.decide(foreign).weights.max()) < 1e-6
    torch.testing.assert_close(
        method.score(foreign, stream.union), clip_logits(foreign, stream.union), atol=1e-3, rtol=0
    )
    uncalibrated = made(stream, score_scale=0.5, calibrated=False)
    uncalibrated.load_state_dict(method.state_dict())
    assert not torch.allclose(
        uncalibrated.score(foreign, stream.union), clip_logits(foreign, stream.union), atol=0.1
    )


def test_best_epoch_on_the_validation_split_is_kept(stream, monkeypatch):
    validation = tiny_images(12, 4, seed=5)
    task = replace(stream.tasks[0].for_training(0), validation=validation)
    accuracies, seen = iter([0.5, 0.75, 0.75, 0.25]), []

    def judged(_self, _task, prompts):
        seen.append({n: p.detach().clone() for n, p in prompts.items()})
        return next(accuracies)

    monkeypatch.setattr(DIKI, "_validation_accuracy", judged)
    method = made(stream, epochs=4)
    method.learn(task)
    assert len(seen) == 4
    kept = method.pool.of_task(0)
    assert all(torch.equal(kept[n], seen[1][n]) for n in kept)  # the first of equals


def test_validation_accuracy_is_that_of_the_prompts_at_full_weight(stream):
    task = replace(stream.tasks[0].for_training(0), validation=stream.tasks[0].train)
    method = learned(stream, tasks=1, calibrated=False)
    got = method._validation_accuracy(task, method.pool.of_task(0))
    right = method.score(views(task.train), task.labels).argmax(-1) == torch.from_numpy(task.train.labels)
    assert got == pytest.approx(float(right.float().mean()))


def test_saved_prompts_of_other_settings_are_refused(stream, trained):
    with pytest.raises(MethodError, match=r"diki\.length"):
        made(stream, length=5).load_state_dict(trained.state_dict())


def test_a_task_beyond_the_pool_is_refused(stream):
    with pytest.raises(MethodError, match="3 slots"):
        made(stream).learn(stream.tasks[0].for_training(3))


def test_settings_that_cannot_work_together():
    DIKI.check(DIKISettings())
    with pytest.raises(ConfigError, match=r"diki\.final_lr"):
        DIKI.check(DIKISettings(lr=0.001))


@pytest.mark.parametrize(
    "bad", [{"score_scale": "width"}, {"score_scale": -1}, {"depth": 0}, {"learning": 1}]
)
def test_bad_settings_are_refused(bad):
    with pytest.raises(ValueError, match=next(iter(bad))):
        DIKISettings(**bad)


def test_spec_names_code_that_exists_and_settings_that_are_valid():
    (spec,) = plugin.clbench_methods()
    assert (spec.name, spec.factory) == ("diki", f"{DIKI.__module__}:{DIKI.__name__}")
    assert spec.settings == f"{DIKISettings.__module__}:{DIKISettings.__name__}"
    assert spec.assumptions.task_identity == "inferred"
    for tuned in spec.tuned.values():
        DIKI.check(DIKISettings(**tuned))


def test_listing_imports_no_torch():
    code = "import sys, clbench_diki.plugin, clbench_diki.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("inference", ["batch_vote", "per_sample"])
def test_the_authors_way_of_computing_gives_the_same(stream, inference, trained):
    wasteful = learned(stream, official_compute=True, inference=inference)
    for name, pool in wasteful.pool.state_dict().items():
        torch.testing.assert_close(pool, trained.pool.state_dict()[name], rtol=1e-3, atol=1e-5)
    same = made(stream, inference=inference)
    same.load_state_dict(wasteful.state_dict())
    images = views(stream.tasks[0].test)
    for _ in range(2):
        torch.testing.assert_close(
            wasteful.score(images, stream.union), same.score(images, stream.union), rtol=1e-4, atol=1e-3
        )
