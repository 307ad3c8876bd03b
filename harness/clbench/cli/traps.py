"""``clbench traps``: where published code and paper differ, what is switched, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from clbench.cli.session import Session, disable_plugin_option

if TYPE_CHECKING:
    from clbench.boards.traps.listing import Listed
    from clbench.plugins import Registry

__all__ = ["traps"]


@click.command("traps", short_help="List where published code and paper differ; measure what it is worth.")
@click.argument("names", nargs=-1, metavar="[METHOD[/TRAP] …]")
@click.option(
    "-f",
    "--format",
    "format_",
    default="text",
    show_default=True,
    type=click.Choice(["text", "md", "json"]),
    help="md and json have the sources, too.",
)
@disable_plugin_option
@click.pass_context
def traps(ctx: click.Context, names: tuple[str, ...], format_: str) -> None:
    """List traps: places where a method's published code and its paper differ, or its code and sense.

    Each is a setting with a published and an intended value. METHOD is a method or a stream, or one trap of
    it as the list has it; all without any. Which form a recorded run has: clbench show run PATH, and
    clbench leaderboard --form.
    """
    from clbench.boards.traps.listing import render_traps, render_traps_in_full

    found = chosen(Session.of(ctx).registry, names)
    if names and format_ == "text":
        click.echo(render_traps_in_full(found))
    else:
        click.echo(render_traps(found, format_))  # type: ignore[arg-type]


def chosen(registry: Registry, names: Sequence[str]) -> list[Listed]:
    """The traps of these methods, streams, or names.

    Raises:
        UnknownNameError: there is no such method, stream or trap.
        ConfigError: a method or stream declares none.
    """
    from clbench.boards.traps.listing import listed
    from clbench.errors import ConfigError, UnknownNameError
    from clbench.traps import TrapBook

    book = TrapBook.of(registry)
    declared = {**book.methods, **book.streams}
    for name in names:
        owner, slash, trap = name.partition("/")
        if owner not in registry.methods and owner not in registry.streams:
            raise UnknownNameError("method or stream", owner, [*registry.methods, *registry.streams])
        if slash and trap not in (known := [each.id for each in declared.get(owner, ())]):
            raise UnknownNameError(f"trap of {owner}", trap, known, fix=f"see them: clbench traps {owner}")
        if owner not in declared:
            raise ConfigError(
                f"{owner} declares no traps",
                why="nothing is known of where its published code and its paper differ",
                fix="see those that are declared: clbench traps",
            )
    tuned = {name: each.spec.tuned for name, each in registry.methods.items()}
    return listed(book, tuned, names)
