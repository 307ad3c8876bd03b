"""What stands in records is data in every format: no escape sequence, formula, markup or turned direction."""

import json

import pytest
from clbench.boards import board_of, encode, render
from clbench.testing.records import make_record

ODD = "a\x1b[31m|<b>=1+1\u202e*_x_\n# y"


@pytest.fixture
def board():
    return board_of([make_record(method=ODD, notes=("see\x1b]8;;http://x\x07 [there](http://x)",))])


@pytest.mark.parametrize("format", ["text", "md", "latex", "html", "csv", "json"])
def test_no_format_lets_it_act(board, format):
    text = render(board, format)
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "\u202e" not in text
    assert "<b>" not in text or format in ("text", "csv", "json")
    if format == "json":
        assert ODD in {row["method"] for row in json.loads(text)}
    else:
        assert not any(line.startswith("# y") for line in text.splitlines())
    if format == "md":
        assert "[there](http" not in text


def test_spreadsheets_compute_nothing():
    text = render(board_of([make_record(method="=cmd()")]), "csv")
    assert ",'=cmd()," in text


def test_programs_get_it_whole(board):
    pytest.importorskip("pyarrow")
    import io

    import pandas as pd

    assert ODD in set(pd.read_parquet(io.BytesIO(encode(board, "parquet"))).method)
