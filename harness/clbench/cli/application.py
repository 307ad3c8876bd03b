"""The ``clbench`` command with its own and its plugins' subcommands."""

from __future__ import annotations

import sys
from typing import Any

import click

from clbench import __version__
from clbench.cli.admit import admit
from clbench.cli.audit import audit
from clbench.cli.claims import claims
from clbench.cli.compare import compare
from clbench.cli.consoles import guarded
from clbench.cli.failures import say
from clbench.cli.leaderboard import leaderboard
from clbench.cli.list import list_
from clbench.cli.plot import plot
from clbench.cli.plugins import plugins
from clbench.cli.push import push
from clbench.cli.report import report
from clbench.cli.reproduce import reproduce
from clbench.cli.rescore import rescore
from clbench.cli.run import run
from clbench.cli.session import Session, disable_plugin_option
from clbench.cli.show import show
from clbench.cli.site import site
from clbench.cli.status import status
from clbench.cli.stream import stream
from clbench.cli.submit import submit
from clbench.cli.traps import traps
from clbench.cli.verify import verify
from clbench.errors import did_you_mean

__all__ = ["main"]

EXAMPLES = """\b
  clbench run --methods zscl,diki,gift     run three methods on the embedded stream
  clbench list methods                     what is installed
  clbench show method zscl                 its settings: the paper's and the tuned ones
  clbench leaderboard runs --format md     a table of everything that was run
  clbench report runs -o report.html       one page: tables, figures, settings, provenance
"""


class Application(click.Group):
    """Adds the plugins' commands, and turns errors that a person can act on into messages."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        with guarded():
            try:
                return super().main(*args, **kwargs)
            except (click.ClickException, click.Abort):
                raise  # to callers who take care of them
            except Exception as error:
                status = say(error)
                if kwargs.get("standalone_mode", True):
                    sys.exit(status)
                return status

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.commands, *sorted(self._added(ctx))]

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        return self.commands.get(name) or self._added(ctx).get(name)

    def _added(self, ctx: click.Context) -> dict[str, click.Command]:
        return Session.of(ctx).plugin_commands(self.commands)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        name = args[0] if args else ""
        if name and not name.startswith("-") and self.get_command(ctx, name) is None:
            known = self.list_commands(ctx)
            near = did_you_mean(name, known)
            hint = f"did you mean {' or '.join(near)}?" if near else f"the commands are {', '.join(known)}"
            ctx.fail(f"there is no command {name!r}: {hint}")
        return super().resolve_command(ctx, args)


@click.group(cls=Application, epilog=EXAMPLES, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="clbench")
@disable_plugin_option
def main() -> None:
    """Benchmark continual learning of vision-language models: streams of domains, methods as plugins."""


for _command in (
    run,
    status,
    leaderboard,
    compare,
    plot,
    report,
    site,
    claims,
    traps,
    reproduce,
    rescore,
    audit,
    submit,
    verify,
    admit,
    push,
    list_,
    show,
    stream,
    plugins,
):
    main.add_command(_command)
