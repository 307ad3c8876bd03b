"""Settings under which a method's steps change more than usual: that is kept in the middle of a task, too."""

from dataclasses import replace

import pytest
from clbench.methods import Context
from clbench.plugins import get_registry
from clbench.testing import tiny_stream
from clbench.testing.laws import METHOD_LAWS
from clbench.testing.outcomes import Examination
from clbench.testing.subject import MethodSubject

pytestmark = pytest.mark.usefixtures("one_thread")

SMALL = {"iterations": 4, "warmup": 1, "lr": 1e-3, "batch_size": 6}


CASES = [
    (
        "zscl",
        SMALL
        | {
            "ensemble": False,
            "ensemble_interval": 1,
            "moving_average": 0.7,
            "moving_average_towards": "last",
            "reference_batch_size": 6,
        },
    ),
    ("zscl", SMALL | {"ensemble_interval": 1, "reference_batch_size": 6, "reference_texts": "random"}),
    ("gift", SMALL | {"static_awc": 3, "num_images": 6, "synthetic_batch_size": 4}),
    ("diki", {"steps": 5, "lr": 1.0, "final_lr": 0.1, "batch_size": 6}),
    ("l2p", {"iterations": 5, "batch_size": 6, "diversify": "frequency"}),
    ("moe-adapters", SMALL | {"autoencoder_iterations": 2, "reference_iterations": 2, "features": "tokens"}),
]
IDS = ["pull to the last", "ensemble", "static importances", "best epoch", "frequencies", "usage"]


def _examined(method, settings):
    stream = tiny_stream(tasks=2, classes=(4, 3), train=18, test=9)
    if method == "diki":  # the prompts of the best epoch are kept where there are validation images
        stream = replace(stream, tasks=tuple(replace(t, validation=t.test) for t in stream.tasks))
    subject = MethodSubject(get_registry().find("method", method).spec, settings, stream=stream)
    return Examination(subject, method, METHOD_LAWS).result("steps_are_resumed")


@pytest.mark.parametrize(("method", "settings"), CASES, ids=IDS)
def test_steps_are_resumed(method, settings):
    result = _examined(method, settings)
    assert (result.status, result.reason) == ("passed", "")


@pytest.mark.parametrize(("method", "settings"), CASES[2:4], ids=IDS[2:4])
def test_without_that_state_the_law_is_broken(method, settings, monkeypatch):
    fit = Context.fit

    def forgetful(self, *args, state=None, **options):
        fit(self, *args, state=(), **options)

    monkeypatch.setattr(Context, "fit", forgetful)
    assert _examined(method, settings).status == "failed"
