"""Plugins as they are installed: distributions with entry points, good and bad, in a temporary folder."""

from __future__ import annotations

import logging
import sys
import textwrap
from pathlib import Path

import pytest
from clbench.errors import PluginError, UnknownNameError
from clbench.events import Progress, RowRecorded
from clbench.installing import how_to_install
from clbench.plugins import KINDS, Registry, get_registry
from clbench.plugins.catalogue import CATALOGUE
from clbench.plugins.checks import HOOKS
from clbench.plugins.loading import installed_entry_points, load_plugin

METHOD = """
    from clbench import MethodSpec, hookimpl

    def method(name, **more):
        return MethodSpec(name=name, title=name, summary="a method", factory="{module}:M",
                          settings="{module}:S", **more)
"""

EVENT = RowRecorded(
    run_id="k",
    method="m",
    stream="s",
    order="I",
    backbone="b",
    seed=0,
    tasks=("a", "b"),
    path=Path("runs"),
    index=0,
    row=(1.0, 2.0),
    seconds=0.1,
)


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Return a function that writes a distribution with one entry point; it is found through sys.path."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def write(distribution: str, source: str, *, version: str = "1.2", point: str | None = None) -> None:
        module = distribution.replace("-", "_") + "_plugin"
        text = textwrap.dedent(METHOD.replace("{module}", module)) + textwrap.dedent(source)
        (tmp_path / f"{module}.py").write_text(text)
        info = tmp_path / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[clbench]\n{point or distribution} = {module}\n")

    yield write
    for name in set(sys.modules) - before:
        if name.endswith("_plugin"):
            del sys.modules[name]


def load(prefix: str = "acme", disabled: tuple[str, ...] = ()) -> Registry:
    """A registry of the distributions written by the test, without those of the work tree."""
    points = [p for p in installed_entry_points() if p.dist is not None and p.dist.name.startswith(prefix)]
    return Registry([load_plugin(point, disabled) for point in points])


GOOD = """
    @hookimpl
    def clbench_methods():
        return [method("good")]
"""


def test_contribution_names_its_distribution(install):
    install("acme-good", GOOD, version="3.1")
    found = load().find("method", "good")
    assert (found.spec.name, found.distribution, found.version) == ("good", "acme-good", "3.1")
    assert load().find("methods", "good").spec == found.spec
    (report,) = load().reports
    assert report.status == "ok"
    assert report.hooks == ("clbench_methods",)
    assert report.contributions == {"method": ("good",)}


@pytest.mark.parametrize(
    ("source", "cause"),
    [
        (
            "import a_module_that_is_nowhere",
            "ModuleNotFoundError: No module named 'a_module_that_is_nowhere'",
        ),
        ("import sys; sys.exit(3)", "SystemExit: 3"),
        ("def broken(:", "SyntaxError"),
        ("@hookimpl\ndef clbench_method(): return []", "did you mean clbench_methods"),
        ("@hookimpl\ndef my_hook(): return []", "my_hook, which is no hook"),
        ("def clbench_methods(): return []", "not marked as a hook"),
        ("x = 1", "implements no hook"),
        ("@hookimpl\ndef clbench_methods(stream): return []", "stream"),
        ("@hookimpl\ndef clbench_methods(): 1 / 0", "ZeroDivisionError"),
        ("@hookimpl\ndef clbench_methods(): return None", "returned None"),
        ("@hookimpl\ndef clbench_methods(): return method('x')", "type MethodSpec"),
        ("@hookimpl\ndef clbench_methods(): return ['x']", "type str"),
        ("@hookimpl\ndef clbench_streams(): return [method('x')]", "type MethodSpec"),
        (
            "@hookimpl\ndef clbench_methods():\n    yield method('x')\n    raise OSError('disk')",
            "OSError: disk",
        ),
        ("@hookimpl\ndef clbench_methods(): return [method('a'), method('a')]", "'a' twice"),
        ("@hookimpl\ndef clbench_methods(): return [method('a,b')]", "a name is letters"),
        ("@hookimpl\ndef clbench_methods(): return [method('a', requires=('gpu',))]", "requires"),
        ("@hookimpl\ndef clbench_methods(): return [method('a', optional=('gpu',))]", "optional"),
        ("@hookimpl\ndef clbench_methods(): return [method('a', protocol='online')]", "protocol"),
        ("@hookimpl\ndef clbench_methods(): return [method('a', tuned={'mini': 3})]", "tuned"),
    ],
)
def test_broken_plugin_is_reported_and_the_rest_works(install, source, cause):
    install("acme-bad", source, version="0.7")
    install("acme-good", GOOD)
    registry = load()
    bad, good = registry.reports
    assert (bad.name, bad.label, bad.status) == ("acme-bad", "acme-bad 0.7", "broken")
    assert cause in bad.error
    assert good.status == "ok"
    assert list(registry.methods) == ["good"]


