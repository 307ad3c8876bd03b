"""``clbench submit``: pack finished runs, each into one file that others can check."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.publishing import publish_options, publish_submissions
from clbench.cli.session import Session, disable_plugin_option
from clbench.errors import RecordError, SubmissionError

if TYPE_CHECKING:
    from clbench.submissions import Submission, Verification

__all__ = ["submit"]


@click.command("submit", short_help="Pack finished runs, each into one file that others can check.")
@click.argument("runs", nargs=-1, required=True, metavar="RUN…", type=click.Path(path_type=Path))
@click.option(
    "-o",
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    metavar="FOLDER",
    help="Where the files go.  [default: here]",
)
@click.option(
    "--readme", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE.md", help="Put a text in, too."
)
@click.option("--push", "target", metavar="TARGET", help="Publish them, too; see `clbench push`.")
@publish_options
@disable_plugin_option
@click.pass_context
def submit(
    ctx: click.Context,
    runs: tuple[Path, ...],
    out: Path,
    readme: Path | None,
    target: str | None,
    replace: bool,
    license_: str | None,
    private: bool | None,
) -> None:
    """Pack each finished run (a folder, or a folder of such) with its predictions into NAME.clbench.zip.

    Equal runs give files that are equal to the byte. Each is checked as `clbench verify` does; one that
    fails is not written. Passwords, tokens and absolute paths in the record are left out. Publish the SHA-256
    that is printed: with it, anyone sees that no digit was changed.
    """
    from clbench.results import find_records, read_record
    from clbench.results.personal import places_that_differ
    from clbench.submissions import pack, verify
    from clbench.submissions.reporting import headline, verdict

    folders = [path.parent for path in find_records(runs)]
    if not folders:
        names = ", ".join(map(str, runs))
        fix = "give the folder that `clbench run --out` wrote to"
        raise SubmissionError(f"there is no record under {names}", fix=fix)
    refused = 0
    written: list[Submission] = []
    for folder in folders:
        try:
            packed: Submission = pack(folder, readme=readme)
        except (RecordError, SubmissionError) as error:
            if len(folders) == 1:
                raise
            refused += 1
            click.secho(f"left out: {error}", fg="yellow", err=True)
            continue
        found: Verification = verify(packed, Session.of(ctx).registry)
        assert found.record is not None
        click.echo(headline(found.record))
        if not found.verified:
            refused += 1
            click.secho(f"not written: {folder} is {verdict(found)}", fg="red", err=True)
            for check in found.of("failed"):
                lines = "".join(f"\n    {line}" for line in check.details)
                click.secho(f"  {check.name}: {check.sentence}{lines}", fg="red", err=True)
            continue
        path = packed.write(out)
        written.append(packed)
        click.echo(f"  file     {path} ({len(packed.content):,} bytes)")
        click.echo(f"  SHA-256  {packed.sha256}")
        click.echo(f"  {verdict(found)}")
        if left_out := places_that_differ(read_record(folder), found.record):
            click.echo(f"  left out: paths of this machine and passwords, in {', '.join(left_out)}")
    if target is not None and refused:
        click.secho("nothing is published: not all could be submitted", fg="red", err=True)
    elif target is not None:
        publish_submissions(written, target, replace=replace, license_=license_, private=private)
    ctx.exit(1 if refused else 0)
