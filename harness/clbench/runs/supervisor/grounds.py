"""What lies where on this machine, for telling what a method opens that it was not given."""

from __future__ import annotations

import importlib.metadata
import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from clbench.plugins import Registry
from clbench.plugins.sources import package_folder
from clbench.runs.sources import RunSources
from clbench.runs.worker.watch import Grounds, path_digest
from clbench.streams import ImageSet, cache_root, data_root

__all__ = ["grounds_of", "folders_of_tests"]

_HUBS = {"HF_HOME": "~/.cache/huggingface", "TORCH_HOME": "~/.cache/torch"}


def grounds_of(run: RunSources, out: Path, own: Iterable[Path]) -> Grounds:
    """What a run's method may open, and what not.

    Args:
        run: what the configuration names.
        out: folder of all records.
        own: folders in which it may do as it likes.
    """
    registry = run.sources.registry
    tests = [*(task.test for task in run.stream.tasks), *(held.test for held in run.held_out)]
    foreign = {
        str(home): f"data of {distribution}"
        for distribution, home in _homes(registry)
        if distribution != run.method.distribution
    }
    foreign[os.path.realpath(data_root())] = "the folder of data sets"
    if not run.method.spec.assumptions.external_models:
        foreign |= {_real(os.environ.get(name) or usual): "a hub's cache" for name, usual in _HUBS.items()}
    return Grounds(
        own=tuple(os.path.realpath(folder) for folder in own),
        tests=frozenset(_test_files(tests)),
        pixels=(_real(str(cache_root() / "pixels")), frozenset(images.digest[:24] for images in tests)),
        closed={os.path.realpath(out): "other runs"},
        foreign={**foreign, os.path.realpath(cache_root()): "the cache"},
    )


def _test_files(sets: Iterable[ImageSet]) -> Iterator[bytes]:
    """Digests of the paths of test images, of the folders they lie in, and of tables that hold them."""
    for images in sets:
        files = [Path(os.path.realpath(path)) for path in images.files()]
        for path in [*files, *folders_of_tests(files)]:
            yield path_digest(str(path))
        for table in images.dataset.cache_files:
            yield path_digest(os.path.realpath(table["filename"]))


def folders_of_tests(files: Sequence[Path]) -> set[Path]:
    """The folders of files, and what these lie in up to the one that all are in: its listing has the classes.

    Folders that anybody may list, since this process works in them or imports from them, are none of these.
    """
    homes = {path.parent for path in files}
    if not homes:
        return set()
    first, *others = homes
    shared = next((up for up in (first, *first.parents) if all(o.is_relative_to(up) for o in others)), None)
    found = {up for home in homes for up in (home, *home.parents) if shared and up.is_relative_to(shared)}
    usual = [Path(name).resolve() for name in (str(Path.cwd()), str(Path.home()), tempfile.gettempdir(), *sys.path)]
    return {folder for folder in found if not any(path.is_relative_to(folder) for path in usual)}


def _homes(registry: Registry) -> Iterator[tuple[str, Path]]:
    """Each plugin's distribution with the folder of its package."""
    for report in registry.reports:
        try:
            points = importlib.metadata.distribution(report.distribution).entry_points
        except importlib.metadata.PackageNotFoundError:
            continue
        for point in points:
            if point.group == "clbench":
                home = package_folder(point.module)
                if home is not None:
                    yield report.distribution, home


def _real(path: str) -> str:
    return os.path.realpath(Path(path).expanduser())
