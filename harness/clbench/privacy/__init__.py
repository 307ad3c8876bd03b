"""What stays at home: passwords and tokens in addresses and messages, and paths of the machine.

Messages, logs and records pass :func:`without_secrets`; what leaves the machine passes :func:`without_paths`,
too. Values of JSON pass :func:`secrets_hidden` and :func:`paths_hidden`, which do it to every text in them.
Which parts of a record that is, :mod:`clbench.privacy.records` says.
"""

from clbench.privacy.paths import without_paths
from clbench.privacy.secrets import HIDDEN, without_secrets
from clbench.privacy.values import paths_hidden, secrets_hidden

__all__ = ["HIDDEN", "paths_hidden", "secrets_hidden", "without_paths", "without_secrets"]
