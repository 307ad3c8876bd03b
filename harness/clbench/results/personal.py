"""What of a record can be personal, and the record without it.

Names of methods, streams, tasks and models, figures and digests are what a record is for, and stay. Settings,
messages, notes, what was opened and where data came from can hold a password or a path of the machine.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from clbench.config.runconfig import RunConfig
from clbench.privacy import HIDDEN, paths_hidden, secrets_hidden
from clbench.results.records import Record

__all__ = ["fit_to_leave", "places_that_differ", "without_passwords"]

_NAMES = {
    *("method", "stream", "order", "backbone", "generator", "device", "precision", "batches", "held_out"),
    *("label_space", "label_spaces", "backbone_digest", "stream_digest", "method_version", "method_digest"),
    "settings_sources",
}
"""What of a configuration others are told by."""
_PARTS = ("notes", "declared", "conduct", "failure", "provenance")

Change = Callable[[Any], Any]


def without_passwords(record: Record) -> Record:
    """Return ``record`` as it is written to disk: without passwords and tokens.

    The run's key stays what it is; see :attr:`clbench.config.runconfig.RunConfig.key`.
    """
    return _changed(record, secrets_hidden)


def fit_to_leave(record: Record) -> Record:
    """Return ``record`` as it leaves the machine: without passwords, and with no absolute path.

    Where a path decides the run's key, such as that of a setting, the key becomes that of the new
    configuration. A record that is fit already is returned as it is.
    """
    found = _changed(_changed(record, secrets_hidden), paths_hidden)
    if found is record:
        return record
    was_its_own = _key(record) == record.run_id or HIDDEN in json.dumps(record.config)
    key = _key(found)
    return found.evolve(run_id=key) if was_its_own and key is not None else found


def places_that_differ(before: Record, after: Record) -> list[str]:
    """Return where two forms of a record differ, such as ``settings.captions`` and ``provenance``."""
    one, other = _places(before), _places(after)
    return [name for name, value in one.items() if value != other.get(name)]


def _places(record: Record) -> dict[str, Any]:
    return {
        **{name: value for name, value in record.config.items() if name != "settings"},
        **{f"settings.{name}": value for name, value in record.method.settings.items()},
        **{part: getattr(record, part) for part in _PARTS},
    }


def _key(record: Record) -> str | None:
    try:
        return RunConfig.from_json(record.config).key
    except (TypeError, KeyError, ValueError, AttributeError):
        return None


def _changed(record: Record, change: Change) -> Record:
    changes = {name: after for name, after in _parts(record, change) if after != getattr(record, name)}
    return record.evolve(**changes) if changes else record


def _parts(record: Record, change: Change) -> Iterator[tuple[str, Any]]:
    """Each part that can be personal, as it becomes."""
    kept = {name: value for name, value in record.config.items() if name in _NAMES}
    yield "config", {**_values(record.config, change), **kept}
    yield "method", record.method.model_copy(update={"settings": _values(record.method.settings, change)})
    yield "notes", change(record.notes)
    yield "declared", change(record.declared)
    if record.conduct is not None:
        yield "conduct", record.conduct.model_copy(update={"touched": change(record.conduct.touched)})
    if record.failure is not None:
        said = {name: change(getattr(record.failure, name)) for name in ("kind", "error", "traceback")}
        yield "failure", record.failure.model_copy(update=said)
    origin = record.provenance
    told = {name: change(getattr(origin, name)) for name in ("python", "platform", "device")}
    # By task: one may be called "token".
    told["data"] = {name: change(value) for name, value in origin.data.items()}
    yield "provenance", origin.model_copy(update=told)


def _values(mapping: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """The values changed, the names kept; a value whose name says that it is a password is changed, too."""
    return {name: next(iter(change({name: value}).values())) for name, value in mapping.items()}
