"""Configuration files, settings, values, streams' files and the files beside them."""

from __future__ import annotations

import csv
import io
import json
import math
from random import Random
from typing import Any

import yaml
from clbench.config import Options, as_typed, parse_value, read_file
from clbench.streams.sidefiles import read_captions, read_names

from tests.fuzz.drawing import TEXTS, as_argument, changed_bytes, changed_document, changed_text, value, word
from tests.fuzz.judging import Case
from tests.fuzz.place import Place

GOOD = {
    "methods": ["zscl", "diki"],
    "stream": "mini",
    "backbone": "mini-clip",
    "order": "I",
    "seeds": [0, 1],
    "device": "cpu",
    "precision": "fp32",
    "label_space": "task",
    "label_spaces": ["task", "union"],
    "eval_batch": 64,
    "batches": "natural",
    "out": "runs",
    "set": {"zscl": {"lr": 1e-5, "iterations": 10, "warmup": 2}, "diki.inference": "per_sample"},
}
ODD_YAML = (
    "!!float z",
    "!!int 0x1",
    "!!binary x",
    "!!python/name:os.system",
    "&a [*a]",
    "[" * 400,
    "{a: " * 400,
    "? [a]\n: b",
    "<<: *x",
    "<<: {a: 1}",
    "%YAML 1.1\n---\na: 1",
    "- - - x",
    "'",
    '"\\ud800"',
    '"\\0"',
    "\t",
    "a: b: c",
    "|",
    ">-\n x",
    "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]",
    "...",
    "---\n---",
    "!",
    "@",
    "=",
    "12:30:45",
    "2026-11-29",
    "1_000",
    "~",
)
NUMBERED = {
    "lr": "float",
    "iterations": "int",
    "warmup": "int",
    "batch_size": "int",
    "label_smoothing": "float",
    "l2": "float",
}


def _written(random: Random, document: Any) -> bytes:
    try:
        text = yaml.safe_dump(document, allow_unicode=random.random() < 0.5, sort_keys=False)
    except yaml.YAMLError:
        text = json.dumps(document)
    if random.random() < 0.3:
        text = changed_text(random, text)
    if random.random() < 0.15:
        lines = text.splitlines() or [""]
        at = random.randrange(len(lines))
        lines[at] = lines[at].partition(":")[0] + ": " + random.choice(ODD_YAML)
        text = "\n".join(lines)
    content = text.encode("utf-8", "surrogatepass")
    return changed_bytes(random, content) if random.random() < 0.15 else content


def configuration(random: Random, place: Place) -> Case:
    """A configuration file."""
    file = place.here / "c.yaml"
    document = changed_document(random, GOOD) if random.random() < 0.85 else value(random)
    content = _written(random, document)
    file.write_bytes(content)
    if random.random() < 0.6:  # resolved by the command, which is slower
        return Case(["run", "--config", "c.yaml", "--dry-run"], note=f"with {content!r}"[:3000])
    return Case(call=lambda: _read(file), note=f"{content!r}"[:3000])


def _read(file: Any) -> Options:
    options = read_file(file)
    for problem in options.problems:
        assert str(problem).strip(), "a problem without words"
        assert len(str(problem)) < 20_000, "a problem without end"
    return options


def settings(random: Random, place: Place) -> Case:
    """Settings on the command line; those that are taken must be in the plan as they were typed."""
    words, expected = ["run", "--methods", "zscl", "--device", "cpu", "--dry-run"], {}
    for _ in range(random.choice((1, 1, 2, 3))):
        name = random.choice(list(NUMBERED))
        if random.random() < 0.5:
            number: Any = random.choice(
                (random.randint(-3, 2000), random.uniform(-1, 3), 10 ** random.uniform(-9, 3))
            )
            text = repr(number)
            expected[name] = number
        else:
            text = word(random, "1e-5", "1E3", "10", "0.5", "null", "true", "1.", ".5", "+3", "1e3")
            expected.pop(name, None)
            expected[name] = None
        words += ["--set", f"zscl.{name}={text}"]
    if random.random() < 0.2:
        words += [
            "--set",
            word(random, "zscl.lr=1", "zscl=3", "lr=3", "zscl.=3", ".lr=3", "zscl.lr", "zscl.lr==3"),
        ]

    def wrong(output: str) -> str | None:
        shown = dict(part.partition("=")[::2] for part in output.split() if "=" in part)
        for name, number in expected.items():
            if number is None:
                continue
            said = shown.get(name, "").rstrip("*†")
            if not said or not math.isclose(float(said), number, rel_tol=1e-12):
                return f"zscl.{name}={number!r} is shown as {said!r}"
        return None

    twice = len(words[6::2]) != len({each.partition("=")[0] for each in words[7::2]})
    return Case([as_argument(each) for each in words], wrong=(lambda _: None) if twice else wrong)


