"""A checkpoint that does not fit is refused with a remedy that is not the command that failed."""

from __future__ import annotations

import argparse

import open_clip
import pytest
import torch
from clbench.errors import DataError
from clbench.models.checkpoint import load_checkpoint
from clbench.models.weights import read_weights

ARCHITECTURE = "ViT-S-32-alt"


@pytest.fixture(scope="module")
def state():
    return open_clip.create_model(ARCHITECTURE).state_dict()


def refused(state, file):
    torch.save(state, file)
    with pytest.raises(DataError) as caught:
        load_checkpoint("x", ARCHITECTURE, str(file))
    assert f"{ARCHITECTURE}:{file}" not in str(caught.value)
    return caught.value.fix


def test_modules_that_were_added(state, tmp_path):
    more = {**state, "visual.transformer.resblocks.0.adaptmlp.down.weight": torch.zeros(2, 2)}
    assert "tensors out" in refused(more, tmp_path / "w.pt")


def test_weights_that_are_missing(state, tmp_path):
    less = {key: value for key, value in state.items() if key != "visual.ln_post.weight"}
    assert "not complete" in refused(less, tmp_path / "w.pt")


def test_what_a_checkpoint_asks_for_is_named(tmp_path):
    torch.save({"state_dict": {"a": torch.zeros(1)}, "args": argparse.Namespace(lr=1)}, tmp_path / "w.pt")
    with pytest.raises(DataError, match=r"it asks for argparse\.Namespace, which is no tensor"):
        read_weights(tmp_path / "w.pt")
