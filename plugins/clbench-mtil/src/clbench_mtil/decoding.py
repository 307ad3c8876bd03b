"""Decodes image sets to the cache one after the other; what cannot be read does not stop the others."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import click
from clbench.errors import ClbenchError, DataError
from clbench.streams import ImageSet, cache_root
from clbench.streams.disk import check_room, free_bytes, gigabytes

from clbench_mtil.misplaced import explain
from clbench_mtil.preparation import CLIP_224, absent_files

__all__ = ["decode", "raise_together"]


def decode(
    sets: Sequence[ImageSet],
    *,
    dry_run: bool,
    checked: Sequence[ImageSet] = (),
    problems: Sequence[ClbenchError] = (),
) -> None:
    """Decode image sets to the cache for CLIP's 224-pixel models, after saying the disk that it takes.

    Args:
        sets: what to decode.
        dry_run: say what is to be done, and do nothing.
        checked: further sets, of which each file must be there.
        problems: that came up before; reported with those of this function when all else is done.

    Raises:
        DataError: there is no room for them, files are missing, or an image cannot be read; the other sets
            are decoded all the same.
    """
    files = [images.pixel_file(CLIP_224) for images in sets]
    size = sum(file.missing_bytes for file in files)
    click.echo(
        f"to decode to {cache_root()}: {size / 1e9:.2f} GB, {gigabytes(free_bytes(cache_root()))} free"
    )
    check_room(cache_root(), size, "the decoded images")
    found = list(problems)
    for images, file in zip(sets, files, strict=True):
        if dry_run or file.whole:
            state = "decoded" if file.whole else "to decode"
            if not file.whole and file.decoded:
                state = f"{file.decoded:,} decoded, {len(images) - file.decoded:,} to decode"
            click.echo(f"{images.name}: {len(images):,} images, {state}")
            continue
        try:
            _check_files(images)
            _decode(images, file.decoded)
        except DataError as error:
            click.secho(f"{images.name}: {error.what}", fg="red")
            found.append(error)
        except KeyboardInterrupt:
            click.secho("\nstopped; the same command again goes on from here", fg="yellow", err=True)
            raise click.exceptions.Exit(130) from None
    for images in checked:
        try:
            _check_files(images)
        except DataError as error:
            found.append(error)
    raise_together(found)


def raise_together(problems: Sequence[ClbenchError]) -> None:
    """Raise the error there is, or one that lists all."""
    if len(problems) == 1:
        raise problems[0]
    if problems:
        raise DataError(
            f"{len(problems)} things are wrong with the data; all else is done",
            why="".join(
                f"\n  - {problem.what}: {problem.why}" + (f"\n    fix: {problem.fix}" if problem.fix else "")
                for problem in problems
            ),
            fix="mend each as its line says, and run the command again",
        )


def _decode(images: ImageSet, before: int) -> None:
    """Decode one set, with a bar on a terminal and a line elsewhere."""
    began = time.perf_counter()
    goes_on = f", {before:,} of them before" if before else ""
    label = f"{images.name}: decoding {len(images):,} images{goes_on}"
    display: Any = click.progressbar(length=len(images), label=label, show_pos=True)
    with display as bar:
        images.pixels(CLIP_224, progress=lambda done, _total: bar.update(done - bar.pos))
    seconds = time.perf_counter() - began
    click.echo(f"{images.name}: {len(images) - before:,} decoded in {seconds:,.1f} s")


def _check_files(images: ImageSet) -> None:
    absent = absent_files(images)
    if absent:
        why, fix = explain(absent)
        raise DataError(
            f"{len(absent):,} of the {len(images):,} image files of {images.name} are not there",
            why=why,
            fix=fix,
        )
