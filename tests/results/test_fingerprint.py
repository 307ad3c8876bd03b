"""One change of the protocol is one difference between fingerprints, and the board says which."""

from dataclasses import replace

import numpy as np
import pytest
from clbench.boards import board_of
from clbench.config import Options, resolve
from clbench.models import Backbone
from clbench.plugins import Registry
from clbench.results import differences, fingerprint, read_record
from clbench.results.fingerprint import FingerprintFields, differing_parts
from clbench.runs import execute
from clbench.streams import Preprocessing
from clbench.testing import doubles, still_plugin, tiny_backbone, tiny_plugin, tiny_stream
from clbench.testing.records import make_record
from hypothesis import given
from hypothesis import strategies as st

STREAM = tiny_stream()
TASKS = st.integers(0, len(STREAM) - 1)
NAMES = st.text(st.characters(codec="utf-8", exclude_characters="{}"), min_size=1)


def with_task(j, **changes):
    tasks = list(STREAM.tasks)
    tasks[j] = replace(tasks[j], **changes)
    return replace(STREAM, tasks=tuple(tasks))


def changed(stream):
    return {name for name, digest in stream.digests.items() if digest != STREAM.digests[name]}


# -- the data: every place, any change --------------------------------------------------------------------


@given(TASKS, st.integers(0, 3), NAMES)
def test_one_class_name(j, k, name):
    classes = list(STREAM.tasks[j].classes)
    same = classes[k] == name
    classes[k] = name
    assert changed(with_task(j, classes=tuple(classes))) == (set() if same else {"class_names"})


@given(TASKS, st.integers(0, 3), st.integers(0, 3))
def test_two_class_names_changed_round(j, k, other):
    classes = list(STREAM.tasks[j].classes)
    classes[k], classes[other] = classes[other], classes[k]
    assert changed(with_task(j, classes=tuple(classes))) == (set() if k == other else {"class_names"})


@given(TASKS, st.integers(0, 2), NAMES)
def test_one_template_more(j, at, text):
    templates = list(STREAM.tasks[j].templates)
    templates.insert(at, f"{text} {{}}")
    assert changed(with_task(j, templates=tuple(templates))) == {"templates"}


@given(TASKS, st.integers(0, 1), NAMES)
def test_one_template_otherwise(j, k, text):
    templates = list(STREAM.tasks[j].templates)
    templates[k] = f"{{}} {text}"
    assert changed(with_task(j, templates=tuple(templates))) == {"templates"}


@given(TASKS, st.sampled_from(["train", "test"]), st.data())
def test_one_split_index(j, split, data):
    images = getattr(STREAM.tasks[j], split)
    indices = np.arange(len(images))
    at = data.draw(st.integers(0, len(images) - 1))
    indices[at] = data.draw(st.integers(0, len(images) - 1))
    expected = set() if indices[at] == at else {f"{split}_split"}
    assert changed(with_task(j, **{split: images.select(indices.tolist())})) == expected


@given(TASKS, st.sampled_from(["train", "test"]), st.integers(0, 11))
def test_one_image_less(j, split, at):
    images = getattr(STREAM.tasks[j], split)
    rest = [i for i in range(len(images)) if i != at]
    assert changed(with_task(j, **{split: images.select(rest)})) == {f"{split}_split"}


def test_one_label():
    images = STREAM.tasks[0].train
    features = images.dataset.features
    rows = images.dataset.map(lambda row, i: {"label": (row["label"] + (i == 3)) % 4}, with_indices=True)
    other = type(images)(rows.cast(features), name=images.name)
    assert changed(with_task(0, train=other)) == {"train_split"}


def test_protocol_and_facts_of_a_stream():
    assert changed(replace(STREAM, protocol="coop")) == {"stream"}
    assert changed(replace(STREAM, meta={"shots": 4})) == {"stream"}


@given(st.permutations(range(len(STREAM))))
def test_the_order_of_the_tasks_does_not_count(order):
    assert changed(STREAM.ordered("x", [STREAM.keys[i] for i in order])) == set()


@pytest.mark.parametrize(
    "change",
    [
        {"interpolation": "bilinear"},
        {"size": 17},
        {"mean": (0.5, 0.5, 0.4)},
        {"std": (0.25, 0.25, 0.2)},
        {"crop_scale": (0.8, 1.0)},
        {"resize": "squash"},
    ],
)
def test_every_part_of_the_preprocessing(change):
    usual = Preprocessing(size=16, mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25))
    assert replace(usual, **change).digest != usual.digest


# -- the fields -------------------------------------------------------------------------------------------


