"""In what a record is not what a published row is about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from clbench.results.claims.model import Claim
from clbench.results.records import Record
from clbench.specs import PROTOCOL_FACTS
from clbench.streams.varying import base_name

__all__ = ["NOT_STATED", "UNSET", "Difference", "differences_from", "facts_apart"]

NOT_STATED = "not stated"
"""Of a fact that the source of a row keeps to itself: no record can be known to agree with it."""

UNSET = "not set"
"""Of an environment variable that makes a stream another one than its name says."""

NOT_RECORDED = "not recorded"

_TRAINING = ("learning_prompts", "draw")
_PLURAL = ("splits", "class names", "prompts")


@dataclass(frozen=True, slots=True)
class Difference:
    """What a record has where a published row has something else.

    Attributes:
        name: of what differs.
        found, wanted: in the record, and in the published row.
        setting: whether it is a setting of the method.
        fact: whether it is one of the facts that make a protocol.
    """

    name: str
    found: object
    wanted: object
    setting: bool = False
    fact: bool = False

    def __str__(self) -> str:
        if self.wanted == UNSET:
            return f"the stream is changed by {self.name}={self.found}"
        if self.found == NOT_RECORDED:
            return f"what {self.name} were is {NOT_RECORDED}"
        verb = "are" if self.fact and self.name.startswith(_PLURAL) else "is"
        if self.wanted == NOT_STATED:
            return f"{self.name} {verb} {self.found}, and the source does not state its own"
        return f"{self.name} {verb} {self.found}, not {self.wanted}"


def differences_from(
    claim: Claim, record: Record, settings: Mapping[str, JsonValue] | None = None
) -> tuple[Difference, ...]:
    """Return in what ``record`` is not what ``claim`` is about, the weightiest first; empty: comparable.

    Args:
        claim: the published row.
        record: a run of its method.
        settings: all settings of the published row, as far as they are known: the method's for that
            stream, with those that make the variant. Any other that was changed by hand is a difference.
    """
    stream = record.stream
    # Of a stream with some facts exchanged, the facts below say what is other.
    told = bool(stream.facts and claim.run is not None and claim.run.facts)
    found = [
        Difference("stream", base_name(stream.name) if told else stream.name, claim.stream),
        *_circumstances(record),
        *_facts(claim, record),
        Difference("protocol", stream.protocol, claim.protocol),
        Difference("backbone", record.backbone.name, claim.backbone),
        Difference("order", stream.order, claim.order),
    ]
    if claim.shots != "any":
        found.append(Difference("shots", stream.shots or "full", claim.shots))
    if claim.label_space not in record.matrices:
        found.append(Difference("label space", ", ".join(record.matrices), claim.label_space))
    found += [*_test_batches(claim, record), *_generator(claim, record), *_settings(claim, record, settings)]
    return tuple(d for d in found if d.found != d.wanted)


def _circumstances(record: Record) -> Iterator[Difference]:
    """Environment variables that made the stream another one than its name says, such as data in part."""
    variables = record.config.get("stream_variables")
    if isinstance(variables, dict):
        yield from (Difference(name, value, UNSET) for name, value in variables.items())


def _facts(claim: Claim, record: Record) -> Iterator[Difference]:
    """Splits, names, prompts and draw; of a row that nothing was trained for, what it is tested with."""
    if claim.run is None or not claim.run.facts:
        return
    if record.stream.facts:
        yield from facts_apart(claim, record.stream.facts)
    elif record.stream.name == claim.stream:  # of another stream the name says enough
        yield Difference("the prompts and the other facts of its protocol", NOT_RECORDED, "those of the row")


def facts_apart(claim: Claim, told: Mapping[str, str]) -> tuple[Difference, ...]:
    """Return which facts of a stream's protocol, as it tells them, are not those of the row."""
    mine = claim.run.facts if claim.run is not None else {}
    counting = [name for name in mine if claim.shots != "any" or name not in _TRAINING]
    found = [
        Difference(words, told.get(name, NOT_RECORDED), mine[name], fact=True)
        for name, words in PROTOCOL_FACTS.items()
        if name in counting
    ]
    return tuple(each for each in found if each.found != each.wanted)


def _test_batches(claim: Claim, record: Record) -> Iterator[Difference]:
    """Which images share a batch, where answers depend on it: papers test one data set after another."""
    if record.method.assumptions.task_identity != "inferred":
        return
    yield Difference("composition of test batches", record.config.get("batches", "natural"), "natural")
    if claim.run is not None and claim.run.eval_batch is not None:
        yield Difference("images per test batch", record.config.get("eval_batch", 256), claim.run.eval_batch)


def _generator(claim: Claim, record: Record) -> Iterator[Difference]:
    if claim.run is not None and claim.run.generator and record.generator is not None:
        yield Difference("generator", record.generator, claim.run.generator)


def _settings(claim: Claim, record: Record, settings: Mapping[str, JsonValue] | None) -> Iterator[Difference]:
    method = record.method
    published = {**(settings or {}), **claim.settings}
    changed = {name for name, source in method.settings_sources.items() if source == "user"}
    # A setting that came with a later version of the method is in no earlier record.
    for name in sorted({n for n in published if n in method.settings} | set(claim.settings) | changed):
        wanted = published.get(name, "the published value")
        yield Difference(name, method.settings.get(name), wanted, setting=True)
