"""Laws of what must come out bit for bit the same: they give resuming, caching and scoring again later."""

from __future__ import annotations

import io
from typing import Any

import torch

from clbench.methods.contract import Method
from clbench.testing.laws.comparing import check_equal
from clbench.testing.laws.killing import Killed, MemoryStore
from clbench.testing.laws.learning import initial_model_is_untouched, it_learns
from clbench.testing.laws.scoring import scores_are_repeatable
from clbench.testing.outcomes import Broken, Law, NotApplicable, law
from clbench.testing.subject import MethodSubject

__all__ = ["STATE_LAWS"]


@law(scores_are_repeatable, initial_model_is_untouched)
def learning_is_deterministic(subject: MethodSubject) -> None:
    """The same seed gives the same scores bit for bit, whatever others drew from the global random
    generators before: the harness sets these before each task."""
    again = subject.travel(disturbed=True)
    check_equal(again.scores, subject.straight.scores, "scores of a second run with the same seed differ")


@law(learning_is_deterministic)
def scoring_leaves_learning_alone(subject: MethodSubject) -> None:
    """Scoring between tasks changes nothing that later learning or scoring depends on."""
    scored = subject.travel(score_between=True)
    check_equal(
        scored.scores, subject.straight.scores, "scores at the end differ where tasks were scored in between"
    )


@law(it_learns)
def state_is_plain(subject: MethodSubject) -> None:
    """state_dict() holds tensors, numbers, strings, None, and lists and dictionaries of them alone, so that a
    checkpoint can be read without running code."""
    for state in subject.straight.states:
        place = _foreign(state)
        if place:
            raise Broken(place)
        buffer = io.BytesIO()
        torch.save(state, buffer)
        buffer.seek(0)
        torch.load(buffer, weights_only=True)


@law(scores_are_repeatable)
def state_restores_scores(subject: MethodSubject) -> None:
    """A fresh instance that loads state_dict() gives the same scores bit for bit."""
    method = _restored(subject, subject.straight.states[-1:])
    check_equal(
        subject.score(method), subject.straight.scores, "scores of a fresh instance with the state differ"
    )


@law(state_restores_scores)
def loading_replaces_everything(subject: MethodSubject) -> None:
    """Loading a state into an instance that has scored already leaves nothing of what was there: no text
    classifier of other weights, no cached features."""
    if subject.stages < 2:
        raise NotApplicable("it has no two states")
    method = _restored(subject, subject.straight.states[:1])
    subject.score(method)
    method.load_state_dict(subject.straight.states[-1])
    check_equal(subject.score(method), subject.straight.scores, "scores after loading another state differ")


@law(learning_is_deterministic, state_restores_scores)
def state_restores_learning(subject: MethodSubject) -> None:
    """A fresh instance that loads the state after the first task and learns the second is bit for bit the
    one that learned both: a killed run resumes as if nothing had happened."""
    if subject.stages < 2:
        raise NotApplicable("it does not learn task after task")
    check_equal(
        subject.resumed, subject.straight.scores, "scores differ where it resumed after the first task"
    )


@law(learning_is_deterministic, state_restores_scores)
def steps_are_resumed(subject: MethodSubject) -> None:
    """A task that is killed between two steps of context.fit(), and learned again by a fresh instance that
    goes on with the next step, ends bit for bit as if it had not been killed: `state` names all that steps
    change."""
    if not subject.stages:
        raise NotApplicable("it learns nothing")
    store = MemoryStore()
    for saves in (1, 2, None):  # killed after the first step, then after two more, then not
        store.kill_after(saves)
        try:
            method = subject.learned_last(steps=store)
        except Killed:
            continue
        break
    if not store.asked:
        raise NotApplicable("context.fit() is not called, or not told with `state` what its steps change")
    if not store.kept:
        raise NotApplicable("its optimisation has one step only")
    check_equal(subject.score(method), subject.resumed, "scores differ where it was killed between two steps")


def _restored(subject: MethodSubject, states: list[dict[str, Any]]) -> Method:
    method = subject.build()
    for state in states:  # none, for a method that learns nothing
        method.load_state_dict(state)
    return method


def _foreign(value: Any, place: str = "state") -> str:
    """Say which part of a state is not plain; empty if none is."""
    if isinstance(value, dict):
        found = (_foreign(part, f"{place}[{key!r}]") for key, part in value.items())
        return next((text for text in found if text), "")
    if isinstance(value, (list, tuple)):
        found = (_foreign(part, f"{place}[{i}]") for i, part in enumerate(value))
        return next((text for text in found if text), "")
    if value is None or isinstance(value, (torch.Tensor, bool, int, float, str)):
        return ""
    return f"{place} is an object of type {type(value).__name__}"


STATE_LAWS: tuple[Law[MethodSubject], ...] = (
    learning_is_deterministic,
    scoring_leaves_learning_alone,
    state_is_plain,
    state_restores_scores,
    loading_replaces_everything,
    state_restores_learning,
    steps_are_resumed,
)