def test_place_of_a_failing_import_is_named(install):
    install("acme-bad", "\n\nraise RuntimeError('no')")
    (report,) = load().reports
    assert "acme_bad_plugin.py, line" in report.error
    assert "RuntimeError" in report.traceback


def test_place_is_the_plugins_own_when_python_raises(install):
    install(
        "acme-bad", "from pathlib import Path\n@hookimpl\ndef clbench_methods(): Path('/no/x').read_text()"
    )
    (report,) = load().reports
    assert "acme_bad_plugin.py, line" in report.error
    assert "pathlib.py" not in report.error


def test_broken_plugin_that_was_asked_for_is_an_error_with_the_cause(install):
    install("clbench-foo", "import nowhere_at_all", version="0.7", point="foo")
    with pytest.raises(PluginError) as caught:
        load("clbench-foo").find("method", "foo")
    text = str(caught.value)
    assert "clbench-foo 0.7" in text
    assert "nowhere_at_all" in text
    assert "pip install --upgrade clbench-foo" in text


def test_official_name_of_a_broken_package_is_found_by_the_catalogue(install):
    install("clbench-baselines", "import nowhere_at_all", version="9", point="baselines")
    points = [p for p in installed_entry_points() if p.dist is not None and p.dist.version == "9"]
    registry = Registry([load_plugin(point) for point in points])
    with pytest.raises(PluginError, match="clbench-baselines 9"):
        registry.find("method", "finetune")


def test_name_of_two_distributions_is_nobodys(install):
    install("acme-one", GOOD, version="1")
    install("acme-two", GOOD + "    @hookimpl\n    def clbench_launchers(): return []\n", version="2")
    install("acme-other", GOOD.replace('"good"', '"other"'))
    registry = load()
    with pytest.raises(PluginError) as caught:
        registry.find("method", "good")
    assert "acme-one 1" in str(caught.value)
    assert "acme-two 2" in str(caught.value)
    assert "--disable-plugin acme-two" in str(caught.value)
    assert {r.name: r.status for r in registry.reports} == {
        "acme-one": "broken",
        "acme-other": "ok",
        "acme-two": "broken",
    }
    assert all("acme-one 1 and acme-two 2" in r.error for r in registry.reports if r.status == "broken")
    assert load(disabled=("acme-two",)).find("method", "good").distribution == "acme-one"


@pytest.mark.parametrize("name", ["acme-good", "Acme_Good"])
def test_disabled_plugin_is_not_even_imported(install, name):
    install("acme-good", "raise SystemExit")
    registry = load(disabled=(name,))
    assert registry.reports[0].status == "disabled"
    assert "acme_good_plugin" not in sys.modules


def test_environment_variable_disables(install, monkeypatch):
    install("clbench-bar", GOOD)
    monkeypatch.setenv("CLBENCH_DISABLE_PLUGINS", "bar, nothing")
    registry = get_registry()
    assert registry is get_registry()
    assert "good" not in registry.methods
    with pytest.raises(PluginError, match="is disabled"):
        registry.find("method", "bar")


