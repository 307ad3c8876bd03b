"""Splits, names, prompts and draw of each protocol, told anew from the authors' rules."""

from __future__ import annotations

import hashlib
import json

import pytest
from clbench_mtil import testing
from clbench_mtil.catalogue import KEYS, data_set
from clbench_mtil.facts import FACTS, prompts
from clbench_mtil.stream import build
from clbench_mtil.variants import VARIANTS, incremental_specs

KINDS = {
    "aircraft": "aircraft",
    "flowers": "flower",
    "food": "food",
    "oxfordpet": "pet",
    "stanfordcars": "car",
}
"""What the authors call the things of a data set, behind "a type of"."""


def first_template(key):
    """ZSCL's training prompt."""
    if key in KINDS:
        return f"a photo of a {{}}, a type of {KINDS[key]}."
    special = {
        "dtd": "a photo of a {} texture.",
        "eurosat": "a centered satellite photo of {}.",
        "mnist": 'a photo of the number: "{}".',
    }
    return special.get(key, "a photo of a {}.")


def codyra_template(key):
    """As CoDyRA scores: the templates beside RAIL's data classes."""
    special = {
        "dtd": "{} texture.",
        "food": "a photo of {}, a type of food.",
        "stanfordcars": "a photo of a {}.",
    }
    return special.get(key, first_template(key))


def test_prompts_of_each_protocol():
    for key in KEYS:
        assert prompts(data_set(key), "ensemble")[0] == first_template(key)
        assert prompts(data_set(key), "first") == (first_template(key),)
        assert prompts(data_set(key), "rail") == ("a photo of a {}.",)
        if key != "cifar100":
            assert prompts(data_set(key), "codyra") == (codyra_template(key),)
    counts = [len(prompts(data_set(key), "ensemble")) for key in KEYS]
    assert counts == [2, 34, 18, 8, 3, 1, 1, 1, 1, 9, 2]


def test_the_full_lists_of_templates():
    """Digests of all templates, key by key: a changed letter shows."""

    def digest(which):
        keys = [key for key in KEYS if which != "codyra" or key != "cifar100"]
        text = json.dumps([[key, prompts(data_set(key), which)] for key in keys])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    own = {
        "first": [[key, [first_template(key)]] for key in KEYS],
        "rail": [[key, ["a photo of a {}."]] for key in KEYS],
        "codyra": [[key, [codyra_template(key)]] for key in KEYS if key != "cifar100"],
    }
    for which, listed in own.items():
        assert digest(which) == hashlib.sha256(json.dumps(listed).encode()).hexdigest()[:16]


def test_x_tail_is_rails_to_the_prompt(data):
    rail, own = build("x-tail"), build("mtil-coop-16shot")
    by_key = {task.key: task for task in own.tasks}
    for task, (start, end) in zip(rail.tasks, zip(rail.offsets, rail.offsets[1:], strict=False), strict=True):
        names = [name.replace("_", " ") for name in by_key[task.key].classes]
        if task.key == "eurosat":
            names = [f"{name} satellite location" for name in names]
        if task.key == "mnist":
            names = [f'number: "{name}"' for name in names]
        prompted = rail.union.prompts[start:end]
        assert prompted == tuple((f"a photo of a {name}.",) for name in names)


def test_mnist_of_rail_is_drawn_from_all_training_images(data, monkeypatch):
    whole = {task.key: task for task in build("mtil").tasks}["mnist"]
    rail = {task.key: task for task in build("x-tail").tasks}["mnist"]
    counts = [int((rail.train.labels == c).sum()) for c in range(len(rail.classes))]
    assert set(counts) == {0, 16}  # of these small classes there are fewer images: some come twice
    pixels = [{images.image(i).tobytes() for i in range(len(images))} for images in (rail.train, whole.train)]
    coop = {task.key: task for task in build("mtil-coop").tasks}["mnist"].train
    assert pixels[0] <= pixels[1]
    assert not pixels[0] <= {coop.image(i).tobytes() for i in range(len(coop))}
    assert rail.validation is None


def test_each_fact_shows_by_itself(data):
    rail, codyra = build("x-tail"), build("x-tail-codyra")
    unlike = {k for k, v in rail.digests.items() if v != codyra.digests[k]}
    assert unlike == {"stream", "templates", "train_split"}
    zscl, keeplora = build("mtil"), build("mtil-keeplora")
    assert {k for k, v in zscl.digests.items() if v != keeplora.digests[k]} == {"stream", "templates"}
    coop = build("mtil-coop")
    unlike = {k for k, v in zscl.digests.items() if v != coop.digests[k]}
    assert unlike == {"stream", "templates", "class_names", "train_split", "test_split"}
    assert rail.meta["facts"] == {
        "splits": "coop",
        "names": "rail",
        "learning_prompts": "rail",
        "test_prompts": "rail",
        "draw": "rail",
    }
    assert zscl.meta["facts"]["test_prompts"] == "all-templates"
    assert keeplora.meta["facts"]["test_prompts"] == "first-template"
    for each in (rail, codyra, zscl, keeplora, coop):
        assert each.meta["facts"] == VARIANTS[each.name].spec().facts


@pytest.mark.parametrize(
    ("stream", "protocol"),
    [
        ("mtil", "zscl"),
        ("mtil-keeplora", "keeplora"),
        ("mtil-5shot", "moe-fewshot"),
        ("mtil-coop-16shot", "coop"),
        ("odcl-cil", "coleclip"),
        ("mtil-fs", "diki"),
        ("x-tail", "rail"),
        ("x-tail-codyra", "codyra"),
    ],
)
def test_a_stream_names_its_protocol(stream, protocol):
    assert VARIANTS[stream].facts == FACTS[protocol]


def test_class_incremental_names_keep_their_underscores(data, monkeypatch, tmp_path):
    """As the authors tokenise them: the underscore is a token of its own."""
    from clbench_mtil.incremental import build as build_incremental

    other = tmp_path / "all"
    testing.write("cifar100", other, None)
    monkeypatch.setenv("CLBENCH_DATA", str(other))
    with testing.accepted(other):
        stream = build_incremental("10")
    assert len(incremental_specs()) == 3
    assert stream.union.first_prompts[0] == "a bad photo of a thing_87."
    assert all("_" in name for task in stream.tasks for name in task.classes)
