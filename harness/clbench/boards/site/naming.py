"""Names of pages: short, safe in every file system and URL, and each given once."""

from __future__ import annotations

import re
import unicodedata

__all__ = ["Names", "slug"]

_LONGEST = 60


def slug(text: str) -> str:
    """Return ``text`` as lower-case ASCII letters, digits, dots and single hyphens; never empty."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9.]+", "-", plain.lower())
    return re.sub(r"\.{2,}", ".", name).strip("-.")[:_LONGEST].rstrip("-.") or "page"


class Names:
    """Gives each text a slug that no other text has got."""

    def __init__(self) -> None:
        self._given: dict[str, str] = {}
        self._taken: set[str] = set()

    def give(self, text: str) -> str:
        """Return the name of ``text``: the same for the same text, another for any other."""
        if text not in self._given:
            first = name = slug(text)
            number = 1
            while name in self._taken:
                number += 1
                name = f"{first}-{number}"
            self._taken.add(name)
            self._given[text] = name
        return self._given[text]
