import pytest
from clbench.results import write_record
from clbench.results.statistics.intervals import mean_interval
from clbench.testing.records import make_record
from clbench_mini.demands import RELATIONS, Relation, forgetting, relations

BOUND = Relation("x", "transfer", "a", "b", -1.0, 1.0)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [
        ([0.1, 0.2, 0.3], "holds"),
        ([5.0, 5.1, 5.2], "does not hold"),
        ([-5.0, -5.1, -5.2], "does not hold"),
        ([0.0, 0.9, 1.8], "holds, but not separably"),
        ([0.5], "holds (one seed)"),
    ],
)
def test_a_relation_says_whether_it_holds_and_whether_seeds_decide_it(differences, verdict):
    assert BOUND.verdict(mean_interval(differences)) == verdict


def test_without_records_the_report_says_which_command_makes_them():
    for lines in (relations([]), forgetting([])):
        assert "clbench run --methods" in list(lines)[-1]


def test_every_relation_is_between_methods_that_the_command_runs():
    assert {m for r in RELATIONS for m in (r.lower, r.higher)} <= {
        "zero-shot", "finetune", "lwf", "zscl", "diki", "gift",
    }  # fmt: skip


@pytest.mark.parametrize("source", ["tuned", "user"])
def test_relations_are_of_methods_as_they_come(tmp_path, source):
    for method in ("lwf", "zscl"):
        record = make_record(
            method=method, stream="mini", backbone="mini-clip", settings={"lr": 1}, sources={"lr": source}
        )
        write_record(tmp_path / method, record)
    found = any("LwF < ZSCL" in line for line in relations([tmp_path]))
    assert found == (source == "tuned")
