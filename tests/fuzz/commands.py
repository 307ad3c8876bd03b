"""Command lines, drawn from the commands' own parameters."""

from __future__ import annotations

from random import Random

import click
from clbench.cli import main

from tests.fuzz.drawing import TEXTS, as_argument, word
from tests.fuzz.judging import Case
from tests.fuzz.place import Place

# What is likely to be right, by parameter; other parameters get anything.
LIKELY = {
    "methods": ("zscl", "diki", "zscl,gift", "zero-shot", "finetune"),
    "stream": ("mini", "mini-task-free", "mtil"),
    "backbone": ("mini-clip", "ViT-B-16:w.pt"),
    "order": ("I", "II", "random-3"),
    "orders": ("I",),
    "streams": ("mini",),
    "seeds": ("0", "0,1,2"),
    "set_": ("zscl.lr=1e-4", "zscl.l2=0", "diki.inference=per_sample", "zscl.x=[1, 2]"),
    "device": ("cpu", "auto", "cuda:7", "mps"),
    "generator": ("mini-diffusion",),
    "precision": ("fp32", "bf16"),
    "label_space": ("task", "seen", "union"),
    "eval_batch": ("1", "256"),
    "batches": ("natural", "mixed,single"),
    "jobs": ("1", "auto"),
    "metrics": ("transfer,average,last", "forgetting"),
    "columns": ("method,seeds,metrics", "all"),
    "format_": ("text", "md", "csv", "latex", "html", "json"),
    "formats": ("png",),
    "kinds": ("matrix", "scatter"),
    "layout": ("summary", "per-task", "across-orders"),
    "sort": ("average", "method"),
    "group_by": ("stream", "order,backbone"),
    "kind": ("methods", "streams", "method", "run", "metrics"),
    "name": ("zscl", "mini", "average"),
    "tolerance": ("0.5",),
    "output": ("file.out", "new/file.md"),
    "out": ("folder", "new/folder"),
    "into": ("folder",),
    "base_url": ("https://example.org/x",),
    "title": ("A title",),
    "target": ("folder",),
}
OURS = [
    "run",
    "leaderboard",
    "compare",
    "plot",
    "report",
    "site",
    "claims",
    "rescore",
    "submit",
    "verify",
    "admit",
    "push",
    "list",
    "show",
    "stream",
    "plugins",
    "status",
]
PLACES = {"paths", "runs", "run", "files", "leaderboards", "a", "b", "published"}
SLOW = {"site": 0.05, "report": 0.2, "plot": 0.2}  # drawing figures takes seconds


def command_line(random: Random, place: Place) -> Case:
    """A command with some of its parameters, perhaps with words that nobody expects."""
    known = [name for name in OURS if name in main.commands]
    name = random.choice(known)
    if random.random() > SLOW.get(name, 1.0):
        name = "leaderboard"
    command = main.commands[name]
    words = [name]
    while isinstance(command, click.Group):
        # What writes to the records it is given cannot be given those that are kept.
        name = random.choice([name for name in command.commands if name != "groups"])
        command = command.commands[name]
        words.append(name)
    for parameter in command.params:
        words += _words(random, place, parameter, words[0])
    if words[0] == "run":
        words.append("--dry-run")
    if words[0] == "verify" and random.random() < 0.9:
        words.append("--no-data")
    if random.random() < 0.05:
        words.insert(random.randint(0, len(words)), random.choice(TEXTS))
    return Case([as_argument(each) for each in words])


def _words(random: Random, place: Place, parameter: click.Parameter, command: str) -> list[str]:
    name = parameter.name or ""
    if name in ("weights", "help", "push", "target") and command != "push":
        return []
    if isinstance(parameter, click.Argument):
        count = random.choice((0, 1, 1, 1, 2)) if parameter.nargs == -1 else int(random.random() < 0.95)
        return [_value(random, place, name) for _ in range(count)]
    if random.random() > 0.25:
        return []
    option = random.choice([*parameter.opts, *parameter.secondary_opts])
    if getattr(parameter, "is_flag", False):
        return [option]
    given = _value(random, place, name)
    return [f"{option}={given}"] if option.startswith("--") and random.random() < 0.5 else [option, given]


def _value(random: Random, place: Place, name: str) -> str:
    if name in PLACES and random.random() < 0.8:
        return str(
            random.choice((place.runs, place.archives, place.runs / "gift-seed0", place.archives / "none"))
        )
    return word(random, *LIKELY.get(name, ()))
