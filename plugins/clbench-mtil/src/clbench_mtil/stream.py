"""Builds the streams over whole data sets: MTIL in both protocols, few-shot MTIL, X-TAIL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from clbench.errors import ClbenchError, DataError
from clbench.streams import Stream, Task, data_root, shared_classes

from clbench_mtil.catalogue import counts_checked, data_set
from clbench_mtil.circumstances import ANY_COUNTS, shots_seed
from clbench_mtil.draws import UNDIVIDED, DrawName, default_seed, draw_all
from clbench_mtil.facts import named, prompts
from clbench_mtil.hubcopies import from_hub, source_name
from clbench_mtil.protocols import SPLIT_SEED, Source, divide
from clbench_mtil.samples import Collection, Samples, Splits, image_set
from clbench_mtil.sources import ChosenSource
from clbench_mtil.variants import Variant
from clbench_mtil.variations import variant_of

__all__ = ["build", "build_task", "find_source", "from_hub", "joined", "stream_meta"]


def build(name: str) -> Stream:
    """Open the data sets of the stream ``name``.

    Raises:
        DataError: some cannot be used; names all of them.
    """
    variant = variant_of(name)
    root, source = data_root(), find_source(data_root())
    problems: list[ClbenchError] = []
    found: dict[str, Splits] = {}
    for key in variant.keys:
        try:
            found[key] = _splits(key, variant, source, root)
        except DataError as error:
            problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        hub = "" if source_name() == "folder" else f"CLBENCH_MTIL_SOURCE={source_name()} "
        command = f"{hub}clbench prepare mtil --fetch"
        coop = " --protocol coop" if variant.protocol == "coop" else ""
        raise DataError(
            f"{len(problems)} of the {len(variant.keys)} data sets of {name} cannot be used",
            why="".join(f"\n  - {problem.what}: {problem.why}" for problem in problems),
            fix=f"CLBENCH_DATA names the folder they are in; {command}{coop} fetches what is missing, and "
            "`clbench doctor mtil` says how else it is had",
        )
    if variant.shots:
        found = _few(found, variant.facts.draw, variant.shots)
    tasks = [_task(key, variant, splits) for key, splits in found.items()]
    return Stream(
        name,
        tuple(tasks),
        protocol=variant.protocol,
        meta=joined(stream_meta(variant), source.meta),
        shared=_namesakes(tasks) if variant.label_space == "seen" else {},
        origins=source.origins,
    )


def build_task(key: str, variant: Variant, source: Source, root: Path) -> Task:
    """One data set with all its training images, as ``variant`` has it.

    Raises:
        DataError: it cannot be used.
        ValueError: the stream is of few shots, which are drawn of all its data sets together.
    """
    if variant.shots:
        raise ValueError(f"{variant.name} draws its shots of all data sets together: build the whole stream")
    return _task(key, variant, _splits(key, variant, source, root))


def _splits(key: str, variant: Variant, source: Source, root: Path) -> Splits:
    """Samples and class names of one data set, before any shots are drawn."""
    facts = variant.facts
    splits = divide(key, facts.splits, source, root)
    if variant.shots and key in UNDIVIDED.get(facts.draw, ()):
        splits = _undivided(splits, source(key))
    return replace(splits, classes=named(key, splits.classes, facts.names))


def _task(key: str, variant: Variant, splits: Splits) -> Task:
    entry, facts = data_set(key), variant.facts
    # CoOp's code opens every image as RGB (MNIST as grey), torchvision all but Caltech101's
    mode = entry.mode or ("RGB" if variant.protocol == "coop" else None)
    sets = {
        part: image_set(samples, splits.classes, mode, f"{key}/{part}")
        for part, samples in splits.parts.items()
    }
    return Task(
        key,
        entry.title,
        splits.classes,
        prompts(entry, facts.prompts),
        sets["train"],
        sets["test"],
        sets.get("validation"),
        entry.rate_scale if variant.protocol == "zscl" else 1.0,
    )


def find_source(root: Path) -> ChosenSource:
    """What reads the samples: the folder of the data, or the hub for those that are :func:`from_hub`."""
    return ChosenSource(root)


def stream_meta(variant: Variant) -> dict[str, object]:
    """What else makes the stream what it is; part of its fingerprint."""
    meta: dict[str, object] = {"facts": variant.facts.told(variant.shots)}
    notes: list[str] = []
    if variant.protocol == "zscl":
        meta["sun397_files"] = "sorted"
        notes.append("SUN397: files sorted before the 80/20 split, where the authors' order is the disk's")
    else:
        meta["validation_seed"] = SPLIT_SEED
    if variant.shots:
        seed = shots_seed(variant.facts.draw)
        meta |= {"shots": variant.shots, "shots_seed": seed}
        if seed != default_seed(variant.facts.draw):
            notes.append(f"shots drawn with seed {seed}")
    if not counts_checked():
        meta["counts"] = "any"
        notes.append(ANY_COUNTS)
    return meta | ({"notes": tuple(notes)} if notes else {})


def joined(one: dict[str, object], other: dict[str, object]) -> dict[str, object]:
    """Both, with the notes of both."""
    notes = [note for meta in (one, other) for note in meta.get("notes", ())]  # type: ignore[attr-defined]
    return one | other | ({"notes": tuple(notes)} if notes else {})


def _namesakes(tasks: Sequence[Task]) -> dict[str, tuple[str, ...]]:
    """Names of several data sets, which ODCL-CIL takes for one class, with its templates at test.

    They are those of all these data sets, but of EuroSAT's forest and river EuroSAT's alone (CoLeCLIP's
    ``engine/trainer.py``, ``get_dup_cls_template`` and ``get_cls_target``).
    """
    shared = shared_classes(tasks)
    for task in tasks:
        if task.key == "eurosat":
            shared |= {name: task.templates for name in task.classes if name in shared}
    return shared


def _undivided(splits: Splits, found: Collection) -> Splits:
    """With all training images, none held out: some draws begin there."""
    return replace(splits, parts={"train": found.parts["train"], "test": splits.parts["test"]})


def _few(found: Mapping[str, Splits], draw: DrawName, shots: int) -> dict[str, Splits]:
    """``shots`` per class to train and, where there are validation data, up to four to validate."""
    labels = {
        key: {part: samples.labels for part, samples in splits.parts.items() if part != "test"}
        for key, splits in found.items()
    }
    chosen = draw_all(draw, labels, shots, shots_seed(draw))
    return {key: replace(splits, parts=_taken(splits, chosen[key])) for key, splits in found.items()}


def _taken(splits: Splits, chosen: Mapping[str, Sequence[int]]) -> dict[str, Samples]:
    """What was drawn; validation images come from the training images where none were held out before."""
    whole = {"validation": splits.parts["train"]} | dict(splits.parts)
    return {part: whole[part].take(indices) for part, indices in chosen.items()} | {"test": whole["test"]}
