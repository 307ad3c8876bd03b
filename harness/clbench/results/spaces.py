"""A record in another of the label spaces that it was recorded in."""

from __future__ import annotations

from clbench.errors import UnknownNameError
from clbench.results.fingerprint import fingerprint
from clbench.results.places import folder_of, remember
from clbench.results.records import Record, measure

__all__ = ["in_space"]


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
