"""Records are written without passwords, and leave the machine without its paths."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest
from clbench.config import RunConfig
from clbench.plugins import Registry
from clbench.privacy import HIDDEN, secrets_hidden
from clbench.results import read_record, write_record
from clbench.results.personal import fit_to_leave, places_that_differ, without_passwords
from clbench.results.records import ConductRecord, Failure
from clbench.submissions import pack, verify
from clbench.testing.records import make_record, make_run
from hypothesis import given
from hypothesis import strategies as st

SECRET = "hunter2-Zx9"
SAID = (
    f"https://me:{SECRET}@host/x",
    f"401 for https://host/x?token={SECRET}",
    f"{{'password': '{SECRET}', 'n': 1}}",
    f"Authorization: Bearer {SECRET}",
    f"HF_TOKEN={SECRET} clbench run",
    f"ghp_{SECRET.replace('-', '') * 2}",
    "hf_AbCdEfGhIjKlMnOpQrSt",
)
PATH = "/srv/qfolder/qmore of it/own.txt"


def personal(text):
    """A record with ``text`` wherever somebody's text can be."""
    settings = {"captions": text, "nested": {"deep": [text, {"deeper": text}]}, "lr": 0.1}
    sources = dict.fromkeys(settings, "user")
    config = RunConfig(
        method="toy",
        stream="toy-stream",
        order="default",
        backbone="toy-clip",
        label_spaces=("task",),
        stream_file=text,
        backbone_file=f"ViT-B-32:{text}",
        stream_variables={"CLBENCH_TOY": text},
        settings=settings,
        settings_sources=sources,
    )
    record = make_record(
        settings=settings,
        sources=sources,
        config=config.as_json(),
        run_id=config.key,
        status="failed",
        metrics=None,
        notes=(text,),
        declared={"inference": {"from": text}},
        conduct=ConductRecord(isolated=True, touched={"other files": (text,)}),
        failure=Failure(task="t0", error=text, kind="OSError", traceback=f'File "x"\n  {text}\n'),
    )
    return record.evolve(
        provenance=record.provenance.model_copy(update={"data": {"t0": text}, "device": text})
    )


def leaves(value) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield key
            yield from leaves(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from leaves(inner)
    elif isinstance(value, str):
        yield value


@pytest.mark.parametrize("said", SAID)
def test_no_password_is_written(tmp_path, said):
    secret = "AbCdEfGhIjKlMnOpQrSt" if "hf_A" in said else SECRET
    path = write_record(tmp_path, personal(said))
    assert secret not in path.read_text()
    assert HIDDEN in path.read_text()


def test_settings_whose_names_say_it(tmp_path):
    settings = {"api_token": SECRET, "hub": {"password": SECRET, "user": "me"}, "tokens": "all", "lr": 0.1}
    record = make_record(settings=settings)
    written = read_record(write_record(tmp_path, record)).method.settings
    assert written == {
        "api_token": HIDDEN,
        "hub": {"password": HIDDEN, "user": "me"},
        "tokens": "all",
        "lr": 0.1,
    }


def test_secrets_of_the_environment_however_they_look(tmp_path, monkeypatch):
    monkeypatch.setenv("MY_SERVICE_TOKEN", "correct-horse-battery")
    monkeypatch.setenv("DATABASE_URL", "postgres://me:tr0ub4dor@host/db")
    said = "refused correct-horse-battery, then tr0ub4dor"
    text = write_record(tmp_path, personal(said)).read_text()
    assert "correct-horse" not in text
    assert "tr0ub4dor" not in text
    assert "refused ***, then ***" in text


def test_a_password_is_not_in_the_runs_key():
    config = RunConfig(method="m", stream="s", order="o", backbone="b", settings={"url": SAID[0], "lr": 1})
    other = replace(config, settings={"url": SAID[0].replace(SECRET, "another-1"), "lr": 1})
    written = replace(config, settings=secrets_hidden(config.settings))
    assert config.key == other.key == written.key
    assert replace(config, settings={"url": "https://host/y", "lr": 1}).key != config.key


@given(
    st.recursive(
        st.text() | st.sampled_from(SAID), lambda v: st.lists(v) | st.dictionaries(st.text(), v), max_leaves=6
    )
)
def test_what_is_hidden_is_hidden_once(value):
    once = secrets_hidden(value, environment=False)
    assert secrets_hidden(once, environment=False) == once


def test_no_path_leaves():
    record = personal(PATH)
    left = fit_to_leave(record)
    assert not [
        leaf for leaf in leaves(json.loads(left.model_dump_json())) if "qfolder" in leaf or "qmore" in leaf
    ]
    assert left.method.settings["captions"] == "own.txt"
    assert left.run_id == RunConfig.from_json(left.config).key != record.run_id
    assert left.fingerprint == record.fingerprint
    assert fit_to_leave(left) is left
    assert {"settings.captions", "stream_file", "failure", "conduct"} <= set(places_that_differ(record, left))


def test_what_is_fit_stays_the_same_object():
    record = make_record()
    assert without_passwords(record) is record
    assert fit_to_leave(record) is record


def test_what_was_changed_by_hand_is_not_mended():
    record = personal(PATH)
    forged = record.evolve(run_id="0" * 16)
    assert fit_to_leave(forged).run_id == "0" * 16


def test_a_submission_has_neither_and_verifies(tmp_path):
    settings = {"captions": PATH, "url": SAID[0]}
    sources = dict.fromkeys(settings, "user")
    config = RunConfig(
        method="toy",
        stream="toy-stream",
        order="default",
        backbone="toy-clip",
        label_spaces=("task",),
        settings=settings,
        settings_sources=sources,
        stream_file=PATH,
        stream_digest="d" * 64,
    )
    right = [[[True, False, True], [True, True, True]], [[False, True, True], [True, True, False]]]
    make_run(
        tmp_path,
        right,
        settings=settings,
        sources=sources,
        config=config.as_json(),
        run_id=config.key,
    )
    packed = pack(tmp_path)
    assert b"qfolder" not in packed.content
    assert SECRET.encode() not in packed.content
    checks = {check.name: check.outcome for check in verify(packed, Registry()).checks}
    wanted = ("manifest", "schema", "configuration", "predictions", "matrices")
    assert {name: checks[name] for name in wanted} == dict.fromkeys(wanted, "passed")
