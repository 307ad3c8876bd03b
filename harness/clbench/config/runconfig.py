"""One run, described completely."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from clbench.privacy import secrets_hidden

if TYPE_CHECKING:
    from clbench.methods.fit import Precision
    from clbench.streams.labels import LabelSpaceName

__all__ = ["Composition", "RunConfig", "SettingSource"]

Composition = Literal["natural", "mixed", "single"]
SettingSource = Literal["default", "tuned", "user"]

_TUPLES = ("label_spaces", "held_out")  # lists in JSON

_NUMBERS = ("seed", "eval_batch")
_CIRCUMSTANCES = ("settings_sources", "stream_file", "backbone_file", "checkpoint_steps")
_OPTIONAL = ("generator", "backbone_file", "stream_file")
_MAPPINGS = ("settings", "settings_sources", "stream_variables")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A method with its settings, on a stream, from a seed: everything that decides the figures.

    Attributes:
        method, stream, order, backbone: names as on the command line.
        generator: the text-to-image model, for methods that require one; else ``None``.
        seed: from which the run's random states are derived.
        device: ``cpu``, ``cuda`` or ``cuda:INDEX``; never ``auto``.
        precision: of forward passes.
        label_space: the primary one, whose matrix is ranked.
        label_spaces: all that are scored; holds the primary one.
        eval_batch: images per batch when testing.
        checkpoint_steps: the middle of a task is kept after so many steps each; ``None``: as often as costs
            one per cent of the time.
        batches: which images share a test batch; see :mod:`clbench.runs.composition`.
        held_out: names of data sets that are tested after each task and are in no task.
        backbone_file, backbone_digest: ``ARCHITECTURE:FILE`` where the weights are a file of the user's, and
            the digest of its content; ``None`` and empty for a plugin's backbone.
        stream_file, stream_digest: the YAML file that describes the stream, and the digest of its content;
            ``None`` and empty for a plugin's stream.
        stream_variables: environment variables that make the stream another one, see
            :class:`clbench.StreamSpec`.
        method_version, method_digest: version of the package that gives the method, and digest of its source
            files; see :func:`clbench.plugins.sources.code_digest`. Other code is another run.
        settings: of the method, complete and JSON-serialisable.
        settings_sources: for each setting whether its value is the class's ``default`` (the paper's), the
            plugin's ``tuned`` one for this stream, or the ``user``'s.
    """

    method: str
    stream: str
    order: str
    backbone: str
    generator: str | None = None
    seed: int = 0
    device: str = "cpu"
    precision: Precision = "fp32"
    label_space: LabelSpaceName = "task"
    label_spaces: tuple[LabelSpaceName, ...] = ("task", "seen", "union")
    eval_batch: int = 256
    checkpoint_steps: int | None = None
    batches: Composition = "natural"
    held_out: tuple[str, ...] = ()
    backbone_file: str | None = None
    backbone_digest: str = ""
    stream_file: str | None = None
    stream_digest: str = ""
    stream_variables: Mapping[str, str] = field(default_factory=dict)
    method_version: str = ""
    method_digest: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    settings_sources: Mapping[str, SettingSource] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(self.key)

    @property
    def stream_source(self) -> str:
        """What finds the stream: its file, else its name."""
        return self.stream_file or self.stream

    @property
    def backbone_source(self) -> str:
        """What finds the backbone: its file, else its name."""
        return self.backbone_file or self.backbone

    @property
    def key(self) -> str:
        """Sixteen hexadecimal digits, equal for configurations that must give equal figures.

        Of the device the kind counts, not its index; where a setting's value came from does not count, nor
        where files of the user's lie, but their content, nor how often the middle of a task is kept, nor a
        password or token in a setting, which no record has.
        """
        deciding = self.as_json()
        for circumstance in _CIRCUMSTANCES:
            del deciding[circumstance]
        usuals: dict[str, Any] = {
            "batches": "natural",
            "stream_digest": "",
            "stream_variables": {},
            "backbone_digest": "",
            "held_out": [],
            "method_version": "",
            "method_digest": "",
        }
        for later, usual in usuals.items():
            if deciding[later] == usual:  # keys of records from before these fields stay what they are
                del deciding[later]
        for name in ("settings", "stream_variables"):
            if name in deciding:
                deciding[name] = secrets_hidden(deciding[name], environment=False)
        deciding["device"] = self.device.partition(":")[0]
        text = json.dumps(deciding, sort_keys=True, ensure_ascii=True, allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def as_json(self) -> dict[str, Any]:
        """All fields as JSON-serialisable values; :meth:`from_json` is the inverse."""
        return {**asdict(self), **{name: list(getattr(self, name)) for name in _TUPLES}}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> RunConfig:
        """Rebuild what :meth:`as_json` returned.

        Raises:
            TypeError: a field is missing, unknown, or of another type; records of others may say anything.
        """
        for name, given in value.items():
            if not _is_of_its_type(name, given):
                raise TypeError(f"{name} cannot be {given!r}")
        return cls(**{**value, **{name: tuple(value[name]) for name in _TUPLES if name in value}})


def _is_of_its_type(name: str, given: object) -> bool:
    """Whether the JSON value of a field is of the kind that the field is."""
    if name in _NUMBERS:
        return isinstance(given, int) and not isinstance(given, bool)
    if name == "checkpoint_steps":
        return given is None or (isinstance(given, int) and not isinstance(given, bool) and given > 0)
    if name in _TUPLES:
        return isinstance(given, list) and all(isinstance(each, str) for each in given)
    if name in _MAPPINGS:
        texts = given.values() if isinstance(given, dict) and name != "settings" else ()
        return isinstance(given, dict) and all(isinstance(each, str) for each in texts)
    return isinstance(given, str) or (given is None and name in _OPTIONAL)
