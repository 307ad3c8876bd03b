"""``clbench admit``: verified submissions become records of a leaderboard, and its tables are made anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.session import Session, disable_plugin_option

if TYPE_CHECKING:
    from clbench.cli.declaring import Table

_DONE = {"add": "admitted", "replace": "replaced", "keep": "there already"}
_WOULD = {"add": "would be admitted", "replace": "would replace", "keep": "there already"}


@click.command("admit", short_help="Take verified submissions into a leaderboard.")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.option(
    "--into",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="The leaderboard's records, such as leaderboards/mini/records.",
)
@click.option("--replace", is_flag=True, help="Take the place of a record of the same run or the same seed.")
@click.option("--new-table", is_flag=True, help="Let in what cannot be compared with anything there.")
@click.option("--tables/--no-tables", default=True, help="Make the documents' tables anew.  [default: yes]")
@click.option("--check", is_flag=True, help="Only say what would be done.")
@disable_plugin_option
@click.pass_context
def admit(
    ctx: click.Context,
    files: tuple[Path, ...],
    into: Path,
    replace: bool,
    new_table: bool,
    tables: bool,
    check: bool,
) -> None:
    """Verify submissions, put their records under FOLDER as ORDER/METHOD-seedN, and print the tables anew.

    All are admitted or none: one that fails `clbench verify`, is there already with other content, or can
    be compared with nothing there stops it. Tables are those that leaderboards/tables.toml of the repository
    around FOLDER declares to be made from it.
    """
    from clbench.cli.verify import sources, verified
    from clbench.submissions.admission import admit as write
    from clbench.submissions.admission import plan

    registry = Session.of(ctx).registry
    checked = [verified(registry, file, "nothing is admitted") for file in sources(files)]
    deterministic = {name for name, method in registry.methods.items() if method.spec.deterministic}
    entries = plan(checked, into, replace=replace, new_table=new_table, deterministic=deterministic)
    shown = _declared(into) if tables else []  # before anything is written: it may have mistakes
    if not check:
        write(entries, into)
    for entry in entries:
        said = (_WOULD if check else _DONE)[entry.action]
        click.echo(f"{said}: {entry.folder}  SHA-256 {entry.submission.sha256}")
    if tables and not check and any(entry.action != "keep" for entry in entries):
        _print_anew(shown, into)


def _declared(into: Path) -> list[Table]:
    from clbench.cli.declaring import about, declared, repository_of

    root = repository_of(into)
    return about(into, declared(root), root) if root is not None else []


def _print_anew(tables: list[Table], into: Path) -> None:
    from clbench.cli.declaring import TABLES_FILE, repository_of
    from clbench.cli.documents import update

    for document, changed in update(tables, repository_of(into) or into).items():
        click.echo(f"tables of {document}: {'made anew' if changed else 'as before'}")
    if not tables:
        click.echo(f"{TABLES_FILE} declares no table that is made from {into}")
