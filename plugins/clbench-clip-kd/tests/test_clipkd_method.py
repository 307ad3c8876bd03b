"""CLIP-KD on the tiny stream: it learns, and every switch does what it says."""

from __future__ import annotations

import functools
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from clbench import ConfigError
from clbench.methods import Reference
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_reference, tiny_stream
from clbench_clip_kd.masking import masked_patches
from clbench_clip_kd.method import ClipKD
from clbench_clip_kd.plugin import clbench_methods
from clbench_clip_kd.settings import ClipKDSettings

QUICK = {"iterations": 4, "warmup": 1, "lr": 1e-3, "batch_size": 8, "reference_batch_size": 8}
EVERYTHING = {"mfd": 100.0, "gd": 1.0, "afd": 1.0, "cross_kd": 1.0}
NOTHING = dict.fromkeys(("contrastive", "crd", "fd", "icl"), 0.0)
STREAM = tiny_stream(tasks=2)
TASKS = [task.for_training(i) for i, task in enumerate(STREAM.tasks)]


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def clip_kd(seed: int = 0, **changes) -> ClipKD:
    return ClipKD(tiny_backbone(), ClipKDSettings(**QUICK | changes), tiny_context(STREAM, seed=seed))


def weights(method: ClipKD) -> list[torch.Tensor]:
    return [p.detach().clone() for _, p in method.backbone.trainable()]


def distance(a: list[torch.Tensor], b: list[torch.Tensor]) -> float:
    return float(sum((x - y).square().sum() for x, y in zip(a, b, strict=True)) ** 0.5)


def learned(task=TASKS[0], **changes) -> list[torch.Tensor]:
    method = clip_kd(**changes)
    method.learn(task)
    return weights(method)


@functools.cache
def learned_as_usual() -> list[torch.Tensor]:
    return learned()


@functools.cache
def learned_with_everything() -> list[torch.Tensor]:
    return learned(**EVERYTHING)


def test_it_learns_its_task():
    method = clip_kd(iterations=25, warmup=3, lr=2e-3, batch_size=24, fd=1.0)
    probe = next(method.context.batches(TASKS[0].train, len(TASKS[0].train), name="probe"))
    with torch.no_grad():
        before = method.task_loss(probe, TASKS[0].labels)
    method.learn(TASKS[0])
    with torch.no_grad():
        after = method.task_loss(probe, TASKS[0].labels)
    assert after < 0.5 * before


def test_strong_feature_distillation_holds_the_reference_embeddings():
    def drift(**changes) -> float:
        method = clip_kd(iterations=20, **NOTHING | changes)
        method.learn(TASKS[0])
        teacher = method._teacher(method.context.reference)
        method.settings = method.settings.model_copy(update={"teacher": "previous"})
        now = method._teacher(method.context.reference)
        return float(sum((a - b).square().sum() for a, b in zip(teacher, now, strict=True)))

    assert drift(fd=1e5) < 0.2 * drift()


@pytest.mark.parametrize(
    "change",
    [
        *({name: value} for name, value in EVERYTHING.items()),
        *({name: 0.0} for name in NOTHING),
        {"fd_reduction": "sum"},
        {"raw_scale": True},
        {"label_smoothing": 0.0},
        {"lr": 5e-4},
        {"warmup": 2},
        {"iterations": 5},
        {"batch_size": 4},
        {"reference_batch_size": 4},
    ],
    ids=lambda change: ",".join(f"{k}={v}" for k, v in change.items()),
)
def test_every_setting_has_an_effect(change):
    assert distance(learned_as_usual(), learned(**change)) > 1e-6


@pytest.mark.parametrize(
    "change",
    [{"gd_inverse_temperature": True}, {"mfd_unmasked": True}, {"mask_ratio": 0.5}],
    ids=lambda change: ",".join(change),
)
def test_every_option_of_other_losses_has_an_effect(change):
    assert distance(learned_with_everything(), learned(**EVERYTHING | change)) > 1e-6


def test_the_teachers_differ_from_the_second_task_on():
    methods = [clip_kd(teacher=teacher) for teacher in ("initial", "previous")]
    first, second = (method._teacher(method.context.reference) for method in methods)
    torch.testing.assert_close(tuple(first), tuple(second), rtol=0, atol=1e-5)
    for method in methods:
        for task in TASKS:
            method.learn(task)
    assert distance(*map(weights, methods)) > 1e-4


