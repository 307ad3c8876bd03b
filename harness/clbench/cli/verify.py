"""``clbench verify``: compute anew everything about a submission that can be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.session import Session, disable_plugin_option
from clbench.errors import ConfigError, SubmissionError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable

    from clbench.plugins import Registry
    from clbench.submissions import Outcome, Submission, Verification

__all__ = ["print_verification", "sources", "verified", "verify"]

_COLOURS: dict[Outcome, str] = {"passed": "green", "failed": "red", "not checkable": "yellow"}


@click.command("verify", short_help="Compute anew everything in a submission that can be.")
@click.argument("paths", nargs=-1, required=True, metavar="FILE…")
@click.option("--sha256", metavar="DIGEST", help="That its author published; for one file.")
@click.option(
    "--data/--no-data", default=True, help="Compare with the stream's images and labels.  [default: yes]"
)
@click.option(
    "--stream",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE.yaml",
    help="Of a stream that no plugin gives.",
)
@click.option("--weights", is_flag=True, help="Load the backbone and compare its weights, too.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "md"]),
    default="text",
    show_default=True,
    help="md is for a comment on a pull request.",
)
@click.option("-v", "--verbose", is_flag=True, help="Every check, also where there are several files.")
@disable_plugin_option
@click.pass_context
def verify(
    ctx: click.Context,
    paths: tuple[str, ...],
    sha256: str | None,
    data: bool,
    stream: Path | None,
    weights: bool,
    form: str,
    verbose: bool,
) -> None:
    """Check submissions without a model: NAME.clbench.zip, a run's folder, a folder of either, or a place
    that `clbench push` wrote to, such as s3://BUCKET/PREFIX or hf://datasets/ORG/NAME.

    Hashes, schema, metrics from the matrix, matrices from the predictions, predictions against the stream's
    labels, settings against the method's: what it takes to check that is not here is said. The exit code
    is 1 where a check failed.
    """
    from clbench.submissions import UNKNOWABLE
    from clbench.submissions import verify as check
    from clbench.submissions.published import is_published, verify_published
    from clbench.submissions.reporting import as_markdown

    published = [path for path in paths if is_published(path)]
    files = sources(Path(path) for path in paths if path not in published)
    if sha256 is not None and (published or len(files) > 1):
        raise ConfigError(
            "--sha256 is of one file", why="more are to be verified", fix="verify them one by one"
        )
    registry = Session.of(ctx).registry
    found = [
        check(file, registry, sha256=sha256, data=data, weights=weights, stream=stream) for file in files
    ]
    for place in published:
        found += verify_published(place, registry, data=data, weights=weights)
    if form == "json":
        click.echo(json.dumps([each.as_json() for each in found], indent=1, ensure_ascii=False))
    elif form == "md":
        click.echo(as_markdown(found))
    else:
        for each in found:
            print_verification(each, verbose=verbose or len(found) == 1)
        if len(found) > 1:
            good = sum(each.verified for each in found)
            click.echo(f"{good} of {len(found)} verified")
        click.echo("no check can say" + "".join(f"\n  - {line}" for line in UNKNOWABLE))
    ctx.exit(0 if all(each.verified for each in found) else 1)


def sources(paths: Iterable[Path]) -> list[Path]:
    """The submissions and folders of runs that ``paths`` name, each once.

    Raises:
        SubmissionError: a path does not exist, or there is none under it.
    """
    from clbench.results import find_records
    from clbench.submissions import SUFFIX

    found: dict[Path, None] = {}
    for path in paths:
        if not path.exists():
            near = did_you_mean(path.name, (other.name for other in path.parent.glob("*")))
            why = f"did you mean {' or '.join(str(path.with_name(name)) for name in near)}?" if near else ""
            fix = "give files that `clbench submit` wrote, or folders of runs"
            raise SubmissionError(f"there is nothing at {path}", why=why, fix=fix)
        if not path.is_dir():
            found.setdefault(path.parent if path.name == "record.json" else path)
            continue
        inside = [record.parent for record in find_records([path])]
        inside += [file for file in sorted(path.rglob(f"*{SUFFIX}")) if not file.name.startswith(".")]
        if not inside:
            fix = "give files that `clbench submit` wrote, or folders of runs"
            raise SubmissionError(f"there is no submission and no record under {path}", fix=fix)
        found |= dict.fromkeys(inside)
    return list(found)


def verified(registry: Registry, source: Path, otherwise: str) -> Submission:
    """The submission, or what a run's folder packs to, when it passes every check that can be made here.

    Raises:
        SubmissionError: it fails one, which is printed; ``otherwise`` says what does not happen then.
    """
    from clbench.submissions import verify
    from clbench.submissions.reporting import verdict

    found = verify(source, registry)
    if not found.verified or found.submission is None:
        print_verification(found, verbose=False)
        fix = f"clbench verify {source} shows all checks"
        raise SubmissionError(f"{source} is {verdict(found)}; {otherwise}", fix=fix)
    return found.submission


def print_verification(found: Verification, *, verbose: bool) -> None:
    """Print checks, one a line; without ``verbose`` only those that did not pass."""
    from clbench.submissions.reporting import MARKS, headline, verdict

    if verbose:
        click.secho(str(found.source), bold=True)
        if found.record is not None:
            click.echo(headline(found.record))
        if found.sha256 is not None:
            click.echo(f"SHA-256 {found.sha256}")
        click.echo()
    width = max(len(check.name) for check in found.checks)
    for check in found.checks:
        if not verbose and check.outcome != "failed":
            continue
        mark = click.style(MARKS[check.outcome], fg=_COLOURS[check.outcome])
        head = f"{mark} {check.name:<{width}}  " if verbose else f"{mark} {found.source}: {check.name}: "
        click.echo(f"{head}{check.sentence}")
        for line in check.details:
            click.echo(f"{' ' * (width + 4 if verbose else 4)}{line}")
    if verbose:
        click.secho(f"\n{verdict(found)}\n", fg="green" if found.verified else "red", bold=True)
