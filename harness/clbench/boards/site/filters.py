"""What the tables of a page can be filtered by."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clbench.boards.site.contents import BoardPage, RowView
from clbench.boards.site.literature import Published, family_text, shots_text

__all__ = ["Choice", "board_filters", "literature_filters", "row_tags", "uses_tags"]


@dataclass(frozen=True)
class Choice:
    """A drop-down list.

    Attributes:
        key: of the attribute ``data-KEY`` that is compared.
        title: its label.
        of: what is hidden: whole ``tables`` or single ``rows``.
        options: value and text of each entry but the first, which hides nothing.
        first: the text of that entry.
    """

    key: str
    title: str
    of: str
    options: tuple[tuple[str, str], ...]
    first: str = "all"


_USES = (
    ("extra", "Extra data"),
    ("replay", "Replay"),
    ("generated", "Generated images"),
    ("models", "Other models"),
)


def row_tags(view: RowView) -> dict[str, str]:
    """Return the values of a row that rows are filtered by."""
    uses = view.assumptions
    return {
        "extra": _yes(uses.extra_data),
        "replay": _yes(uses.replay),
        "generated": _yes(uses.generated_images),
        "models": _yes(bool(uses.external_models)),
        "identity": uses.task_identity,
        "kind": view.row.kind,
    }


def uses_tags(view: RowView) -> list[tuple[str, str]]:
    """Return what the row's method takes for granted, in short, each with more words where it needs them."""
    uses = view.assumptions
    generator = "text-to-image generator"
    tags = []
    if uses.extra_data:
        tags.append(("reference data", "images or texts that are in no task"))
    if uses.replay:
        tags.append(("replay", "training samples of earlier tasks"))
    if uses.generated_images:
        tags.append(("generated images", f"of a {generator}"))
    if uses.task_identity != "none":
        tags.append((f"task id {uses.task_identity}", ""))
    known = uses.generated_images
    return tags + [(model, "") for model in uses.external_models if not (known and model == generator)]


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def board_filters(boards: Sequence[BoardPage]) -> list[Choice]:
    """Return the filters of the boards: what tables share, and what methods take for granted."""
    groups = [board.group for board in boards]
    shots = sorted({group.shots or 0 for group in groups})
    without = (("no", "without"), ("yes", "with"))
    return [
        _choice("stream", "Stream", (group.stream for group in groups)),
        _choice("protocol", "Protocol", (group.protocol or "–" for group in groups)),
        _choice("order", "Order", (group.order for group in groups)),
        Choice("shots", "Shots", "tables", tuple((str(n), _shots(n)) for n in shots)),
        _choice("backbone", "Backbone", (group.backbone for group in groups)),
        _choice("space", "Label space", (group.label_space for group in groups)),
        *(Choice(key, title, "rows", without, "any") for key, title in _USES),
        Choice(
            "identity",
            "Task identity",
            "rows",
            (("none", "not used"), ("inferred", "inferred"), ("given", "given")),
            "any",
        ),
        Choice("kind", "Rows", "rows", (("ranked", "methods"), ("reference", "references"))),
    ]


def _shots(number: int) -> str:
    return "all data" if number == 0 else f"{number} per class"


def literature_filters(literature: Published) -> list[Choice]:
    """Return the filters of the published tables."""
    groups = [page.table.group for page in literature.tables]
    rows = [row for page in literature.tables for row in page.table.rows]
    shots = dict.fromkeys(group.shots for group in groups)
    families = dict.fromkeys(group.protocol for group in groups)
    kinds = (("own", "own method"), ("rerun", "run again by others"), ("quoted", "copied from elsewhere"))
    return [
        _choice("setting", "Setting", (group.setting for group in groups)),
        Choice("protocol", "Protocol", "tables", tuple((p, family_text(p)) for p in families)),
        _choice("order", "Order", (group.order for group in groups)),
        Choice("shots", "Shots", "tables", tuple((s, shots_text(s)) for s in shots)),
        Choice("sourcekind", "Kind of source", "rows", kinds),
        _choice("method", "Method", sorted({row.method for row in rows}), of="rows"),
    ]


def _choice(key: str, title: str, values: Iterable[str], of: str = "tables") -> Choice:
    return Choice(key, title, of, tuple((value, value) for value in dict.fromkeys(values)))
