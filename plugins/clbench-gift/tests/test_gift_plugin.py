"""What the plugin declares, and that declaring it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

from clbench.specs import load_reference
from clbench_gift import plugin


def test_references_lead_somewhere_and_tuned_values_are_valid():
    (spec,) = plugin.clbench_methods()
    settings = load_reference(spec.settings)
    method = load_reference(spec.factory)
    for values in ({}, *spec.tuned.values()):
        method.check(settings(**values))
    assert set(spec.requires) == {"generator", "class_pool"}


def test_sd15_is_described_without_being_fetched():
    (spec,) = plugin.clbench_generators()
    generator = load_reference(spec.factory)("cpu")
    assert (generator.name, generator.steps, generator.guidance, generator.dtype) == (
        "sd15",
        50,
        7.5,
        "float32",
    )
    assert load_reference(spec.factory)("cuda").dtype == "float16"


def test_listing_loads_no_torch():
    code = "import sys, clbench_gift.plugin as p; p.clbench_methods(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
