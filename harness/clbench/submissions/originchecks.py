"""Where a record comes from and what its run took: told in full, and could be true."""

from __future__ import annotations

from collections.abc import Iterator

from clbench.results.records import Record
from clbench.submissions.checks import Check, concluded, unchecked

__all__ = ["ORIGIN_CHECKS"]


def check_provenance(record: Record) -> Check:
    """Where it comes from is told in full, and no code was changed by hand."""
    origin, method = record.provenance, record.method
    source = f"commit {origin.commit[:12]}" if origin.commit else f"clbench {origin.versions.get('clbench')}"
    return concluded(
        "provenance",
        f"{source}, {method.distribution} {method.version}, Python {origin.python}, {origin.platform}, "
        f"{origin.device}; {len(origin.versions)} versions",
        "where the run comes from is not told in full",
        _unknown_origins(record),
    )


def _unknown_origins(record: Record) -> Iterator[str]:
    origin, method = record.provenance, record.method
    if origin.dirty:
        yield f"tracked files were changed since commit {origin.commit}: commit them, and run again"
    for package in ("clbench", "numpy", "open_clip_torch", "torch"):
        if package not in origin.versions:
            yield f"the version of {package} is not given"
    given = origin.plugins.get(method.distribution)
    if given != method.version:
        said = f"{method.version} at the method and {given or 'missing'} among the plugins"
        yield f"{method.distribution} is {said}"
    if origin.finished is None:
        yield "it is not told when the run ended"
    elif origin.finished < origin.started:
        yield f"the run ended ({origin.finished}) before it started ({origin.started})"


def check_resources(record: Record) -> Check:
    """Seconds, memory and parameters are there for each task, and could be true."""
    name, spent, origin = "resources", record.resources, record.provenance
    problems = list(_implausible(record))
    seconds = sum(spent.learn_seconds) + sum(spent.evaluate_seconds)
    if not problems and origin.finished is not None:
        wall = (origin.finished - origin.started).total_seconds()
        if seconds > wall + 1:
            why = f"{seconds:,.0f} s of learning and testing do not fit into {wall:,.0f} s from start to end"
            return unchecked(name, f"{why}: so it is where a run was stopped and went on")
    good = f"{seconds:,.0f} s of learning and testing, memory and parameters are given and could be true"
    return concluded(name, good, "what the run took cannot be true", problems)


def _implausible(record: Record) -> Iterator[str]:
    spent, tasks = record.resources, len(record.stream.tasks)
    for field in ("learn_seconds", "evaluate_seconds", "stored_parameters"):
        count = len(getattr(spent, field))
        if count != tasks:
            yield f"{field} has {count} entries for {tasks} tasks"
    if not spent.peak_memory_bytes:
        yield "peak_memory_bytes is missing"
    if record.method.protocol == "stream" and len(spent.trainable_parameters) != tasks:
        yield f"trainable_parameters has {len(spent.trainable_parameters)} entries for {tasks} tasks"
    if spent.generated_images and not record.method.assumptions.generated_images:
        yield f"{spent.generated_images} images were generated for a method that uses none"
    if record.method.protocol == "zero_shot" and any(spent.trainable_parameters):
        yield "trainable_parameters are given for a method that learns nothing"


ORIGIN_CHECKS = (check_provenance, check_resources)
