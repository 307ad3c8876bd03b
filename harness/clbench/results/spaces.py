"""A record in another of the label spaces that it was recorded in."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from clbench.errors import UnknownNameError
from clbench.results.fingerprint import fingerprint
from clbench.results.places import folder_of, remember
from clbench.results.records import Record, measure
from clbench.results.store import StoredRecord

__all__ = ["in_space", "seen_in"]


def in_space(record: Record, space: str) -> Record:
    """Return ``record`` as if ``space`` had been its primary label space: its metrics are those there.

    A method learns and scores without knowing which space is the primary one, so that this is the record that
    ``--label-space`` of ``clbench run`` would have given, but for its key.

    Raises:
        UnknownNameError: the record has no such label space.
    """
    if space == record.label_space:
        return record
    if space not in record.matrices:
        raise UnknownNameError("label space", space, record.matrices)
    fields = record.fingerprint.fields.model_dump() | {"label_space": space}
    finished = record.status == "finished"
    # Without the validation of the whole: it was valid, and what is changed fits.
    seen = record.model_copy(
        update={
            "label_space": space,
            "metrics": measure(record.matrices[space]) if finished else None,
            "fingerprint": fingerprint(**fields),
        }
    )
    folder = folder_of(record)
    return seen if folder is None else remember(seen, folder)


def seen_in(stored: Iterable[StoredRecord], spaces: Collection[str]) -> tuple[StoredRecord, ...]:
    """Return each record in each of ``spaces`` that it has; without any, as it was recorded.

    ``all`` stands for every label space that a record has. A record that has none of ``spaces`` stays as it
    is.
    """
    if not spaces:
        return tuple(stored)
    found = []
    for each in stored:
        wanted = list(each.record.matrices) if "all" in spaces else spaces
        views = [in_space(each.record, space) for space in wanted if space in each.record.matrices]
        found += [replace(each, record=view) for view in views or [each.record]]
    return tuple(found)
