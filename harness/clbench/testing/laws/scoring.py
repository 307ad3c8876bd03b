"""Laws of ``score``."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from clbench.methods.contract import Method
from clbench.streams import LabelSpace
from clbench.testing.laws.comparing import check_close, check_equal
from clbench.testing.laws.learning import it_is_built, it_learns
from clbench.testing.outcomes import Broken, Law, NotApplicable, law
from clbench.testing.subject import MethodSubject

__all__ = ["SCORING_LAWS", "scores_are_repeatable", "scores_are_well_formed"]


@law(it_learns)
def scores_are_well_formed(subject: MethodSubject) -> None:
    """score() returns finite floating-point logits, a row per image and a column per class of `labels`: for
    one image or many, for one class or all, for classes never learned, for the same class twice."""
    _check_form(subject, subject.straight.method)


@law(it_is_built, scores_are_well_formed)
def scores_come_before_learning(subject: MethodSubject) -> None:
    """score() works before anything is learned."""
    _check_form(subject, subject.build())


@law(scores_are_well_formed)
def scores_are_repeatable(subject: MethodSubject) -> None:
    """The same images and labels get the same scores bit for bit, whatever was scored in between."""
    first = subject.score(subject.straight.method)
    subject.score(subject.straight.method, subject.stream.tasks[1].labels)
    check_equal(subject.score(subject.straight.method), first, "scores of a second call differ")


@law(scores_are_repeatable)
def columns_are_independent(subject: MethodSubject) -> None:
    """Leaving out classes, or asking for them in another order, leaves each class's logits as they are."""
    everything = subject.score(subject.straight.method)
    count = len(subject.labels)
    for columns in ([0], list(range(0, count, 2)), list(reversed(range(count)))):
        some = subject.score(subject.straight.method, _select(subject.labels, columns))
        for found, wanted in zip(some, everything, strict=True):
            check_close(found, wanted[:, columns], f"logits of columns {columns} alone differ")


@law(scores_are_repeatable)
def images_are_independent(subject: MethodSubject) -> None:
    """An image's logits do not depend on the other images of its batch."""
    if subject.spec.assumptions.task_identity == "inferred":
        raise NotApplicable("its assumptions say that it may infer the task from a whole batch")
    for images, wanted in zip(subject.images, subject.score(subject.straight.method), strict=True):
        with torch.no_grad():
            parts = [subject.straight.method.score(part, subject.labels) for part in (images[:1], images[1:])]
        check_close(torch.cat(parts), wanted, "logits of images scored in two parts differ")


@law(scores_are_repeatable)
def task_identity_is_declared(subject: MethodSubject) -> None:
    """Only methods that declare task_identity="given" make use of labels.task."""
    if subject.spec.assumptions.task_identity == "given":
        raise NotApplicable("it declares task_identity='given'")
    labels = subject.stream.tasks[0].labels
    check_equal(
        subject.score(subject.straight.method, replace(labels, task=0)),
        subject.score(subject.straight.method, labels),
        "scores with and without labels.task differ",
    )


@law(scores_are_repeatable)
def embeddings_are_the_models_own(subject: MethodSubject) -> None:
    """After learning, what the backbone computes in the short way is what its model's own forward gives."""
    backbone = subject.straight.method.backbone
    tokens = backbone.tokenize([*subject.labels.first_prompts, "a"])
    with torch.no_grad():
        for images in subject.images:
            check_close(
                backbone.encode_image(images),
                backbone.computing_everything().encode_image(images),
                "embeddings of images differ from those of the model's own forward",
            )
        check_close(
            backbone.encode_text(tokens),
            backbone.computing_everything().encode_text(tokens),
            "embeddings of texts differ from those of the model's own forward",
        )


def _select(labels: LabelSpace, columns: list[int]) -> LabelSpace:
    return LabelSpace(tuple(labels.classes[c] for c in columns), tuple(labels.templates[c] for c in columns))


def _check_form(subject: MethodSubject, method: Method) -> None:
    task = subject.stream.tasks[1].labels
    spaces = {
        "all classes": subject.labels,
        "the second task's classes": task,
        "one class": _select(task, [0]),
        "a class twice": _select(task, [0, 1, 0]),
        "a class of no task": LabelSpace.of(["spoon"], ["a photo of a {}."]),
    }
    for name, labels in spaces.items():
        for images in (subject.images[0], subject.images[1][:1]):
            with torch.no_grad():
                _check_logits(method.score(images, labels), (len(images), len(labels)), name)


def _check_logits(logits: Any, shape: tuple[int, int], name: str) -> None:
    if not isinstance(logits, torch.Tensor):
        raise Broken(f"for {name} it returned an object of type {type(logits).__name__}")
    if tuple(logits.shape) != shape:
        raise Broken(f"for {name} it returned shape {tuple(logits.shape)}, not (images, classes) = {shape}")
    if not logits.is_floating_point():
        raise Broken(f"for {name} it returned {logits.dtype}")
    if not bool(torch.isfinite(logits).all()):
        raise Broken(f"for {name} it returned logits that are not finite")


SCORING_LAWS: tuple[Law[MethodSubject], ...] = (
    scores_are_well_formed,
    scores_come_before_learning,
    scores_are_repeatable,
    columns_are_independent,
    images_are_independent,
    task_identity_is_declared,
    embeddings_are_the_models_own,
)
