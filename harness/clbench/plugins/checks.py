"""What a plugin must get right before anything of it is used."""

from __future__ import annotations

import re
import types
from collections.abc import Iterable, Iterator, Mapping
from typing import get_args, get_type_hints

import pluggy

from clbench import hookspecs, specs
from clbench.errors import PluginError, did_you_mean
from clbench.traps.declaration import mistakes_in

__all__ = ["CONTRIBUTING", "HOOKS", "check_hook_names", "check_spec", "checked_specs"]

HOOKS = tuple(name for name in vars(hookspecs) if name.startswith("clbench_"))

CONTRIBUTING: Mapping[str, tuple[str, type[specs.Spec]]] = {
    "clbench_methods": ("method", specs.MethodSpec),
    "clbench_streams": ("stream", specs.StreamSpec),
    "clbench_datasets": ("dataset", specs.DatasetSpec),
    "clbench_backbones": ("backbone", specs.BackboneSpec),
    "clbench_generators": ("generator", specs.GeneratorSpec),
    "clbench_metrics": ("metric", specs.MetricSpec),
    "clbench_formats": ("format", specs.FormatSpec),
    "clbench_launchers": ("launcher", specs.LauncherSpec),
    "clbench_trackers": ("tracker", specs.TrackerSpec),
}

# Names are typed on command lines: commas separate them there, and dots separate method and setting.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+/-]*")
_DOTTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9_+/.-]*")  # ViT-B-16.openai: a backbone has no settings
_RESOURCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[\w-]+(/[\w-]+)*\.toml")
_REFERENCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(\.[A-Za-z_]\w*)*")


def check_hook_names(plugin: object) -> tuple[str, ...]:
    """Return the hooks that ``plugin`` implements.

    Raises:
        PluginError: a function named like a hook is none, is not marked with ``hookimpl``, or there are
            no hooks at all. pluggy by itself ignores all three in silence.
    """
    hooks: list[str] = []
    for name in dir(plugin):
        value = getattr(plugin, name, None)
        if not callable(value) or isinstance(value, (type, types.ModuleType)):
            continue
        marked = getattr(value, "clbench_impl", None) is not None
        if not marked and not name.startswith("clbench_"):
            continue
        if name not in HOOKS:
            near = did_you_mean(name, HOOKS)
            raise PluginError(
                f"it implements {name}, which is no hook of clbench",
                why=f"did you mean {' or '.join(near)}?" if near else f"the hooks are {', '.join(HOOKS)}",
                fix="rename the function",
            )
        if not marked:
            raise PluginError(
                f"its function {name} is not marked as a hook", fix="decorate it with @clbench.hookimpl"
            )
        hooks.append(name)
    if not hooks:
        raise PluginError(
            "it implements no hook of clbench",
            why="none of its functions is marked with @clbench.hookimpl",
            fix="name the module that has the hooks as the entry point",
        )
    return tuple(sorted(hooks, key=HOOKS.index))


def checked_specs(manager: pluggy.PluginManager, hook: str) -> list[specs.Spec]:
    """Call a contributing hook of the one plugin in ``manager`` and check what it returns.

    Raises:
        PluginError: it returns something else than specs of its kind, a spec is wrong, or a name is twice.
    """
    kind, wanted = CONTRIBUTING[hook]
    results = getattr(manager.hook, hook)()
    returned = results[0] if results else None
    if isinstance(returned, (str, Mapping, specs.Spec)) or not isinstance(returned, Iterable):
        raise PluginError(
            f"its {hook} returned {_a(returned)}", fix=f"return a list or tuple of clbench.{wanted.__name__}"
        )
    found: list[specs.Spec] = []
    for spec in returned:
        if not isinstance(spec, wanted):
            raise PluginError(
                f"its {hook} gave {_a(spec)}", fix=f"return a list or tuple of clbench.{wanted.__name__}"
            )
        mistakes = list(check_spec(spec))
        if mistakes:
            raise PluginError(f"its {kind} {spec.name!r} is wrong", why="; ".join(mistakes))
        if spec.name in (other.name for other in found):
            raise PluginError(f"it gives the {kind} {spec.name!r} twice")
        found.append(spec)
    return found


