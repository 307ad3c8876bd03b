"""Conceptual Captions as pairs, from the table that open_clip's script writes."""

from __future__ import annotations

import pytest
from clbench.errors import DataError
from clbench.plugins import get_registry
from clbench_mtil import testing
from clbench_mtil.reference import conceptual_captions


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv("CLBENCH_DATA", str(tmp_path))
    return tmp_path


def test_images_go_with_their_captions(root):
    testing.write_captions(root, count=5)
    table = get_registry().find("dataset", "conceptual-captions").spec.build()
    assert table["text"][3] == "a caption of number 3"
    middle = table[3]["image"].convert("RGB").getpixel((8, 12))
    assert max(abs(a - b) for a, b in zip(middle, testing.colour("caption", 3), strict=True)) < 12


def test_what_is_missing_is_told(root):
    with pytest.raises(DataError, match="no captions of Conceptual Captions"):
        conceptual_captions()
    testing.write_captions(root, count=5)
    (root / "conceptual_captions/val/2.jpg").unlink()
    with pytest.raises(DataError, match="images that are not there") as caught:
        conceptual_captions()
    assert "val/2.jpg" in str(caught.value)


def test_a_table_without_images_is_told(root):
    (root / "conceptual_captions").mkdir()
    (root / "conceptual_captions/val.tsv").write_text("a caption\thttp://example.org/1.jpg\n")
    with pytest.raises(DataError, match="no columns title and filepath"):
        conceptual_captions()
