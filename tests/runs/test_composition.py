"""Test batches: who is in them, and that answers come back to the right image."""

import numpy as np
import pytest
import torch
from clbench.models.features import CosineScorer
from clbench.runs.composition import compose
from clbench.runs.evaluation import evaluate
from clbench.testing import tiny_backbone, tiny_stream
from hypothesis import given
from hypothesis import strategies as st

CPU = torch.device("cpu")
COUNTS = st.dictionaries(st.integers(0, 9), st.integers(0, 30), max_size=5)
COMPOSITIONS = ("natural", "mixed", "single")


@given(COUNTS, st.integers(1, 40), st.sampled_from(COMPOSITIONS), st.integers(0, 99))
def test_every_image_is_in_exactly_one_batch(counts, batch, composition, seed):
    batches = list(compose(counts, batch, composition, seed))
    seen = sorted((int(j), int(i)) for b in batches for j, i in zip(b.tasks, b.images, strict=True))
    assert seen == sorted((j, i) for j, n in counts.items() for i in range(n))
    most = 1 if composition == "single" else batch
    assert all(1 <= len(b) <= most for b in batches)
    for b in batches:
        assert sorted(np.concatenate([rows for _, rows in b.parts])) == list(range(len(b)))
        assert all((b.tasks[rows] == j).all() for j, rows in b.parts)


@given(COUNTS, st.integers(1, 40))
def test_natural_batches_are_slices_of_one_task(counts, batch):
    found = [(b.tasks.tolist(), b.images.tolist()) for b in compose(counts, batch)]
    expected = [
        ([j] * len(part), part)
        for j, n in counts.items()
        for start in range(0, n, batch)
        if (part := list(range(start, min(start + batch, n))))
    ]
    assert found == expected


def test_mixed_is_a_permutation_of_its_seed():
    def order(seed):
        batches = compose({0: 50, 1: 50}, 20, "mixed", seed)
        return [(j, i) for b in batches for j, i in zip(b.tasks.tolist(), b.images.tolist(), strict=True)]

    assert order(0) == order(0) != order(1)
    batches = list(compose({0: 50, 1: 50}, 20, "mixed", 0))
    assert [len(b) for b in batches] == [20] * 5
    assert all(len(b.parts) == 2 for b in batches)


# -- evaluation ------------------------------------------------------------------------------------------


class Vote:
    """Answers every image of a batch with one class, which the sum of the whole batch decides."""

    def __init__(self):
        self.labels = []

    def score(self, images, labels):
        self.labels.append((len(images), len(labels), labels.task))
        chosen = torch.tensor(int(1000 * float(images.double().sum())) % len(labels))
        return torch.nn.functional.one_hot(chosen, len(labels)).expand(len(images), -1).float()


@pytest.fixture(scope="module")
def stream():
    return tiny_stream(tasks=3, classes=(4, 3, 2), test=13)


def test_an_image_that_is_scored_by_itself_is_answered_alike_in_all_batches(stream, one_thread):
    backbone = tiny_backbone().freeze()
    natural, mixed, single = (
        evaluate(
            CosineScorer(backbone),
            stream,
            backbone.preprocessing,
            wide=True,
            batch=5,
            device=CPU,
            composition=c,
        )
        for c in COMPOSITIONS
    )
    for key in stream.keys:
        a, b, c = (found.answers[key] for found in (natural, mixed, single))
        for other in (b, c):
            assert (a.own == other.own).all()
            assert (a.best == other.best).all()
            np.testing.assert_allclose(a.logit, other.logit, rtol=1e-4)
        assert a.own.dtype == a.best.dtype == np.int32
        assert a.logit.dtype == np.float32


def test_a_vote_over_the_batch_is_another_in_mixed_batches(stream):
    backbone = tiny_backbone().freeze()
    answers = {
        c: evaluate(
            Vote(), stream, backbone.preprocessing, wide=True, batch=13, device=CPU, composition=c
        ).predictions(stream, "union", 3)
        for c in COMPOSITIONS
    }
    assert all(len(set(answers["natural"][key])) == 1 for key in stream.keys)
    assert any(len(set(answers["mixed"][key])) > 1 for key in stream.keys)
    assert any(len(set(answers["single"][key])) > 1 for key in stream.keys)


def test_mixed_batches_are_scored_over_all_classes_even_for_narrow_label_spaces(stream):
    backbone, method = tiny_backbone().freeze(), Vote()
    evaluate(method, stream, backbone.preprocessing, wide=False, batch=13, device=CPU, composition="mixed")
    assert method.labels == [(13, 9, None)] * 3
    method.labels.clear()
    evaluate(method, stream, backbone.preprocessing, wide=False, batch=13, device=CPU)
    assert sorted(method.labels) == [(13, n, None) for n in (2, 3, 4)]  # in an order of their own


def test_a_task_that_is_given_comes_with_that_tasks_images_alone(stream):
    backbone, method = tiny_backbone().freeze(), Vote()
    evaluate(
        method,
        stream,
        backbone.preprocessing,
        wide=True,
        batch=39,
        device=CPU,
        composition="mixed",
        task_given=True,
    )
    assert method.labels == [(39, 9, None), (13, 4, 0), (13, 3, 1), (13, 2, 2)]


def test_progress_counts_images(stream):
    backbone, steps = tiny_backbone().freeze(), []
    evaluate(
        CosineScorer(backbone),
        stream,
        backbone.preprocessing,
        wide=True,
        batch=8,
        device=CPU,
        composition="mixed",
        only=[0, 2],
        progress=lambda *step: steps.append(step),
    )
    assert steps == [(8, 26), (16, 26), (24, 26), (26, 26)]
