"""What methods have done to folders of runs, put right as far as a record needs it."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path

from clbench.errors import RecordError
from clbench.results.store import RECORD_FILE, read_record

__all__ = ["ASIDE", "lost_record", "make_way"]

ASIDE = ".set-aside"
"""Behind the name of what stood where a run's folder or its record belongs."""


def make_way(folder: Path) -> None:
    """Let a record be written to a run's ``folder``: what stands in its way is set aside, not deleted.

    The method's scratch space goes, which may have filled the disk.

    Raises:
        OSError: it cannot be.
    """
    for path, wanted in ((folder, Path.is_dir), (folder / RECORD_FILE, Path.is_file)):
        if (path.exists() or path.is_symlink()) and (path.is_symlink() or not wanted(path)):
            aside = path.with_name(f"{path.name}{ASIDE}")
            if aside.is_dir() and not aside.is_symlink():
                shutil.rmtree(aside)
            path.replace(aside)
    folder.mkdir(parents=True, exist_ok=True)
    with suppress(OSError):
        shutil.rmtree(folder / "scratch", ignore_errors=True)


def lost_record(folder: Path) -> str:
    """Why the record of a run that has finished is not there any more; empty where it is."""
    try:
        if read_record(folder / RECORD_FILE).status == "finished":
            return ""
    except RecordError as error:
        return f"its record was lost after its end: {error.line}"
    return "its record was changed after its end"
