"""The laws themselves: a sound method passes, and each way of being wrong breaks exactly one."""

import itertools
import os
import random
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from clbench import Assumptions, FineTuning, MethodSpec, NeedsPart, PluginError, Settings, Trap
from clbench.errors import ConfigError, UnknownNameError
from clbench.methods import constant
from clbench.models.features import CosineScorer
from clbench.testing import ConformanceError, check_method, method_laws, tiny_plugin
from clbench.testing.laws import METHOD_LAWS
from clbench.testing.laws.description import DESCRIPTION_LAWS
from clbench.testing.laws.traps import traps_are_settings
from clbench.testing.outcomes import Examination
from clbench.testing.subject import MethodSubject
from pydantic import Field, model_validator

pytestmark = pytest.mark.usefixtures("one_thread")


class SoundSettings(Settings):
    lr: float = Field(1e-3, gt=0, description="learning rate")
    steps: int = Field(1, ge=1, description="steps per task")


class Sound(FineTuning):
    """Fine-tuning with a momentum-like number of its own in its state."""

    def __init__(self, backbone, settings, context):
        super().__init__(backbone, settings, context)
        self.drift = 0.0

    def rate(self) -> float:
        return self.settings.lr * (1 + self.drift)

    def learn(self, task):
        self.context.fit(
            task,
            [p for _, p in self.backbone.trainable()],
            lambda _k, batch: {"ce": self.task_loss(batch, task.labels)},
            steps=self.settings.steps,
            schedule=constant(self.rate()),
            batch_size=6,
            state=(),
        )
        self.drift += random.random()  # from a global generator, which is allowed
        self.weights_changed()

    def state_dict(self):
        return super().state_dict() | {"drift": self.drift}

    def load_state_dict(self, state):
        super().load_state_dict(state)
        self.drift = state["drift"]


class Averages(Sound):
    """The weights after each of three steps are averaged; the mean is the result."""

    def learn(self, task):
        parameters = [p for _, p in self.backbone.trainable()]
        mean = WeightMean(parameters)
        self.context.fit(
            task,
            parameters,
            lambda _k, batch: {"ce": self.task_loss(batch, task.labels)},
            steps=4,
            schedule=constant(self.settings.lr),
            batch_size=6,
            after_step=lambda _k: mean.add(parameters),
            state=self.named(mean),
        )
        torch._foreach_copy_([p.detach() for p in parameters], mean.average)
        self.weights_changed()

    def named(self, mean):
        return [mean]


class WeightMean:
    def __init__(self, parameters):
        self.average = [torch.zeros_like(p) for p in parameters]

    def add(self, parameters):
        torch._foreach_add_(self.average, [p.detach() / 4 for p in parameters])

    def state_dict(self):
        return {"average": self.average}

    def load_state_dict(self, state):
        torch._foreach_copy_(self.average, state["average"])


class RefusesResNets(Sound):
    def learn(self, task):
        if not hasattr(self.backbone.model.visual, "class_embedding"):
            raise ConfigError("it is a ResNet")
        super().learn(task)


class Joint(Sound):
    def learn_jointly(self, tasks):
        for task in tasks:
            self.learn(task)


# -- methods that break one law -----------------------------------------------------------------------


class Unbuilt(Sound):
    def __init__(self, backbone, settings, context):
        raise RuntimeError("no weights")


class FourClassesOnly(Sound):
    def learn(self, task):
        assert len(task.classes) == 4
        super().learn(task)


class TrainsTheTeacher(Sound):
    def learn(self, task):
        super().learn(task)
        with torch.no_grad():
            next(iter(self.context.initial.model.parameters())).add_(1e-3)


class ReadsTheClassEmbedding(Sound):
    def learn(self, task):
        assert len(self.backbone.model.visual.class_embedding)
        super().learn(task)


class TwiceAttention(torch.nn.Module):
    """Has the names of a side branch that adds nothing, and gives twice what it should."""

    per_sample = False

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def __getattr__(self, name):
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__("inner"), name)

    def side_branch(self, q):
        return None

    def forward(self, *args, **kwargs):
        return 2 * self.inner(*args, **kwargs)[0], None


