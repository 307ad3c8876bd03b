"""Contact sheets."""

from __future__ import annotations

import pytest
from clbench.errors import UnknownNameError
from clbench_mini.sheets import contact_sheet, stream_sheet, task_sheet
from PIL import Image


def test_a_sheet_has_a_cell_for_every_picture():
    pictures = [Image.new("RGB", (32, 32), (200, 0, 0)) for _ in range(5)]
    sheet = contact_sheet(pictures, ["a name far too long for its cell"] * 5, columns=3, side=32)
    assert sheet.size == (3 * 36 + 4, 2 * 48 + 4)
    assert sheet.getpixel((20, 20)) == (200, 0, 0)


def test_sheets_of_the_stream_and_of_a_task():
    assert stream_sheet().width > 500
    assert task_sheet("faces").width > 500


def test_an_unknown_task_is_named():
    with pytest.raises(UnknownNameError, match="did you mean 'faces'"):
        task_sheet("face")
