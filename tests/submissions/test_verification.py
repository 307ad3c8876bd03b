"""What of a submission is computed anew: a changed digit is found, whoever changed it."""

import copy
import io
import json
import zipfile

import numpy as np
import pytest
from clbench.installing import how_to_install
from clbench.plugins import Registry
from clbench.results import load_predictions, measure, save_predictions
from clbench.results.predictions import parse_predictions
from clbench.submissions import UNKNOWABLE, pack, verify
from clbench.submissions.arrays import check_arrays
from clbench.submissions.reporting import as_markdown, headline, verdict
from hypothesis import given, settings
from hypothesis import strategies as st

# Fields that nothing can be compared with. Only the digest of the file that the author publishes covers them.
THEIR_WORD = {
    ("backbone", "parameters"),  # computed with --weights
    ("predictions", "groups_by"),  # what they are is compared, not who named them
    *(
        ("resources", name)
        for name in (
            "trainable_parameters",
            "stored_parameters",
            "peak_memory_bytes",
            "learn_seconds",
            "evaluate_seconds",
        )
    ),
    *(
        ("provenance", name)
        for name in ("commit", "versions", "plugins", "python", "platform", "device", "threads")
    ),
}


def leaves(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in items:
        if isinstance(inner, (dict, list)):
            yield from leaves(inner, (*path, key))
        elif inner is not None:
            yield (*path, key), inner


def otherwise(value):
    """The least change: a digit, a letter."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        text = repr(value)
        near = float(text[:-1] + str((int(text[-1]) + 1) % 10))
        return near if near != value else value + 1
    return ("x" if value[:1] != "x" else "y") + value[1:]


def with_change(document, path, value):
    changed = copy.deepcopy(document)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return changed


def failures(found):
    return {check.name for check in found.of("failed")}


def test_real_runs_are_verified(records_folder, registry):
    for run in sorted((records_folder / "II").glob("*-seed1")):
        found = verify(run, registry)
        assert found.verified, (run.name, found.of("failed"))
        # DIKI's records are from before it had the setting official_compute.
        assert {check.name for check in found.of("not checkable")} - {"method"} == {"weights"}


@pytest.mark.slow
def test_every_record_of_the_leaderboard_is_verified(records_folder, registry):
    runs = sorted(path.parent for path in records_folder.rglob("record.json"))
    assert len(runs) > 100
    assert not [run for run in runs if not verify(run, registry).verified]


def test_a_file_is_verified_as_its_folder_is(submission, run, registry, tmp_path):
    file = verify(submission.write(tmp_path), registry)
    folder = verify(run, registry)
    assert file.verified
    assert file.sha256 == folder.sha256 == submission.sha256
    assert [c for c in file.checks if c.name not in ("archive", "manifest")] == list(folder.checks[1:])


@settings(max_examples=40)
@given(st.data())
def test_a_byte_changed_anywhere_is_found(submission, registry, tmp_path_factory, data):
    content = bytearray(submission.content)
    content[data.draw(st.integers(0, len(content) - 1))] ^= data.draw(st.integers(1, 255))
    path = tmp_path_factory.mktemp("changed") / submission.name
    path.write_bytes(content)
    assert not verify(path, registry, data=False).verified


@settings(max_examples=60)
@given(st.data())
def test_a_digit_changed_in_the_record_is_found_though_the_manifest_is_forged(
    forged, submission, document, registry, tmp_path_factory, data
):
    path, value = data.draw(st.sampled_from(sorted(leaves(document), key=str)))
    file = forged(
        tmp_path_factory.mktemp("forged"), submission, record=with_change(document, path, otherwise(value))
    )
    found = verify(file, registry)
    if path[:2] in THEIR_WORD:
        found = verify(file, registry, sha256=submission.sha256, data=False)
        # The version of the method's own plugin stands in two places, which then disagree besides.
        assert failures(found) - {"provenance"} == {"published digest"}
    assert not found.verified, path


@settings(max_examples=20)
@given(st.data())
def test_an_answer_changed_to_or_from_the_right_one_is_found(
    forged, submission, document, run, registry, tmp_path_factory, data
):
    folder = tmp_path_factory.mktemp("forged")
    predictions = load_predictions(run)
    key = data.draw(st.sampled_from(sorted(predictions.answers)))
    answers = {k: v.copy() for k, v in predictions.answers.items()}
    image = data.draw(st.integers(0, len(answers[key]) - 1))
    right = int(predictions.truth[key.task][image])
    answers[key][image] = right + 1 if answers[key][image] == right else right
    entry = save_predictions(folder, answers, predictions.truth)
    record = with_change(document, ("predictions", "sha256"), entry.sha256)
    file = forged(folder, submission, record=record, predictions=(folder / "predictions.npz").read_bytes())
    assert "matrices" in failures(verify(file, registry, data=False))


def test_a_better_score_with_the_right_answers_to_match_needs_the_data_to_be_found(
    forged, submission, document, run, registry, tmp_path
):
    """Right answers are changed to the given ones, and every figure is computed from that."""
    predictions = load_predictions(run)
    task = document["stream"]["tasks"][3]["key"]
    truth = {k: v.copy() for k, v in predictions.truth.items()}
    image = int(np.flatnonzero(predictions.answers["task", 9, task] != truth[task])[0])
    truth[task][image] = predictions.answers["task", 9, task][image]
    entry = save_predictions(tmp_path, predictions.answers, truth)
    record = copy.deepcopy(document)
    record["predictions"]["sha256"] = entry.sha256
    for space, rows in record["matrices"].items():
        for number, row in enumerate([record["zero_shot"][space], *rows], start=-1):
            row[3] = (
                100.0
                * int((predictions.answers[space, number, task] == truth[task]).sum())
                / len(truth[task])
            )
    record["metrics"] = measure(record["matrices"]["task"]).model_dump()
    file = forged(
        tmp_path, submission, record=record, predictions=(tmp_path / "predictions.npz").read_bytes()
    )
    assert verify(file, registry, data=False).verified
    found = verify(file, registry)
    assert failures(found) == {"data"}
    (check,) = found.of("failed")
    assert check.details == (f"{task}: 1 right answers are not the labels of the test images",)


def test_answers_of_other_classes_than_a_label_space_has(
    forged, submission, document, run, registry, tmp_path
):
    predictions = load_predictions(run)
    first, last = (document["stream"]["tasks"][i]["key"] for i in (0, -1))
    answers = {k: v.copy() for k, v in predictions.answers.items()}
    wrong = int(np.flatnonzero(answers["task", 0, first] != predictions.truth[first])[0])
    answers["task", 0, first][wrong] = predictions.truth[last][0]
    answers["seen", 0, first][wrong] = predictions.truth[last][0]
    entry = save_predictions(tmp_path, answers, predictions.truth)
    record = with_change(document, ("predictions", "sha256"), entry.sha256)
    file = forged(
        tmp_path, submission, record=record, predictions=(tmp_path / "predictions.npz").read_bytes()
    )
    found = verify(file, registry, data=False)
    assert "label spaces" in failures(found)
    (check,) = [c for c in found.of("failed") if c.name == "label spaces"]
    assert len(check.details) == 2
    assert f"1 answers after task 0 on {first} in label space seen" in check.details[0]


def test_label_spaces_that_cannot_be_of_the_same_scores(
    forged, submission, document, run, registry, tmp_path
):
    predictions = load_predictions(run)
    task = document["stream"]["tasks"][0]["key"]
    answers = {k: v.copy() for k, v in predictions.answers.items()}
    own, union = answers["task", 5, task], answers["union", 5, task]
    wrong = np.flatnonzero((own == union) & (own != predictions.truth[task]))[0]
    own[wrong] = next(
        c for c in np.unique(predictions.truth[task]) if c not in (own[wrong], predictions.truth[task][wrong])
    )
    entry = save_predictions(tmp_path, answers, predictions.truth)
    record = with_change(document, ("predictions", "sha256"), entry.sha256)
    file = forged(
        tmp_path, submission, record=record, predictions=(tmp_path / "predictions.npz").read_bytes()
    )
    found = verify(file, registry, data=False)
    assert failures(found) == {"agreement"}  # every accuracy is as it was


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (lambda d: d | {"status": "running", "metrics": None}, "completeness"),
        (lambda d: d | {"zero_shot": {"task": d["zero_shot"]["task"]}}, "matrices"),
        (
            lambda d: with_change(d, ("metrics", "transfer"), d["metrics"]["transfer"] * (1 + 1e-12)),
            "metrics",
        ),
        (lambda d: with_change(d, ("config", "surprise"), 1), "configuration"),
        (lambda d: with_change(d, ("config", "eval_batch"), 128), "fingerprint"),
        (lambda d: with_change(d, ("provenance", "dirty"), True), "provenance"),
        (lambda d: with_change(d, ("provenance", "versions"), {}), "provenance"),
        (lambda d: with_change(d, ("resources", "learn_seconds"), [1.0]), "resources"),
        (lambda d: with_change(d, ("resources", "learn_seconds", 0), -1.0), "schema"),
        (lambda d: with_change(d, ("method", "settings", "lr"), "fast"), "method"),
        (lambda d: with_change(d, ("method", "settings_sources", "lr"), "user"), "configuration"),
        (lambda d: with_change(d, ("stream", "tasks", 0, "classes"), 9), "stream"),
        (lambda d: d | {"schema_version": 2}, "schema"),
        (lambda d: {k: v for k, v in d.items() if k != "seed"}, "schema"),
    ],
)
def test_what_is_wrong_is_named(forged, submission, document, registry, tmp_path, change, check):
    found = verify(forged(tmp_path, submission, record=change(document)), registry)
    assert check in failures(found)
    assert all(c.details for c in found.of("failed"))


def places(value, path=()):
    """The path to each part of a JSON document, leaves and branches."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield (*path, key)
        yield from places(inner, (*path, key))


@settings(max_examples=150)
@given(st.data())
def test_a_record_that_says_anything_is_judged_all_the_same(
    forged, submission, document, registry, tmp_path_factory, data
):
    path = data.draw(st.sampled_from([place for place in places(document) if len(place) < 4]))
    odd = data.draw(
        st.sampled_from([None, True, -1, 1.5, "", "x", [], {}, [1], [None], {"a": 1}, [[]], "\0"])
    )
    record = with_change(document, path, odd)
    found = verify(forged(tmp_path_factory.mktemp("odd"), submission, record=record), registry, data=False)
    assert found.sha256 in as_markdown([found])
    assert found.verified == (not failures(found))


def test_a_key_given_twice_is_found(forged, submission, run, registry, tmp_path):
    text = (run / "record.json").read_bytes()
    twice = text.replace(b'{\n "schema_version"', b'{\n "seed": 7,\n "schema_version"', 1)
    assert failures(verify(forged(tmp_path, submission, record=twice), registry, data=False)) == {"schema"}


def test_the_last_digit_of_a_metric_needs_the_same_numpy(forged, submission, document, registry, tmp_path):
    record = with_change(document, ("metrics", "average"), np.nextafter(document["metrics"]["average"], 100))
    record["provenance"]["versions"]["numpy"] = np.__version__
    assert failures(verify(forged(tmp_path, submission, record=record), registry, data=False)) == {"metrics"}
    record["provenance"]["versions"]["numpy"] = "1.26.0"
    found = verify(forged(tmp_path, submission, record=record), registry, data=False)
    assert "metrics" in {check.name for check in found.of("not checkable")}


def test_seconds_that_do_not_fit_are_said_to_be_of_a_resumed_run(
    forged, submission, document, registry, tmp_path
):
    record = with_change(document, ("resources", "learn_seconds", 0), 1e6)
    found = verify(forged(tmp_path, submission, record=record), registry, data=False)
    (check,) = [c for c in found.checks if c.name == "resources"]
    assert check.outcome == "not checkable"
    assert "stopped and went on" in check.sentence


def test_without_plugins_it_says_what_it_cannot_check(submission, tmp_path):
    found = verify(submission.write(tmp_path), Registry())
    assert found.verified
    sentences = {check.name: check.sentence for check in found.of("not checkable")}
    assert set(sentences) == {"method", "stream", "data", "weights"}
    assert how_to_install("clbench-zscl") in sentences["method"]
    assert how_to_install("clbench-mini") in sentences["stream"]
    assert how_to_install("clbench-mini") in sentences["data"]


def test_weights_are_compared_when_asked(forged, submission, document, registry, tmp_path):
    record = with_change(document, ("backbone", "parameters"), 1)
    found = verify(forged(tmp_path, submission, record=record), registry, data=False, weights=True)
    assert failures(found) == {"weights"}
    assert found.of("failed")[0].details == (
        f"parameters is 1 in the record and {document['backbone']['parameters']} here",
    )


def arrays_of(content, **changes):
    """The file of predictions with raw members changed."""
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(io.BytesIO(content)) as old,
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new,
    ):
        for name in old.namelist():
            new.writestr(name, changes.pop(name, old.read(name)))
        for name, value in changes.items():
            new.writestr(name, value)
    return buffer.getvalue()


