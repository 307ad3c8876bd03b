"""The campaign's modules are found from the repository's root, as ``python -m tests.fuzz`` finds them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
