"""Where a method's published code and its paper, or its code and sense, differ; and the form of a run."""

from clbench.traps.declaration import Trap, Where
from clbench.traps.forms import Form, Standing, TrapBook, overall_form

__all__ = ["Form", "Standing", "Trap", "TrapBook", "Where", "overall_form"]