class PromisesTooMuch(Sound):
    def __init__(self, backbone, settings, context):
        super().__init__(backbone, settings, context)
        last = backbone.model.visual.transformer.resblocks[-1]
        last.attn = TwiceAttention(last.attn)


class UnfreezesTheTeacher(Sound):
    def learn(self, task):
        super().learn(task)
        self.context.initial.model.requires_grad_(True)


class ChangesDirectory(Sound):
    def learn(self, task):
        super().learn(task)
        os.chdir(self.context.scratch)


class ChangesThreads(Sound):
    def learn(self, task):
        super().learn(task)
        torch.set_num_threads(torch.get_num_threads() + 1)


class TunesCuda(Sound):
    def learn(self, task):
        super().learn(task)
        torch.backends.cudnn.benchmark = True


class UsesThePool(Sound):
    def learn(self, task):
        assert self.context.class_pool
        super().learn(task)


class ForgetsItsAverage(Averages):
    def named(self, mean):
        return ()


class LoopsInSilence(Sound):
    def learn(self, task):
        super().learn(task)
        self.context.measured.trainable_parameters.clear()


class Transposed(Sound):
    def score(self, images, labels):
        return super().score(images, labels).T


class MergesEqualNames(Sound):
    def score(self, images, labels):
        logits = super().score(images, labels)
        return logits[:, [labels.classes.index(name) for name in dict.fromkeys(labels.classes)]]


class NotANumber(Sound):
    def score(self, images, labels):
        return super().score(images, labels) / (len(labels) > 1)


class Integers(Sound):
    def score(self, images, labels):
        return super().score(images, labels).to(torch.int64)


class NeedsATask(Sound):
    def score(self, images, labels):
        if not self.drift:
            raise RuntimeError("learn first")
        return super().score(images, labels)


class Noisy(Sound):
    def score(self, images, labels):
        return super().score(images, labels) + 1e-3 * torch.rand(())


class SoftMax(Sound):
    def score(self, images, labels):
        return F.softmax(super().score(images, labels), dim=-1)


class ByPosition(Sound):
    """What a cache whose key is only the number of classes does."""

    def score(self, images, labels):
        return super().score(images, labels) + torch.arange(len(labels))


class BatchNorm(Sound):
    def score(self, images, labels):
        logits = super().score(images, labels)
        return logits - logits.mean(dim=0)


class UsesTheTask(Sound):
    def score(self, images, labels):
        return super().score(images, labels) + (0 if labels.task is None else 1)


class Undetermined(Sound):
    counter = itertools.count(1)

    def rate(self):
        return super().rate() * next(self.counter)


class LearnsFromScoring(Sound):
    scored = 0

    def score(self, images, labels):
        self.scored += 1
        return super().score(images, labels)

    def rate(self):
        return super().rate() * (1 + self.scored)


class StaleClassifiers(Sound):
    def weights_changed(self):
        """Forget to forget."""


class KeepsASet(Sound):
    def state_dict(self):
        return super().state_dict() | {"seen": {"a"}}


class ForgetsAnOffset(Sound):
    offset = 0.0

    def learn(self, task):
        super().learn(task)
        self.offset += 1.0

    def score(self, images, labels):
        return super().score(images, labels) + self.offset


class ForgetsItsDrift(Sound):
    def state_dict(self):
        return {**super().state_dict(), "drift": 0.0}


class LoadsBesideTheCache(Sound):
    def load_state_dict(self, state):
        cached = self._scorer
        self._scorer = CosineScorer(self.backbone)
        super().load_state_dict(state)
        self._scorer = cached


# -- descriptions that break one law ------------------------------------------------------------------


class Undescribed(SoundSettings):
    depth: int = 1


class Required(SoundSettings):
    depth: int = Field(description="no default")


class Thawed(SoundSettings, frozen=False):
    pass


class Tuple(SoundSettings):
    sizes: Any = Field((1, 2), description="JSON has no tuples")


class Strict(SoundSettings):
    @model_validator(mode="after")
    def _few(self):
        assert self.steps < 100, "too many steps"
        return self


