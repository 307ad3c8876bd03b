"""Streams: tasks, orders, label spaces, prompts, and access to images. No torch is imported here."""

from clbench.streams.disk import cache_root, data_root
from clbench.streams.heldout import HeldOut
from clbench.streams.images import ImageSet
from clbench.streams.labels import LABEL_SPACES, LabelSpace, LabelSpaceName
from clbench.streams.preprocessing import Preprocessing
from clbench.streams.sharing import shared_classes
from clbench.streams.tasks import Stream, Task, TrainingTask, order_keys

__all__ = [
    "LABEL_SPACES",
    "HeldOut",
    "ImageSet",
    "LabelSpace",
    "LabelSpaceName",
    "Preprocessing",
    "Stream",
    "Task",
    "TrainingTask",
    "cache_root",
    "data_root",
    "order_keys",
    "shared_classes",
]
