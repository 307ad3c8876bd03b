"""What the plugin contributes, and that listing it loads nothing heavy."""

from __future__ import annotations

import subprocess
import sys

from clbench.specs import load_reference
from clbench_mini import plugin


def test_listing_imports_neither_torch_nor_datasets():
    code = (
        "import sys; from clbench_mini import plugin; plugin.clbench_streams(); plugin.clbench_backbones();"
        "plugin.clbench_datasets(); plugin.clbench_generators();"
        "print([m for m in ('torch', 'datasets', 'open_clip', 'diffusers') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_factory_can_be_imported():
    specs = [
        *plugin.clbench_streams(),
        *plugin.clbench_datasets(),
        *plugin.clbench_backbones(),
        *plugin.clbench_generators(),
    ]
    assert all(callable(load_reference(spec.factory)) for spec in specs)


def test_what_the_stream_names_is_contributed():
    (stream,) = plugin.clbench_streams()
    assert {stream.reference, stream.class_pool} == {spec.name for spec in plugin.clbench_datasets()}
    assert stream.default_backbone in {spec.name for spec in plugin.clbench_backbones()}
    assert stream.generator in {spec.name for spec in plugin.clbench_generators()}
    assert stream.default_order in stream.orders


def test_the_stream_has_the_tasks_that_its_listing_shows():
    from clbench_mini.stream import mini

    (spec,) = plugin.clbench_streams()
    shown = [(t.key, t.title, t.classes, t.train, t.test, t.groups) for t in spec.tasks]
    stream = mini()
    found = [
        (t.key, t.title, len(t.classes), len(t.train), len(t.test), t.test.group_count) for t in stream.tasks
    ]
    assert found == shown
