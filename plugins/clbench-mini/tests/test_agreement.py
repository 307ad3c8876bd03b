"""The report's rank correlation with published figures, and its references."""

import numpy as np
import pytest
from clbench.results import write_record
from clbench.testing.records import make_record
from clbench_mini.agreement import agreement, correlate, published
from clbench_mini.bounds import bounds
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

figures = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=4, max_size=12)


@given(figures)
def test_the_correlation_is_spearmans_ties_included(pairs):
    here, there = (list(map(float, side)) for side in zip(*pairs, strict=True))
    found = correlate(here, there)
    if len(set(here)) == 1 or len(set(there)) == 1:
        assert found is None
        return
    assert found.rho == pytest.approx(spearmanr(here, there).statistic)
    if found.low is not None:
        assert -1 - 1e-9 <= found.low <= found.high <= 1 + 1e-9


def test_few_methods_have_no_correlation_and_rows_must_match():
    assert correlate([1.0, 2.0, 3.0], [1.0, 2.0, 3.0]) is None
    with pytest.raises(ValueError, match="3 figures here and 2 there"):
        correlate([1.0, 2.0, 3.0], [1.0, 2.0])


def test_the_interval_covers_what_methods_of_one_population_give():
    """Of rankings that have nothing to do with one another, 0 is in most intervals."""
    random = np.random.default_rng(0)
    found = [correlate(random.normal(size=12), random.normal(size=12)) for _ in range(60)]
    assert sum(f.low <= 0 <= f.high for f in found) >= 50


@pytest.mark.parametrize("order", ["I", "II"])
def test_published_figures_are_the_authors_own_rows(order):
    rows = published(order)
    assert rows["zscl"]["last"] == {"I": 83.6, "II": 83.4}[order]
    assert rows["finetune"]["transfer"] == {"I": 44.6, "II": 46.6}[order]
    assert "zero-shot" not in rows
    assert "independent" not in rows


def test_the_report_reads_records_of_methods_as_they_come(tmp_path):
    names = ("finetune", "lwf", "icarl", "wise-ft", "zscl")
    for k, name in enumerate(names):
        record = make_record(
            ((80.0, 40.0 + k), (70.0, 90.0 + k)), method=name, stream="mini", backbone="mini-clip", order="I"
        )
        write_record(tmp_path / name, record)
    lines = list(agreement([tmp_path]))
    assert any("order I" in line and "all" in line and "of 5" in line for line in lines)
    assert "clbench run" in list(agreement([]))[-1]


def test_references_name_the_methods_below_them(tmp_path):
    for name, last in (("ridge", 50.0), ("finetune", 40.0), ("zscl", 60.0)):
        record = make_record(
            ((last, 40.0), (last, last)), method=name, stream="mini", backbone="mini-clip", order="I"
        )
        write_record(tmp_path / name, record)
    [line] = [line for line in bounds([tmp_path]) if " ridge " in line]
    assert line.split("below it: ")[1] == "finetune"
    assert "clbench run" in list(bounds([]))[-1]
