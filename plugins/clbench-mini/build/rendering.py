"""Render the icons of an Iconify set in child processes that may die."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

RENDERER = Path(__file__).with_name("render.mjs")


def rendered(
    set_path: Path, names: Sequence[str], size: int, node_dir: Path
) -> Iterator[tuple[str, np.ndarray]]:
    """Yield name and RGBA, uint8 (size, size, 4), alpha premultiplied, as the renderer gives it.

    The renderer aborts its process on some icons; the one it died on is skipped, a new process goes on.
    """
    record = 4 + size * size * 4
    with tempfile.NamedTemporaryFile("w", suffix=".json") as names_file:
        json.dump(list(names), names_file)
        names_file.flush()
        first = 0
        while first < len(names):
            command = ["node", str(RENDERER), str(set_path.resolve()), names_file.name, str(size), str(first)]
            with (
                tempfile.TemporaryFile("w+") as said,
                subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, cwd=node_dir) as child,
            ):
                assert child.stdout is not None
                while len(chunk := child.stdout.read(record)) == record:
                    index = int.from_bytes(chunk[:4], "little")
                    yield names[index], np.frombuffer(chunk, np.uint8, offset=4).reshape(size, size, 4)
                    first = index + 1
                child.wait()
                if child.returncode > 0:  # no abort: Node or the renderer is missing, say
                    said.seek(0)
                    raise SystemExit(f"{' '.join(command)} failed in {node_dir}:\n{said.read()}")
            if child.returncode == 0:
                return
            first += 1  # the icon that killed it
