"""Which form of each trap a recorded run is: read from its settings, so that old records have it too."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from clbench.traps.declaration import Trap

if TYPE_CHECKING:
    from clbench.plugins import Registry
    from clbench.results.records import Record

__all__ = ["Form", "Standing", "TrapBook", "form_of", "overall_form"]

Form = Literal["published", "intended", "other", "off"]
"""``other``: a third value; ``off``: what has the trap does not run, or finds nothing to do on the stream."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A trap, and the form in which a run has it.

    Attributes:
        owner: name of the method or stream that declares it.
        value: of the switch; ``None`` where there is none.
    """

    owner: str
    trap: Trap
    form: Form
    value: Any

    @property
    def name(self) -> str:
        """``METHOD/ID``."""
        return f"{self.owner}/{self.trap.id}"

    @property
    def text(self) -> str:
        """The form, or the value where it is neither."""
        if self.form != "other":
            return self.form
        from clbench.config.options import as_typed

        return f"{self.trap.switch}={as_typed(self.value)}"


@dataclass(frozen=True)
class TrapBook:
    """The traps of all that is installed.

    Attributes:
        methods, streams: traps by name of who declares them.
        defaults: by method, the values of settings that a record does not have, because it is older than
            they are: a setting that comes later does by default what was done before it.
    """

    methods: Mapping[str, tuple[Trap, ...]] = field(default_factory=dict)
    streams: Mapping[str, tuple[Trap, ...]] = field(default_factory=dict)
    defaults: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def of(cls, registry: Registry) -> TrapBook:
        """Read what plugins declare; settings are imported of those methods alone that have traps."""
        methods = {name: each.spec.traps for name, each in registry.methods.items() if each.spec.traps}
        streams = {name: each.spec.traps for name, each in registry.streams.items() if each.spec.traps}
        return cls(methods, streams, {name: _defaults(registry, name) for name in methods})

    def standings(self, record: Record) -> tuple[Standing, ...]:
        """The traps of a record's method and stream, and the form of each."""
        method, stream = record.method.name, record.stream.name
        settings = {**self.defaults.get(method, {}), **record.method.settings}
        own = [
            _standing(method, trap, method, settings, idle=stream in trap.idle_on)
            for trap in self.methods.get(method, ())
        ]
        return (*own, *(_standing(stream, trap, stream, {}) for trap in self.streams.get(stream, ())))

    def form(self, record: Record) -> str:
        """The form of a run as a whole, see :func:`overall_form`; the method's switches alone count."""
        return overall_form(self._switched(record))

    def told(self, record: Record) -> str:
        """The form of a run as a whole, and of one that mixes the traps of the rarer form, by their ids."""
        own = self._switched(record)
        whole = overall_form(own)
        if whole != "mixed":
            return whole
        sides: dict[str, list[str]] = {}
        for each in own:
            if each.form != "off":
                sides.setdefault(each.text if each.form == "other" else each.form, []).append(each.trap.id)
        usual = max(sides, key=lambda text: (len(sides[text]), text == "published"))
        rare = [
            text if "=" in text else f"{text}: {', '.join(ids)}"
            for text, ids in sides.items()
            if text != usual
        ]
        return f"mixed ({usual}; {'; '.join(rare)})"

    def _switched(self, record: Record) -> list[Standing]:
        name = record.method.name
        return [s for s in self.standings(record) if s.owner == name and s.trap.where != "fixed"]


def overall_form(standings: Iterable[Standing]) -> str:
    """``published``, ``intended``, ``mixed`` where both or a third value occur, or ``none`` without traps.

    Traps that are off do not count.
    """
    forms = {each.form for each in standings} - {"off"}
    if not forms:
        return "none"
    return forms.pop() if len(forms) == 1 and forms != {"other"} else "mixed"


def form_of(trap: Trap, owner: str, settings: Mapping[str, Any]) -> tuple[Form, Any]:
    """Return the form of a trap, and the value of its switch.

    Args:
        trap: what is asked about.
        owner: name of the method or stream of the run.
        settings: of the method, as JSON values.
    """
    if trap.where == "fixed":
        return ("published" if trap.intended is None else "intended"), None
    if trap.where != "setting":
        value: Any = owner
    else:
        value = settings.get(trap.switch)
        if any(settings.get(name) in values for name, values in trap.off.items()):
            return "off", value
    for form in ("published", "intended"):
        if value == trap.value(form) and isinstance(value, bool) == isinstance(trap.value(form), bool):
            return form, value
    return "other", value


def _standing(
    owner: str, trap: Trap, name: str, settings: Mapping[str, Any], *, idle: bool = False
) -> Standing:
    form, value = form_of(trap, name, settings)
    return Standing(owner, trap, "off" if idle else form, value)


def _defaults(registry: Registry, method: str) -> Mapping[str, Any]:
    from clbench.config.settings import settings_class
    from clbench.errors import PluginError

    try:
        model = settings_class(registry.methods[method])
        defaults: dict[str, Any] = model().model_dump(mode="json")
    except (PluginError, ValueError):
        return {}  # a broken plugin is reported where it is used
    return defaults
