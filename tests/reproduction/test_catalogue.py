"""Which published row a person means, by number, name or words of it."""

from __future__ import annotations

import pytest
from clbench.errors import ConfigError, UnknownNameError
from clbench.plugins import get_registry
from clbench.reproduction.catalogue import catalogue, choose, claims_of

REGISTRY = get_registry()
ROWS, PROBLEMS = catalogue(REGISTRY)
ZSCL = claims_of(REGISTRY, "zscl")


def test_rows_have_numbers_and_names_of_their_own():
    assert not PROBLEMS
    assert sum(map(len, ROWS.values())) > 30
    for rows in ROWS.values():
        assert [row.number for row in rows] == list(range(1, len(rows) + 1))
        assert len({row.name for row in rows}) == len(rows)
        for row in rows:
            assert choose(rows, row.name) == choose(rows, str(row.number)) == row


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("MTIL, order I", "MTIL, order I"),
        ("mtil I", "MTIL, order I"),
        ("I mtil", "MTIL, order I"),
        ("mtil order ii", "MTIL, order II"),
        ("5-shot", "MTIL, 5 shots, order I"),
        ("5 shots", "MTIL, 5 shots, order I"),
        ("odcl-cil", "ODCL-CIL, order I"),
        ("zscl* ii", "ZSCL*, MTIL, order II"),
        ("random a", "MTIL, order random a"),
        ("LEBA table 11", "MTIL, order random b"),
    ],
)
def test_words_of_a_name_are_enough(words, name):
    assert choose(ZSCL, words).name == name


@pytest.mark.parametrize(
    ("words", "what", "named"),
    [
        ("", "zscl has 8 published rows; name one", "ODCL-CIL, order I"),
        ("mtil", "rows of zscl have the words 'mtil'", "MTIL, order II"),
        ("mtl ordr I", "no row of zscl is called 'mtl ordr I'", "did you mean\n"),
        ("imagenet", "no row of zscl is called 'imagenet'", "ODCL-CIL, order I"),
        ("17", "zscl has no row number 17", "MTIL, order I"),
    ],
)
def test_unclear_words_lead_to_the_rows_there_are(words, what, named):
    with pytest.raises(ConfigError) as caught:
        choose(ZSCL, words)
    assert what in caught.value.what
    assert named in f"{caught.value.why}\n"
    assert "clbench reproduce zscl " in caught.value.fix


def test_a_method_with_one_row_needs_no_words():
    assert choose(claims_of(REGISTRY, "independent"), "").claim.row.startswith("Full fine-tune")


def test_a_method_without_rows_says_which_have_some():
    with pytest.raises(ConfigError, match="there are rows of diki"):
        claims_of(REGISTRY, "l2p")
    with pytest.raises(UnknownNameError, match="did you mean 'zscl'"):
        claims_of(REGISTRY, "zsl")
