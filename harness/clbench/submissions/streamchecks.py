"""The tasks, data and right answers of a record against the stream that it names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from clbench.config.runconfig import RunConfig
from clbench.errors import ClbenchError, DataError
from clbench.plugins import Contribution, Registry
from clbench.privacy.values import paths_hidden, secrets_hidden
from clbench.results.predictions import Predictions
from clbench.results.records import Record, TaskRecord
from clbench.specs import PROTOCOL_FACTS, load_reference
from clbench.streams.folders import find_dataset, find_stream
from clbench.streams.tasks import Stream, Task, order_keys
from clbench.submissions.checks import Check, concluded, failed, not_here, unchecked

if TYPE_CHECKING:
    from clbench.specs import StreamSpec

__all__ = ["check_data", "check_stream", "stream_of"]

_STREAM_FIELDS = ("stream", "class_names", "templates", "train_split", "test_split")


def check_stream(record: Record, registry: Registry, file: Path | None = None) -> Check:
    """The tasks, their order and their numbers of classes are the stream's.

    ``file`` describes the stream of a record that is of a file.
    """
    name = "stream"
    found = _stream(record, registry, file)
    if isinstance(found, str):
        return unchecked(name, found)
    spec = found.spec
    good = f"the tasks of order {record.stream.order} are those of {found.distribution} {found.version}"
    return concluded(name, good, f"the tasks are not those of stream {spec.name}", _other_tasks(record, spec))


def _other_tasks(record: Record, spec: StreamSpec) -> Iterator[str]:
    stream = record.stream
    if stream.protocol != spec.protocol:
        yield f"the protocol is {spec.protocol!r}, the record says {stream.protocol!r}"
    for name, words in PROTOCOL_FACTS.items():
        mine, said = spec.facts.get(name), stream.facts.get(name)
        if mine != said and said is not None:
            yield f"{words}: {mine or 'none are named'}, the record says {said!r}"
    keys = [task.key for task in spec.tasks]
    try:
        due = order_keys(stream.order, keys, spec.orders, stream=spec.name)
    except ClbenchError as error:
        yield " ".join(str(error).split())
        return
    recorded = tuple(task.key for task in stream.tasks)
    if recorded != due:
        yield f"order {stream.order} is {', '.join(due)}; the record has {', '.join(recorded)}"
    known = {task.key: task for task in spec.tasks}
    for task in stream.tasks:
        summary = known.get(task.key)
        if summary is not None and task.classes != summary.classes:
            yield f"{task.key} has {summary.classes} classes, the record says {task.classes}"


def check_data(
    record: Record, predictions: Predictions | None, registry: Registry, file: Path | None = None
) -> Check:
    """The data's digests are those of the fingerprint, and the right answers are the data's labels."""
    name = "data"
    found = _stream(record, registry, file)
    if isinstance(found, str):
        return unchecked(name, found)
    spec = found.spec
    try:
        stream = _ordered(spec, record.stream.order)
        problems = [
            *_other_data(record, predictions, stream),
            *_other_held_out(record, predictions, registry),
        ]
    except (DataError, OSError) as error:
        return unchecked(name, not_here(f"the images and labels of {spec.name}", error))
    except ClbenchError as error:
        return failed(name, "the record's stream cannot be built", [" ".join(str(error).split())])
    images = sum(len(task.test) for task in stream.tasks)
    grouped = any(task.test.groups is not None for task in stream.tasks)
    without = grouped and predictions is not None and not predictions.groups
    good = f"splits, class names and templates are the stream's, the right answers its {images:,} test labels"
    if without:
        # Recorded before the stream named them: nothing is wrong, but intervals are too narrow.
        good += "; it names groups of test images, which the predictions lack (clbench stream groups)"
    return concluded(name, good, f"the data are not those of stream {spec.name}", problems)


def stream_of(
    record: Record, registry: Registry, file: Path | None = None
) -> tuple[Contribution[StreamSpec], Stream] | str:
    """The stream of a record in its order, and who gives it; or why it is not here, or is another one.

    Images, labels, classes and templates are those of the record's fingerprint.
    """
    found = _stream(record, registry, file)
    if isinstance(found, str):
        return found
    try:
        stream = _ordered(found.spec, record.stream.order)
    except (ClbenchError, OSError) as error:
        return not_here(f"the images and labels of {found.spec.name}", error)
    said = record.fingerprint.fields
    other = [name for name in _STREAM_FIELDS if getattr(said, name) != stream.digests[name]]
    if other:
        named = ", ".join(name.replace("_", " ") for name in other)
        return f"stream {found.spec.name} is another one here: different {named}"
    return found, stream


def _ordered(spec: StreamSpec, order: str) -> Stream:
    keys = order_keys(order, [task.key for task in spec.tasks], spec.orders, stream=spec.name)
    # What the digest of a user's file leaves out, such as groups of images, may have changed since.
    build = _built.__wrapped__ if spec.digest else _built
    stream: Stream = build(spec.factory, spec.arguments)
    return stream.ordered(order, keys)


def _other_data(record: Record, predictions: Predictions | None, stream: Stream) -> Iterator[str]:
    for field in _STREAM_FIELDS:
        said, true = getattr(record.fingerprint.fields, field), stream.digests[field]
        if said != true:
            yield f"fingerprint.{field} is {said} in the record and {true} of the data here"
    recorded = {task.key: task for task in record.stream.tasks}
    for task, offset in zip(stream.tasks, stream.offsets, strict=False):
        entry = recorded.get(task.key)
        if entry is None:
            yield f"the record lacks task {task.key}"
            continue
        here = {
            "title": task.title,
            "classes": len(task.classes),
            "train": len(task.train),
            "test": len(task.test),
        }
        for name, value in here.items():
            if getattr(entry, name) != value:
                yield f"{task.key}: {name} is {getattr(entry, name)!r} in the record and {value!r} here"
        truth = None if predictions is None else predictions.truth.get(task.key)
        if truth is not None:
            labels = np.asarray(task.test.labels) + offset
            if truth.shape != labels.shape or (count := int((truth != labels).sum())):
                wrong = "another number of" if truth.shape != labels.shape else count
                yield f"{task.key}: {wrong} right answers are not the labels of the test images"
        if predictions is not None and predictions.groups:
            yield from _other_groups(entry, predictions.groups.get(task.key), task)


def _other_groups(entry: TaskRecord, said: np.ndarray | None, task: Task) -> Iterator[str]:
    """Which images are drawn together decides how wide an interval is: it is the stream's to say."""
    true = task.test.groups
    if (said is None) != (true is None):
        yield f"{task.key}: the {'stream' if said is None else 'record'} alone names groups of test images"
    elif said is not None and true is not None and not np.array_equal(said, true):
        yield f"{task.key}: the groups of test images are not those of the stream"
    if entry.groups != task.test.group_count:
        yield f"{task.key}: groups is {entry.groups!r} in the record and {task.test.group_count!r} here"


