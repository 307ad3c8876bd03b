"""What became of each plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["PluginReport", "normalised"]


def normalised(distribution: str) -> str:
    """The one spelling of a distribution's name that all its spellings share."""
    from packaging.utils import canonicalize_name

    return canonicalize_name(distribution)


@dataclass(frozen=True, kw_only=True)
class PluginReport:
    """One entry point of group ``clbench``.

    Attributes:
        name: the entry point's name.
        distribution, version: the installed package it comes from.
        status: ``ok``; ``broken``: ``error`` says what cannot be used and why; ``disabled`` by the user.
        error: the cause in one line or a few; empty unless broken.
        traceback: where an exception arose, for ``clbench plugins --verbose``.
        hooks: names of the hooks it implements, as far as it could be loaded.
        contributions: what it gives, by kind (``method`` → names).
    """

    name: str
    distribution: str
    version: str
    status: Literal["ok", "broken", "disabled"]
    error: str = ""
    traceback: str = ""
    hooks: tuple[str, ...] = ()
    contributions: dict[str, tuple[str, ...]]

    @property
    def label(self) -> str:
        """``clbench-zscl 0.1.0``."""
        return f"{self.distribution} {self.version}".strip()

    def answers_to(self, name: str) -> bool:
        """Whether ``name`` is its entry point, its distribution, or that without ``clbench-``."""
        wanted, own = normalised(name), normalised(self.distribution)
        return wanted in (normalised(self.name), own) or f"clbench-{wanted}" == own
