"""The report as html: everything in one file, nothing from outside, no script."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING

from clbench import __version__
from clbench.boards.card import card_grids, declared
from clbench.boards.figures import KINDS, Drawing
from clbench.boards.figures.drawing.inlinesvg import InlineSVG
from clbench.boards.figures.drawing.together import svgs_of
from clbench.boards.formats.cells import NONE, Grid
from clbench.boards.formats.webpage import grids_as_html
from clbench.boards.formats.wording import gibibytes, percent
from clbench.boards.report.contents import Protocol, Report
from clbench.printing import fit
from clbench.results.fingerprint import FingerprintFields
from clbench.results.records import Record

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

__all__ = ["render_report"]


def render_report(report: Report, *, progress: Callable[[str], None] = lambda _: None) -> str:
    """Return the page; the same report gives the same text.

    Args:
        report: what it says.
        progress: told which part is being drawn.
    """
    from markupsafe import Markup

    svg = InlineSVG()
    common: dict[str, list[tuple[Drawing, Markup]]] = {}
    single: dict[str, dict[str, list[tuple[Drawing, Markup]]]] = {}
    for protocol in report.protocols:
        stem = protocol.subject.stem
        progress(protocol.subject.group.title)
        common[stem], single[stem] = [], {}
        drawings = list(_drawings(protocol, each=report.each))
        for drawing, document in zip(drawings, svgs_of(drawings), strict=True):
            element = Markup(svg.element(document, drawing.alt))
            if drawing.course:
                # Of one method the matrix first, which the other kinds are parts of.
                single[stem].setdefault(drawing.course, []).insert(0, (drawing, element))
            else:
                common[stem].append((drawing, element))
    environment = _environment()
    return environment.get_template("report.html").render(
        report=report,
        common=common,
        single=single,
        kinds=KINDS,
        drawn_style=Markup(svg.style),
        version=__version__,
    )


def _drawings(protocol: Protocol, *, each: bool) -> Iterable[Drawing]:
    first = protocol.methods[0].course.label
    for kind in KINDS.values():
        for drawing in kind.draw(protocol.subject):
            if each or drawing.course in ("", first):
                yield drawing


def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("clbench.boards.report"),
        autoescape=True,
        finalize=fit,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
    )
    environment.globals.update(
        broken=_broken,
        card_grids=card_grids,
        declared=declared,
        fields=_fields,
        heat=_heat,
        none=NONE,
        percent=percent,
        spent=_spent,
        tables=_tables,
    )
    return environment


def _tables(grids: Sequence[Grid]) -> Markup:
    from markupsafe import Markup

    # Escaped where it is made; wide cells may break, since a page is no terminal.
    return Markup("\n".join(grids_as_html(grids)))


def _heat(value: float | None) -> str:
    """The name of one of ten shades."""
    return "" if value is None else f"h{min(int(value // 10), 9)}"


def _broken(command: str, width: int = 88) -> str:
    """A command in lines that a shell takes as one; only between options is it broken."""
    lines, words = [""], shlex.split(command)
    for word, after in zip(words, [*words[1:], ""], strict=True):
        text = shlex.quote(word)
        room = len(lines[-1]) + len(text) + (0 if after.startswith("-") else len(shlex.quote(after)))
        if word.startswith("-") and room > width:
            lines.append("    ")
        lines[-1] += text if not lines[-1].strip() else f" {text}"
    return " \\\n".join(lines)


def _fields(fields: FingerprintFields) -> dict[str, tuple[str, str]]:
    """Name, value and meaning of each part of a fingerprint."""
    return {
        name.replace("_", " "): (getattr(fields, name), about.description or "")
        for name, about in type(fields).model_fields.items()
    }


def _spent(record: Record) -> str:
    """Seconds, memory and parameters in one line."""
    spent = record.resources
    parts = []
    if spent.learn_seconds:
        parts.append(f"learned in {sum(spent.learn_seconds):,.1f} s")
    if spent.evaluate_seconds:
        parts.append(f"tested in {sum(spent.evaluate_seconds):,.1f} s")
    if spent.peak_memory_bytes is not None:
        parts.append(f"{gibibytes(spent.peak_memory_bytes)} at most")
    if spent.trainable_parameters:
        parts.append(f"{max(spent.trainable_parameters):,} parameters trained")
    if spent.stored_parameters:
        parts.append(f"{spent.stored_parameters[-1]:,} stored")
    if spent.generated_images:
        parts.append(f"{spent.generated_images:,} images generated")
    return ", ".join(parts)
