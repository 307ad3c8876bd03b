import json
from pathlib import Path

import clbench.results
import jsonschema
import pytest
from clbench.results import Failure, Record, differences, fingerprint, measure
from clbench.results.records import schema
from clbench.testing.records import make_record
from pydantic import ValidationError

SCHEMA = Path(clbench.results.__file__).with_name("record.schema.json")
FAILURE = Failure(task="t1", step=3, error="loss became NaN", kind="NotFiniteError")


def test_schema_in_the_package_is_that_of_the_models():
    assert json.loads(SCHEMA.read_text()) == json.loads(json.dumps(schema())), (
        "write it anew: python -m clbench.results"
    )


@pytest.mark.parametrize(
    "record",
    [
        make_record(),
        make_record().evolve(status="running", metrics=None, matrices={"task": ()}),
        make_record().evolve(status="failed", metrics=None, failure=FAILURE),
        make_record([[None, None], [50.0, 60.0]]),
    ],
    ids=["finished", "running", "failed", "partial"],
)
def test_records_fulfil_the_schema_and_survive_json(record):
    document = json.loads(record.model_dump_json())
    jsonschema.Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert Record.model_validate_json(record.model_dump_json()) == record


def test_accuracies_survive_json_bit_by_bit():
    record = make_record([[100 / 3, 200 / 7], [1e-15, 100 * 2 / 3]])
    assert Record.model_validate_json(record.model_dump_json()).matrix == record.matrix


def test_the_schema_refuses_what_the_models_refuse():
    document = json.loads(make_record().model_dump_json())
    for change in ({"seed": "0"}, {"surprise": 1}, {"schema_version": 2}, {"status": "done"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(document | change, json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"matrices": {"task": ((80.0, 41.0), (70.0, 90.0))}},
            "metrics.transfer is 40.0 but the matrix gives 41",
        ),
        ({"matrices": {"task": ((80.0, 40.0),)}}, "1 of 2 rows"),
        ({"matrices": {"task": ((80.0, 40.0), (70.0,))}}, "1 values for 2 tasks"),
        ({"matrices": {"task": ((80.0, 40.0),) * 3}}, "3 rows for 2 tasks"),
        ({"matrices": {"union": ((80.0, 40.0), (70.0, 90.0))}}, "primary label space 'task'"),
        ({"matrices": {"task": ((80.0, 101.0), (70.0, 90.0))}}, "100"),
        ({"matrices": {"task": ((80.0, float("nan")), (70.0, 90.0))}}, "finite|less than"),
        ({"zero_shot": {"task": (50.0,)}}, "zero_shot.task has 1 values"),
        ({"zero_shot": {"union": (50.0, 50.0)}}, "zero_shot has label spaces"),
        ({"metrics": None}, "metrics is null"),
        ({"status": "running"}, "metrics is set"),
        ({"status": "failed", "metrics": None}, "failure is null"),
        ({"failure": FAILURE}, "failure is set"),
        ({"resources": {"learn_seconds": (1, 2, 3)}}, "learn_seconds has more entries"),
    ],
)
def test_a_record_that_contradicts_itself_cannot_be_built(changes, words):
    with pytest.raises(ValidationError, match=words):
        make_record().evolve(**changes)


def test_label_spaces_have_equally_many_rows():
    rows = ((80.0, 40.0), (70.0, 90.0))
    with pytest.raises(ValidationError, match="different numbers of rows"):
        make_record().evolve(matrices={"task": rows, "union": rows[:1]})


def test_every_setting_has_a_source():
    with pytest.raises(ValidationError, match="different settings: l2"):
        make_record(sources={"l2": "user"})


def test_task_keys_are_unique():
    record = make_record()
    task = record.stream.tasks[0]
    with pytest.raises(ValidationError, match="occurs twice"):
        type(record.stream)(name="s", protocol="p", order="o", tasks=(task, task))


def test_records_cannot_be_changed():
    with pytest.raises(ValidationError):
        make_record().seed = 1


def test_metrics_that_a_matrix_lacks_values_for_are_null():
    metrics = measure([[None, None], [50.0, 60.0]])
    assert (metrics.transfer, metrics.average, metrics.last) == (None, None, 55.0)
    assert measure([[50.0]]).last is None


def test_fingerprints_tell_which_field_differs():
    fields = make_record().fingerprint.fields.model_dump()
    a, b = fingerprint(**fields), fingerprint(**{**fields, "templates": "x", "weights": "y"})
    assert a == make_record().fingerprint
    assert a.digest != b.digest
    assert differences(a, b) == ("templates", "weights")
    assert differences(a, a) == ()
    with pytest.raises(ValidationError, match="is not that of the fields"):
        type(a)(digest=b.digest, fields=a.fields)
    with pytest.raises(ValidationError, match="stream"):
        fingerprint(**{k: v for k, v in fields.items() if k != "stream"})
