"""The traps that plugins declare, as tables, as paragraphs and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from clbench.boards.formats.cells import NONE, Cell, Grid
from clbench.boards.formats.writing import grids_as_markdown, grids_as_text
from clbench.config.options import as_typed
from clbench.printing import as_json
from clbench.traps import Trap, TrapBook
from clbench.traps.forms import form_of

__all__ = ["Listed", "listed", "render_traps", "render_traps_in_full"]

_NOTES = (
    "published does what the authors' code does, intended what their paper or its sense says",
    "– in place of a switch: every run is in one form",
)


@dataclass(frozen=True)
class Listed:
    """A trap with who declares it.

    Attributes:
        owner: name of the method or stream; of traps that several streams share, all of them.
        kind: which of the two.
        default: the form with default settings, and on streams for which other values are tuned.
    """

    owner: str
    kind: Literal["method", "stream"]
    trap: Trap
    default: str

    @property
    def name(self) -> str:
        """``OWNER/ID``."""
        return f"{self.owner.partition(',')[0]}/{self.trap.id}"

    def says(self, form: Literal["published", "intended"]) -> str:
        """The switch's value and what it does."""
        trap = self.trap
        said = trap.published_says if form == "published" else trap.intended_says
        value = trap.value(form)
        if trap.where == "fixed":
            return said
        return f"{_valued(trap, value)}: {said}"


def listed(
    book: TrapBook, tuned: Mapping[str, Mapping[str, Mapping[str, Any]]], names: Sequence[str] = ()
) -> list[Listed]:
    """Return the traps of ``names`` (methods and streams), by default of all; methods first.

    Args:
        book: all traps.
        tuned: by method and stream, the values that replace the defaults there.
        names: of methods, streams, or single traps as ``OWNER/ID``.
    """

    def wanted(owner: str, trap: Trap) -> bool:
        return not names or owner in names or f"{owner}/{trap.id}" in names

    found = [
        Listed(
            owner, "method", trap, _default(owner, trap, book.defaults.get(owner, {}), tuned.get(owner, {}))
        )
        for owner, traps in book.methods.items()
        for trap in traps
        if wanted(owner, trap)
    ]
    shared: dict[str, list[tuple[str, Trap]]] = {}
    for owner, traps in book.streams.items():
        for trap in traps:
            if wanted(owner, trap):
                shared.setdefault(trap.id, []).append((owner, trap))
    for members in shared.values():
        owners, trap = ", ".join(owner for owner, _ in members), members[0][1]
        forms = dict.fromkeys(form_of(trap, owner, {})[0] for owner, trap in members)
        found.append(Listed(owners, "stream", trap, " or ".join(forms)))
    return found


def _default(
    owner: str, trap: Trap, defaults: Mapping[str, Any], tuned: Mapping[str, Mapping[str, Any]]
) -> str:
    usual = form_of(trap, owner, defaults)[0]
    others = {stream: form_of(trap, owner, {**defaults, **values})[0] for stream, values in tuned.items()}
    apart = [f"{form} on {stream}" for stream, form in others.items() if form != usual]
    return "; ".join([usual, *apart])


def _valued(trap: Trap, value: Any) -> str:
    return f"{trap.switch}={as_typed(value)}" if trap.where == "setting" else str(value)


def render_traps(traps: Sequence[Listed], format: Literal["text", "md", "json"]) -> str:
    """Return one line a trap; in Markdown and JSON with all that is known of it."""
    if format == "json":
        return as_json([_flat(each) for each in traps], indent=2)
    if format == "md":
        return grids_as_markdown(_in_full(traps), _NOTES, empty="no traps are declared")
    rows = tuple(
        tuple(
            map(
                Cell,
                (
                    each.name,
                    each.trap.switched_by,
                    _short(each.trap.published),
                    _short(each.trap.intended),
                    each.default,
                    "yes" if each.trap.measurable else "no",
                ),
            )
        )
        for each in traps
    )
    headers = ("Trap", "Switch", "Published", "Intended", "Default", "Measurable")
    grid = Grid(f"{len(traps)} traps", headers, ("left",) * 6, rows, ())
    return grids_as_text([grid] if rows else [], _NOTES, empty="no traps are declared")


def render_traps_in_full(traps: Sequence[Listed]) -> str:
    """Return a paragraph a trap, for terminals."""
    blocks = []
    for each in traps:
        lines = {
            "published": each.says("published"),
            "intended": each.says("intended"),
            "default": each.default,
            "source": each.trap.source,
        }
        if each.kind == "stream":
            lines["streams"] = each.owner
        if each.trap.unmeasurable:
            lines["unmeasured"] = each.trap.unmeasurable
        blocks.append("\n".join([each.name, *(f"  {label:<10} {text}" for label, text in lines.items())]))
    return "\n\n".join(blocks) or "no traps are declared"


def _in_full(traps: Sequence[Listed]) -> list[Grid]:
    """A table for each method, and one for all streams."""
    groups: dict[str, list[Listed]] = {}
    for each in traps:
        groups.setdefault(each.owner if each.kind == "method" else "", []).append(each)
    headers = ("Trap", "Published", "Intended", "Default", "Source")
    grids = []
    for owner, members in groups.items():
        rows = [
            (each.trap.id, each.says("published"), each.says("intended"), each.default, each.trap.source)
            for each in members
        ]
        if not owner:
            rows = [(f"{row[0]} ({each.owner})", *row[1:]) for row, each in zip(rows, members, strict=True)]
        cells = tuple(tuple(map(Cell, row)) for row in rows)
        grids.append(Grid(owner or "streams", headers, ("left",) * 5, cells, ()))
    return grids


def _short(value: Any) -> str:
    return NONE if value is None else as_typed(value)


def _flat(each: Listed) -> dict[str, Any]:
    return {"owner": each.owner, "kind": each.kind, "default": each.default, **asdict(each.trap)}
