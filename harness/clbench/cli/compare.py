"""``clbench compare``: is one method better than another, or is it chance?"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from clbench.cli.recorded import names
from clbench.cli.session import disable_plugin_option

if TYPE_CHECKING:
    from clbench.boards.comparison.sides import Side
    from clbench.results import StoredRecord

__all__ = ["compare"]

_KINDS = {"streams": "stream", "orders": "order", "backbones": "backbone", "label_spaces": "label_space"}


@click.command("compare", short_help="Test whether two methods differ by more than chance.")
@click.argument("a")
@click.argument("b")
@click.option(
    "--runs",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Where methods are looked up by name; repeatable.  [default: runs]",
)
@click.option(
    "--metrics",
    "--metric",
    default="transfer,average,last",
    show_default=True,
    metavar="A,B,…",
    help="Of transfer, average, last and forgetting.",
)
@click.option("--streams", metavar="A,B,…", help="Runs of these streams alone.")
@click.option("--orders", metavar="A,B,…", help="Runs of these orders alone.")
@click.option("--backbones", metavar="A,B,…", help="Runs of these backbones alone.")
@click.option("--label-spaces", metavar="A,B,…", help="Runs of these label spaces alone.")
@click.option(
    "-f", "--format", "format_", default="text", show_default=True, help="text, md, latex, csv or json."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file."
)
@disable_plugin_option
def compare(
    a: str,
    b: str,
    runs: tuple[Path, ...],
    metrics: str,
    format_: str,
    output: Path | None,
    **filters: str | None,
) -> None:
    """Print the paired difference of A and B on every task, with 95 % intervals, and say in words whether it
    is more than chance.

    A and B are methods (or rows of the leaderboard, such as 'zscl (l2=0)') that are looked up under --runs,
    or folders of runs. zero-shot is the initial model. Runs are paired seed by seed and image by image.
    """
    from clbench.boards.comparison.comparing import ZERO_SHOT, compare_sides
    from clbench.boards.comparison.sides import find_side, whole_side
    from clbench.boards.comparison.tables import FORMATS, render_comparisons
    from clbench.boards.tables.arranging import chosen, unmatched
    from clbench.errors import ConfigError, RecordError, UnknownNameError
    from clbench.results import load_records

    if format_ not in FORMATS:
        raise UnknownNameError("format", format_, FORMATS)
    only = {_KINDS[name]: names(given) for name, given in filters.items() if given}
    notes: list[str] = []

    def load(paths: tuple[Path, ...]) -> list[StoredRecord]:
        loaded = load_records(paths)
        notes.extend(f"left out: {problem.error.line}" for problem in loaded.problems)
        found = [each for each in loaded.stored if chosen(each.record, only)]
        if not found:
            raise RecordError(
                f"no record under {', '.join(map(str, paths))} is one to compare",
                why="; ".join([*unmatched(loaded.records, only), *notes]) or "there is none",
                fix="name the folder that `clbench run --out` wrote to: --runs PATH",
            )
        return found

    pool: list[StoredRecord] | None = None

    def side(name: str) -> Side | None:
        nonlocal pool
        if Path(name).exists():
            return whole_side(name, load((Path(name),)))
        if pool is None:
            pool = load(runs or (Path("runs"),))
        if name == ZERO_SHOT and all(each.record.method.name != ZERO_SHOT for each in pool):
            return None
        return find_side(name, pool)

    sides = (side(a), side(b))
    if sides[0] and sides[1] and sides[0].runs == sides[1].runs:
        raise ConfigError(
            f"{a!r} and {b!r} are the same runs",
            why="their difference is 0 whatever the method does",
            fix="name two methods, two rows of the leaderboard, or two folders of runs",
        )
    if sides[0] and sides[1] and sides[0].label == sides[1].label and a != b:
        # The same method from two places, such as two machines or versions.
        sides = (replace(sides[0], label=a), replace(sides[1], label=b))
    comparisons = compare_sides(*sides, names(metrics))
    for each in (each for each in sides if each is not None):
        for run in each.left_out:
            notes.append(f"left out: {each.label}, seed {run.record.seed}: it is {run.record.status}")
    text = render_comparisons(comparisons, format_, notes)
    if output is None:
        click.echo(text)
    else:
        from clbench.results.atomic import atomic_write

        atomic_write(output, f"{text}\n".encode())
        click.echo(f"wrote {output}", err=True)
