"""Figures inside of a page: SVG without what a page does not need, coloured by the page's style."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from html import escape

from clbench.boards.figures.drawing.style import COLOURS, FAINT, GREY, GRID, INK, PAPER
from clbench.printing import for_html

__all__ = ["InlineSVG"]

_COLOURS: Mapping[str, str] = {
    INK: "var(--ink)",
    GREY: "var(--grey)",
    FAINT: "var(--faint)",
    GRID: "var(--grid)",
    PAPER: "var(--page)",
    COLOURS[0]: "var(--blue)",
    COLOURS[6]: "var(--brown)",
}
_NUMBER = re.compile(r"-?\d+\.\d+(?:e-?\d+)?")
_REFERENCE = re.compile(r"url\(#([^)]+)\)|^#(.+)$")
# Documents of their own have these; on a page they are noise, or would style the whole page.
_DROPPED = {"metadata", "style", "title"}


class InlineSVG:
    """Turns whole SVG documents into elements of one page, which share a style sheet.

    Names inside of a figure get a prefix, so that figures do not refer to one another; equal styles become
    one class of the page; colours of words, scales and background follow the page.
    """

    def __init__(self) -> None:
        self._classes: dict[str, str] = {}
        self._figures = 0

    @property
    def style(self) -> str:
        """The rules that the figures made so far need."""
        rules = [f".{name}{{{style}}}" for style, name in self._classes.items()]
        return "\n".join(["svg.drawn *{stroke-linejoin:round;stroke-linecap:butt}", *rules])

    def element(self, document: str, alt: str) -> str:
        """Return the SVG ``document`` as an element that is read aloud as ``alt``."""
        root = ET.fromstring(document)
        self._figures += 1
        prefix = f"f{self._figures}"
        names = {name: f"{prefix}-{k}" for k, name in enumerate(dict.fromkeys(_references(root)))}
        inner = "".join(self._inside(root, names))
        box = _rounded(root.get("viewBox", ""))
        width = box.split()[2]
        return (
            f'<svg class="drawn" role="img" aria-label="{for_html(alt)}" viewBox="{box}" '
            f'style="max-width:{float(width) / 72 * 1.28:.1f}in">{inner}</svg>'
        )

    def _inside(self, parent: ET.Element, names: Mapping[str, str]) -> Iterator[str]:
        for child in parent:
            tag = _local(child.tag)
            if tag in _DROPPED:
                continue
            attributes = self._attributes(child, names)
            inner = escape(child.text or "", quote=False) if tag == "text" else ""
            inner += "".join(self._inside(child, names))
            if tag == "g" and not attributes:
                yield inner
            elif tag in ("g", "defs") and not inner:
                continue
            elif inner:
                yield f"<{tag}{attributes}>{inner}</{tag}>"
            else:
                yield f"<{tag}{attributes}/>"

    def _attributes(self, element: ET.Element, names: Mapping[str, str]) -> str:
        kept: dict[str, str] = {}
        for key, value in element.attrib.items():
            name = _local(key)
            if name == "style":
                kept["class"] = self._class(value)
            elif name == "id":
                if value in names:
                    kept["id"] = names[value]
            elif name == "transform" and value.startswith(("rotate(-0 ", "rotate(0 ")):
                continue
            else:
                kept[name] = _rounded(_renamed(value, names))
        return "".join(f' {name}="{escape(value)}"' for name, value in kept.items())

    def _class(self, style: str) -> str:
        parts = [part.strip() for part in style.split(";")]
        # One family for all, from the page; the rest of a font stays.
        kept = [part for part in parts if part and not part.startswith("font-family")]
        text = ";".join(re.sub(r":\s+", ":", part) for part in kept)
        for colour, variable in _COLOURS.items():
            text = text.replace(colour, variable)
        return self._classes.setdefault(text, f"k{len(self._classes)}")


def _references(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        for key, value in element.attrib.items():
            if _local(key) != "id":
                for found in _REFERENCE.finditer(value):
                    yield found[1] or found[2]


def _renamed(value: str, names: Mapping[str, str]) -> str:
    def rename(found: re.Match[str]) -> str:
        name = names.get(found[1] or found[2], "")
        return f"url(#{name})" if found[1] else f"#{name}"

    return _REFERENCE.sub(rename, value)


def _rounded(value: str) -> str:
    """Coordinates to a hundredth of a point, and blanks in a row to one."""
    return " ".join(_NUMBER.sub(lambda m: f"{float(m[0]):.2f}".rstrip("0").rstrip("."), value).split())


def _local(name: str) -> str:
    return name.rpartition("}")[2]
