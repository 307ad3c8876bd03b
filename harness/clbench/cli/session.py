"""What the commands of one invocation share."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from rich.console import Console

    from clbench.plugins import Registry

__all__ = [
    "FiniteFloat",
    "Session",
    "disable_plugin_option",
    "make_console",
    "manner_options",
    "plugin_option",
]

F = TypeVar("F", bound=Callable[..., Any])


@dataclass
class Session:
    """The plugins, loaded at first use.

    Attributes:
        given: a registry to use instead of the installed plugins, for tests.
        disabled: names from ``--disable-plugin``.
        files: paths from ``--plugin``.
    """

    given: Registry | None = None
    disabled: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    _commands: dict[str, click.Command] | None = None
    _told: set[str] = field(default_factory=set)

    @classmethod
    def of(cls, ctx: click.Context) -> Session:
        """The session of a context."""
        root = ctx.find_root()
        if not isinstance(root.obj, cls):
            root.obj = cls()
        session: Session = root.obj
        return session

    @property
    def registry(self) -> Registry:
        if self.given is not None:
            return self.given
        from clbench.plugins import get_registry

        registry = get_registry(self.disabled, self.files)
        for name in self.disabled:
            if name not in self._told and not any(each.answers_to(name) for each in registry.reports):
                self._told.add(name)
                click.secho(
                    f"there is no plugin {name!r} to leave alone: clbench plugins", fg="yellow", err=True
                )
        return registry

    def plugin_commands(self, taken: Iterable[str]) -> dict[str, click.Command]:
        """Commands that plugins add."""
        if self._commands is None:
            self._commands = self.registry.commands(taken)
        return self._commands


def disable_plugin_option(function: F) -> F:
    """Add ``--disable-plugin NAME``, usable before and after the subcommand."""

    def disable(ctx: click.Context, _: click.Parameter, names: tuple[str, ...]) -> None:
        session = Session.of(ctx)
        session.disabled += [part.strip() for name in names for part in name.split(",") if part.strip()]

    return click.option(
        "--disable-plugin",
        multiple=True,
        metavar="NAME",
        is_eager=True,
        expose_value=False,
        callback=disable,
        help="Leave a plugin alone (repeatable; also CLBENCH_DISABLE_PLUGINS=a,b).",
    )(function)


def plugin_option(function: F) -> F:
    """Add ``--plugin FILE.py``: a plugin without a package."""

    def add(ctx: click.Context, _: click.Parameter, files: tuple[Path, ...]) -> None:
        Session.of(ctx).files += files

    return click.option(
        "--plugin",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="FILE.py",
        is_eager=True,
        expose_value=False,
        callback=add,
        help="Use a Python file as a plugin, without packaging (repeatable).",
    )(function)


class FiniteFloat(click.FloatRange):
    """A number that is none of nan and inf, which pass all comparisons of a range or fail them all."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        number: float = super().convert(value, param, ctx)
        if not math.isfinite(number):
            self.fail(f"{value} is no number to compare with.", param, ctx)
        return number


def manner_options(function: F) -> F:
    """Add how runs are executed here and shown: ``--jobs``, ``--stall-timeout``, ``--in-process``, …"""
    for option in reversed(
        (
            click.option(
                "-j",
                "--jobs",
                metavar="N|auto",
                default="1",
                help="Runs at once on this machine.  [default: 1]",
            ),
            click.option(
                "--stall-timeout",
                type=FiniteFloat(0),
                default=3600.0,
                metavar="SECONDS",
                help="Give up a run that says nothing for so long; 0: never.  [default: 3600]",
            ),
            click.option(
                "--in-process",
                is_flag=True,
                help="Run methods in this process, for debuggers: nothing is kept apart, and records say so.",
            ),
            click.option("--plain", is_flag=True, help="Plain lines instead of the live display."),
        )
    ):
        function = option(function)
    return function


def make_console(*, file_width: int = 400) -> Console:
    """A console as wide as the terminal; ``file_width`` columns where output goes to a file or a pipe.

    The default is so wide that a line of a listing stays one line, as grep and cut expect. Texts are made fit
    to print as they are drawn: of control sequences none passes but the console's own.
    """
    import sys

    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment

    from clbench.cli.consoles import unguarded
    from clbench.printing import fit

    class FitConsole(Console):
        def render(
            self, renderable: RenderableType, options: ConsoleOptions | None = None
        ) -> Iterable[Segment]:
            for segment in super().render(renderable, options):
                yield segment if segment.control else Segment(str(fit(segment.text)), segment.style)

    output = unguarded(sys.stdout)  # which would take the console's own sequences for foreign ones
    console = FitConsole(highlight=False, file=output)
    return console if console.is_terminal else FitConsole(highlight=False, file=output, width=file_width)