class Checks(Sound):
    @classmethod
    def check(cls, settings):
        if settings.steps > 100:
            raise PluginError("too many steps")


class Switched(SoundSettings):
    idle: int = Field(1, ge=1, le=2, description="read by nobody")


def trap(switch, published=1, intended=2, **changes) -> Trap:
    said = {
        "id": "rate",
        "published_says": "The code does so.",
        "intended_says": "The paper does otherwise.",
        "source": "paper, Eq. 1",
    }
    return Trap(switch=switch, published=published, intended=intended, **(said | changes))


VISION = (NeedsPart("vision-transformer"),)


def spec(method=Sound, settings=SoundSettings, **changes) -> MethodSpec:
    def reference(value):
        return value if isinstance(value, str) else f"{__name__}:{value.__qualname__}"

    return MethodSpec(
        **{
            "name": "sound",
            "title": "Sound",
            "summary": "fine-tuning",
            "factory": reference(method),
            "settings": reference(settings),
            **changes,
        }
    )


def failed(results):
    return {result.law: result.reason for result in results if result.status == "failed"}


@pytest.mark.parametrize(
    "good",
    [
        spec(),
        spec(Joint, protocol="joint"),
        spec(protocol="zero_shot"),
        spec(protocol="independent"),
        spec(tuned={"mini": {"lr": 0.1}}),
        spec(BatchNorm, assumptions=Assumptions(task_identity="inferred")),
        spec(UsesTheTask, assumptions=Assumptions(task_identity="given")),
        spec(Averages),
        spec(UsesThePool, requires=("class_pool",), assumptions=Assumptions(extra_data=True)),
        spec(RefusesResNets, parts=VISION),
    ],
    ids=[
        "stream",
        "joint",
        "zero_shot",
        "independent",
        "tuned",
        "inferred",
        "given",
        "averages",
        "class_pool",
        "needs",
    ],
)
def test_a_sound_method_keeps_all_laws(good):
    results = check_method(good)
    assert [result.law for result in results] == [law.name for law in METHOD_LAWS]
    assert not failed(results)
    skipped = {result.law for result in results if result.status == "skipped"}
    assert "columns_are_independent" not in skipped
    assert all(result.reason for result in results if result.status == "skipped")


