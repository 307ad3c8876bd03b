"""A record seen in another of its label spaces."""

import pytest
from clbench.errors import UnknownNameError
from clbench.results.places import folder_of
from clbench.results.records import Record, measure
from clbench.results.spaces import in_space
from clbench.results.store import read_record
from clbench.testing.records import make_record, make_run


def test_metrics_and_fingerprint_are_those_of_the_space():
    record = make_record(label_space="task")
    other = dict(record.matrices) | {"union": tuple(tuple(x / 2 for x in row) for row in record.matrix)}
    record = record.evolve(matrices=other)
    seen = in_space(record, "union")
    assert seen.label_space == "union"
    assert seen.metrics == measure(other["union"])
    assert seen.metrics.average == pytest.approx(record.metrics.average / 2)
    assert seen.fingerprint.fields.label_space == "union"
    assert seen.fingerprint.digest != record.fingerprint.digest
    assert in_space(seen, "task") == record
    assert in_space(record, "task") is record
    Record.model_validate(seen.model_dump())  # nothing contradicts itself


def test_a_space_that_was_not_recorded():
    with pytest.raises(UnknownNameError, match="label space"):
        in_space(make_record(), "everything")


def test_it_lies_where_the_record_lies(tmp_path):
    make_run(tmp_path / "run", [[[1, 0]] * 2, [[0, 1]] * 2])
    record = read_record(tmp_path / "run")
    spaces = [space for space in record.matrices if space != record.label_space]
    for space in spaces:
        assert folder_of(in_space(record, space)) == tmp_path / "run"
