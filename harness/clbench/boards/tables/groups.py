"""What runs must share to be compared, and in words what keeps them apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from clbench.results.fingerprint import FingerprintFields, differing_parts
from clbench.results.records import Record

__all__ = ["Group", "differing", "grouped"]


@dataclass(frozen=True)
class Group:
    """What all rows of a table share; records that differ in any of it are never averaged or ranked together.

    Attributes:
        stream, protocol, order, backbone, label_space: as in the record.
        tasks: task keys in order.
        fingerprint: digest of the protocol fingerprint.
        shots: training samples per class; ``None``: all.
    """

    stream: str
    protocol: str
    order: str
    backbone: str
    label_space: str
    tasks: tuple[str, ...]
    fingerprint: str
    shots: int | None = None

    @classmethod
    def of(cls, record: Record) -> Group:
        """The group a record belongs to."""
        return cls(
            stream=record.stream.name,
            protocol=record.stream.protocol,
            order=record.stream.order,
            backbone=record.backbone.name,
            label_space=record.label_space,
            tasks=tuple(task.key for task in record.stream.tasks),
            fingerprint=record.fingerprint.digest,
            shots=record.stream.shots,
        )

    @property
    def title(self) -> str:
        """One line for people."""
        return self.titled()

    def titled(self, first: Sequence[str] = ()) -> str:
        """One line for people, the parts that ``first`` names in front; shots where not all data are used."""
        parts = {
            "stream": f"stream {self.stream}",
            "protocol": f"protocol {self.protocol}",
            "order": f"order {self.order}",
            "shots": "all data" if self.shots is None else f"{self.shots} shots",
            "backbone": f"backbone {self.backbone}",
            "label_space": f"label space {self.label_space}",
        }
        plain = {"protocol": self.protocol in ("", self.stream), "shots": self.shots is None}
        rest = [name for name in parts if name not in first and not plain.get(name)]
        return ", ".join(parts[name] for name in (*first, *rest))


def grouped(records: Iterable[Record]) -> dict[Group, list[Record]]:
    """Split ``records`` by what may be compared, in the order in which leaderboards have their tables."""
    groups: dict[Group, list[Record]] = {}
    for record in records:
        groups.setdefault(Group.of(record), []).append(record)
    return {group: groups[group] for group in sorted(groups, key=lambda g: _place(g, len(groups[g])))}


def _place(group: Group, records: int) -> tuple[str | int, ...]:
    # Of protocols that differ in details the one with most records comes first.
    place = (group.stream, group.order, group.shots or 0, group.backbone, group.label_space)
    return (*place, -records, group.fingerprint)


def differing(a: Group, b: Group, of_a: FingerprintFields, of_b: FingerprintFields) -> list[str]:
    """Return in words what keeps two groups apart, ``of_a`` and ``of_b`` being their fingerprints' fields."""
    names = [
        name
        for name in ("stream", "protocol", "order", "shots", "backbone", "label_space")
        if getattr(a, name) != getattr(b, name)
    ]
    if a.tasks != b.tasks and not {"stream", "order"} & set(names):
        names.append("tasks")
    return names + [name for name in differing_parts(of_a, of_b) if name not in names]
