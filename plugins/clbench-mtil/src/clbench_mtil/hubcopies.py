"""What is known of the copies on the Hugging Face hub. Nothing is fetched, and no library of it imported."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

from clbench.config.paths import user_path
from clbench.errors import ConfigError, UnknownNameError

from clbench_mtil.catalogue import KEYS, data_sets, document

__all__ = ["OTHERS", "HubCopy", "SourceName", "from_hub", "hub_copy", "source_name"]

OTHERS = ("captions", "cifar10", "imagenet", "imagenet-val")
"""What is read from the hub besides the eleven: reference data, and what is held out."""

SourceName = Literal["folder", "hub", "hub-any"]

_SOURCES: tuple[SourceName, ...] = ("folder", "hub", "hub-any")


@dataclass(frozen=True, slots=True, kw_only=True)
class HubCopy:
    """A data set as a repository of the hub has it; ``data/hub.toml`` says what the fields mean."""

    key: str
    path: str
    image: str = "image"
    label: str = "label"
    splits: Mapping[str, tuple[str, ...]]
    config: str = "default"
    revision: str | None = None
    more: tuple[str, ...] = ()
    drop: tuple[str, ...] = ()
    name: str | None = None
    file: str = ""
    named: str = ""
    names: str = "copy"
    arrays: bool = False
    differs: str = ""
    gigabytes: float = 0.0
    title: str = ""
    files: Mapping[str, str] | None = None

    @property
    def shown(self) -> str:
        """Its title."""
        return self.title or data_sets()[self.key].title

    @property
    def pinned(self) -> str:
        """Repository and commit as far as it is known, for messages."""
        return f"{self.path} at {self.revision[:12] if self.revision else 'no known commit'}"


def source_name() -> SourceName:
    """Where data sets are read from: ``CLBENCH_MTIL_SOURCE``, else ``folder``.

    ``hub`` reads copies that are torchvision's samples in torchvision's order, ``hub-any`` those, too, that
    are another data set; the record says so.
    """
    given = os.environ.get("CLBENCH_MTIL_SOURCE", "folder")
    for name in _SOURCES:
        if given == name:
            return name
    raise UnknownNameError("source of data (CLBENCH_MTIL_SOURCE)", given, _SOURCES)


def from_hub(key: str) -> bool:
    """Whether a data set is read from the hub, as :func:`source_name` says."""
    source = source_name()
    return source != "folder" and (source == "hub-any" or not hub_copy(key).differs)


def hub_copy(key: str) -> HubCopy:
    """The copy of a data set that is read: the one of this package, or of the file ``CLBENCH_MTIL_HUB``.

    That file has the same form. What it gives of a data set replaces what is known here; another ``path``
    loses the commit, too, which was one of another repository.

    Raises:
        ConfigError: that file cannot be used.
    """
    entry: dict[str, Any] = dict(document("hub.toml")[key])
    given = _given().get(key, {})
    if given.get("path", entry["path"]) != entry["path"]:
        entry.pop("revision", None)
    return _copy(key, entry | given)


def _copy(key: str, entry: Mapping[str, Any]) -> HubCopy:
    splits = {part: tuple(names) for part, names in entry["splits"].items()}
    rest: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in entry.items()
        if name != "splits"
    }
    return HubCopy(key=key, splits=MappingProxyType(splits), **rest)


def _given() -> Mapping[str, dict[str, Any]]:
    """What the user's own file says, by data set."""
    given = os.environ.get("CLBENCH_MTIL_HUB")
    if not given:
        return {}
    path = user_path(given, "CLBENCH_MTIL_HUB")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"{path} (CLBENCH_MTIL_HUB) cannot be read",
            why=str(error),
            fix="write a table per data set, as [dtd] with path, revision, image, label and splits",
        ) from error
    for key, entry in content.items():
        if key not in (*KEYS, *OTHERS):
            raise UnknownNameError(f"data set of MTIL in {path}", key, (*KEYS, *OTHERS))
        for name in entry if isinstance(entry, dict) else ():
            if name not in _FIELDS:
                raise UnknownNameError(f"field of {key} in {path}", name, sorted(_FIELDS))
            _check_kind(path, key, name, entry[name])
    return content


def _check_kind(path: Path, key: str, name: str, value: object) -> None:
    wanted = _FIELDS[name]
    parts = value.values() if name == "splits" and isinstance(value, dict) else ()
    if not isinstance(value, wanted) or not all(isinstance(part, list) for part in parts):
        like = 'splits = { train = ["train"], test = ["test"] }' if name == "splits" else wanted.__name__
        raise ConfigError(f"{key}.{name} in {path} is {value!r}", fix=f"it is to be of the kind {like}")


def _kind(default: object, name: str) -> type:
    if name in ("splits", "files"):
        return dict
    if isinstance(default, tuple):
        return list
    return type(default) if isinstance(default, (bool, float)) else str


_FIELDS: Mapping[str, type] = {f.name: _kind(f.default, f.name) for f in fields(HubCopy) if f.name != "key"}
