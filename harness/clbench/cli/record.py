"""``clbench show run PATH``: a record in full."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from clbench.boards.origin import origin_facts
from clbench.cli.matrix import matrix_table
from clbench.cli.planning import as_typed
from clbench.cli.tracking import duration
from clbench.printing import SENTENCE, in_lines, one_line
from clbench.specs import PROTOCOL_FACTS

if TYPE_CHECKING:
    from rich.console import Console

    from clbench.results import Record
    from clbench.traps import TrapBook

__all__ = ["print_record"]


def print_record(path: Path, console: Console, book: TrapBook | None = None) -> None:
    """Print matrix, metrics, settings, the forms of its traps, resources and provenance.

    Raises:
        RecordError: there is no record at ``path``, or it cannot be read.
    """
    from clbench.results import read_record

    record = read_record(path)
    status = {"finished": "green", "failed": "red", "running": "yellow"}[record.status]
    console.print(
        Text.assemble(
            (one_line(record.method.title or record.method.name), "bold"),
            f"  stream {one_line(record.stream.name)}, order {one_line(record.stream.order)}, "
            f"backbone {one_line(record.backbone.name)}, seed {record.seed}  ",
            (record.status, status),
        )
    )
    if record.failure is not None:
        failure = record.failure
        what = one_line(" ".join(filter(None, (failure.kind, failure.place))))
        console.print(Text(f"{what}: {in_lines(failure.error)}", style="red"))
        console.print(Text(in_lines(failure.traceback.rstrip()), style="dim"))
    tasks = [one_line(task.key) for task in record.stream.tasks]
    for space, rows in record.matrices.items():
        console.print()
        primary = " (primary)" if space == record.label_space and len(record.matrices) > 1 else ""
        title = f"accuracy in %, rows after learning, label space {one_line(space)}{primary}"
        console.print(Text(title, style="dim"))
        zero_shot = record.zero_shot.get(space, ())
        console.print(matrix_table(tasks, dict(enumerate(rows)), zero_shot, width=console.width))
    console.print()
    for title, facts in (
        ("metrics", _metrics(record)),
        ("groups of test images, which intervals draw", _groups(record)),
        ("held out: accuracy in %, zero-shot → after each task", _held_out(record)),
        ("protocol", _protocol(record)),
        ("settings", _settings(record)),
        ("traps: clbench traps METHOD says what they are", _traps(record, book)),
        ("resources", _resources(record)),
        ("provenance", _provenance(record)),
    ):
        _print_section(title, facts, console)


def _print_section(title: str, facts: dict[str, str], console: Console) -> None:
    if not facts:
        return
    table = Table(
        box=None, pad_edge=False, show_header=False, title=title, title_justify="left", title_style="bold"
    )
    table.add_column(style="dim", no_wrap=True)
    table.add_column()
    for label, value in facts.items():
        table.add_row(one_line(label), Text(one_line(value, SENTENCE)))
    console.print(table)
    console.print()


def _metrics(record: Record) -> dict[str, str]:
    values = {} if record.metrics is None else record.metrics.model_dump()
    return {name: "–" if value is None else f"{value:.2f} %" for name, value in values.items()}


def _groups(record: Record) -> dict[str, str]:
    named = [task for task in record.stream.tasks if task.groups is not None]
    facts = {task.key: f"{task.groups:,} groups of {task.test:,} images" for task in named}
    by = "" if record.predictions is None else record.predictions.groups_by
    return {**facts, "added after the run by": by} if by else facts


def _held_out(record: Record) -> dict[str, str]:
    return {
        held.title: " → ".join(f"{a:.1f}" for a in (held.zero_shot, *held.after))
        for held in record.held_out.values()
    }


def _protocol(record: Record) -> dict[str, str]:
    """What makes it, by name, where the stream names that."""
    facts = record.stream.facts
    return {words: facts[name] for name, words in PROTOCOL_FACTS.items() if name in facts}


def _settings(record: Record) -> dict[str, str]:
    where = {"default": "", "tuned": f"  (tuned for {record.stream.name})", "user": "  (yours)"}
    sources = record.method.settings_sources
    return {
        name: f"{as_typed(value)}{where[sources[name]]}" for name, value in record.method.settings.items()
    }


def _traps(record: Record, book: TrapBook | None) -> dict[str, str]:
    standings = book.standings(record) if book is not None else ()
    return {each.name: each.text for each in standings}


def _resources(record: Record) -> dict[str, str]:
    spent = record.resources
    facts: dict[str, str] = {}
    if spent.learn_seconds:
        facts["learning"] = f"{duration(sum(spent.learn_seconds))} ({_each(spent.learn_seconds)} s)"
    if spent.evaluate_seconds:
        facts["testing"] = f"{duration(sum(spent.evaluate_seconds))} ({_each(spent.evaluate_seconds)} s)"
    if spent.trainable_parameters:
        facts["trainable parameters"] = f"{max(spent.trainable_parameters):,}"
    if spent.stored_parameters:
        facts["stored parameters"] = f"{spent.stored_parameters[-1]:,} after the last task"
    return facts


def _each(values: tuple[float, ...]) -> str:
    return ", ".join(f"{value:.1f}" for value in values)


def _provenance(record: Record) -> dict[str, str]:
    facts = {f"{title[:1].lower()}{title[1:]}": text for title, text in origin_facts(record).items()}
    return {
        **facts,
        "fingerprint": record.fingerprint.digest,
        **{f"note {i}": note for i, note in enumerate(record.notes, start=1)},
    }
