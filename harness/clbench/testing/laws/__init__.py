"""The laws of the contract between plugins and harness, each a function whose docstring states it."""

from clbench.testing.laws.description import DESCRIPTION_LAWS
from clbench.testing.laws.learning import LEARNING_LAWS
from clbench.testing.laws.plugins import PLUGIN_LAWS
from clbench.testing.laws.scoring import SCORING_LAWS
from clbench.testing.laws.state import STATE_LAWS
from clbench.testing.laws.traps import TRAP_LAWS

__all__ = ["METHOD_LAWS", "PLUGIN_LAWS"]

METHOD_LAWS = (*DESCRIPTION_LAWS, *LEARNING_LAWS, *SCORING_LAWS, *STATE_LAWS, *TRAP_LAWS)
