"""Facts of a protocol, each chosen by itself behind a plus."""

from __future__ import annotations

import pytest
from clbench.config import Options, resolve
from clbench.errors import ClbenchError, ConfigError
from clbench.plugins import get_registry
from clbench.streams.folders import find_stream
from clbench_mtil.facts import FACTS
from clbench_mtil.variants import VARIANTS
from clbench_mtil.variations import VALUES, spec_of, variant_of


def found(name):
    return find_stream(get_registry(), name).spec


def test_one_fact_is_exchanged_and_named_in_one_way():
    spec = found("mtil-coop-16shot+prompts=rail+draw=rail")
    assert spec.name == "mtil-coop-16shot+draw=rail+prompts=rail"
    assert spec.facts == {**found("mtil-coop-16shot").facts, "draw": "rail"} | {
        "learning_prompts": "rail",
        "test_prompts": "rail",
    }
    assert found("mtil-fs+draw=diki").name == "mtil-fs", "it has this draw anyway"
    assert found("mtil+protocol=keeplora").facts == found("mtil-keeplora").facts
    assert found("mtil+protocol=diki").name == "mtil+names=coop+prompts=first+splits=coop"


@pytest.mark.parametrize("name", sorted(VARIANTS))
@pytest.mark.parametrize("protocol", sorted(FACTS))
def test_every_stream_has_every_protocol_or_says_why_not(name, protocol):
    try:
        spec = spec_of(name, {"protocol": protocol})
    except ConfigError as error:
        assert error.why  # noqa: PT017
        assert name in error.what  # noqa: PT017
        return
    wanted = FACTS[protocol].told(VARIANTS[name].shots)
    assert spec.facts == wanted
    assert variant_of(spec.name).spec() == spec, "the name alone gives it back"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("mtil+names=rail", "the class numbers of splits 'zscl'"),
        ("mtil+draw=diki", "nothing is drawn"),
        ("mtil+prompts=codyra", "no prompt for CIFAR100"),
        ("odcl-cil+splits=coop", "known for its own names"),
        ("mtil+promts=first", "did you mean 'prompts'"),
        ("mtil+prompts=frist", "did you mean 'first'"),
        ("mtil+prompts", "is not fact=value"),
        ("mtil+prompts=", "is not fact=value"),
        ("mtil+", "is not fact=value"),
        ("mtil+prompts=first+prompts=rail", "comes twice"),
        ("mini+prompts=first", "its protocol is one whole"),
        ("mtli+prompts=first", "did you mean 'mtil'"),
    ],
)
def test_what_cannot_be_is_refused_in_words(name, said):
    with pytest.raises(ClbenchError) as refused:
        found(name)
    assert said in str(refused.value)


def test_the_stream_is_built_with_them(data):
    spec = found("mtil-coop+prompts=rail")
    stream, plain = spec.build(), found("mtil-coop").build()
    assert stream.name == spec.name
    assert stream.meta["facts"] == spec.facts
    assert {k for k, v in stream.digests.items() if v != plain.digests[k]} == {"stream", "templates"}
    drawn, own = (found(f"mtil-coop-4shot{more}").build() for more in ("+draw=seeded", ""))
    assert {k for k, v in drawn.digests.items() if v != own.digests[k]} == {"stream", "train_split"}


def test_methods_have_the_settings_of_the_stream_before_the_plus():
    registry = get_registry()

    def settings(stream):
        [config] = resolve(registry, Options.read({"methods": "diki", "stream": stream}, "here"))
        return config.settings

    assert settings("mtil-fs+draw=coop") == settings("mtil-fs")


def test_the_readme_lists_all_values():
    from pathlib import Path

    text = (Path(__file__).parents[1] / "README.md").read_text()
    rows = {line.split("`")[1]: line for line in text.splitlines() if line.startswith("| `")}
    for fact in ("splits", "names", "prompts"):
        assert all(f"`{value}`" in rows[fact] for value in VALUES[fact])
    assert all(draw in rows for draw in VALUES["draw"])
    assert all(f"`{name}`" in text for name in VALUES["protocol"])