def test_unknown_name_lists_near_ones_and_the_package():
    with pytest.raises(UnknownNameError) as caught:
        Registry().find("method", "zscl")
    assert how_to_install("clbench-zscl") in str(caught.value)
    with pytest.raises(UnknownNameError) as caught:
        Registry().find("method", "zcsl")
    assert f"if you mean 'zscl': {how_to_install('clbench-zscl')}" in str(caught.value)
    with pytest.raises(ValueError, match="no kind"):
        Registry().find("colour", "red")  # type: ignore[arg-type]


def test_observer_that_raises_is_logged_and_the_others_are_told(install, caplog):
    install("acme-bad", "@hookimpl\ndef clbench_row_recorded(event): raise KeyError('oops')")
    install("acme-good", "seen = []\n@hookimpl\ndef clbench_row_recorded(event): seen.append(event)")
    registry = load()
    with caplog.at_level(logging.WARNING, "clbench.plugins"):
        registry.notify(EVENT)
    assert "acme-bad" in caplog.text
    assert "oops" in caplog.text
    assert sys.modules["acme_good_plugin"].seen == [EVENT]


def test_progress_is_not_passed_to_plugins(install):
    source = "\n".join(
        f"@hookimpl\ndef {hook}(event): raise AssertionError"
        for hook in HOOKS
        if hook.endswith(("started", "learned", "recorded", "finished"))
    )
    install("acme-good", source)
    shared = {name: getattr(EVENT, name) for name in Progress.__dataclass_fields__ if hasattr(EVENT, name)}
    load().notify(Progress(**{**shared, "phase": "learn", "done": 1, "total": 2}))


def test_two_plugins_may_add_one_group_with_commands_of_their_own(install):
    group = "import click\ndoctor = click.Group('doctor')\n"
    hook = "@hookimpl\ndef clbench_commands(app):\n    {}\n    app.add_command(doctor)"
    install("acme-a", group + hook.format("doctor.add_command(click.Command('a'))"))
    own = "doctor.add_command(click.Command('b'))"
    install("acme-b", "import click\nfrom acme_a_plugin import doctor\n" + hook.format(own))
    registry = load()
    assert list(registry.commands()["doctor"].commands) == ["a", "b"]
    assert {report.error for report in registry.reports if report.name.startswith("acme")} == {""}


def test_commands_of_plugins(install, caplog):
    command = "import click\n@hookimpl\ndef clbench_commands(app):\n    app.add_command(click.Command({!r}))"
    install("acme-a", command.format("paint"))
    install("acme-b", command.format("run"))
    install("acme-c", "@hookimpl\ndef clbench_commands(app): raise OSError('no disk')")
    registry = load()
    assert list(registry.commands(["run"])) == ["paint"]
    errors = {report.name: report.error for report in registry.reports}
    assert errors["acme-a"] == ""
    assert "'run' is left out" in errors["acme-b"]
    assert "no disk" in errors["acme-c"]


def test_object_plugins_for_tests():
    class Plugin:
        def clbench_methods(self):
            return []

    with pytest.raises(PluginError, match="not marked"):
        Registry.of(Plugin())


def test_catalogue_names_what_the_plugins_of_this_repository_give():
    root = Path(__file__).parents[2]
    present = {path.parent.name for path in root.glob("plugins/*/pyproject.toml")}
    registry = get_registry()
    for kind, names in CATALOGUE.items():
        for name, package in names.items():
            assert package in present, f"{kind} {name} is said to come from {package}"
            if any(r.distribution == package and r.status == "ok" for r in registry.reports):
                assert registry.find(kind, name).distribution == package
    for kind in KINDS:
        for name, given in getattr(registry, f"{kind}s").items():
            if given.distribution in present:
                assert CATALOGUE[kind][name] == given.distribution, f"{kind} {name} is not in the catalogue"
