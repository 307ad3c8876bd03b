"""``clbench compare``: is one method better than another, or is it chance?"""

from __future__ import annotations

from collections.abc import Sequence
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
@click.argument("methods", nargs=-1, metavar="[A B [C …]]")
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
@click.option(
    "--label-spaces",
    "--label-space",
    metavar="A,B,…",
    help="In these label spaces: task, seen, union, all.  [default: the primary one of each record]",
)
@click.option(
    "-f", "--format", "format_", default="text", show_default=True, help="text, md, latex, csv or json."
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Write to a file."
)
@disable_plugin_option
def compare(
    methods: tuple[str, ...],
    runs: tuple[Path, ...],
    metrics: str,
    format_: str,
    output: Path | None,
    **filters: str | None,
) -> None:
    """Print the paired difference of A and B on every task, with 95 % intervals, and say in words whether it
    is more than chance. Of more than two, print the differences of all pairs, and which of them are.

    A, B, … are methods (or rows of the leaderboard, such as 'zscl (l2=0)') that are looked up under --runs,
    or folders of runs; without any, all methods under --runs. zero-shot is the initial model, beside one
    method. Runs are paired seed by seed and image by image.
    """
    from clbench.boards.comparison.comparing import ZERO_SHOT
    from clbench.boards.comparison.sides import all_sides, find_side, whole_side
    from clbench.boards.comparison.tables import FORMATS
    from clbench.boards.tables.arranging import chosen, unmatched
    from clbench.errors import ConfigError, RecordError, UnknownNameError
    from clbench.results import load_records
    from clbench.results.spaces import seen_in

    if format_ not in FORMATS:
        raise UnknownNameError("format", format_, FORMATS)
    only = {_KINDS[name]: names(given) for name, given in filters.items() if given}
    notes: list[str] = []

    def load(paths: tuple[Path, ...]) -> list[StoredRecord]:
        loaded = load_records(paths)
        notes.extend(f"left out: {problem.error.line}" for problem in loaded.problems)
        stored = seen_in(loaded.stored, only.get("label_space", ()))
        kept = {k: v for k, v in only.items() if k != "label_space" or "all" not in v}
        found = [each for each in stored if chosen(each.record, kept)]
        if not found:
            raise RecordError(
                f"no record under {', '.join(map(str, paths))} is one to compare",
                why="; ".join([*unmatched([each.record for each in stored], kept), *notes])
                or "there is none",
                fix="name the folder that `clbench run --out` wrote to: --runs PATH",
            )
        return found

    pool: list[StoredRecord] | None = None

    def everything() -> list[Side | None]:
        sides = all_sides(load(runs or (Path("runs"),)))
        return [each for each in sides.values() if each.runs]

    def side(name: str) -> Side | None:
        nonlocal pool
        if Path(name).exists():
            return whole_side(name, load((Path(name),)))
        if pool is None:
            pool = load(runs or (Path("runs"),))
        if name == ZERO_SHOT and all(each.record.method.name != ZERO_SHOT for each in pool):
            return None
        return find_side(name, pool)

    if len(methods) == 1:
        raise ConfigError(
            f"{methods[0]!r} is compared with nothing",
            fix="name two methods or more, or none for all: clbench compare A B",
        )
    found = [side(name) for name in methods] if methods else everything()
    if len(methods) == 2:
        text = _two(methods, found, names(metrics), format_, notes)
    else:
        text = _many(methods, found, names(metrics), format_, notes)
    if output is None:
        click.echo(text)
    else:
        from clbench.results.atomic import atomic_write

        atomic_write(output, f"{text}\n".encode())
        click.echo(f"wrote {output}", err=True)


def _two(
    methods: Sequence[str],
    found: Sequence[Side | None],
    metrics: Sequence[str],
    format_: str,
    notes: list[str],
) -> str:
    """Two methods, task by task and in words."""
    from clbench.boards.comparison.comparing import compare_sides
    from clbench.boards.comparison.tables import render_comparisons
    from clbench.errors import ConfigError

    (a, b), (one, other) = methods, found
    if one and other and one.runs == other.runs:
        raise ConfigError(
            f"{a!r} and {b!r} are the same runs",
            why="their difference is 0 whatever the method does",
            fix="name two methods, two rows of the leaderboard, or two folders of runs",
        )
    if one and other and one.label == other.label and a != b:
        # The same method from two places, such as two machines or versions.
        one, other = replace(one, label=a), replace(other, label=b)
    comparisons = compare_sides(one, other, metrics)
    notes += _left_out(found)
    return render_comparisons(comparisons, format_, notes)


def _many(
    methods: Sequence[str],
    found: Sequence[Side | None],
    metrics: Sequence[str],
    format_: str,
    notes: list[str],
) -> str:
    """All pairs of several methods."""
    from clbench.boards.comparison.many import compare_many
    from clbench.boards.comparison.standings import render_standings
    from clbench.errors import ConfigError

    sides = [each for each in found if each is not None]
    if len(sides) < len(found):
        raise ConfigError(
            "the initial model stands beside one method, not among several",
            why="it is trained on nothing, and has no rank",
            fix=f"leave it out, or name two: clbench compare {methods[0]} zero-shot",
        )
    if len(sides) < 2:
        raise ConfigError(
            f"there {'is one method' if sides else 'is no method'} with finished runs",
            fix="name the folder with runs of several: --runs PATH",
        )
    labels = [each.label for each in sides]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise ConfigError(f"{twice[0]!r} is named twice", fix="name each method once")
    standings = compare_many(sides, metrics)
    notes += _left_out(sides)
    return render_standings(standings, format_, notes)


def _left_out(sides: Sequence[Side | None]) -> list[str]:
    return [
        f"left out: {each.label}, seed {run.record.seed}: it is {run.record.status}"
        for each in sides
        if each is not None
        for run in each.left_out
    ]
