"""Runs as event files, one folder a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from clbench.events import Event
from clbench.trackers import RunTracker
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams.api_pb2 import STATUS_FAILURE
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData
from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import hparams

__all__ = ["FOLDER", "TensorBoardTracker", "start"]

FOLDER = "tensorboard"

# What TensorBoard's table of hyperparameters has as its columns.
_FINAL = ("transfer", "average", "last", "forgetting")


class TensorBoardTracker(RunTracker[SummaryWriter]):
    """Write to ``OUT/tensorboard/STREAM-ORDER-BACKBONE/RUN``; look with ``tensorboard --logdir``."""

    def known(self, run: Event) -> bool:
        return any(self._folder(run).glob("events.out.tfevents.*"))

    def open(self, run: Event, params: Mapping[str, str | int | float | bool], step: int) -> SummaryWriter:
        # Of a run that is continued, what an interrupted attempt wrote behind `step` is discarded.
        writer = SummaryWriter(str(self._folder(run)), purge_step=step + 1 if step else None)
        if not step:
            for event in hparams(dict(params), dict.fromkeys(_FINAL, 0.0))[:2]:  # type: ignore[no-untyped-call]
                writer._get_file_writer().add_summary(event)  # type: ignore[no-untyped-call]
        return writer

    def log(self, handle: SummaryWriter, step: int, figures: Mapping[str, float]) -> None:
        for name, value in figures.items():
            handle.add_scalar(name, value, step)
        handle.flush()

    def close(
        self,
        handle: SummaryWriter,
        status: str,
        reason: str,
        summary: Mapping[str, float],
        files: Sequence[Path],
    ) -> None:
        for name, value in summary.items():
            handle.add_scalar(name, value, 0)
        if reason:
            handle.add_text("failed", reason, 0)
        if files:
            handle.add_text("record", str(files[0]), 0)
        writer = handle._get_file_writer()  # type: ignore[no-untyped-call]
        writer.add_summary(_session_end(status == "finished"))
        handle.close()

    def _folder(self, run: Event) -> Path:
        return self.out / FOLDER / run.path.parent.name / run.path.name


def _session_end(succeeded: bool) -> Summary:
    """What marks a run as ended on the page of hyperparameters."""
    end = hparams({}, {})[2]  # type: ignore[no-untyped-call]
    if not succeeded:
        # torch knows success alone.
        plugin_data = end.value[0].metadata.plugin_data
        content = HParamsPluginData.FromString(plugin_data.content)
        content.session_end_info.status = STATUS_FAILURE
        plugin_data.content = content.SerializeToString()
    return end


def start(out: Path) -> TensorBoardTracker:
    """Return the tracker; nothing is written before a run begins."""
    return TensorBoardTracker(out)
