"""``clbench push``: publish submissions to a folder, an object store or the Hugging Face hub."""

from __future__ import annotations

from pathlib import Path

import click

from clbench.cli.publishing import publish_options, publish_submissions
from clbench.cli.session import Session, disable_plugin_option

__all__ = ["push"]


@click.command("push", short_help="Publish submissions to a folder, S3 or the Hugging Face hub.")
@click.argument("files", nargs=-1, required=True, metavar="FILE…", type=click.Path(path_type=Path))
@click.argument("target", metavar="TARGET")
@publish_options
@disable_plugin_option
@click.pass_context
def push(
    ctx: click.Context,
    files: tuple[Path, ...],
    target: str,
    replace: bool,
    license_: str | None,
    private: bool | None,
) -> None:
    """Publish submissions (files, folders of runs) to TARGET, each once and whole.

    \b
    TARGET is
      a folder                    results/published
      an fsspec URL               s3://BUCKET/PREFIX, gs://…, abfs://…
      a data set on the hub       hf://datasets/ORG/NAME

    Each is verified first, and one that fails stops it. What is cut short is finished by the same command.
    Readers list TARGET, or go by its index.json, which is made anew from what is there; on the hub all is
    one commit, with a card and tables.
    """
    from clbench.cli.verify import sources, verified

    submissions = [
        verified(Session.of(ctx).registry, file, "nothing is published") for file in sources(files)
    ]
    publish_submissions(submissions, target, replace=replace, license_=license_, private=private)