def npy(array):
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=True)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"tasks.npy": npy(np.array([print], dtype=object))}, "holds object"),
        ({"truth.npy": npy(np.zeros(3))}, "holds float64"),
        ({"evil.npy": npy(np.zeros(3))}, "member 'evil.npy'"),
        (
            {
                "truth.npy": npy(np.zeros(3, "u2"))
                .replace(b"(3,), ", b"(3000000000,), ")
                .replace(b" " * 9, b"", 1)
            },
            "larger than it is",
        ),
        ({"truth.npy": b"\x93NUMPY\x01\x00"}, "damaged"),
        ({"truth.npy": b""}, "damaged"),
    ],
)
def test_predictions_that_would_do_harm_are_not_opened(
    forged, submission, document, registry, tmp_path, changes, words
):
    import hashlib

    content = arrays_of(submission.members["predictions.npz"], **changes)
    assert words in " ".join(check_arrays(content))
    record = with_change(document, ("predictions", "sha256"), hashlib.sha256(content).hexdigest())
    found = verify(forged(tmp_path, submission, record=record, predictions=content), registry, data=False)
    assert failures(found) == {"predictions"}


@settings(max_examples=100)
@given(st.data())
def test_damaged_predictions_never_crash_it(forged, submission, document, registry, tmp_path_factory, data):
    import hashlib

    content = bytearray(submission.members["predictions.npz"])
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    folder = tmp_path_factory.mktemp("forged")
    record = with_change(document, ("predictions", "sha256"), hashlib.sha256(content).hexdigest())
    found = verify(
        forged(folder, submission, record=record, predictions=bytes(content)), registry, data=False
    )
    if found.verified:  # a byte that means nothing, such as a time in a header
        kept, read = (
            parse_predictions(c, folder) for c in (submission.members["predictions.npz"], bytes(content))
        )
        assert {k: v.tolist() for k, v in kept.answers.items()} == {
            k: v.tolist() for k, v in read.answers.items()
        }
        assert {k: v.tolist() for k, v in kept.truth.items()} == {
            k: v.tolist() for k, v in read.truth.items()
        }
    else:
        assert failures(found) <= {"predictions", "shape", "label spaces", "agreement", "matrices"}


