"""Options from files and command lines become validated runs; mistakes come all at once."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from clbench.config import Options, RunConfig, parse_value, read_file, resolve
from clbench.errors import ConfigError
from clbench.hookspecs import hookimpl
from clbench.methods.settings import Settings
from clbench.models.parts import PARTS, declared_parts
from clbench.plugins import Registry
from clbench.specs import BackboneSpec, MethodSpec, NeedsPart, StreamSpec, TaskSummary
from clbench.testing import tiny_plugin
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, model_validator


class Knobs(Settings):
    lr: float = Field(1e-5, gt=0, description="rate")
    steps: int = Field(1000, ge=1)
    mode: str = "plain"
    limit: int | None = Field(None, ge=1)

    @model_validator(mode="after")
    def _together(self) -> Knobs:
        if self.mode == "short" and self.steps > 100:
            raise ValueError("mode short goes with at most 100 steps")
        return self


class Plugin:
    def __init__(self, name="knobs", tuned=None, requires=(), settings=f"{__name__}:Knobs"):
        self.spec = MethodSpec(
            name=name,
            title=name,
            summary="s",
            factory="a:b",
            settings=settings,
            tuned={"tiny": {"lr": 3e-4}} if tuned is None else tuned,
            requires=requires,
        )

    @hookimpl
    def clbench_methods(self):
        return [self.spec]


class BareStream:
    @hookimpl
    def clbench_streams(self):
        tasks = tuple(TaskSummary(key=k, title=k, classes=2, train=3, test=3) for k in "ab")
        return [
            StreamSpec(
                name="bare",
                title="Bare",
                summary="no extra data",
                factory="a:b",
                tasks=tasks,
                orders={"I": ("a", "b")},
                default_order="I",
                default_backbone="tiny",
            )
        ]


@pytest.fixture(autouse=True)
def _importable(monkeypatch):
    # Test modules have no importable name; settings are named by reference, as plugins do.
    monkeypatch.setitem(sys.modules, __name__, sys.modules[__name__])


@pytest.fixture
def registry():
    return Registry.of(
        tiny_plugin, BareStream(), Plugin(), Plugin("greedy", requires=("generator", "reference"))
    )


def planned(registry, **raw):
    raw = {"methods": "knobs", "stream": "tiny", "device": "cpu", **raw}
    return resolve(registry, Options.read(raw, "test"))


def mistakes(registry, **raw):
    with pytest.raises(ConfigError) as caught:
        planned(registry, **raw)
    return [str(problem) for problem in caught.value.problems]


def test_defaults_of_stream_and_method(registry):
    (config,) = planned(registry)
    assert config == RunConfig(
        method="knobs",
        stream="tiny",
        order="I",
        backbone="tiny",
        settings={"lr": 3e-4, "steps": 1000, "mode": "plain", "limit": None},
        settings_sources={"lr": "tuned", "steps": "default", "mode": "default", "limit": "default"},
    )


def test_settings_go_default_tuned_user(registry):
    (config,) = planned(registry, set=["knobs.lr=1e-3", "knobs.limit=4"])
    assert config.settings["lr"] == 1e-3
    assert config.settings_sources == {"lr": "user", "steps": "default", "mode": "default", "limit": "user"}
    (elsewhere,) = planned(registry, stream="bare")
    assert (elsewhere.settings["lr"], elsewhere.settings_sources["lr"]) == (1e-5, "default")


def test_runs_are_methods_times_seeds(registry):
    runs = planned(registry, methods="greedy,knobs,greedy", seeds="2,0")
    assert [(r.method, r.seed) for r in runs] == [("greedy", 2), ("greedy", 0), ("knobs", 2), ("knobs", 0)]
    assert [r.generator for r in runs] == ["tiny-noise", "tiny-noise", None, None]


def test_all_mistakes_come_together(registry):
    problems = mistakes(
        registry,
        methods="knob,knobs",
        order="IX",
        backbone="vit",
        seeds="0,-1",
        precision="fp8",
        device="tpu",
        label_space="all",
        launcher="slurm",
        eval_batch="0",
        set=["knobs.lr=-1", "knobs.step=3", "other.x=1", "lr=3"],
        sream="tiny",
    )
    text = "\n".join(problems)
    for part in (
        "unknown method 'knob'",
        "did you mean 'knobs'",
        "'IX'",
        "unknown backbone 'vit'",
        "'-1', not a whole number",
        "'fp8'",
        "unknown device 'tpu'",
        "unknown label space 'all'",
        "unknown launcher 'slurm'",
        "eval_batch is '0'",
        "knobs.lr = -1: input should be greater than 0",
        "unknown setting of knobs 'step'",
        "did you mean 'steps'",
        "'other', which is not among the methods",
        "lr=3 is not of the form METHOD.SETTING=VALUE",
        "did you mean 'stream'",
    ):
        assert part in text
    assert len(problems) == 14


def test_unknown_stream_still_reports_the_rest(registry):
    assert len(mistakes(registry, stream="tinny", set=["knobs.steps=0"])) == 2


def test_requirements_that_the_stream_lacks(registry):
    problems = mistakes(registry, methods="greedy", stream="bare")
    assert "requires reference data" in problems[0]
    assert "requires a text-to-image generator" in problems[1]
    assert "--generator" in problems[1]
    only_one = mistakes(registry, methods="greedy", stream="bare", generator="tiny-noise")
    assert len(only_one) == 1


class ResNet:
    @hookimpl
    def clbench_backbones(self):
        common = {"title": "t", "summary": "s", "factory": "a:b", "parameters": 1, "image_size": 32}
        return [
            BackboneSpec(name="RN", architecture="RN50", **common),
            BackboneSpec(name="ViT", architecture="ViT-B-16", **common),
            BackboneSpec(name="unknown", **common),
        ]


def needing(*needs):
    plugin = Plugin("needy")
    plugin.spec = replace(plugin.spec, parts=needs)
    return Registry.of(tiny_plugin, ResNet(), plugin)


def test_a_backbone_without_what_a_method_needs_is_refused_with_those_that_have_it():
    registry = needing(NeedsPart("vision-transformer"), NeedsPart("text-transformer"))
    [problem] = mistakes(registry, methods="needy", backbone="RN")
    assert "needy does not work on backbone RN" in problem
    assert "its image tower is not open_clip's vision transformer" in problem
    assert "--backbone ViT or tiny" in problem
    for backbone in ("ViT", "tiny", "unknown"):  # of which only the last may turn out to be unfit
        assert planned(registry, methods="needy", backbone=backbone)


def test_some_settings_need_nothing():
    registry = needing(NeedsPart("class-token", when={"mode": ("long", "longer")}, unless={"limit": (3,)}))
    wrong = {"methods": "needy", "backbone": "RN", "set": ["needy.mode=long"]}
    assert "pools by attention" in mistakes(registry, **wrong)[0]
    assert planned(registry, **wrong | {"set": []})
    assert planned(registry, **wrong | {"set": ["needy.mode=long", "needy.limit=3"]})


@pytest.mark.parametrize(
    ("architecture", "lacks"),
    [
        ("ViT-B-16-quickgelu", set()),
        ("RN50", {"vision-transformer", "class-token"}),
        ("convnext_base", {"vision-transformer", "class-token"}),
        ("roberta-ViT-B-32", {"text-transformer"}),
        ("coca_ViT-B-32", {"class-token"}),
    ],
)
def test_what_architectures_of_open_clip_are_made_of(architecture, lacks):
    spec = replace(ResNet().clbench_backbones()[0], architecture=architecture)
    assert {*PARTS} - declared_parts(spec) == lacks


def test_validators_of_settings_are_heard(registry):
    (problem,) = mistakes(registry, set=["knobs.mode=short"])
    assert "mode short goes with at most 100 steps" in problem
    assert planned(registry, set=["knobs.mode=short", "knobs.steps=100"])


def test_tuned_values_that_are_wrong_are_the_plugins_fault():
    registry = Registry.of(tiny_plugin, Plugin(tuned={"tiny": {"speed": 3}}))
    (problem,) = mistakes(registry)
    assert "tunes 'speed'" in problem
    assert "local 0" in problem


def test_settings_that_cannot_be_imported():
    (problem,) = mistakes(Registry.of(tiny_plugin, Plugin(settings="nowhere_at_all:X")))
    assert "nowhere_at_all" in problem
    (problem,) = mistakes(Registry.of(tiny_plugin, Plugin(settings="pathlib:Path")))
    assert "are no clbench.Settings" in problem


def test_no_method(registry):
    assert mistakes(registry, methods=None) == [
        "no method is named\n  fix: name some: --methods zscl,diki,gift (clbench list methods)"
    ]


def test_device_is_found_only_when_all_else_is_right(registry):
    asked = []

    def find(name):
        asked.append(name)
        return "cuda"

    options = Options.read({"methods": "knobs", "stream": "tiny"}, "test")
    assert resolve(registry, options, find_device=find)[0].device == "cuda"
    assert asked == ["auto"]
    with pytest.raises(ConfigError):
        resolve(registry, replace(options, order="IX"), find_device=find)
    assert asked == ["auto"]


# -- keys --------------------------------------------------------------------------------------------


def test_key_depends_on_what_decides_figures(registry):
    (base,) = planned(registry)
    others = [
        replace(base, method="x"),
        replace(base, order="II"),
        replace(base, backbone="x"),
        replace(base, generator="x"),
        replace(base, seed=1),
        replace(base, device="cuda"),
        replace(base, precision="bf16"),
        replace(base, label_space="seen"),
        replace(base, label_spaces=("task",)),
        replace(base, eval_batch=1),
        replace(base, settings={**base.settings, "lr": 1.0}),
    ]
    assert len({config.key for config in [base, *others]}) == 12
    assert replace(base, settings_sources={}).key == base.key
    assert replace(base, device="cuda:0").key == replace(base, device="cuda:3").key
    (typed,) = planned(registry, set=["knobs.lr=0.0003"])
    assert typed.key == base.key
    assert hash(base) == hash(replace(base))


def test_config_survives_json_and_pickle(registry):
    (config,) = planned(registry)
    assert RunConfig.from_json(yaml.safe_load(yaml.safe_dump(config.as_json()))) == config
    assert pickle.loads(pickle.dumps(config)).key == config.key


# -- files -------------------------------------------------------------------------------------------


def test_settings_of_methods_that_the_command_line_leaves_out_go_with_them(tmp_path, registry):
    file = tmp_path / "c.yaml"
    file.write_text("methods: {knobs: {steps: 7}, zscl: {lr: 1}}\nstream: tiny\n")
    flags = Options.read({"methods": "knobs"}, "the command line")
    (config,) = resolve(registry, flags.over(read_file(file)), find_device=lambda name: "cpu")
    assert (config.method, config.settings["steps"]) == ("knobs", 7)


def test_command_line_goes_before_the_file(tmp_path, registry):
    file = tmp_path / "run.yaml"
    file.write_text(
        "methods: {knobs: {lr: 1e-4, steps: 7}}\nstream: tiny\norder: II\nseeds: [3]\nout: here\n"
    )
    flags = Options.read({"seeds": "5", "set": ["knobs.lr=2"], "device": "cpu"}, "test")
    options = flags.over(read_file(file))
    (config,) = resolve(registry, options)
    assert (config.order, config.seed, options.out) == ("II", 5, Path("here"))
    assert (config.settings["lr"], config.settings["steps"]) == (2.0, 7)


@pytest.mark.parametrize(
    "text",
    [
        "set: {knobs.lr: 1e-3}",
        "set: {knobs: {lr: 1e-3}}",
        "set: ['knobs.lr=1e-3']",
        "methods: {knobs: {lr: 1e-3}}",
    ],
)
def test_forms_of_settings_in_files(tmp_path, text):
    (tmp_path / "a.yaml").write_text(text)
    options = read_file(tmp_path / "a.yaml")
    assert options.settings == {"knobs": {"lr": 1e-3}}
    assert not options.problems


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("- a\n- b", "not a mapping"),
        ("methods: [a", "is not YAML"),
        ("methods: a\nmethods: b", "the key 'methods' is there twice"),
        ("methods: a\nset: {lr: 3}", "write METHOD.lr: 3"),
        ("method: a", "did you mean 'methods'"),
        ("methods: 3", "not names"),
        ("stream: [a]", "not a name"),
        ("methods: {knobs: 3}", "the settings of knobs are 3"),
        ("set: 3", "set is 3"),
        ("seeds: true", "not a whole number"),
    ],
)
def test_mistakes_in_files(tmp_path, text, cause):
    (tmp_path / "a.yaml").write_text(text)
    assert cause in "\n".join(map(str, read_file(tmp_path / "a.yaml").problems))


def test_file_that_is_not_there(tmp_path, registry):
    options = read_file(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        resolve(registry, options)


def test_example_is_read_without_mistakes():
    options = read_file(Path(__file__).parents[2] / "examples" / "mini.yaml")
    assert not options.problems
    assert options.stream == "mini"


# -- values ------------------------------------------------------------------------------------------


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_are_read_as_python_writes_them(number):
    assert parse_value(repr(number)) == number


@given(st.integers())
def test_whole_numbers_stay_whole(number):
    value = parse_value(str(number))
    assert value == number
    assert type(value) is int


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("no", "no"),
        ("on", "on"),
        ("true", True),
        ("null", None),
        ("[1, 2]", [1, 2]),
        ("12:30", "12:30"),
        ("", None),
    ],
)
def test_values_are_those_of_yaml_1_2(text, value):
    assert parse_value(text) == value


def test_settings_that_contradict_each_other_come_with_all_other_mistakes():
    from clbench.plugins import get_registry

    problems = mistakes(
        get_registry(),
        methods="zscl,diki,finetune",
        stream="mini",
        set=["zscl.warmup=99999", "finetune.warmup=99999", "diki.lr=0.0001", "diki.final_lr=1"],
        precision="fp8",
        seeds=str(2**40),
    )
    text = "\n".join(problems)
    for part in (
        "zscl warms up",
        "finetune warms up",
        "diki.final_lr = 1 is above",
        "fp8",
        "2,147,483,647",
    ):
        assert part in text


def test_checking_a_command_line_imports_no_torch():
    code = (
        "import sys; from clbench.config import *; from clbench.errors import ConfigError\n"
        "from clbench.plugins import get_registry\n"
        "r = get_registry()\n"
        "raw = {'methods': ','.join(r.methods), 'stream': 'nowhere', 'device': 'cpu'}\n"
        "try: resolve(r, Options.read(raw, 'x'))\n"
        "except ConfigError as e: print(len(e.problems), e.problems[0].what)\n"
        "print([m for m in ('torch', 'datasets', 'pandas', 'open_clip') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["1 unknown stream 'nowhere'", "[]"]


# -- keys ------------------------------------------------------------------------------------------------


def test_keys_of_kept_records_are_what_they_were():
    from clbench.results import load_records

    records = load_records([Path(__file__).parents[2] / "leaderboards" / "mini" / "records"]).records
    assert records
    for record in records:
        assert RunConfig.from_json(record.config).key == record.run_id


def test_batches_and_a_streams_content_are_part_of_the_key_and_its_place_is_not():
    config = RunConfig(method="m", stream="s", order="I", backbone="b")
    key = config.key
    assert replace(config, batches="natural", stream_digest="", stream_file="/x/s.yaml").key == key
    others = [
        replace(config, batches="mixed"),
        replace(config, batches="single"),
        replace(config, stream_digest="1"),
        replace(config, stream_digest="2"),
    ]
    assert len({key, *(other.key for other in others)}) == 5
    assert replace(others[2], stream_file="/elsewhere.yaml").key == others[2].key


def test_an_unknown_composition_of_batches_is_a_mistake(registry):
    with pytest.raises(ConfigError, match="unknown composition of batches 'mixd'"):
        resolve(registry, Options.read({"batches": "mixd"}, "the test"))


# -- paths -------------------------------------------------------------------------------------------


def test_home_folders_that_are_not_there_are_said(monkeypatch):
    from clbench.config.paths import user_path

    assert user_path("~/x") == Path.home() / "x"
    with pytest.raises(ConfigError, match="CLBENCH_CACHE is '~nobody-of-that-name', and there is no home"):
        user_path("~nobody-of-that-name", "CLBENCH_CACHE")
    with pytest.raises(ConfigError, match="NUL"):
        user_path("a\0b")
