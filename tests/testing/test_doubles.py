"""The doubles are what they say, and a training task leads to no test data."""

import gc

import numpy as np
import pytest
import torch
from clbench.plugins import Registry
from clbench.runs.workbench import Workbench
from clbench.streams import ImageSet
from clbench.testing import tiny_backbone, tiny_context, tiny_plugin, tiny_stream
from clbench.testing.doubles import NoiseGenerator


def test_tasks_can_have_different_numbers_of_classes():
    stream = tiny_stream(tasks=3, classes=(4, 2, 3))
    assert [len(task.classes) for task in stream.tasks] == [4, 2, 3]
    assert len(set(stream.union.classes)) == 9
    for task in stream.tasks:
        assert set(task.train.labels) == set(task.test.labels) == set(range(len(task.classes)))


def test_streams_and_weights_are_the_same_every_time():
    assert tiny_stream().digests == tiny_stream().digests
    three, again, four = (tiny_backbone(seed).weights_digest for seed in (3, 3, 4))
    assert three == again != four
    first, again, other = (np.asarray(NoiseGenerator().generate(["a cat"], [seed])[0]) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_backbone_is_ones_own():
    one, other = tiny_backbone(), tiny_backbone()
    with torch.no_grad():
        next(one.model.parameters()).zero_()
    assert not torch.equal(next(one.model.parameters()), next(other.model.parameters()))


def test_the_plugin_gives_what_its_specs_say():
    bench = Workbench(Registry.of(tiny_plugin))
    stream = bench.stream("tiny", "II")
    assert stream.keys == ("t2", "t0", "t1")
    spec = bench.registry.find("stream", "tiny").spec
    for summary in spec.tasks:
        (task,) = [task for task in stream.tasks if task.key == summary.key]
        found = (task.title, len(task.classes), len(task.train), len(task.test))
        assert found == (summary.title, summary.classes, summary.train, summary.test)
    backbone = bench.backbone("tiny", torch.device("cpu"))
    spec = bench.registry.find("backbone", "tiny").spec
    assert backbone.preprocessing.size == spec.image_size
    count = sum(parameter.numel() for parameter in backbone.model.parameters())
    assert count == pytest.approx(spec.parameters, rel=0.05)
    assert len(bench.reference("tiny-reference").texts) == len(bench.reference("tiny-reference").images)
    assert not set(bench.names("tiny-pool")) & set(stream.union.classes)


def test_a_training_task_leads_to_no_test_images():
    stream = tiny_stream()
    tests = {id(task.test) for task in stream.tasks} | {id(task.test.dataset) for task in stream.tasks}
    task = stream.tasks[0].for_training(0)
    seen, waiting = set(), [task, tiny_context(stream)]
    found = []
    while waiting:
        value = waiting.pop()
        if id(value) in seen or isinstance(value, (type, type(gc), str, bytes, int, float)):
            continue
        seen.add(id(value))
        if isinstance(value, ImageSet):
            found.append(value)
        assert id(value) not in tests
        # What can be reached through attributes and containers; classes and modules lead everywhere.
        children = list(getattr(value, "__dict__", {}).values())
        slots = getattr(type(value), "__slots__", ())
        children += [getattr(value, name) for name in slots if hasattr(value, name)]
        if isinstance(value, dict):
            children += [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple, set, frozenset)):
            children += value
        waiting += children
    assert task.train in found