BAD_DESCRIPTIONS = [
    (spec(title=" "), "spec_is_valid", "title is empty"),
    (spec("clbench.nowhere:X"), "factory_is_a_method", "No module named"),
    (spec(SoundSettings), "factory_is_a_method", "SoundSettings"),
    (spec(protocol="joint"), "factory_is_a_method", "learn_jointly"),
    (spec(settings=Sound), "settings_are_settings", "Sound"),
    (spec(settings=Thawed), "settings_are_settings", "frozen"),
    (spec(settings=Undescribed), "settings_are_described", "depth"),
    (spec(settings=Required), "settings_have_defaults", "depth"),
    (spec(tuned={"mini": {"rate": 1}}), "tuned_values_are_accepted", "'mini'.*rate"),
    (spec(settings=Strict, tuned={"mini": {"steps": 200}}), "tuned_values_are_accepted", "too many"),
    (spec(Checks, tuned={"mini": {"steps": 200}}), "tuned_values_are_accepted", "too many steps"),
    (spec(settings=Tuple), "settings_survive_json", r"sizes=\(1, 2\)"),
    (spec(requires=("generator",)), "assumptions_cover_requirements", "generated_images"),
    (spec(requires=("reference",)), "assumptions_cover_requirements", "extra_data"),
    (spec(settings=Switched, traps=(trap("wheel"),)), "traps_are_settings", "no setting"),
    (
        spec(settings=Switched, traps=(trap("idle", intended=3),)),
        "traps_are_settings",
        "intended form.*refused",
    ),
    (
        spec(settings=Switched, traps=(trap("idle", off={"lr": (1e-3,)}),)),
        "traps_are_settings",
        "off with the settings",
    ),
    (
        spec(settings=Switched, traps=(trap("steps", published="1", intended=2),)),
        "traps_are_settings",
        "published value '1' is read as 1",
    ),
    (spec(traps=(trap("", "one", "other", where="method"),)), "traps_are_settings", "of which this is none"),
    (spec(traps=(trap("lr", 1e-3, 1e-2, id="Rate"),)), "spec_is_valid", "lower case"),
    (spec(traps=(trap("lr", 1e-3, 1e-2), trap("lr", 1e-3, 1e-2))), "spec_is_valid", "twice"),
    (spec(traps=(trap("lr", 1e-3, 1e-3),)), "spec_is_valid", "one value for both"),
    (spec(traps=(trap("lr", 1e-3, 1e-2, source=""),)), "spec_is_valid", "no source"),
    (spec(traps=(trap("lr", 1e-3, 1e-2, published_says="fast"),)), "spec_is_valid", "no sentence"),
    (spec(traps=(trap("", 1e-3, 1e-2),)), "spec_is_valid", "switched by a setting"),
    (spec(traps=(trap("", None, 1, where="fixed"),)), "spec_is_valid", "cannot be measured"),
    (spec(traps=(trap("", 2, 1, where="fixed"),)), "spec_is_valid", "must be None"),
    (spec(traps=("lr",)), "spec_is_valid", "hold str"),
]
BAD_METHODS = [
    (spec(Unbuilt), "it_is_built", "no weights"),
    (spec(FourClassesOnly), "it_learns", "AssertionError"),
    (spec(TrainsTheTeacher), "initial_model_is_untouched", "1 of its tensors"),
    (spec(UnfreezesTheTeacher), "initial_model_is_untouched", "gradients"),
    (spec(ChangesDirectory), "process_is_left_alone", "directory"),
    (spec(TunesCuda), "process_is_left_alone", "cudnn"),
    (spec(UsesThePool), "only_declared_data_are_used", "class pool"),
    (spec(ReadsTheClassEmbedding), "needed_parts_are_declared", "on a model without it: AttributeError"),
    (spec(LoopsInSilence), "trainable_parameters_are_reported", "task 0"),
    (spec(Transposed), "scores_are_well_formed", "shape"),
    (spec(MergesEqualNames), "scores_are_well_formed", "a class twice"),
    (spec(NotANumber), "scores_are_well_formed", "finite"),
    (spec(Integers), "scores_are_well_formed", "int64"),
    (spec(NeedsATask), "scores_come_before_learning", "learn first"),
    (spec(Noisy), "scores_are_repeatable", "second call"),
    (spec(SoftMax), "columns_are_independent", r"columns \[0\]"),
    (spec(ByPosition), "columns_are_independent", "columns"),
    (spec(BatchNorm), "images_are_independent", "two parts"),
    (spec(UsesTheTask), "task_identity_is_declared", "labels.task"),
    (spec(PromisesTooMuch, parts=VISION), "embeddings_are_the_models_own", "embeddings of images"),
    (spec(Undetermined), "learning_is_deterministic", "second run"),
    (spec(LearnsFromScoring), "scoring_leaves_learning_alone", "in between"),
    (spec(KeepsASet), "state_is_plain", r"state\['seen'\] is an object of type set"),
    (spec(ForgetsAnOffset), "state_restores_scores", "fresh instance"),
    (spec(ForgetsItsDrift), "state_restores_learning", "resumed after the first task"),
    (spec(ForgetsItsAverage), "steps_are_resumed", "killed between two steps"),
    (spec(LoadsBesideTheCache), "loading_replaces_everything", "loading another state"),
    (spec(settings=Switched, traps=(trap("idle"),)), "traps_change_something", "same answers, bit for bit"),
]


def case_id(value):
    return value if isinstance(value, str) and re.fullmatch(r"\w+_\w+", value) else ""


@pytest.mark.parametrize(("bad", "law", "reason"), BAD_DESCRIPTIONS, ids=case_id)
def test_each_mistake_in_a_description_breaks_exactly_one_law(bad, law, reason):
    # Those methods are sound: laws that train them need no repeating.
    laws = (*DESCRIPTION_LAWS, traps_are_settings)
    broken = failed(Examination(MethodSubject(bad), "it", laws).results())
    assert list(broken) == [law]
    assert re.search(reason, broken[law])