def _other_held_out(record: Record, predictions: Predictions | None, registry: Registry) -> Iterator[str]:
    for name, recorded in record.held_out.items():
        spec = find_dataset(registry, name).spec
        held = _built(spec.factory, spec.arguments)
        for field, said, true in (
            ("digest", recorded.digest, held.digest),
            ("title", recorded.title, held.title),
            ("classes", recorded.classes, len(held.classes)),
            ("test", recorded.test, len(held.test)),
        ):
            if said != true:
                yield f"held out {name}: {field} is {said!r} in the record and {true!r} here"
        truth = None if predictions is None else predictions.truth.get(name)
        if truth is not None and not np.array_equal(truth, held.test.labels):
            yield f"held out {name}: the right answers are not the labels of its images"


def _stream(record: Record, registry: Registry, file: Path | None) -> Contribution[StreamSpec] | str:
    """The stream that the record names, or why it is not here."""
    what = f"stream {record.stream.name}"
    try:
        theirs = RunConfig.from_json(record.config).stream_file
    except (TypeError, KeyError, ValueError):
        theirs = None
    try:
        if theirs is None:
            found = find_stream(registry, record.stream.name)
            return _other_environment(record, found.spec) or found
        if file is None:
            name = re.split(r"[/\\]", theirs)[-1]
            return (
                f"{what} is of the submitter's own file {name}, which is not here: --stream {name} names it"
            )
        found = find_stream(registry, str(file))
    except ClbenchError as error:
        return not_here(what, error)
    if found.spec.digest != record.config.get("stream_digest"):
        return f"{what} is of another file than {file}, or of other images"
    return found


def _other_environment(record: Record, spec: StreamSpec) -> str:
    """Which environment variables made the stream another one than it is here; empty: it is the same.

    A submission has a folder by its name alone, so that the name is all that can be compared; what lies in
    it, the digests of images and labels tell.
    """
    now, then = spec.deciding(), record.config.get("stream_variables", {})
    if not isinstance(then, dict) or paths_hidden(secrets_hidden(now)) == paths_hidden(then):
        return ""
    given = " ".join(f"{name}={value}" for name, value in then.items()) or "none"
    here = " ".join(f"{name}={value}" for name, value in now.items()) or "none"
    return f"stream {spec.name} depends on environment variables: {given} in the run, {here} here"


# One build serves all submissions of a stream.
@lru_cache(maxsize=4)
def _built(factory: str, arguments: tuple[str, ...]) -> Any:
    return load_reference(factory)(*arguments)
