"""Generated images: which classes, which seeds, which partners."""

from __future__ import annotations

from collections import Counter

import numpy as np
import torch
from clbench_gmail.pairs import Partners, image_classes, image_seeds
from hypothesis import given
from hypothesis import strategies as st

label_lists = st.lists(st.integers(0, 9), min_size=1, max_size=40)


@given(label_lists, st.integers(0, 1000), st.data())
def test_partners_are_of_the_class(labels, seed, data):
    partners = Partners(np.array(labels))
    assert partners.classes == tuple(sorted(set(labels)))
    wanted = data.draw(st.lists(st.sampled_from(partners.classes), min_size=1, max_size=30))
    drawn = partners.draw(torch.tensor(wanted), torch.Generator().manual_seed(seed))
    assert [labels[i] for i in drawn.tolist()] == wanted


def test_every_real_image_is_drawn_as_often():
    labels = np.array([2, 0, 2, 2, 0])
    drawn = Partners(labels).draw(torch.tensor([0, 2] * 3000), torch.Generator().manual_seed(0))
    counts = Counter(drawn.tolist())
    assert all(abs(counts[i] / 3000 - (1 / 2 if labels[i] == 0 else 1 / 3)) < 0.03 for i in range(5))


@given(st.integers(1, 30), st.integers(2, 100), st.integers(0, 50))
def test_classes_come_in_turn(classes, count, seed):
    names = tuple(range(100, 100 + classes))
    drawn = image_classes(names, count, seed=seed)
    counts = Counter(drawn)
    assert len(drawn) == count
    assert set(drawn) <= set(names)
    assert max(counts.values()) - min(counts.get(name, 0) for name in names) <= 1
    # More images keep those that there were, so that the cache of a shorter list is not another world.
    assert image_classes(names, count + 7, seed=seed)[:count] == drawn


def test_few_images_are_not_those_of_the_first_classes():
    drawn = {image_classes(tuple(range(50)), 10, seed=seed) for seed in range(5)}
    assert len(drawn) == 5
    assert all(set(classes) != set(range(10)) for classes in drawn)


def test_seeds_are_the_image_seeds_own():
    assert image_seeds(3, seed=42) == (420_000_000, 420_000_001, 420_000_002)
    assert not set(image_seeds(1000, seed=1)) & set(image_seeds(1000, seed=2))
