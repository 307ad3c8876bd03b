"""The laws of plugins: installed packages, modules, and how each mistake shows."""

import importlib
import subprocess
import sys
import textwrap

import pytest
from clbench import PluginError
from clbench.testing import ConformanceError, check_plugin, plugin_laws
from clbench.testing.laws import PLUGIN_LAWS

GOOD = """
    from clbench import MethodSpec, hookimpl

    def spec(**changes):
        values = dict(name="m", title="M", summary="s", factory="NAME.code:M", settings="NAME.settings:S")
        return MethodSpec(**(values | changes))

    @hookimpl
    def clbench_methods():
        return [spec()]
"""
CLAIMING = "spec(claims='NAME:claims.toml')"
CLAIMS = """
    [[others]]
    method = 'm'
    row = 'M'
    quantity = 'captions, CIDEr'
    value = 100.0
    table = 'Table 1'
    source = 'a paper'
    kind = 'own'
    incomparable = 'another task'

    [[presets]]
    name = 'fast'
    method = 'm'
    stream = 'mtil'
    orders = ['I']
    protocol = 'zscl'
    shots = 'full'
    origin = 'rerun'
    source = 'run.sh'
    settings = {}
"""
EMPTY = """
    @hookimpl
    def clbench_streams():
        return []
"""


@pytest.fixture
def package(tmp_path, monkeypatch, request):
    """Write a package with a plugin; with ``requires`` also the metadata of an installed distribution."""
    name = f"plugin_{abs(hash(request.node.nodeid))}"
    monkeypatch.syspath_prepend(tmp_path)

    def write(plugin=GOOD, *, settings="import clbench", requires=None, claims=None, entry_point=True):
        folder = tmp_path / name
        folder.mkdir()
        settings += "\nclass S(clbench.Settings): pass\n"
        files = {
            "__init__": "",
            "plugin": textwrap.dedent(plugin).replace("NAME", name),
            "settings": settings,
            "code": "import clbench\nclass M(clbench.FineTuning): pass\n",
        }
        for file, text in files.items():
            (folder / f"{file}.py").write_text(text)
        if claims is not None:
            (folder / "claims.toml").write_text(textwrap.dedent(claims))
        if requires is None:
            return f"{name}.plugin"
        info = tmp_path / f"{name}-1.0.dist-info"
        info.mkdir()
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n"
        (info / "METADATA").write_text(metadata + "".join(f"Requires-Dist: {r}\n" for r in requires))
        if entry_point:
            (info / "entry_points.txt").write_text(f"[clbench]\nx = {name}.plugin\n")
        importlib.invalidate_caches()
        return name

    yield write
    for module in [module for module in sys.modules if module.split(".")[0] == name]:
        del sys.modules[module]


def test_a_sound_distribution_keeps_all_laws(package):
    requires = ["clbench>=0.1 ; python_version > '3'", "numpy"]
    results = check_plugin(package(GOOD.replace("spec()", CLAIMING), requires=requires, claims=CLAIMS))
    assert [result.law for result in results] == [law.name for law in PLUGIN_LAWS]
    assert {result.status for result in results} == {"passed"}


def test_a_module_needs_no_distribution():
    results = {result.law: result for result in check_plugin("clbench.testing.tiny_plugin")}
    assert results["requires_clbench"].status == "skipped"
    assert results["settings_are_light"].reason == "it has no methods"
    assert results["references_exist"].status == "passed"


@pytest.mark.parametrize(
    ("changes", "law", "reason"),
    [
        ({"plugin": "import nowhere"}, "plugin_loads", "nowhere"),
        ({"plugin": GOOD.replace("clbench_methods", "clbench_method")}, "plugin_loads", "clbench_methods"),
        ({"plugin": GOOD.replace("spec()", "spec(title='')")}, "plugin_loads", "title is empty"),
        ({"requires": ["numpy"]}, "requires_clbench", "do not name clbench"),
        ({"plugin": "    import matplotlib\n" + GOOD}, "plugin_is_light", "matplotlib"),
        ({"plugin": GOOD.replace("return [", "import pandas; return [")}, "plugin_is_light", "pandas"),
        ({"settings": "import matplotlib, clbench"}, "settings_are_light", "matplotlib"),
        ({"plugin": GOOD.replace("code:M", "code:N")}, "references_exist", "code:N of 'm'"),
        (
            {"plugin": GOOD.replace("spec()", CLAIMING), "claims": "3"},
            "claims_can_be_read",
            "TOMLDecodeError",
        ),
        (
            {"plugin": GOOD.replace("spec()", CLAIMING), "claims": CLAIMS.replace("'m'", "'n'")},
            "claims_can_be_read",
            "has claims of n",
        ),
        (
            {"plugin": GOOD.replace("spec()", CLAIMING), "claims": CLAIMS.replace("{}", "{ rate = 1 }")},
            "presets_fit_their_methods",
            "unknown setting of m 'rate'",
        ),
        ({"plugin": GOOD + EMPTY}, "it_gives_something", "clbench_streams"),
    ],
    ids=lambda value: value if isinstance(value, str) and "_" in value and " " not in value else "",
)
def test_each_mistake_breaks_exactly_one_law(package, changes, law, reason):
    name = package(**{"requires": ["clbench"], **changes})
    with pytest.raises(ConformanceError, match=rf"(?s)breaks 1 law of.*{law}.*{reason}"):
        check_plugin(name)


def test_every_law_has_a_plugin_that_breaks_it():
    (mark,) = test_each_mistake_breaks_exactly_one_law.pytestmark
    assert {law for _, law, _ in mark.args[1]} == {law.name for law in PLUGIN_LAWS}


def test_what_is_no_plugin_is_named(package):
    with pytest.raises(PluginError, match=r"(?s)'clbench-nothing' is neither.*pip install -e"):
        check_plugin("clbench-nothing")
    with pytest.raises(PluginError, match=r"(?s)no entry point of group 'clbench'.*entry-points.clbench"):
        check_plugin(package(requires=["clbench"], entry_point=False))


def test_as_pytest_tests(package):
    test = plugin_laws(package(requires=["numpy"]), expected_failures={"requires_clbench": "vendored"})
    (mark,) = test.pytestmark
    assert [case.id for case in mark.args[1]] == [law.name for law in PLUGIN_LAWS]
    test(0, "plugin_loads")
    with pytest.raises(pytest.xfail.Exception, match="vendored"):
        test(0, "requires_clbench")


def test_pytest_loads_nothing_heavy_through_our_entry_point():
    heavy = ("torch", "datasets", "numpy", "pydantic")
    code = f"import sys, clbench.testing.pytest_plugin; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
