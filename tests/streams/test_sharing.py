"""Classes that several tasks have in common: one column, one answer, counted once."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from clbench.runs.evaluation import evaluate
from clbench.streams import LABEL_SPACES, Stream, Task, shared_classes
from clbench.streams.sharing import numbers_seen_from
from clbench.testing import tiny_backbone, tiny_stream
from clbench.testing.doubles import tiny_images
from hypothesis import given
from hypothesis import strategies as st

CLASSES = ("bird", "cup", "bus")


def of_domains(tasks: int = 3, shared: bool = True) -> Stream:
    """The same classes in every task, drawn in other ways."""
    found = tuple(
        Task(
            f"d{j}",
            f"Domain {j}",
            CLASSES,
            ("a photo of a {}.",),
            tiny_images(9, 3, seed=j, domain=j),
            tiny_images(6, 3, seed=50 + j, domain=j),
        )
        for j in range(tasks)
    )
    return Stream("domains", found, protocol="dil", shared=shared_classes(found) if shared else {})


class ByName:
    """Scores that depend on a class's name alone: a random direction for each name."""

    def score(self, images, labels):
        generators = [torch.Generator().manual_seed(sum(name.encode())) for name in labels.classes]
        directions = [torch.randn(images[0].numel(), generator=g) for g in generators]
        return images.flatten(1) @ torch.stack(directions).T


def evaluated(stream: Stream):
    return evaluate(
        ByName(), stream, tiny_backbone().preprocessing, wide=True, batch=4, device=torch.device("cpu")
    )


def test_a_shared_class_has_one_column():
    stream = of_domains()
    assert stream.union.classes == CLASSES
    assert [columns.tolist() for columns in stream.columns] == [[0, 1, 2]] * 3
    assert len(of_domains(shared=False).union) == 9


def test_all_label_spaces_of_a_domain_incremental_stream_are_one():
    stream = of_domains()
    found = evaluated(stream)
    for learned in range(1, 4):
        rows = {space: found.row(stream, space, learned) for space in LABEL_SPACES}
        assert rows["task"] == rows["seen"] == rows["union"]
    assert sum(rows["task"]) > 0


def test_namesakes_that_are_not_shared_take_answers_from_each_other():
    """What sharing is for: of equal columns any may win, and only the image's own task's is right."""
    shared, apart = of_domains(), of_domains(shared=False)
    assert sum(evaluated(apart).row(apart, "union", 3)) < sum(evaluated(shared).row(shared, "union", 3))
    assert evaluated(apart).row(apart, "task", 3) == evaluated(shared).row(shared, "task", 3)


def test_only_what_is_named_is_shared():
    first, second, third = tiny_stream().tasks
    other = replace(second, classes=(first.classes[2], *second.classes[1:]), templates=("the {}", "an {}"))
    tasks = (first, other, third)
    assert shared_classes(tasks) == {first.classes[2]: (*first.templates, "the {}", "an {}")}
    stream = Stream("some", tasks, shared=shared_classes(tasks))
    assert stream.columns[1].tolist() == [2, 4, 5, 6]
    assert stream.union.templates[2] == (*first.templates, "the {}", "an {}")
    assert stream.labels(1).templates == (stream.union.templates[2], *[("the {}", "an {}")] * 3)
    assert stream.labels(1, told=True).task == 1
    assert stream.union.templates[4] == ("the {}", "an {}")
    # a task learns with its own
    assert stream.tasks[1].for_training(1).labels.templates == (("the {}", "an {}"),) * 4


def test_templates_that_all_tasks_have_count_once():
    assert of_domains().union.templates == (("a photo of a {}.",),) * 3


@given(
    classes=st.lists(st.lists(st.sampled_from("abcdef"), min_size=1, unique=True), min_size=2, max_size=4),
    shared=st.sets(st.sampled_from("abcdef")),
)
def test_numbers_are_equal_exactly_where_classes_are(classes, shared):
    """By brute force: of any two classes, seen from a task that has the one."""
    everything = [(j, name) for j, names in enumerate(classes) for name in names]
    found = numbers_seen_from(classes, dict.fromkeys(shared, ("{}",)))
    for index in range(len(classes)):
        for right, (task, name) in enumerate(everything):
            if task != index:
                continue
            assert found[index][right] == right
            for number, (other, said) in enumerate(everything):
                same = (task, name) == (other, said) or (name == said and name in shared)
                assert (found[index][number] == right) == same


def test_numbers_do_not_go_beyond_the_tasks_seen():
    """A class that is first met in an early task is never reported as a later one's."""
    numbers = numbers_seen_from([["a", "b"], ["b", "c"], ["a"]], {"a": ("{}",), "b": ("{}",)})
    assert [row.tolist() for row in numbers] == [[0, 1, 1, 3, 0], [0, 2, 2, 3, 0], [4, 1, 1, 3, 4]]


def test_streams_that_share_nothing_keep_their_fingerprint():
    stream = tiny_stream()
    known = hashlib.sha256(json.dumps([stream.name, stream.protocol, {}]).encode()).hexdigest()[:16]
    assert stream.digests["stream"] == known
    changed = replace(stream, shared={stream.tasks[0].classes[0]: ("the {}",)})
    assert {k for k, v in changed.digests.items() if v != stream.digests[k]} == {"stream"}
    assert changed.ordered("II", changed.keys[::-1]).digests == changed.digests


@pytest.mark.parametrize("keys", [("d2", "d0", "d1"), ("d1", "d2", "d0")])
def test_the_order_of_tasks_changes_no_accuracy(keys):
    stream = of_domains()
    other = stream.ordered("II", keys)
    before = dict(zip(stream.keys, evaluated(stream).row(stream, "union", 3), strict=True))
    after = dict(zip(keys, evaluated(other).row(other, "union", 3), strict=True))
    assert before == after
    assert np.unique(list(before.values())).size >= 1
