"""``clbench doctor mtil-hub``."""

from __future__ import annotations

import click

__all__ = ["doctor_hub"]


@click.command("mtil-hub", short_help="Say which hub copies stand for MTIL's data sets.")
@click.option("--only", metavar="KEYS", help="These data sets, with commas between.  [default: all]")
@click.option("--ask", "asking", is_flag=True, help="Ask the hub whether it has each pinned commit.")
@click.option(
    "--compare",
    "comparing",
    is_flag=True,
    help="Hold each copy against the folder: classes, labels, order, names and pixels of all images.",
)
@click.pass_context
def doctor_hub(ctx: click.Context, only: str | None, asking: bool, comparing: bool) -> None:
    """Say which copy on the Hugging Face hub is read of each data set, at which commit, and check it.

    Nothing is downloaded. With --ask or --compare, ends with exit code 1 if a copy is not what it should be.
    """
    from clbench.errors import DataError
    from clbench.streams import data_root

    from clbench_mtil.catalogue import KEYS
    from clbench_mtil.choosing import chosen_keys
    from clbench_mtil.hubcopies import OTHERS, HubCopy, hub_copy
    from clbench_mtil.hubtables import fetched
    from clbench_mtil.revisions import commit

    keys = chosen_keys(only, (*KEYS, *OTHERS), "data set of MTIL")

    def check(copy: HubCopy) -> list[str]:
        from clbench_mtil.comparison import differences
        from clbench_mtil.hubpreparation import ask

        try:
            if asking:
                ask(copy)
            return differences(copy.key, data_root()) if comparing and copy.key in KEYS else []
        except DataError as error:
            return [line.strip() for line in str(error).splitlines()]

    copies = [hub_copy(key) for key in keys]
    wide = max(len(copy.path) for copy in copies)
    bad = []
    for copy in copies:
        pinned = commit(copy) or f"{copy.revision or 'none'} …"
        size = f"{copy.gigabytes:g} GB"
        state = "fetched" if fetched(copy) else f"about {size}"
        click.echo(f"{copy.key:<12}  {copy.path:<{wide}}  {pinned[:12]:<12}  {state}")
        if copy.differs:
            click.echo(f"{'':12}  another data set: {copy.differs}")
        found = check(copy) if asking or comparing else []
        for line in found:
            click.echo(f"{'':12}  {line}")
        if found:
            bad.append(copy.key)
        elif comparing and copy.key in KEYS:
            click.echo(f"{'':12}  the same classes, labels, order, names and pixels as in the folder")
        elif asking:
            click.echo(f"{'':12}  the hub has this commit")
    if bad:
        click.echo(f"not as they should be: {', '.join(bad)}")
        ctx.exit(1)
    click.echo("read with CLBENCH_MTIL_SOURCE=hub; nothing but clbench prepare mtil --fetch downloads")
