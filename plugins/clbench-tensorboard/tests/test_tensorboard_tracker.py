"""Runs as TensorBoard reads them."""

import pytest
from clbench.testing import plugin_laws
from clbench.testing.tracked import TRACKED_MATRIX, play_run
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

test_plugin = plugin_laws("clbench-tensorboard")


def shown(out):
    (folder,) = (out / "tensorboard").glob("*/*")
    events = EventAccumulator(str(folder))
    events.Reload()
    return events


def curve(events, tag):
    return {event.step: event.value for event in events.Scalars(tag)}


@pytest.mark.parametrize(
    "runs",
    [
        [{}],
        [{"stop": 2, "ending": "killed"}, {"start": 1}],  # the second row was shown, its record lost
        [{"start": 2}],
        [{"ending": "cached"}],
        [{}, {"ending": "cached"}],
    ],
    ids=["whole", "interrupted", "tracked late", "finished before", "again"],
)
def test_each_row_is_shown_once(tmp_path, runs):
    for run in runs:
        record = play_run("tensorboard", tmp_path, **run)
    events = shown(tmp_path)
    rows = [(50.0,) * 3, *TRACKED_MATRIX]
    for task in range(3):
        points = events.Scalars(f"accuracy/t{task}")
        assert [(p.step, p.value) for p in points] == [(i, row[task]) for i, row in enumerate(rows)]
    assert curve(events, "transfer") == pytest.approx({0: record.metrics.transfer})


def test_the_configuration_is_on_the_page_of_hyperparameters(tmp_path):
    from tensorboard.plugins.hparams import plugin_data_pb2

    play_run("tensorboard", tmp_path)
    content = shown(tmp_path).SummaryMetadata("_hparams_/session_start_info").plugin_data.content
    hparams = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info.hparams
    assert hparams["method"].string_value == "toy"
    assert hparams["settings.lr"].number_value == 0.1
    assert hparams["settings.layers"].string_value == "a, b"


def test_a_failure_is_said(tmp_path):
    play_run("tensorboard", tmp_path, stop=1, ending="failed")
    (text,) = shown(tmp_path).Tensors("failed/text_summary")
    assert b"loss is nan" in text.tensor_proto.string_val[0]


@pytest.mark.parametrize(("ending", "status"), [("failed", "STATUS_FAILURE"), ("finished", "STATUS_SUCCESS")])
def test_the_end_is_marked(tmp_path, ending, status):
    from tensorboard.plugins.hparams import api_pb2, plugin_data_pb2

    play_run("tensorboard", tmp_path, stop=1 if ending == "failed" else 3, ending=ending)
    content = shown(tmp_path).SummaryMetadata("_hparams_/session_end_info").plugin_data.content
    end = plugin_data_pb2.HParamsPluginData.FromString(content).session_end_info
    assert api_pb2.Status.Name(end.status) == status
