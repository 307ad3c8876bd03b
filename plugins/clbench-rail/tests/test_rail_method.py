"""RAIL on the tiny stream, held to a plain implementation; every setting does what it says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F
from clbench import LabelSpace, MethodError
from clbench.models import image_features, text_classifier
from clbench.testing.doubles import tiny_backbone, tiny_context, tiny_images, tiny_stream
from clbench_rail.features import FrozenFeatures
from clbench_rail.method import DualRAIL, PrimalRAIL
from clbench_rail.settings import DualSettings, PrimalSettings
from pydantic import ValidationError

STREAM = tiny_stream(tasks=3, classes=(3, 4, 2))
TASKS = [task.for_training(i) for i, task in enumerate(STREAM.tasks)]
IMAGES = tiny_backbone().preprocessing.normalise(
    torch.from_numpy(STREAM.tasks[1].test.pixels(tiny_backbone().preprocessing).copy())
)


@pytest.fixture(autouse=True, scope="module")
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLBENCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


def primal(seed: int = 0, **changes) -> PrimalRAIL:
    settings = PrimalSettings(**{"hidden": 40, "block": 10} | changes)
    return PrimalRAIL(tiny_backbone(), settings, tiny_context(STREAM, seed=seed))


def dual(**changes) -> DualRAIL:
    return DualRAIL(tiny_backbone(), DualSettings(**changes), tiny_context(STREAM))


def learned(method, tasks=TASKS):
    for task in tasks:
        method.learn(task)
    return method


def data(tasks) -> tuple[torch.Tensor, torch.Tensor]:
    """Features and one-hot targets of all tasks together, float64."""
    X = torch.cat([image_features(tiny_backbone(), task.train) for task in tasks]).double()
    columns, before = [], 0
    for task in tasks:
        columns.append(torch.from_numpy(task.train.labels) + before)
        before += len(task.classes)
    return X, torch.eye(before, dtype=torch.float64)[torch.cat(columns)]


def zero_shot(labels: LabelSpace) -> torch.Tensor:
    backbone = tiny_backbone()
    with torch.no_grad():
        Z = F.normalize(backbone.encode_image(IMAGES), dim=-1)
        return 100.0 * Z.double() @ text_classifier(backbone, labels).double().T


def test_primal_against_the_solution_on_all_data():
    method = learned(primal())
    V = method.hidden.weight
    X, Y = data(TASKS)
    phi = (X @ V.T).clamp_min(0)
    W = torch.linalg.inv(phi.T @ phi + 0.1 * torch.eye(40, dtype=torch.float64)) @ phi.T @ Y
    with torch.no_grad():
        x = F.normalize(tiny_backbone().encode_image(IMAGES), dim=-1).double()
    wanted = 0.1 * zero_shot(STREAM.union).softmax(dim=-1) + 0.9 * (x @ V.T).clamp_min(0) @ W
    torch.testing.assert_close(method.score(IMAGES, STREAM.union), wanted, rtol=0, atol=1e-6)


def test_dual_against_the_solution_on_all_data():
    method = learned(dual())
    X, Y = data(TASKS)
    alpha = torch.linalg.solve(
        torch.exp(-0.1 * torch.cdist(X, X) ** 2) + 0.001 * torch.eye(len(X), dtype=torch.float64), Y
    )
    with torch.no_grad():
        x = F.normalize(tiny_backbone().encode_image(IMAGES), dim=-1).double()
    outputs = torch.exp(-0.1 * torch.cdist(x, X) ** 2) @ alpha
    wanted = 0.1 * zero_shot(STREAM.union).softmax(dim=-1) + 0.9 * outputs
    torch.testing.assert_close(method.score(IMAGES, STREAM.union), wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("build", [primal, dual])
def test_the_order_of_tasks_leaves_the_result_as_it_is(build):
    straight, turned = learned(build()), learned(build(), TASKS[::-1])
    torch.testing.assert_close(
        straight.score(IMAGES, STREAM.union), turned.score(IMAGES, STREAM.union), rtol=0, atol=1e-7
    )


@pytest.mark.parametrize("build", [primal, dual])
def test_tasks_not_learned_yet_are_answered_as_zero_shot(build):
    method = learned(build(), TASKS[:1])
    for task in STREAM.tasks[1:]:
        found = method.score(IMAGES, task.labels).argmax(dim=1)
        assert torch.equal(found, zero_shot(task.labels).argmax(dim=1))


def test_before_the_first_task_it_is_the_zero_shot_model():
    scores, wanted = primal().score(IMAGES, STREAM.union), zero_shot(STREAM.union)
    torch.testing.assert_close(scores, wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("build", [primal, dual])
def test_training_images_are_named_right(build):
    method = learned(build())
    images = torch.from_numpy(TASKS[0].train.pixels(method.backbone.preprocessing).copy())
    answers = method.score(method.backbone.preprocessing.normalise(images), TASKS[0].labels).argmax(dim=1)
    right = float((answers == torch.from_numpy(TASKS[0].train.labels)).double().mean())
    assert right > 0.8


def test_fusion_at_its_ends():
    everything = zero_shot(STREAM.union).argmax(dim=1)
    assert torch.equal(learned(primal(fusion=0.0)).score(IMAGES, STREAM.union).argmax(dim=1), everything)
    method = learned(primal(fusion=1.0))
    outputs = method._outputs(method.features(IMAGES)[1])
    torch.testing.assert_close(method.score(IMAGES, STREAM.union), outputs, rtol=0, atol=0)


def test_a_class_that_comes_again_keeps_its_column():
    method = learned(primal(), [TASKS[0], TASKS[1], TASKS[0]])
    assert len(method.classes) == 7
    assert method.adapter.W.shape == (40, 7)
    other = LabelSpace.of(TASKS[0].classes, ["a blurry {}."])
    assert method.classes.find(other) == [None] * 3  # the same names with other templates are other classes


def test_the_block_changes_rounding_alone():
    one, other = learned(primal(block=1)), learned(primal(block=4096))
    torch.testing.assert_close(one.adapter.W, other.adapter.W, rtol=0, atol=1e-10)


def test_coefficients_are_reported():
    method = learned(primal())
    assert method.context.measured.trainable_parameters == [40 * 3, 40 * 7, 40 * 9]
    method = learned(dual(), TASKS[:2])
    assert method.context.measured.trainable_parameters == [24 * 3, 48 * 7]


def test_no_weight_of_the_backbone_moves():
    method = learned(dual())
    pristine = tiny_backbone().model.state_dict()
    assert all(torch.equal(v, pristine[n]) for n, v in method.backbone.model.state_dict().items())


def test_seeds_draw_other_hidden_layers():
    assert not torch.equal(primal(seed=0).hidden.weight, primal(seed=1).hidden.weight)


def test_without_hidden_layer_it_regresses_on_the_features():
    method = learned(primal(hidden=None))
    X, Y = data(TASKS)
    W = torch.linalg.solve(X.T @ X + 0.1 * torch.eye(16, dtype=torch.float64), X.T @ Y)
    torch.testing.assert_close(method.adapter.W, W, rtol=0, atol=1e-5)


def test_features_before_the_projection():
    backbone = tiny_backbone()
    embeddings, features = FrozenFeatures(backbone, "pre-projection")(IMAGES)
    with torch.no_grad():
        wanted = F.normalize(backbone.encode_image(IMAGES), dim=-1)
    torch.testing.assert_close(embeddings, wanted, rtol=0, atol=1e-5)
    torch.testing.assert_close(
        F.normalize(features @ backbone.model.visual.proj, dim=-1), wanted, rtol=0, atol=1e-5
    )
    assert features.shape == (len(IMAGES), 32)
    assert learned(primal(features="pre-projection", hidden=None), TASKS[:1]).adapter.W.shape == (32, 3)


def test_other_vision_towers_have_no_such_features():
    backbone = tiny_backbone()
    backbone.model.visual = torch.nn.Identity()
    with pytest.raises(MethodError, match="before the projection") as caught:
        FrozenFeatures(backbone, "pre-projection")
    assert "'embedding'" in caught.value.fix


def test_augmented_features_are_those_of_crops_each_image_once():
    method = primal(augment=True)
    features, labels = method._training_features(TASKS[0])
    plain, _ = primal()._training_features(TASKS[0])
    assert features.shape == plain.shape
    assert sorted(labels.tolist()) == sorted(TASKS[0].train.labels.tolist())
    assert float(torch.cdist(features, plain).min(dim=1).values.max()) > 1e-3


def test_first_template_alone():
    all_, first = learned(primal()), learned(primal(test_templates="first"))
    assert not torch.allclose(all_.score(IMAGES, STREAM.union), first.score(IMAGES, STREAM.union), atol=1e-6)


@pytest.mark.parametrize(
    ("kind", "bad"),
    [
        (PrimalSettings, {"ridge": 0.0}),
        (PrimalSettings, {"hidden": 0}),
        (PrimalSettings, {"fusion": 1.1}),
        (PrimalSettings, {"gamma": 0.1}),
        (DualSettings, {"gamma": -1.0}),
        (DualSettings, {"hidden": 10}),
    ],
)
def test_bad_settings_are_refused(kind, bad):
    with pytest.raises(ValidationError):
        kind(**bad)


def test_images_of_one_class_are_enough():
    task = tiny_stream(tasks=2, classes=(1, 2)).tasks[0].for_training(0)
    method = learned(primal(), [task])
    images = tiny_images(3, 1)
    scores = method.score(IMAGES[: len(images)], task.labels)
    assert scores.shape == (3, 1)
    assert bool(torch.isfinite(scores).all())


def test_a_class_that_tasks_share_has_one_column():
    """Learned with each task's own templates, tested with those of all: one regression column for both."""
    from clbench.streams import Stream, shared_classes
    from clbench_rail.classes import LearnedClasses

    first, second, third = STREAM.tasks
    namesake = replace(second, classes=(first.classes[1], *second.classes[1:]), templates=("the {}",))
    tasks = (first, namesake, third)
    for shared, columns in ((shared_classes(tasks), 8), ({}, 9)):
        stream = Stream("some", tasks, shared=shared)
        classes = LearnedClasses()
        found = [classes.add(stream.training_task(i).labels) for i in range(3)]
        assert len(classes) == columns
        assert (found[1][0] == found[0][1]) == bool(shared)
        again = LearnedClasses()
        again.load_state_dict(classes.state_dict())
        for space in (stream.union, stream.labels(1)):
            assert None not in again.find(space)
            assert again.find(space) == classes.find(space)
        assert again.labels == classes.labels
