"""What ``clbench submit --push`` and ``clbench push`` share: options, and a line on what was published."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from clbench.submissions import Submission

__all__ = ["publish_options", "publish_submissions"]

F = TypeVar("F", bound=Callable[..., Any])


def publish_options(function: F) -> F:
    """Add ``--license``, ``--private`` and ``--replace``."""
    for option in (
        click.option("--replace", is_flag=True, help="Take the place of the same run with other content."),
        click.option(
            "--private/--public", default=None, help="Of a new data set on the hub.  [default: the account's]"
        ),
        click.option(
            "--license", "license_", metavar="ID", help="Of the results, on the hub: cc-by-4.0, cc0-1.0, …"
        ),
    ):
        function = option(function)
    return function


def publish_submissions(
    submissions: Sequence[Submission],
    target: str,
    *,
    replace: bool,
    license_: str | None,
    private: bool | None,
) -> None:
    """Publish, and print what is new there."""
    from clbench.submissions.publishing import publish

    done = publish(submissions, target, replace=replace, license=license_, private=private)
    for name in done.added:
        click.echo(f"published: {done.target.rstrip('/')}/{name}")
    if done.present:
        click.echo(f"there already: {done.present}")
    for name in done.unreadable:
        click.secho(
            f"note: {name} there is no submission: clbench verify {done.target}", fg="yellow", err=True
        )
    click.echo(f"{done.target} has {done.runs} run{'' if done.runs == 1 else 's'}")