def test_reports_say_it_all(submission, registry, tmp_path):
    good = verify(submission.write(tmp_path), registry)
    broken = tmp_path / "<b>@all|.clbench.zip"
    broken.write_bytes(b"x")
    bad = verify(broken, registry)
    text = as_markdown([good, bad])
    assert text.startswith("## ❌ 1 of 2 submissions NOT verified")
    assert text.index("&lt;b&gt;&#64;all\\|") < text.index(submission.name)
    assert "<b>" not in text
    assert all(line in text for line in UNKNOWABLE)
    assert submission.sha256 in text
    assert as_markdown([good]).startswith("## ✅ 1 submission verified")
    assert (
        headline(good.record)
        == "ZSCL on mini, order I, mini-clip, seed 0: Transfer 40.21, Average 44.15, Last 46.50"
    )
    assert verdict(bad) == "NOT verified: 1 failed, 0 checks passed"
    assert json.loads(json.dumps(good.as_json()))["verified"] is True


def test_a_submitted_readme_is_covered(run, registry, tmp_path):
    (tmp_path / "about.md").write_text("The seeds were chosen before.")
    file = pack(run, readme=tmp_path / "about.md").write(tmp_path)
    assert verify(file, registry, data=False).verified
    file.write_bytes(file.read_bytes().replace(b"before", b"after!"))
    assert not verify(file, registry, data=False).verified
