"""How all figures look, and how they are begun: without pyplot and its window system."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Literal, TypeVar
from weakref import WeakKeyDictionary

from clbench.printing import for_latex

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "COLOURS",
    "DASHES",
    "FAINT",
    "GREY",
    "GRID",
    "INK",
    "MARKERS",
    "PAPER",
    "blank",
    "caption_of",
    "captioned",
    "styled",
    "tidy",
    "untitled",
    "wrapped",
]

# Okabe and Ito's colours, which the colour-blind tell apart; their yellow is too light on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f4f24")
# With the colours of lines, for print without any: lengths of stroke and gap.
DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (5, 1.5),
    (1.5, 1.2),
    (6, 1.5, 1.5, 1.5),
    (9, 2),
    (3, 3),
    (6, 1, 1, 1, 1, 1),
)
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "h")

# Told apart from the colours of data: a page with a dark mode replaces these four by its own.
INK = "#1f1f21"
GREY = "#5a5a5f"
FAINT = "#a9a9ae"
GRID = "#e6e6e9"
PAPER = "#fefefe"

_LINE = 0.165  # inches, of text of 8 points
_SETTINGS: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Arial", "sans-serif"],
    "font.size": 8.5,
    "text.color": INK,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.7,
    "axes.facecolor": PAPER,
    "axes.axisbelow": True,
    "axes.titlesize": 8.5,
    "axes.titlelocation": "left",
    "figure.facecolor": PAPER,
    "savefig.facecolor": PAPER,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "svg.fonttype": "none",  # words stay words: searched, read aloud, and a third of the size
}

_BARE: ContextVar[bool] = ContextVar("bare", default=False)
_CAPTIONS: WeakKeyDictionary[Figure, tuple[str, ...]] = WeakKeyDictionary()
"""Title, subtitle and notes of the figures that are alive."""

F = TypeVar("F", bound=Callable[..., Any])


def styled(function: F) -> F:
    """Let ``function`` draw with clbench's settings of matplotlib, whatever the user's are."""

    @wraps(function)
    def draw(*args: Any, **kwargs: Any) -> Any:
        matplotlib = _matplotlib()
        with matplotlib.rc_context():
            matplotlib.rcdefaults()
            matplotlib.rcParams.update(_SETTINGS)
            return function(*args, **kwargs)

    return draw  # type: ignore[return-value]


def _matplotlib() -> Any:
    """Import matplotlib whatever back end the environment names: figures go to files and need none.

    A notebook hands its own back end down to commands that are typed in it, and importing matplotlib fails
    where that one is not installed.
    """
    if "matplotlib" in sys.modules:
        return sys.modules["matplotlib"]
    named = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
    finally:
        if named is not None:
            os.environ["MPLBACKEND"] = named
    if named is not None:
        with suppress(ValueError):  # for whoever draws in this process besides
            matplotlib.rcParams["backend"] = named
    return matplotlib


def blank(width: float, height: float) -> Figure:
    """Return an empty figure with so many inches for its axes; without pyplot nothing global is left."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def captioned(
    figure: Figure, title: str, subtitle: str, notes: Sequence[str] = (), *, reserve: float = 0.0
) -> float:
    """Write title and subtitle above the axes and ``notes`` below; the figure grows by what they take.

    Returns:
        The upper end of the notes in inches; from there on, ``reserve`` inches stay free below the axes.
    """
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    _CAPTIONS[figure] = (title, subtitle, *notes)
    width, height = figure.get_size_inches()
    bare = _BARE.get()
    head = [] if bare else [*wrapped(title, width - 0.2, 10), *wrapped(subtitle, width - 0.2, 8)]
    first = 0 if bare else len(wrapped(title, width - 0.2, 10))
    foot = [] if bare else [line for note in notes for line in wrapped(note, width - 0.2, 7.5)]
    top = 0.04 if bare else 0.1 + _LINE * (1.2 * first + len(head) - first) + 0.06
    written = 0.08 + _LINE * 0.92 * len(foot) if foot else 0.0
    bottom = written + reserve
    height += top + bottom
    figure.set_size_inches(width, height)
    y = height - 0.08
    for number, line in enumerate(head):
        bold = number < first
        style: dict[str, Any] = (
            {"size": 10, "weight": "bold", "color": INK} if bold else {"size": 8, "color": GREY}
        )
        figure.text(0.1 / width, y / height, line, va="top", **style)
        y -= _LINE * (1.2 if bold else 1.0)
    for number, line in enumerate(foot, start=1):
        y = 0.06 + _LINE * 0.92 * (len(foot) - number)
        figure.text(0.1 / width, y / height, line, va="bottom", size=7.5, color=GREY)
    engine = figure.get_layout_engine()
    assert isinstance(engine, ConstrainedLayoutEngine)
    engine.set(rect=(0.0, bottom / height, 1.0, 1.0 - (top + bottom) / height))
    return written


@contextmanager
def untitled() -> Iterator[None]:
    """Leave title and notes out of figures drawn meanwhile: a paper has them in its caption."""
    before = _BARE.set(True)
    try:
        yield
    finally:
        _BARE.reset(before)


def caption_of(figure: Figure) -> str:
    """Return title, subtitle and notes of a figure as the text of a LaTeX caption."""
    title, *rest = _CAPTIONS.get(figure, ("",))
    parts = [
        rf"\textbf{{{for_latex(title)}.}}",
        *(for_latex(part.rstrip(".")) + "." for part in rest if part),
    ]
    return " ".join(parts)


def wrapped(text: str, inches: float, size: float) -> list[str]:
    """Break ``text`` into lines that fit into so many inches at so many points."""
    # A letter of DejaVu Sans is about 0.58 em wide, a bold one 0.66.
    letters = int(inches * 72 / (size * (0.66 if size >= 10 else 0.56)))
    return textwrap.wrap(text, max(letters, 12)) or [""]


def tidy(ax: Axes, *, grid: Literal["both", "x", "y", "none"] = "both") -> None:
    """Leave the axes that carry scales, and a light grid."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.tick_params(length=2.5, width=0.7)
    if grid != "none":
        ax.grid(axis=grid)
