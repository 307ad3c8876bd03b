"""What a frozen function says of a batch is computed once, and only as much is kept as fits."""

from __future__ import annotations

import torch
from clbench.models.remembering import Remembered


def counted(capacity: int = 2**20) -> tuple[Remembered, list[int]]:
    calls: list[int] = []

    def function(images: torch.Tensor) -> torch.Tensor:
        calls.append(len(images))
        return images.flatten(1).sum(dim=1)

    return Remembered(function, capacity=capacity), calls


def test_the_same_images_are_computed_once_whoever_holds_them():
    remembered, calls = counted()
    images = torch.randn(4, 3, 2, 2)
    first = remembered(images)
    assert torch.equal(remembered(images.clone()), first)
    assert torch.equal(first, images.flatten(1).sum(dim=1))
    assert calls == [4]


def test_other_contents_shapes_and_types_are_other_images():
    remembered, calls = counted()
    images = torch.zeros(2, 3, 2, 2)
    for other in (images, images + 1e-7, images[:1], images.reshape(4, 3, 2, 1), images.double()):
        remembered(other)
    assert len(calls) == len(remembered) == 5


def test_what_was_used_longest_ago_makes_room():
    remembered, calls = counted(capacity=2 * 3 * 4)  # two results of three float32
    a, b, c = (torch.full((3, 2), float(i)) for i in range(3))
    for images in (a, b, a, c, a, b):
        remembered(images)
    assert len(remembered) == 2
    assert len(calls) == 4  # a, b, c, and b again, which had to go for c


def test_a_result_too_large_is_given_and_not_kept():
    remembered, _ = counted(capacity=1)
    images = torch.ones(3, 2)
    assert torch.equal(remembered(images), torch.full((3,), 2.0))
    assert len(remembered) == 0
