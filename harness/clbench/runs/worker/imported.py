"""Imports what workers use: the fork server loads them once. Nothing is computed here."""

from __future__ import annotations

import contextlib

import datasets
import open_clip
import torch

import clbench.runs.worker.process
from clbench.runs.worker import server

__all__ = ["clbench", "datasets", "open_clip", "torch"]

with contextlib.suppress(Exception):  # a library that cannot be imported is told where it is used
    import clbench.models.diffusion
    import clbench.testing.doubles

server.loaded()
