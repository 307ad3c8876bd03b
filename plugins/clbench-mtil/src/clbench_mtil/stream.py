"""Builds the streams over whole data sets: MTIL in both protocols, few-shot MTIL, X-TAIL."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from clbench.errors import ClbenchError, DataError
from clbench.streams import Stream, Task, data_root, shared_classes

from clbench_mtil.catalogue import counts_checked, data_set
from clbench_mtil.circumstances import ANY_COUNTS, shots_seed
from clbench_mtil.facts import named, prompts
from clbench_mtil.hubcopies import from_hub, source_name
from clbench_mtil.protocols import SPLIT_SEED, Source, divide
from clbench_mtil.samples import Collection, Splits, image_set
from clbench_mtil.sources import ChosenSource
from clbench_mtil.splits import draw_shots
from clbench_mtil.variants import VARIANTS, Variant

__all__ = ["build", "build_task", "find_source", "from_hub", "joined", "stream_meta"]


def build(name: str) -> Stream:
    """Open the data sets of the stream ``name``.

    Raises:
        DataError: some cannot be used; names all of them.
    """
    variant = VARIANTS[name]
    root, source = data_root(), find_source(data_root())
    tasks: list[Task] = []
    problems: list[ClbenchError] = []
    for key in variant.keys:
        try:
            tasks.append(build_task(key, variant, source, root))
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
    return Stream(
        name,
        tuple(tasks),
        protocol=variant.protocol,
        meta=joined(stream_meta(variant), source.meta),
        shared=_namesakes(tasks) if variant.label_space == "seen" else {},
        origins=source.origins,
    )


def build_task(key: str, variant: Variant, source: Source, root: Path) -> Task:
    """One data set as ``variant`` has it."""
    entry = data_set(key)
    facts = variant.facts
    splits = divide(key, facts.splits, source, root)
    if key == "mnist" and facts.names == "rail":
        splits = _undivided(splits, source(key))
    splits = replace(splits, classes=named(key, splits.classes, facts.names))
    if variant.shots:
        splits = _few(splits, variant.shots, shots_seed())
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
        meta |= {"shots": variant.shots, "shots_seed": shots_seed()}
        notes += [f"shots drawn with seed {shots_seed()}"] if shots_seed() != 1 else []
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
    """With all training images, none held out: RAIL draws MNIST's few from the 60,000."""
    return replace(splits, parts={"train": found.parts["train"], "test": splits.parts["test"]})


def _few(splits: Splits, shots: int, seed: int) -> Splits:
    """``shots`` per class to train and, as in CoOp's code, up to four to validate."""
    parts = dict(splits.parts)
    parts["train"] = parts["train"].take(draw_shots(parts["train"].labels, shots, seed))
    if "validation" in parts:
        held_out = parts["validation"]
        parts["validation"] = held_out.take(draw_shots(held_out.labels, min(shots, 4), seed))
    return replace(splits, parts=parts)
