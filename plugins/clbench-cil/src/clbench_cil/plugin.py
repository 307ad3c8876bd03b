"""What this plugin contributes to clbench. Nothing heavy is imported here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench import StreamSpec, hookimpl

from clbench_cil.variants import specs

if TYPE_CHECKING:
    import click

__all__ = ["clbench_commands", "clbench_streams"]


@hookimpl
def clbench_streams() -> list[StreamSpec]:
    """Class-incremental TinyImageNet and ImageNet, domain-incremental DomainNet."""
    return specs()


@hookimpl
def clbench_commands(app: click.Group) -> None:
    """Add ``clbench doctor cil`` and ``clbench prepare cil``."""
    from clbench_cil.commands import add_to

    add_to(app)
