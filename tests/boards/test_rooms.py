"""The rooms of boards stand on one another without a circle, and none is crowded."""

import ast
from collections import defaultdict
from graphlib import TopologicalSorter
from pathlib import Path

import clbench.boards

HOME = Path(clbench.boards.__file__).parent


def imports(path):
    """Names of the modules of boards that a file imports, at its head or later."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("clbench.boards."):
            yield node.module.removeprefix("clbench.boards.")


def test_no_room_needs_one_that_needs_it():
    needed = defaultdict(set)
    for path in HOME.rglob("*.py"):
        parts = path.relative_to(HOME).with_suffix("").parts
        for name in imports(path):
            other = name.split(".")[0]
            if (len(parts) > 1 and other != parts[0]) or (len(parts) == 1 and parts[0] != "__init__"):
                needed[parts[0]].add(other)
    order = list(TopologicalSorter(needed).static_order())  # raises CycleError
    assert order.index("formats") < order.index("tables") < order.index("layouts")


def test_no_module_needs_one_that_needs_it():
    needed = {}
    for path in HOME.rglob("*.py"):
        name = ".".join(path.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")
        needed[name] = set(imports(path))
    list(TopologicalSorter(needed).static_order())
