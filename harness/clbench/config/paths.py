"""Paths as people write them, in files, options and environment variables."""

from __future__ import annotations

from pathlib import Path

from clbench.errors import ConfigError

__all__ = ["user_path"]

_LONGEST_NAME, _LONGEST = 255, 4095  # bytes, of one folder or file and of a path
_SHOWN = 100


def user_path(given: str | Path, what: str = "") -> Path:
    """The path with ``~`` and ``~name`` replaced by home folders.

    Args:
        given: as it was written.
        what: what says so, for the message, such as ``--out`` or ``CLBENCH_CACHE``.

    Raises:
        ConfigError: nobody of that name has a home folder here, or no file system has such a name.
    """
    shown = str(given) if len(str(given)) <= _SHOWN else f"{str(given)[:_SHOWN]}…"
    said = f"{what} is {shown!r}, and" if what else f"{shown!r}:"
    if "\0" in str(given):
        raise ConfigError(f"{said} no path has a NUL", fix="write the path of a file or folder")
    encoded = str(given).encode("utf-8", "surrogatepass")
    if len(encoded) > _LONGEST or any(len(part) > _LONGEST_NAME for part in encoded.split(b"/")):
        raise ConfigError(
            f"{said} no file system has so long a name", fix="write the path of a file or folder"
        )
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        first = Path(given).parts[0]
        raise ConfigError(
            f"{said} there is no home folder {first!r}",
            why="HOME is not set" if first == "~" else f"no user is called {first[1:]!r} here",
            fix=f"write the path in full, or ./{first}/… for a folder whose name begins with ~",
        ) from error
