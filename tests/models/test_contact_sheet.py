"""Contact sheets: every image in its place, captions that fit."""

from __future__ import annotations

import numpy as np
import PIL.Image
import PIL.ImageFont
import pytest
from clbench.models.contact_sheet import _CELL, _FONT_SIZE, _wrap, contact_sheet
from hypothesis import given, settings
from hypothesis import strategies as st


def squares(count, size=8):
    return [PIL.Image.new("RGB", (size, size), (40 * i % 256, 100, 200)) for i in range(count)]


def test_images_lie_in_a_grid(tmp_path):
    path = contact_sheet(
        squares(5), [f"prompt {i}" for i in range(5)], tmp_path / "new" / "sheet.png", columns=2
    )
    sheet = np.asarray(PIL.Image.open(path))
    rows, columns = 3, 2
    assert sheet.shape[1] // columns > _CELL
    for i in range(5):
        y = i // 2 * ((sheet.shape[0] - 8) // rows) + 8 + _CELL // 2
        x = i % 2 * ((sheet.shape[1] - 8) // columns) + 8 + _CELL // 2
        assert sheet[y, x].tolist() == [40 * i, 100, 200]


def test_no_more_images_are_read_than_shown(tmp_path):
    read = []

    def endless():
        while True:
            read.append(1)
            yield squares(1)[0]

    contact_sheet(endless(), ["p"] * 100, tmp_path / "sheet.png", most=7)
    assert len(read) == 7


def test_any_size_and_mode(tmp_path):
    images = [PIL.Image.new("L", (300, 100), 9), PIL.Image.new("RGBA", (1, 50)), *squares(1, 512)]
    assert contact_sheet(images, ["a", "", "c" * 300], tmp_path / "sheet.png").stat().st_size > 0


def test_nothing_to_show_is_an_error(tmp_path):
    with pytest.raises(ValueError, match="at least one image"):
        contact_sheet([], [], tmp_path / "sheet.png")


@settings(deadline=None, max_examples=50)
@given(st.text(max_size=80))
def test_captions_fit_their_cell(text):
    font = PIL.ImageFont.load_default(_FONT_SIZE)
    lines = _wrap(text, font)
    assert 1 <= len(lines) <= 2
    assert all(font.getlength(line) <= _CELL + 1 for line in lines)
