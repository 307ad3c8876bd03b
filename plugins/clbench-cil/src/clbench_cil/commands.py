"""``clbench doctor cil`` and ``clbench prepare cil``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click
from clbench_mtil.commands import doctor, prepare, tell

if TYPE_CHECKING:
    from clbench.streams import Task

    from clbench_cil.layouts import Key

__all__ = ["add_to", "doctor_cil", "prepare_cil"]


def add_to(app: click.Group) -> None:
    """Add both to clbench-mtil's groups, and the groups to ``app``."""
    doctor.add_command(doctor_cil)
    prepare.add_command(prepare_cil)
    app.add_command(doctor)
    app.add_command(prepare)


@click.command("cil", short_help="Look for TinyImageNet, ImageNet and DomainNet.")
@click.pass_context
def doctor_cil(ctx: click.Context) -> None:
    """Look for TinyImageNet, ImageNet and DomainNet under the data root.

    The data root is $CLBENCH_DATA, else ~/data. Ends with exit code 1 if images of a data set are missing.
    """
    from clbench.streams import data_root

    from clbench_cil.diagnosis import diagnose

    root = data_root()
    lacking = tell(diagnose(root), root)
    if lacking:
        click.echo(f"images of {len(lacking)} of the three data sets are missing: {', '.join(lacking)}")
        ctx.exit(1)
    click.echo("the three data sets are there: clbench run --stream tinyimagenet-100-10 --methods zero-shot")


@click.command("cil", short_help="Check, and decode once, TinyImageNet, ImageNet and DomainNet.")
@click.option(
    "--only",
    metavar="KEYS",
    help="Of tinyimagenet, imagenet100, imagenet and domainnet, with commas between.  [default: all]",
)
@click.option(
    "--fetch",
    "fetching",
    is_flag=True,
    help="Download what is missing: TinyImageNet and DomainNet; with CLBENCH_CIL_SOURCE=hub, all three.",
)
@click.option("--train", is_flag=True, help="Decode training images, too.")
@click.option("--dry-run", is_flag=True, help="Say what is to be done and the disk it takes, and do nothing.")
def prepare_cil(only: str | None, fetching: bool, train: bool, dry_run: bool) -> None:
    """Check counts and names of the data sets, and decode their images to the cache for 224-pixel models.

    Nothing is downloaded without --fetch. What is done already is left alone, so the command may be stopped
    at any time and run again.
    """
    from clbench.errors import DataError
    from clbench.streams import data_root
    from clbench_mtil.choosing import chosen_keys
    from clbench_mtil.decoding import decode
    from clbench_mtil.preparation import ALL_PARTS, image_sets

    from clbench_cil.fetching import absent, fetch_missing

    keys = chosen_keys(only, tuple(_DATA), "data set of clbench-cil")
    root, wanted = data_root(), list(dict.fromkeys(_DATA[key] for key in keys))
    if fetching:
        for line in fetch_missing(wanted, root, dry_run=dry_run):
            click.echo(line)
    lacking = absent(wanted, root)
    tasks: list[Task] = []
    problems: list[DataError] = []
    for key in keys:
        try:
            tasks += [] if dry_run and _DATA[key] in lacking else _tasks(key)
        except DataError as error:
            problems.append(error)
    parts = ("test", "train") if train else ("test",)
    # the first tasks of some streams are the same images
    sets = {images.digest: images for task in tasks for images in image_sets(task, parts)}
    rest = {images.digest: images for task in tasks for images in image_sets(task, ALL_PARTS)}
    checked = [images for digest, images in rest.items() if digest not in sets]
    decode(list(sets.values()), dry_run=dry_run, checked=checked, problems=problems)


# ImageNet100 is a part of ImageNet, and its image sets are others, since its tasks are
_DATA: dict[str, Key] = {
    "tinyimagenet": "tinyimagenet",
    "imagenet100": "imagenet",
    "imagenet": "imagenet",
    "domainnet": "domainnet",
}
_STREAMS = {
    "tinyimagenet": ("tinyimagenet-100-5", "tinyimagenet-100-10", "tinyimagenet-100-20"),
    "imagenet100": ("imagenet100-10-10", "imagenet100-50-5"),
    "imagenet": ("imagenet1000-100-100",),
}


def _tasks(key: str) -> list[Task]:
    from clbench_cil.stream import build_domainnet, build_increments

    if key == "domainnet":
        return list(build_domainnet().tasks)
    return [task for name in _STREAMS[key] for task in build_increments(name).tasks]