def test_the_previous_teacher_is_the_model_at_the_start_of_the_task():
    method = clip_kd(teacher="previous")
    reference = method.context.reference
    with torch.no_grad():
        for parameter in method.backbone.model.visual.parameters():
            parameter.mul_(1.1)
    before = method._teacher(reference)
    pixels = reference.images.pixels(method.backbone.preprocessing)[:3].copy()
    images = method.backbone.preprocessing.normalise(torch.from_numpy(pixels))
    features = method.backbone.encode_image(images)
    torch.testing.assert_close(before.images[:3], features / features.norm(dim=-1, keepdim=True))
    assert not before.texts.requires_grad


def test_the_initial_teacher_and_the_logit_scale_stay():
    method = clip_kd(**EVERYTHING)
    digest, scale = method.context.initial.weights_digest, method.backbone.scale.item()
    method.learn(TASKS[0])
    del method.context.initial.__dict__["weights_digest"]
    assert method.context.initial.weights_digest == digest
    assert method.backbone.scale.item() == scale


def test_what_the_objective_learns_is_counted():
    counts = {}
    for name, changes in {
        "none": NOTHING,
        "icl": NOTHING | {"icl": 1.0},
        "afd": NOTHING | {"afd": 1.0},
    }.items():
        method = clip_kd(iterations=1, **changes)
        method.learn(TASKS[0])
        (counts[name],) = method.context.measured.trainable_parameters
    assert counts["icl"] - counts["none"] == 1
    assert counts["afd"] - counts["none"] == 2 * (32 * 16 + 16) + 1


def test_without_pair_losses_no_reference_data_are_needed():
    method = clip_kd(**NOTHING)
    method.context._reference = None
    method.learn(TASKS[0])
    method = clip_kd()
    method.context._reference = None
    with pytest.raises(ConfigError, match="no reference data"):
        method.learn(TASKS[0])


def test_reference_data_that_are_no_pairs_are_refused():
    method = clip_kd()
    reference = tiny_reference()
    method.context._reference = lambda: Reference(reference.images, reference.texts[:-1])
    with pytest.raises(ConfigError, match="20 images and 19 texts"):
        method.learn(TASKS[0])


def test_rate_scale_multiplies_the_rate():
    assert distance(learned(replace(TASKS[0], rate_scale=0.5)), learned(lr=5e-4)) == 0


def test_masking_drops_patches_and_leaves_no_trace():
    backbone = tiny_backbone()
    images = torch.randn(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    whole = backbone.encode_image(images)
    seen = []
    handle = backbone.model.visual.transformer.resblocks[0].register_forward_hook(
        lambda _module, inputs, _output: seen.append(inputs[0].shape[1])
    )
    names = set(backbone.model.state_dict())
    for ratio, tokens in ((0.75, 2), (0.5, 3), (0.99, 2)):
        with masked_patches(backbone.model, ratio):
            masked = backbone.encode_image(images)
        assert seen.pop() == tokens  # of four patches and the class token
        assert not torch.allclose(masked, whole, atol=1e-3)
    handle.remove()
    assert set(backbone.model.state_dict()) == names
    torch.testing.assert_close(backbone.encode_image(images), whole)


def test_masking_needs_patches():
    method = clip_kd(mfd=1.0)
    method.backbone.model.visual = torch.nn.Identity()
    with pytest.raises(ConfigError, match="vision tower is a Identity"):
        method.learn(TASKS[0])


def test_settings_that_cannot_work_are_refused():
    with pytest.raises(ConfigError, match="warms up for 9 of 8"):
        ClipKD.check(ClipKDSettings(iterations=8, warmup=9))
    ClipKD.check(ClipKDSettings(iterations=8, warmup=8))


def test_the_spec_and_the_readme_agree_with_the_settings():
    (spec,) = clbench_methods()
    for tuned in spec.tuned.values():
        ClipKD.check(ClipKDSettings(**tuned))
    readme = (Path(__file__).parents[1] / "README.md").read_text()
    rows = dict(re.findall(r"^\| `(\w+)` \| ([^|]+?) \|", readme, flags=re.MULTILINE))
    defaults = {name: str(value).lower() for name, value in ClipKDSettings().model_dump().items()}
    assert rows == defaults