def typed_value(random: Random, _: Place) -> Case:
    """A value as it is typed, and back; and texts that are no values."""
    if random.random() < 0.5:
        given = changed_document(random, {"a": [1, 0.5, "x", None, True], "b": {"c": "1e5"}})
        return Case(call=lambda: _there_and_back(given), note=f"{given!r}"[:2000])
    text = random.choice(ODD_YAML) if random.random() < 0.3 else random.choice(TEXTS)
    text = changed_text(random, text + random.choice(("", ": ", "\n", ", ")) + random.choice(TEXTS))
    return Case(call=lambda: parse_value(text), note=f"{text!r}"[:2000])


def _there_and_back(given: Any) -> Any:
    text = json.dumps(given)
    sound = "NaN" not in text and "Infinity" not in text and "\\ud800" not in text and "\\udcff" not in text
    read = parse_value(as_typed(given))
    assert not sound or read == given, f"{given!r} is read as {read!r}"
    return read


def stream_file(random: Random, place: Place) -> Case:
    """The description of a stream."""
    good = place.stream()
    good |= random.choice(
        ({}, {"orders": {"I": ["a", "b"], "II": ["b", "a"]}}, {"title": "T", "label_space": "union"})
    )
    good["tasks"][0]["classes"] = {"p_a": "a pea", "q_a": "a queue"}
    content = _written(random, changed_document(random, good))
    (place.here / "s.yaml").write_bytes(content)
    words = ["stream", "check", "s.yaml"]
    if random.random() < 0.3:
        words = ["run", "--stream", "s.yaml", "--methods", "zero-shot", "--device", "cpu", "--dry-run"]
    return Case(words, note=f"with {content!r}"[:3000])


def side_files(random: Random, place: Place) -> Case:
    """Tables of captions, and lists of names."""
    rows = [{"file_name": f"p_a/{n}.png", "text": random.choice(("a pea", *TEXTS))} for n in (0, 1)]
    suffix = random.choice((".csv", ".tsv", ".jsonl", ".txt"))
    if suffix == ".jsonl":
        text = "\n".join(
            json.dumps(changed_document(random, row) if random.random() < 0.3 else row) for row in rows
        )
    elif suffix == ".txt":
        text = "\n".join(random.choice(TEXTS) for _ in range(4))
    else:
        table = io.StringIO()
        writer = csv.DictWriter(table, ["file_name", "text"], delimiter="," if suffix == ".csv" else "\t")
        writer.writeheader()
        writer.writerows(rows)
        text = table.getvalue()
    content = text.encode("utf-8", "surrogatepass")
    if random.random() < 0.6:
        content = changed_bytes(random, content)
    file = place.here / f"side{suffix}"
    file.write_bytes(content)
    images = place.images / "a" / "train"

    def call() -> object:
        return read_names(file) if suffix == ".txt" else read_captions(file, images)

    return Case(call=call, note=f"{suffix} {content!r}"[:2000])


def names(random: Random, place: Place) -> Case:
    """Names of classes, tasks and streams, in folders and files."""
    name = random.choice(TEXTS).replace("\0", "").replace("/", "-")
    good = place.stream()
    folder = name.encode("utf-8", "surrogateescape" if "\udcff" in name else "surrogatepass")
    if 0 < len(folder) < 250 and folder not in (b".", b".."):
        for split in ("train", "test"):
            home = place.here / "own" / split
            for each in (folder, b"other"):
                path = bytes(home) + b"/" + each
                import os

                os.makedirs(path, exist_ok=True)  # noqa: PTH103
                (source,) = list((place.images / "a" / split / "p_a").glob("0.png"))
                with open(path + b"/0.png", "wb") as file:  # noqa: PTH123
                    file.write(source.read_bytes())
        good["tasks"][0] |= {"train": "own/train", "test": "own/test"}
    where = random.choice(("name", "key", "class", "order", "title"))
    if where in ("name", "title"):
        good[where] = name
    elif where == "key":
        good["tasks"][0]["key"] = name
    elif where == "class":
        good["tasks"][0]["classes"] = {name: random.choice(TEXTS) or "x"}
    else:
        good["orders"] = {name: ["a", "b"]}
    content = _written(random, good)
    (place.here / "s.yaml").write_bytes(content)
    return Case(["stream", "check", "s.yaml"], note=f"class folder {folder!r}, {content!r}"[:2000])
