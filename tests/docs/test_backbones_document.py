"""Which methods docs/backbones.md says run on a ResNet or SigLIP, and which are refused."""

from __future__ import annotations

import re
from pathlib import Path

from clbench.plugins import get_registry
from clbench.specs import load_reference

TEXT = (Path(__file__).parents[2] / "docs" / "backbones.md").read_text()


def test_methods_that_run_and_that_are_refused():
    refused, run = set(), set()
    for name, found in get_registry().methods.items():
        defaults = load_reference(found.spec.settings)().model_dump()
        missing = any(
            need.part in ("vision-transformer", "class-token") and need.arises(defaults)
            for need in found.spec.parts
        )
        (refused if missing else run).add(name)
    for title, wanted in (("these run", run), ("these are refused", refused)):
        (listed,) = re.findall(rf"\* {title}[^:]*:\s*([\w\s,-]+?)[;.]", TEXT)
        assert {name.strip() for name in listed.split(",")} == wanted
