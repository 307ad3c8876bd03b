"""Names that are loaded on first use."""

import importlib
import subprocess
import sys

import pytest
from clbench.lazy import lazy_names

PACKAGES = ["clbench", "clbench.methods", "clbench.models", "clbench.testing"]


@pytest.mark.parametrize("name", PACKAGES)
def test_every_public_name_is_there_and_no_other(name):
    package = importlib.import_module(name)
    for public in package.__all__:
        assert getattr(package, public) is getattr(package, public)
    assert dir(package) == list(package.__all__)
    with pytest.raises(AttributeError, match=rf"module '{name}' has no attribute 'nonsense'"):
        package.nonsense  # noqa: B018 (the access is what is tested)


def test_importing_a_package_loads_none_of_its_names():
    code = (
        f"import sys, {', '.join(PACKAGES)}; print('torch' in sys.modules, 'clbench.errors' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_a_name_of_its_modules_own_is_the_module(monkeypatch):
    import json

    getattribute, _ = lazy_names("json", {".decoder": ("decoder", "JSONDecodeError"), ".tool": ("tool",)})
    assert getattribute("decoder") is json.decoder
    assert getattribute("JSONDecodeError") is json.decoder.JSONDecodeError
    monkeypatch.delattr(json, "tool", raising=False)
    assert getattribute("tool") is sys.modules["json.tool"]
    assert json.tool is sys.modules["json.tool"]  # kept, so that the next access asks nobody
