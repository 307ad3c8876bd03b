"""Where intermediate data lie under the working folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Places:
    """Folders that `fetch.py` fills."""

    work: Path

    @property
    def node(self) -> Path:
        """Where Node's packages are installed."""
        return self.work / "node_modules"

    @property
    def icons(self) -> Path:
        """The icon package: `collections.json` and one JSON file a set under `json/`."""
        return self.node / "@iconify" / "json"

    @property
    def fonts(self) -> Path:
        """One folder a font family."""
        return self.node / "@fontsource"

    @property
    def licences(self) -> Path:
        """Texts of licences by SPDX name: one JSON file each."""
        return self.node / "spdx-license-list" / "licenses"

    @property
    def digits(self) -> Path:
        """The handwritten digits as scikit-learn carries them."""
        return self.work / "digits.csv.gz"

    @property
    def clothes(self) -> Path:
        """Fashion-MNIST's four IDX files."""
        return self.work / "fashion-mnist"

    @property
    def countries(self) -> Path:
        """ISO code -> English name, JSON."""
        return self.work / "countries.json"
