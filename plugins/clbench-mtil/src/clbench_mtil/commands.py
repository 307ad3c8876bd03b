"""``clbench doctor mtil`` and ``clbench prepare mtil``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import click

from clbench_mtil.hubcommands import doctor_hub

if TYPE_CHECKING:
    from pathlib import Path

    from clbench.streams import ImageSet

    from clbench_mtil.catalogue import DataSet
    from clbench_mtil.diagnosis import Finding

__all__ = ["doctor", "prepare", "tell"]


@click.group("doctor", short_help="Say what data are there and what is missing.")
def doctor() -> None:
    """Say what is there, what is missing, and how to get it."""


doctor.add_command(doctor_hub)


@doctor.command("mtil", short_help="Look for the data of MTIL and its relatives.")
@click.pass_context
def doctor_mtil(ctx: click.Context) -> None:
    """Look for the data of MTIL and its relatives under the data root.

    The data root is $CLBENCH_DATA, else ~/data. Ends with exit code 1 if images of a data set are missing.
    """
    from clbench.streams import data_root

    from clbench_mtil.diagnosis import diagnose

    root = data_root()
    lacking = tell(diagnose(root), root)
    if lacking:
        click.echo(f"images of {len(lacking)} of the eleven data sets are missing: {', '.join(lacking)}")
        ctx.exit(1)
    click.echo("the eleven data sets are there: clbench run --stream mtil --methods zero-shot")


@click.group("prepare", short_help="Fetch and decode data, before a run does.")
def prepare() -> None:
    """Fetch data where asked to, check them, and decode their images once."""


@prepare.command("mtil", short_help="Check, and decode once, the data of MTIL and its relatives.")
@click.option("--only", metavar="KEYS", help="These data sets, with commas between.  [default: all]")
@click.option("--protocol", type=click.Choice(["zscl", "coop"]), default="zscl", show_default=True)
@click.option(
    "--fetch",
    "fetching",
    is_flag=True,
    help="Download what is missing: by torchvision or, with CLBENCH_MTIL_SOURCE=hub, from the hub.",
)
@click.option(
    "--train", is_flag=True, help="Decode training images, too, for methods that see them uncropped."
)
@click.option("--dry-run", is_flag=True, help="Say what is to be done and the disk it takes, and do nothing.")
def prepare_mtil(only: str | None, protocol: str, fetching: bool, train: bool, dry_run: bool) -> None:
    """Check counts and names of the data sets, and decode their images to the cache for 224-pixel models.

    Nothing is downloaded without --fetch. What is done already is left alone, so the command may be stopped
    at any time and run again.
    """
    from clbench.errors import ClbenchError, DataError
    from clbench.streams import Task, data_root

    from clbench_mtil import decoding
    from clbench_mtil.catalogue import KEYS, data_set
    from clbench_mtil.choosing import chosen_keys
    from clbench_mtil.fetching import fetch_all, half_fetched
    from clbench_mtil.hubcopies import OTHERS
    from clbench_mtil.hubtables import not_fetched
    from clbench_mtil.preparation import ALL_PARTS, image_sets
    from clbench_mtil.protocols import find_split
    from clbench_mtil.stream import build_task, find_source, from_hub
    from clbench_mtil.variants import VARIANTS

    root = data_root()
    named = chosen_keys(only, (*KEYS, *OTHERS), "data set of MTIL", KEYS)
    keys = [key for key in named if key in KEYS]
    from_folder = [key for key in keys if not from_hub(key)]
    absent = [
        data_set(key)
        for key in from_folder
        if data_set(key).missing(root) or (fetching and half_fetched(data_set(key), root))
    ]
    failed: list[tuple[DataSet, DataError]] = []
    if fetching:
        splits = [data_set(key) for key in keys if protocol == "coop" and data_set(key).split]
        splits = [entry for entry in splits if find_split(entry, root) is None]
        failed = fetch_all(absent, splits, root, dry_run=dry_run)
    hub_keys = [key for key in named if from_hub(key)]
    there = fetch_from_hub(hub_keys, fetching=fetching, dry_run=dry_run)
    lacking = [] if dry_run else [key for key in hub_keys if key not in there]
    problems: list[ClbenchError] = [
        *(error for _, error in failed),
        *([not_fetched(lacking)] if lacking else []),
    ]
    variant = VARIANTS["mtil" if protocol == "zscl" else "mtil-coop"]
    parts = ("test", "train", "validation") if train else ("test",)
    there += [key for key in from_folder if data_set(key) not in absent]
    ready = [key for key in named if key in there or not (dry_run or key in hub_keys)]
    tasks: list[Task] = []
    unfetched = {entry.key for entry, _ in failed}
    for key in [key for key in ready if key in KEYS and key not in unfetched]:
        try:
            tasks.append(build_task(key, variant, find_source(root), root))
        except DataError as error:
            problems.append(error)
    sets = [images for task in tasks for images in image_sets(task, parts)]
    sets += held_out(ready)
    rest = [images for task in tasks for images in image_sets(task, ALL_PARTS) if images not in sets]
    decoding.decode(sets, dry_run=dry_run, checked=rest, problems=problems)


def held_out(keys: Iterable[str]) -> list[ImageSet]:
    """The images of those data sets that are held out.

    Raises:
        DataError: they are not there.
    """
    from clbench_mtil.heldout import HELD_OUT

    return [HELD_OUT[key]().test for key in keys if key in HELD_OUT]


def fetch_from_hub(keys: Sequence[str], *, fetching: bool, dry_run: bool) -> list[str]:
    """Fetch those of the data sets ``keys`` that are not on disk, if told to, after saying how much that is.

    Returns:
        the keys of those that are on disk.

    Raises:
        DataError: there is no room, or one cannot be fetched.
    """
    if not keys:
        return []
    from clbench_mtil.hubpreparation import fetch_copies, hub_cache, unfetched

    absent = unfetched(keys)
    if fetching and absent:
        size = sum(copy.gigabytes for copy in absent)
        click.echo(
            f"to fetch from the hub to {hub_cache()}: {', '.join(copy.key for copy in absent)}, "
            f"about {size:.1f} GB, and as much again for the tables made of it"
        )
        for copy in [] if dry_run else fetch_copies(absent):
            click.echo(f"{copy.key}: fetching {copy.pinned} …")
    lacking = {copy.key for copy in absent} if dry_run or not fetching else set()
    return [key for key in keys if key not in lacking]


def tell(findings: Iterable[Finding], root: Path) -> list[str]:
    """Print what a doctor found under ``root``; return the keys of data sets whose images are missing."""
    click.echo(f"data root: {root}" + ("" if root.is_dir() else " (there is no such folder)"))
    lacking = []
    for finding in findings:
        mark = click.style("there  ", fg="green") if finding.there else click.style("missing", fg="yellow")
        click.echo(f"{mark}  {finding.key:<12}  {finding.what}")
        if not finding.there:
            more = f" and {len(finding.missing) - 1} more" if len(finding.missing) > 1 else ""
            absent = [f"no {path.relative_to(root)}{more}" for path in finding.missing[:1]]
            for line in (*absent, *finding.cure.splitlines()):
                click.echo(f"           {line}")
            if finding.what.startswith("images"):
                lacking.append(finding.key)
    return lacking
