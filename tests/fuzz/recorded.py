"""Records, predictions, archives and indexes: damaged, forged, or of another shape."""

from __future__ import annotations

import io
import json
import math
import os
import shutil
import zipfile
from pathlib import Path
from random import Random
from typing import Any

from tests.fuzz.drawing import TEXTS, changed_bytes, changed_document, value
from tests.fuzz.judging import Case
from tests.fuzz.matrices import DEFINITIONS
from tests.fuzz.place import RUNS, Place


def _run(place: Place, name: str = "run") -> Path:
    """A run of the input's own, without copying what is not changed."""
    folder = place.here / name
    folder.mkdir()
    os.link(place.runs / RUNS[0] / "predictions.npz", folder / "predictions.npz")
    return folder


def record(random: Random, place: Place) -> Case:
    """A record that says something else; what is shown must be what its matrix gives."""
    folder = _run(place)
    document = place.document()
    if random.random() < 0.85:
        document = changed_document(random, document)
        content = json.dumps(document, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    else:
        content = changed_bytes(random, json.dumps(document, indent=1).encode())
        document = None
    (folder / "record.json").write_bytes(content)
    words = random.choice(
        (
            ["leaderboard", "run", "-f", "json"],
            ["leaderboard", "run", "-f", "json"],
            ["leaderboard", "run", "-f", random.choice(("text", "md", "csv", "latex", "html"))],
            ["leaderboard", "run", "-l", random.choice(("per-task", "across-orders"))],
            ["show", "run", "run"],
            ["rescore", "run"],
            ["rescore", "run", "--json", "--matrix"],
            ["claims", "run"],
            ["compare", "gift", "zscl", "--runs", "run", "--runs", str(place.runs / RUNS[1])],
            ["submit", "run", "--out", "sent"],
        )
    )
    wrong = _figures(folder) if words[-1] == "json" else lambda _: None
    return Case(words, wrong=wrong, note=f"with {_difference(place.document(), document)}"[:1500])


def _figures(folder: Path) -> Any:
    def wrong(output: str) -> str | None:
        for row in json.loads(output):  # a record that cannot be read gives none
            if row["kind"] == "reference" or row["status"] != "finished":
                continue
            document = json.loads((folder / "record.json").read_bytes())
            matrix = document["matrices"][row["label_space"]]
            for name in ("transfer", "average", "last"):
                expected = DEFINITIONS[name](matrix)
                if row[name] is None or not math.isclose(row[name], expected, rel_tol=1e-9):
                    return f"{name} is shown as {row[name]}, the record's matrix gives {expected}"
        return None

    return wrong


def _difference(before: Any, after: Any, path: str = "") -> str:
    if type(before) is type(after) and isinstance(before, dict):
        keys = [key for key in {*before, *after} if before.get(key, "·") != after.get(key, "·")]
        return "; ".join(
            _difference(before.get(key, "·"), after.get(key, "·"), f"{path}.{key}") for key in keys
        )
    return f"{path} = {after!r}"[:400]


def predictions(random: Random, place: Place) -> Case:
    """Predictions with other bytes."""
    folder = _run(place)
    file = folder / "predictions.npz"
    content = changed_bytes(random, file.read_bytes())
    file.unlink()
    file.write_bytes(content)
    shutil.copyfile(place.runs / RUNS[0] / "record.json", folder / "record.json")
    words = random.choice((["rescore", "run"], ["submit", "run", "--out", "sent"], ["compare", "run", "run"]))
    same = content == (place.runs / RUNS[0] / "predictions.npz").read_bytes()
    damaged = "damaged predictions are taken for whole"
    checked = words[0] in ("rescore", "submit") and not same
    return Case(words, wrong=lambda _: damaged if checked else None, note=f"{len(content):,} bytes")


def archive(random: Random, place: Place) -> Case:
    """A submission with other bytes, or packed anew with other members."""
    good = next(place.archives.glob("gift-*.zip"))
    kind = random.randrange(3)
    content = changed_bytes(random, good.read_bytes()) if kind == 0 else _repacked(random, good)
    file = place.here / random.choice(("x.clbench.zip", "é.clbench.zip", good.name))
    file.write_bytes(content)
    words = random.choice(
        (
            ["verify", file.name, "--no-data"],
            ["verify", file.name, "--no-data", "--format", random.choice(("json", "md"))],
            ["admit", file.name, "--into", "into", "--no-tables"],
            ["push", file.name, "there"],
            ["leaderboard", "."],
        )
    )
    return Case(words, note=f"{len(content):,} bytes")


def _repacked(random: Random, good: Path) -> bytes:
    with zipfile.ZipFile(good) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    for _ in range(random.choice((1, 1, 2))):
        name = random.choice(list(members))
        choice = random.randrange(5)
        if choice == 0:
            del members[name]
        elif choice == 1:
            members[random.choice(("../x", "/etc/x", "a/b", "CON", *TEXTS)).replace("\0", "") or "x"] = (
                members.pop(name)
            )
        elif choice == 2 and name.endswith(".json"):
            try:
                document = changed_document(random, json.loads(members[name]))
                members[name] = json.dumps(document).encode("utf-8", "surrogatepass")
            except ValueError:
                members[name] = b""
        elif choice == 3:
            members[random.choice(("more", "README.md", "record.json.bak"))] = bytes(50)
        else:
            members[name] = changed_bytes(random, members[name])
        if not members:
            break
    packed = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED))
    with zipfile.ZipFile(packed, "w", method) as out:
        for name, content in members.items():
            out.writestr(name.encode("utf-8", "replace").decode(), content)
    return packed.getvalue()


def index(random: Random, place: Place) -> Case:
    """A place that was published to, with another index or other files in it."""
    folder = place.here / "there"
    folder.mkdir()
    for each in place.archives.iterdir():
        os.link(each, folder / each.name)
    if random.random() < 0.8:
        document = {
            "schema_version": 1,
            "submissions": [{"file": each.name, "sha256": "0" * 64} for each in sorted(folder.iterdir())],
        }
        document = changed_document(random, document) if random.random() < 0.8 else value(random)
        content = json.dumps(document).encode("utf-8", "surrogatepass")
        (folder / "index.json").write_bytes(
            changed_bytes(random, content) if random.random() < 0.3 else content
        )
    if random.random() < 0.3:
        (folder / random.choice(("x.clbench.zip", "README.md", ".hidden", "index.jsonl"))).write_bytes(
            random.randbytes(40)
        )
    words = random.choice(
        (["verify", "there", "--no-data"], ["push", str(min(place.archives.iterdir())), "there"])
    )
    return Case(words)
