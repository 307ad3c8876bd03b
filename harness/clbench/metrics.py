"""The metrics of an accuracy matrix under their short name; see :mod:`clbench.results.metrics`."""

from clbench.results.metrics import *  # noqa: F403
from clbench.results.metrics import __all__ as __all__