@given(st.sampled_from(list(FingerprintFields.model_fields)), st.text(), st.text())
def test_a_field_that_differs_is_named(name, one, other):
    fields = dict.fromkeys(FingerprintFields.model_fields, "same")
    a, b = fingerprint(**fields | {name: one}), fingerprint(**fields | {name: other})
    assert differences(a, b) == (() if one == other else (name,))
    assert (a.digest == b.digest) == (one == other)
    assert bool(differing_parts(a.fields, b.fields)) == (one != other)


@pytest.mark.parametrize(
    ("one", "other", "parts"),
    [
        ("0a1b-gelu-fp32", "0a1b-quickgelu-fp32", ("activation",)),
        ("0a1b-gelu-fp32", "0a1b-gelu-bf16", ("precision",)),
        ("0a1b-gelu-fp32", "ffff-gelu-fp32", ("weights",)),
        ("0a1b-gelu-fp32", "ffff-quickgelu-fp16", ("weights", "activation", "precision")),
        ("w", "v", ("weights",)),
    ],
)
def test_the_parts_of_the_weights(one, other, parts):
    usual = make_record().fingerprint.fields
    a, b = (usual.model_copy(update={"weights": value}) for value in (one, other))
    assert differing_parts(a, b) == parts


# -- whole runs -------------------------------------------------------------------------------------------


REGISTRY = Registry.of(tiny_plugin, still_plugin)


def record_of(out, *, stream=STREAM, backbone=None, **options):
    """The record of a run on another stream or backbone under the same names."""
    configs = resolve(REGISTRY, Options(methods=("still",), stream="tiny", device="cpu", **options))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(doubles, "tiny_stream", lambda: stream)
        if backbone is not None:
            patch.setattr(doubles, "tiny_backbone_on", lambda _device: backbone)
        (outcome,) = execute(REGISTRY, configs, out=out)
    assert outcome.status == "finished", outcome.reason
    return read_record(outcome.path)


def with_preprocessing(**changes):
    usual = tiny_backbone()
    return Backbone(usual.name, usual.model, usual.tokenizer, replace(usual.preprocessing, **changes))


def otherwise_activated():
    usual = tiny_backbone()
    return Backbone(usual.name, usual.model, usual.tokenizer, usual.preprocessing, activation="quickgelu")


CHANGES = {
    "class_names": lambda: {"stream": with_task(1, classes=("circle", *STREAM.tasks[1].classes[1:]))},
    "templates": lambda: {"stream": with_task(2, templates=("a photo of a {}.", "a drawing of a {}"))},
    "train_split": lambda: {"stream": with_task(0, train=STREAM.tasks[0].train.select([*range(23), 0]))},
    "test_split": lambda: {"stream": with_task(0, test=STREAM.tasks[0].test.select([*range(11), 0]))},
    "preprocessing": lambda: {"backbone": with_preprocessing(interpolation="bilinear")},
    "activation": lambda: {"backbone": otherwise_activated()},
    "weights": lambda: {"backbone": tiny_backbone(seed=1)},
    "precision": lambda: {"precision": "bf16"},
    "batch_composition": lambda: {"batches": "mixed"},
    "label_space": lambda: {"label_space": "union"},
}


@pytest.mark.parametrize("part", CHANGES)
def test_two_runs_that_differ_in_one_thing_stand_apart_and_the_board_says_why(tmp_path, part):
    one = record_of(tmp_path / "one")
    other = record_of(tmp_path / "other", **CHANGES[part]())
    assert one.fingerprint.digest != other.fingerprint.digest
    board = board_of([one, other])
    assert len(board.tables) == 2
    (note,) = board.notes
    said = note.removeprefix("table 2 is not comparable with table 1: different ")
    if part == "batch_composition":
        assert sorted(said.removeprefix(f"{part} (").rstrip(")").split(", not ")) == [
            "mixed-256",
            "natural-256",
        ]
    else:
        assert said == part


def test_two_runs_of_one_protocol_stand_together(tmp_path):
    records = [record_of(tmp_path / name) for name in ("one", "other")]
    assert records[0].fingerprint == records[1].fingerprint
    assert len(board_of(records).tables) == 1


def test_the_board_says_that_a_method_infers_the_task():
    batches = {"batch_composition": "natural-256"}
    inferred = {"assumptions": {"task_identity": "inferred"}}
    record = make_record(
        method_fields=inferred,
        declared={"task identity": "by a vote"},
        protocol=batches,
    )
    (table,) = board_of([record, make_record(method="other", protocol=batches)]).tables
    assert table.notes == (
        "toy: infers the task (by a vote); its test batches are natural-256, and clbench audit shows what it "
        "scores in others",
    )
    assert [row.uses for row in table.rows if row.method == "toy"] == ["task id inferred"]