def check_spec(spec: specs.Spec) -> Iterator[str]:
    """Yield what is wrong with a spec, without importing what its references name."""
    pattern = _DOTTED if isinstance(spec, specs.BackboneSpec) else _NAME
    if not isinstance(spec.name, str) or not pattern.fullmatch(spec.name):
        yield "a name is letters and digits with - _ + / between them"
    for label in ("title", "summary"):
        if not isinstance(getattr(spec, label), str) or not getattr(spec, label).strip():
            yield f"its {label} is empty"
    for label in ("factory", "settings"):
        reference = getattr(spec, label, None)
        if hasattr(spec, label) and not (isinstance(reference, str) and _REFERENCE.fullmatch(reference)):
            yield f"its {label} {reference!r} is not of the form 'package.module:attribute'"
    if isinstance(spec, specs.MethodSpec):
        yield from _check_method(spec)
    elif isinstance(spec, specs.StreamSpec):
        yield from _check_stream(spec)
    elif isinstance(spec, specs.DatasetSpec):
        yield from _check_choice(spec, "kind", spec.kind)
    elif isinstance(spec, specs.MetricSpec) and spec.needs not in ((), ("test_images",)):
        yield f"its needs are {spec.needs!r}, not a tuple that is empty or has test_images"
    elif isinstance(spec, specs.BackboneSpec) and not {*(spec.parts or ())} <= {*get_args(specs.Part)}:
        yield f"its parts are {spec.parts!r}, not a tuple of {', '.join(get_args(specs.Part))}"
    needs = getattr(spec, "needs", None)
    if isinstance(needs, str) and not _REFERENCE.fullmatch(needs):
        yield f"its needs {needs!r} is not of the form 'package.module:attribute'"
    if isinstance(spec, specs.FormatSpec) and not spec.suffix.startswith("."):
        yield f"its suffix {spec.suffix!r} has no dot in front"


def _check_method(spec: specs.MethodSpec) -> Iterator[str]:
    yield from _check_choice(spec, "protocol", spec.protocol)
    for field, inputs in (("requires", spec.requires), ("optional", spec.optional)):
        known = get_args(get_args(get_type_hints(specs.MethodSpec)[field])[0])
        if isinstance(inputs, str) or any(name not in known for name in inputs):
            yield f"its {field} is {inputs!r}, not a tuple of {', '.join(known)}"
    if not all(
        isinstance(each, specs.NeedsPart) and each.part in get_args(specs.Part) for each in spec.parts
    ):
        yield f"its parts are not all clbench.NeedsPart of {', '.join(get_args(specs.Part))}"
    if not isinstance(spec.tuned, Mapping) or not all(isinstance(v, Mapping) for v in spec.tuned.values()):
        yield "its tuned is not a mapping from stream names to settings"
    if spec.claims is not None and not (isinstance(spec.claims, str) and _RESOURCE.fullmatch(spec.claims)):
        yield f"its claims {spec.claims!r} is not of the form 'package:file.toml'"
    if not isinstance(spec.assumptions, specs.Assumptions):
        yield f"its assumptions are {_a(spec.assumptions)}, not clbench.Assumptions"
    else:
        yield from _check_choice(spec.assumptions, "task_identity", spec.assumptions.task_identity)
    yield from mistakes_in(spec.traps, "method")


def _check_stream(spec: specs.StreamSpec) -> Iterator[str]:
    if not all(isinstance(task, specs.TaskSummary) for task in spec.tasks):
        yield "its tasks are not all clbench.TaskSummary"
        return
    keys = [task.key for task in spec.tasks]
    if len(keys) < 2 or len(set(keys)) != len(keys):
        yield f"it needs at least two tasks with different keys and has {keys}"
    for name, order in spec.orders.items():
        if sorted(order) != sorted(keys):
            yield f"order {name!r} does not name each task once"
    if spec.default_order not in spec.orders:
        yield f"its default order {spec.default_order!r} is none of its orders"
    yield from _check_choice(spec, "label_space", spec.label_space)
    yield from mistakes_in(spec.traps, "stream")
    named = spec.variables
    if named is not None and not (isinstance(named, str) and _REFERENCE.fullmatch(named)):
        yield f"its variables {named!r} is not of the form 'package.module:attribute'"
    odd = sorted(set(spec.facts) - set(specs.PROTOCOL_FACTS))
    if odd:
        yield f"its facts name {', '.join(odd)}; they are {', '.join(specs.PROTOCOL_FACTS)}"


def _check_choice(owner: object, name: str, value: object) -> Iterator[str]:
    choices = get_args(get_type_hints(type(owner), vars(specs))[name])
    if value not in choices:
        yield f"its {name} is {value!r}, not one of {', '.join(choices)}"


def _a(value: object) -> str:
    return "None" if value is None else f"an object of type {type(value).__name__}"
