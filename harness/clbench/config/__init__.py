"""YAML file + command line + a method's tuned values → validated, hashable configurations. No torch here.

All mistakes are raised together, as one :class:`clbench.errors.ConfigError`, before anything heavy is loaded.
"""

from clbench.config.options import Options, as_typed, read_file
from clbench.config.resolving import resolve
from clbench.config.runconfig import RunConfig
from clbench.config.yamlvalues import parse_value

__all__ = ["Options", "RunConfig", "as_typed", "parse_value", "read_file", "resolve"]
