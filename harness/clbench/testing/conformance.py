"""Check a method or a plugin against all laws: as a function, or as a test that pytest parametrises."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from clbench.errors import ConfigError
from clbench.specs import MethodSpec, load_reference
from clbench.testing.outcomes import ConformanceError, Examination, LawResult

if TYPE_CHECKING:
    from clbench.models import Backbone
    from clbench.plugins import Registry
    from clbench.streams import Stream
    from clbench.testing.pluginsubject import PluginSubject
    from clbench.testing.subject import MethodSubject

__all__ = ["check_method", "check_plugin", "method_laws", "plugin_laws"]


def check_method(
    method: str | MethodSpec,
    *,
    settings: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
    stream: Stream | None = None,
    backbone: Backbone | None = None,
    expected_failures: Mapping[str, str] | None = None,
    raises: bool = True,
) -> list[LawResult]:
    """Check a method against every law of the contract and return what became of each.

    Args:
        method: its name among the installed plugins, or its spec.
        settings: replace the defaults; a few steps and small batches make it quick.
        registry: where names are looked up, instead of the installed plugins.
        stream, backbone: instead of tiny ones; the stream's first two tasks are learned, some ten times.
        expected_failures: law → the reason why it is known to be broken. Should it hold, that is an error.
        raises: whether broken laws raise.

    Raises:
        ConformanceError: lists all broken laws.
        ConfigError: wrong ``settings``.
        UnknownNameError: no such method, or no such law among ``expected_failures``.
    """
    return _conclude(
        _examine_method(
            method,
            settings=settings,
            registry=registry,
            stream=stream,
            backbone=backbone,
            expected_failures=expected_failures,
        ),
        raises,
    )


def check_plugin(
    plugin: str, *, expected_failures: Mapping[str, str] | None = None, raises: bool = True
) -> list[LawResult]:
    """Check an installed distribution, or a module with hooks, against the laws of plugins.

    Args and errors as for :func:`check_method`; its methods have their own laws, which are checked there.

    Raises:
        PluginError: there is no such distribution or module.
    """
    return _conclude(_examine_plugin(plugin, expected_failures), raises)


def method_laws(
    *methods: str | MethodSpec,
    settings: Mapping[str, Any] | None = None,
    stream: Callable[[], Stream] | None = None,
    backbone: Callable[[], Backbone] | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Callable[..., None]:
    """Make a test of every law, for a plugin's test file: ``test_laws = method_laws("zscl", settings=…)``.

    pytest shows one test for each method and law; a law that does not apply is skipped with its reason, an
    expected failure is an xfail. Nothing is loaded before the tests run.

    Args:
        methods: names among the installed plugins, or specs; all of them get the same ``settings``.
        settings, expected_failures: as for :func:`check_method`.
        stream, backbone: functions that make them.
    """
    from clbench.testing.laws import METHOD_LAWS

    @functools.cache
    def examination(index: int) -> Examination[MethodSubject]:
        return _examine_method(
            methods[index],
            settings=settings,
            stream=stream() if stream else None,
            backbone=backbone() if backbone else None,
            expected_failures=expected_failures,
        )

    names = [method if isinstance(method, str) else method.name for method in methods]
    return _parametrised(examination, names, [one.name for one in METHOD_LAWS])


def plugin_laws(plugin: str, *, expected_failures: Mapping[str, str] | None = None) -> Callable[..., None]:
    """Make a test of every law of plugins: ``test_plugin = plugin_laws("clbench-zscl")``; as
    :func:`method_laws`."""
    from clbench.testing.laws import PLUGIN_LAWS

    @functools.cache
    def examination(_index: int) -> Examination[PluginSubject]:
        return _examine_plugin(plugin, expected_failures)

    return _parametrised(examination, [plugin], [one.name for one in PLUGIN_LAWS])


def _examine_method(
    method: str | MethodSpec,
    *,
    settings: Mapping[str, Any] | None = None,
    registry: Registry | None = None,
    stream: Stream | None = None,
    backbone: Backbone | None = None,
    expected_failures: Mapping[str, str] | None = None,
) -> Examination[MethodSubject]:
    from clbench.testing.laws import METHOD_LAWS
    from clbench.testing.subject import MethodSubject

    if isinstance(method, str):
        from clbench.plugins import get_registry

        method = (registry or get_registry()).find("method", method).spec
    assert isinstance(method, MethodSpec)
    _check_given(method, settings or {})
    subject = MethodSubject(method, settings, stream=stream, backbone=backbone)
    return Examination(
        subject,
        f"method {method.name!r}",
        METHOD_LAWS,
        expected_failures=expected_failures,
        around=subject.surroundings,
    )


def _check_given(method: MethodSpec, settings: Mapping[str, Any]) -> None:
    """Tell mistakes of the caller from those of the method, which are the laws' business."""
    from pydantic import ValidationError

    try:
        load_reference(method.settings).model_validate(dict(settings))
    except ValidationError as error:
        mistakes = [
            f"{detail['loc'][0]}: {detail['msg']}"
            for detail in error.errors(include_url=False)
            if detail["loc"] and detail["loc"][0] in settings
        ]
        if mistakes:
            raise ConfigError(
                f"the settings given for {method.name!r} are wrong", problems=mistakes
            ) from error
    except Exception:
        return  # there is a law that says what is wrong with the class


def _examine_plugin(plugin: str, expected_failures: Mapping[str, str] | None) -> Examination[PluginSubject]:
    from clbench.testing.laws import PLUGIN_LAWS
    from clbench.testing.pluginsubject import PluginSubject

    return Examination(
        PluginSubject(plugin), f"plugin {plugin!r}", PLUGIN_LAWS, expected_failures=expected_failures
    )


def _conclude(examination: Examination[Any], raises: bool) -> list[LawResult]:
    results = examination.results()
    if raises and any(result.status == "failed" for result in results):
        raise ConformanceError(results)
    return results


def _parametrised(
    examination: Callable[[int], Examination[Any]], names: list[str], laws: list[str]
) -> Callable[..., None]:
    import pytest

    cases = [
        pytest.param(index, one, id=one if len(names) == 1 else f"{name}-{one}")
        for index, name in enumerate(names)
        for one in laws
    ]

    @pytest.mark.parametrize(("index", "law"), cases)
    def test(index: int, law: str) -> None:
        result = examination(index).result(law)
        if result.status == "skipped":
            pytest.skip(result.reason)
        if result.status == "expected failure":
            pytest.xfail(result.reason)
        if result.status == "failed":
            text = f"{result.subject} breaks the law {law}\n  {result.statement}\n  here: {result.reason}"
            pytest.fail(f"{text}\n\n{result.traceback}".rstrip(), pytrace=False)

    return test
