"""``clbench clip-kd distill`` and ``clbench clip-kd settings``. Heavy imports wait for a command to run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from clbench.plugins import Registry
    from clbench.runs.workbench import Workbench

    from clbench_clip_kd.settings import DistillSettings

__all__ = ["clip_kd", "read_settings"]

CHECKPOINT = "distillation.pt"

#: Settings that suit smaller data sets of pairs, by the data set's name; the command line goes before them.
TUNED: dict[str, dict[str, Any]] = {
    "mini-reference": {"epochs": 20, "batch_size": 128, "warmup": 60, "augment": False}
}


@click.group("clip-kd", short_help="Distil a CLIP into a smaller one.")
def clip_kd() -> None:
    """Distil a large CLIP into a smaller one, as CLIP-KD (Yang et al. 2024) does."""


@clip_kd.command("distill", short_help="Train a student with a teacher on image–text pairs.")
@click.option("--teacher", metavar="NAME", default="mini-clip", show_default=True, help="Backbone.")
@click.option(
    "--student",
    metavar="NAME|FILE.json",
    required=True,
    help="Model configuration: of this package (mini-clip-narrow, ViT-T-16), of open_clip, or a file.",
)
@click.option(
    "--pairs",
    metavar="NAME",
    default="reference",
    show_default=True,
    help="Data set of images with captions; reference: that of the stream.",
)
@click.option("--stream", metavar="NAME", help="Test teacher and student on this stream, before and after.")
@click.option(
    "-o", "--out", type=click.Path(path_type=Path, file_okay=False), required=True, metavar="FOLDER"
)
@click.option("--set", "set_", multiple=True, metavar="KEY=VALUE", help="Change a setting (repeatable).")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, metavar="cpu|cuda|auto")
@click.option("--precision", type=click.Choice(["fp32", "bf16"]), default="fp32", show_default=True)
@click.pass_context
def distill(
    ctx: click.Context,
    /,
    teacher: str,
    student: str,
    pairs: str,
    stream: str | None,
    out: Path,
    set_: tuple[str, ...],
    seed: int,
    device: str,
    precision: Any,
) -> None:
    """Train a student from scratch; write it to FOLDER in open_clip's layout.

    The same command again goes on after the last whole epoch.
    """
    from clbench.cli.session import Session

    registry = Session.of(ctx).registry
    dataset = pairs_name(registry, pairs, stream)
    settings = read_settings(dataset, set_)

    from clbench.runs.workbench import Workbench, resolve_device

    from clbench_clip_kd.distillation import Distillation
    from clbench_clip_kd.students import build_student, student_config, vocabulary_file, write_student

    bench = Workbench(registry)
    large = bench.backbone(teacher, resolve_device(device))
    vocabulary_file(large)  # fails now rather than after the training
    config = student_config(student)
    name = Path(student).stem if student.endswith(".json") else student
    small = build_student(name, config, large, seed=seed)
    training = Distillation(
        large, small, bench.reference(dataset), settings, config=config, seed=seed, precision=precision
    )
    sizes = [sum(p.numel() for p in model.parameters()) for model in (large.model, small.model)]
    click.echo(f"teacher {teacher}: {sizes[0]:,} parameters; student {name}: {sizes[1]:,}")
    click.echo(f"pairs   {dataset}: {settings.epochs} epochs of {training.steps_per_epoch} steps")
    accuracies = {} if stream is None else {"teacher": _tested(bench, large, stream)}
    if stream is not None:
        accuracies["before"] = _tested(bench, small, stream)
    training.run(out / CHECKPOINT, _report)
    write_student(out, small, config)
    if stream is not None:
        accuracies["after"] = _tested(bench, small, stream)
        _print_accuracies(stream, accuracies)
    click.echo(f"wrote   {out}")


@clip_kd.command("settings", short_help="Print the settings of distill.")
def settings_() -> None:
    """Print every setting of distill: the paper's value, tuned ones, and what it is."""
    from clbench_clip_kd.settings import DistillSettings

    for name, field in DistillSettings.model_fields.items():
        tuned = [f"{data}: {values[name]}" for data, values in TUNED.items() if name in values]
        value = f"{field.get_default()}{' (' + ', '.join(tuned) + ')' if tuned else ''}"
        click.echo(f"{name:24s} {value:28s} {field.description}")


def pairs_name(registry: Registry, pairs: str, stream: str | None) -> str:
    """Return the name of a data set of kind ``reference``.

    Raises:
        ConfigError: there is none of that name, or the stream has none.
    """
    from clbench.errors import ConfigError

    if pairs == "reference" and pairs not in registry.datasets:
        spec = registry.find("stream", stream or "mini").spec
        if spec.reference is None:
            raise ConfigError(
                f"stream {spec.name!r} has no reference data", fix="name a data set: --pairs NAME"
            )
        return str(spec.reference)
    found = registry.find("dataset", pairs).spec
    if found.kind != "reference":
        raise ConfigError(
            f"data set {pairs!r} has no image–text pairs",
            why=f"it is of kind {found.kind}",
            fix="see those of kind reference: clbench list datasets",
        )
    return pairs


def read_settings(dataset: str, assignments: Sequence[str]) -> DistillSettings:
    """Return the paper's settings, with those tuned for a data set, with those of the command line.

    Raises:
        ConfigError: lists all mistakes.
    """
    from clbench.config import parse_value
    from clbench.errors import ClbenchError, ConfigError, UnknownNameError
    from pydantic import ValidationError

    from clbench_clip_kd.settings import DistillSettings

    fix = "see all settings: clbench clip-kd settings"
    problems: list[ClbenchError | str] = []
    values = dict(TUNED.get(dataset, {}))
    for text in assignments:
        key, equals, value = (part.strip() for part in text.partition("="))
        if not equals:
            problems.append(ConfigError(f"--set {text} is not of the form KEY=VALUE"))
        elif key not in DistillSettings.model_fields:
            problems.append(UnknownNameError("setting", key, DistillSettings.model_fields, fix=fix))
        else:
            try:
                values[key] = parse_value(value)
            except ConfigError as error:
                problems.append(ConfigError(f"--set {text}: {error.what}", why=error.why))
    try:
        settings = DistillSettings.model_validate(values)
    except ValidationError as error:
        problems += [
            ConfigError(f"{detail['loc'][0]} = {detail['input']!r}: {detail['msg']}", fix=fix)
            for detail in error.errors(include_url=False)
        ]
    if problems:
        raise ConfigError("the settings have mistakes", problems=problems)
    return settings


def _report(epoch: Any) -> None:
    losses = "  ".join(f"{name} {value:.4g}" for name, value in epoch.losses.items())
    click.echo(f"epoch {epoch.number:3d}  {epoch.seconds:5.1f} s  {losses}  scale {epoch.scale:.1f}")


def _tested(bench: Workbench, backbone: Any, stream: str) -> list[float]:
    """Zero-shot accuracy on each task's test images in per cent, with all templates averaged."""
    from clbench.models.features import CosineScorer
    from clbench.runs.evaluation import evaluate

    tasks = bench.stream(stream, bench.registry.find("stream", stream).spec.default_order)
    evaluation = evaluate(
        CosineScorer(backbone), tasks, backbone.preprocessing, wide=False, batch=256, device=backbone.device
    )
    return list(evaluation.row(tasks, "task", 0))


def _print_accuracies(stream: str, accuracies: Mapping[str, Sequence[float]]) -> None:
    click.echo(f"zero-shot accuracy on {stream}, mean over {len(accuracies['after'])} tasks:")
    for who, values in accuracies.items():
        click.echo(f"  {who:8s} {sum(values) / len(values):5.1f} %")
