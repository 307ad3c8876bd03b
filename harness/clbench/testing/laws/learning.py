"""Laws of ``learn``."""

from __future__ import annotations

import torch

from clbench.errors import ClbenchError, ConfigError
from clbench.methods.contract import Method
from clbench.models.parts import PARTS, parts_of
from clbench.testing.doubles import tiny_backbone_without
from clbench.testing.laws.description import factory_is_a_method, settings_have_defaults
from clbench.testing.outcomes import Broken, Law, NotApplicable, law
from clbench.testing.subject import MethodSubject

__all__ = ["LEARNING_LAWS", "initial_model_is_untouched", "it_is_built", "it_learns"]


@law(factory_is_a_method, settings_have_defaults)
def it_is_built(subject: MethodSubject) -> None:
    """The method can be built from its own copy of the backbone, its settings and a context."""
    if not isinstance(subject.build(), Method):
        raise Broken(f"{subject.spec.factory} made something else than a clbench.Method")


@law(it_is_built)
def it_learns(subject: MethodSubject) -> None:
    """It learns tasks of different numbers of classes one after the other, and can score at the end."""
    _ = subject.straight


@law(it_learns)
def initial_model_is_untouched(subject: MethodSubject) -> None:
    """context.initial, which all methods share, keeps its weights, stays frozen and in evaluation mode."""
    _ = subject.straight
    initial = subject.initial.model
    pristine = subject.backbone.model.state_dict()
    changed = [name for name, value in initial.state_dict().items() if not torch.equal(value, pristine[name])]
    if changed:
        raise Broken(f"{len(changed)} of its tensors changed, the first is {changed[0]}")
    if any(parameter.requires_grad for parameter in initial.parameters()):
        raise Broken("some of its parameters require gradients now")
    if initial.training:
        raise Broken("it is in training mode now")


@law(it_learns)
def process_is_left_alone(subject: MethodSubject) -> None:
    """Learning leaves the process as it was: directory, environment, torch's global settings."""
    if subject.straight.changed:
        raise Broken(f"it changed {', '.join(subject.straight.changed)}")


@law(it_learns)
def only_declared_data_are_used(subject: MethodSubject) -> None:
    """It learns with the extra data alone that its spec declares in `requires`."""
    try:
        subject.travel(declared_only=True)
    except ConfigError as error:
        raise Broken(f"requires={subject.spec.requires!r}, but learning failed with: {error.what}") from error


@law(it_learns)
def trainable_parameters_are_reported(subject: MethodSubject) -> None:
    """Each learned task tells how many parameters were trained: context.fit() does; a loop of one's own
    appends to context.measured.trainable_parameters."""
    if not subject.stages:
        raise NotApplicable("it learns nothing")
    counts = [0, *subject.straight.reported]
    silent = [i for i in range(subject.stages) if counts[i + 1] <= counts[i]]
    if silent:
        raise Broken(f"nothing was reported for task {silent[0]}")
    if min(subject.straight.method.context.measured.trainable_parameters) < 0:
        raise Broken("a number of parameters is negative")


@law(it_learns)
def needed_parts_are_declared(subject: MethodSubject) -> None:
    """It works on every CLIP-like model that has what its spec says it needs: one with a ResNet, one with a
    pooling by attention, one with a text tower of another make, unless it needs what they lack."""
    settings = subject.settings_class.model_validate(subject.values).model_dump(mode="json")
    needed = {each.part for each in subject.spec.parts if each.arises(settings)}
    for part in PARTS:
        backbone = tiny_backbone_without(part)
        if not needed <= parts_of(backbone.model):
            continue  # such a run is refused before the method is built
        other = subject.on(backbone)
        try:
            method = other.build()
            if other.stages:
                other.learn(method, 0)
            other.score(method)
        except Exception as error:
            why = error.line if isinstance(error, ClbenchError) else f"{type(error).__name__}: {error}"
            raise Broken(f"its parts have no {part!r}, but on a model without it: {why}") from error


LEARNING_LAWS: tuple[Law[MethodSubject], ...] = (
    it_is_built,
    it_learns,
    initial_model_is_untouched,
    process_is_left_alone,
    only_declared_data_are_used,
    needed_parts_are_declared,
    trainable_parameters_are_reported,
)
