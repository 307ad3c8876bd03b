"""Where samples come from: the folder of the data, or the hub, and what a record says of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from clbench_mtil import folder, hub
from clbench_mtil.hubcopies import from_hub
from clbench_mtil.samples import Collection

__all__ = ["ChosenSource"]


@dataclass(frozen=True)
class ChosenSource:
    """Reads each data set from the folder, or from the hub if ``CLBENCH_MTIL_SOURCE`` says so.

    Attributes:
        root: the data root.
        origins: repository and commit of each data set that was read from the hub.
        differing: of those that are another data set than torchvision's, why.
    """

    root: Path
    origins: dict[str, str] = field(default_factory=dict)
    differing: dict[str, str] = field(default_factory=dict)

    def __call__(self, key: str) -> Collection:
        if not from_hub(key):
            return folder.read(key, self.root)
        found = hub.read(key)
        self.origins[key] = found.origin
        if found.differs:
            self.differing[key] = f"{found.origin}: {found.differs}"
        return found

    def files(self, key: str) -> hub.HubFiles | None:
        """All images of a data set by name, if they are on the hub."""
        if not from_hub(key):
            return None
        found = hub.files(key)
        self.origins[key] = found.origin
        return found

    @property
    def meta(self) -> dict[str, object]:
        """What of the sources makes a stream another one, for its fingerprint and notes."""
        if not self.differing:
            return {}
        found = dict(sorted(self.differing.items()))
        return {
            "other_data": found,
            "notes": tuple(f"{key} is another data set: {why}" for key, why in found.items()),
        }
