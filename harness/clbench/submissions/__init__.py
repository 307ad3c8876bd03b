"""Submissions: a record with its predictions in one file, checked, admitted to a board, published.

Nothing here imports torch, but for weights that are asked for.
"""

from __future__ import annotations

from clbench.submissions.archive import SUFFIX, Submission, pack, read_submission
from clbench.submissions.checks import Check, Outcome
from clbench.submissions.verification import UNKNOWABLE, Verification, verify

__all__ = [
    "SUFFIX",
    "UNKNOWABLE",
    "Check",
    "Outcome",
    "Submission",
    "Verification",
    "pack",
    "read_submission",
    "verify",
]
