"""What is odd about a described stream: nothing that stops a run, but what its owner would want to know."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from clbench.streams.description import DescribedTask, Description
from clbench.streams.files.colours import oddity, plain
from clbench.streams.imagefolders import Folder
from clbench.streams.prompts import as_read, warning

__all__ = ["FEW_PER_TASK", "oddities", "unreadable"]

FEW_PER_TASK = 100
"""Below so many training images a task's statistics (DIKI's Gaussian, an autoencoder) say little."""

_MOST_NAMED = 3


def oddities(description: Description) -> Iterator[str]:
    """Findings of names, counts and contents, one line each; images are read, but not decoded."""
    for task in description.tasks:
        yield from _of_folders(task)
        yield from _of_classes(task)
        if len(task.train.files) < FEW_PER_TASK:
            yield (
                f"{task.key}: {len(task.train.files)} training images; methods that model a task's features "
                "(diki, moe-adapters) need more of them than their embedding has dimensions"
            )
    yield from _namesakes(description)
    yield from _of_captions(description)
    yield from _duplicates(description.tasks)


def unreadable(
    description: Description,
    progress: Callable[[int, int], None] | None = None,
    odd: dict[str, list[Path]] | None = None,
) -> Iterator[tuple[Path, str]]:
    """Decode every image, and give those that cannot be, with the reason.

    Args:
        description: what to look at.
        progress: told (images done, images in all).
        odd: is given, by what of it does not reach the model, the images that are read all the same.
    """
    import PIL.Image

    files = [file for task in description.tasks for folder in task.splits.values() for file in folder.files]
    files += [file for file, _ in description.captions]
    for done, file in enumerate(files, start=1):
        try:
            with PIL.Image.open(file) as image:
                image.load()
                plain(image)
                said = oddity(image)
                if said and odd is not None:
                    odd.setdefault(said, []).append(file)
        except (OSError, SyntaxError, ValueError, PIL.Image.DecompressionBombError) as error:
            yield file, " ".join(str(error).split())
        if progress is not None:
            progress(done, len(files))


def _of_folders(task: DescribedTask) -> Iterator[str]:
    for split, folder in task.splits.items():
        if folder.ignored:
            yield f"{task.key}, {split}: not read: {_named([str(path) for path in folder.ignored])}"
        if folder.system:
            yield (
                f"{task.key}, {split}: left by an operating system or a network drive, and passed over: "
                f"{_kinds(folder.system)}"
            )
        if folder.empty:
            yield f"{task.key}, {split}: class folders without images: {_named(folder.empty)}"


def _of_classes(task: DescribedTask) -> Iterator[str]:
    missing = [name for name in task.folders if name not in task.test.images]
    if missing:
        yield f"{task.key}: classes in train, but not in test: {_named(missing)}"
    said = warning(task.classes, task.templates)
    if said:
        yield f"{task.key}: {said}"


def _namesakes(description: Description) -> Iterator[str]:
    if description.entry.shared_classes:
        return
    spellings: dict[tuple[str, ...], dict[str, None]] = {}
    tasks: Counter[tuple[str, ...]] = Counter()
    for task in description.tasks:
        names = {as_read(name): name for name in task.classes}
        tasks.update(list(names))
        for words, name in names.items():
            spellings.setdefault(words, {})[name] = None
    several = [" = ".join(spellings[words]) for words, count in tasks.items() if count > 1]
    if several:
        yield (
            f"class names of several tasks: {_named(sorted(several))}; they are two classes there, and take "
            "answers from each other in the label spaces seen and union (shared_classes: true makes them one)"
        )


def _of_captions(description: Description) -> Iterator[str]:
    texts = [text for _, text in description.captions]
    several = [text for text, count in Counter(texts).items() if count > 1]
    if several:
        yield f"reference: {len(several)} captions occur more than once: {_named(several)}"


def _duplicates(tasks: Sequence[DescribedTask]) -> Iterator[str]:
    """Images of equal bytes in a test split and in some task's training images."""
    trained: dict[str, tuple[str, Path]] = {}
    for task in tasks:
        for split in ("train", "val"):
            folder = task.splits.get(split)
            for digest, file in _contents(folder) if folder else ():
                trained.setdefault(digest, (f"{task.key}, {split}", file))
    for task in tasks:
        found: dict[str, list[str]] = {}
        for digest, file in _contents(task.test):
            if digest in trained:
                where, twin = trained[digest]
                found.setdefault(where, []).append(f"{file} = {twin}")
        for where, pairs in found.items():
            noun = "image is" if len(pairs) == 1 else "images are"
            yield f"{task.key}, test: {len(pairs)} {noun} in {where} as well: {_named(pairs)}"


def _contents(folder: Folder) -> Iterator[tuple[str, Path]]:
    return zip(folder.digests, folder.files, strict=True)


def _kinds(paths: Sequence[Path]) -> str:
    """Names with how often each occurs; macOS's ``._NAME``, one for each image, are one."""
    counts = Counter("._*" if path.name.startswith("._") else path.name for path in paths)
    return ", ".join(f"{name} ({count:,})" if count > 1 else name for name, count in sorted(counts.items()))


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
    return ", ".join(names[:_MOST_NAMED]) + more