@pytest.mark.parametrize(("bad", "law", "reason"), BAD_METHODS, ids=case_id)
def test_each_mistake_in_a_method_breaks_exactly_one_law(bad, law, reason):
    with pytest.raises(ConformanceError, match=rf"(?s)breaks 1 law of.*{law}.*{reason}") as caught:
        check_method(bad)
    assert list(failed(caught.value.results)) == [law]


def test_every_law_has_a_double_that_breaks_it():
    assert {law for _, law, _ in BAD_DESCRIPTIONS + BAD_METHODS} == {law.name for law in METHOD_LAWS}


def test_a_stale_classifier_is_found():
    # Two laws each: it shows in scores between tasks, and where another state is loaded.
    results = failed(check_method(spec(StaleClassifiers), raises=False))
    assert set(results) == {"scoring_leaves_learning_alone", "loading_replaces_everything"}


def test_expected_failures_need_a_reason_and_must_fail():
    announced = {"columns_are_independent": "a softmax, as in the paper"}
    results = check_method(spec(SoftMax), expected_failures=announced)
    (result,) = [result for result in results if result.law in announced]
    assert (result.status, result.reason) == ("expected failure", "a softmax, as in the paper")
    with pytest.raises(ConformanceError, match="it holds, though it is expected to fail: a softmax"):
        check_method(spec(), expected_failures=announced)
    with pytest.raises(UnknownNameError, match="columns_are_independent"):
        check_method(spec(), expected_failures={"columns_are_indepedent": "mistyped"})


def test_settings_reach_the_method_and_names_are_looked_up():
    from clbench.plugins import Registry

    registry = Registry.of(tiny_plugin)
    with pytest.raises(UnknownNameError, match="unknown method 'sound'"):
        check_method("sound", registry=registry)
    results = failed(check_method(spec(), settings={"lr": 1e30}, raises=False))
    assert "NotFiniteError" in results["it_learns"]
    with pytest.raises(ConfigError, match=r"(?s)settings given for 'sound'.*steps: .*greater.*rate: "):
        check_method(spec(), settings={"rate": 1, "steps": 0})


def test_checks_leave_no_trace(monkeypatch):
    monkeypatch.setenv("CLBENCH_CACHE", "elsewhere")
    random.seed(1)
    torch.manual_seed(1)
    wanted = random.Random(1).random(), torch.rand(3, generator=torch.Generator().manual_seed(1))
    before = Path.cwd(), torch.get_num_threads()
    for wrong in (ChangesDirectory, ChangesThreads):
        check_method(spec(wrong), raises=False)
    assert (Path.cwd(), torch.get_num_threads()) == before
    assert os.environ["CLBENCH_CACHE"] == "elsewhere"
    assert random.random() == wanted[0]
    assert torch.equal(torch.rand(3), wanted[1])


def test_as_pytest_tests():
    test = method_laws(spec(SoftMax), expected_failures={"columns_are_independent": "as in the paper"})
    (mark,) = test.pytestmark
    cases = {case.id: case.values for case in mark.args[1]}
    assert list(cases) == [law.name for law in METHOD_LAWS]
    test(*cases["scores_are_well_formed"])
    with pytest.raises(pytest.xfail.Exception, match="as in the paper"):
        test(*cases["columns_are_independent"])
    with pytest.raises(pytest.skip.Exception, match="learns nothing"):
        method_laws(spec(protocol="zero_shot"))(0, "trainable_parameters_are_reported")
    two = method_laws(spec(Noisy), replace(spec(), name="second"))
    (mark,) = two.pytestmark
    assert mark.args[1][0].id == "sound-spec_is_valid"
    assert mark.args[1][-1].id == f"second-{METHOD_LAWS[-1].name}"
    with pytest.raises(pytest.fail.Exception, match=r"(?s)scores_are_repeatable\n  The same images"):
        two(0, "scores_are_repeatable")
