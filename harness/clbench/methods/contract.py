"""The contract between a method and the harness."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from clbench.methods.settings import Settings
from clbench.models.backbone import Backbone
from clbench.streams.labels import LabelSpace
from clbench.streams.tasks import TrainingTask

if TYPE_CHECKING:
    from clbench.methods.context import Context

__all__ = ["Method"]


class Method(ABC):
    """A continual-learning method.

    Args:
        backbone: the method's own copy of the pre-trained model; it may change it at will. The untouched
            initial model is ``context.initial``.
        settings: an instance of the class that the method's spec names.
        context: everything else a method may use.

    The laws (``clbench.testing`` checks them):

    * ``load_state_dict(state_dict())`` on a fresh instance, then :meth:`score`, is bit-equal. That one law
      gives resuming, caching and scoring again later.
    * Columns of :meth:`score` are independent: leaving out classes leaves the others' logits as they are.
    * :meth:`score` changes nothing that a later call depends on.
    """

    def __init__(self, backbone: Backbone, settings: Any, context: Context) -> None:
        self.backbone = backbone
        self.settings = settings
        self.context = context
        if getattr(settings, "official_compute", False):
            self.backbone.official_compute = True

    @property
    def initial(self) -> Backbone:
        """The untouched initial model, computed as this method's backbone is."""
        initial = self.context.initial
        return initial.computing_everything() if self.backbone.official_compute else initial

    @abstractmethod
    def learn(self, task: TrainingTask) -> None:
        """Learn the next task from its training data, class names and templates."""

    @abstractmethod
    def score(self, images: Tensor, labels: LabelSpace) -> Tensor:
        """Logits (batch, classes) for normalised images (batch, 3, size, size).

        Called without gradient, at any time, also before the first task and for classes never learned.
        ``labels.task`` is a task index only for methods whose spec declares ``task_identity="given"``.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, Any]:
        """Everything :meth:`score` and the next :meth:`learn` depend on: tensors, numbers, strings, and
        lists and dictionaries of them."""

    @abstractmethod
    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""

    @classmethod
    def check(cls, settings: Any) -> None:
        """Raise :class:`clbench.ConfigError` for settings that cannot work together; runs before training.

        By default the settings' own :meth:`clbench.Settings.check` says so, which needs no torch and is asked
        before anything is loaded; override that one.
        """
        if isinstance(settings, Settings):
            settings.check("METHOD")

    @classmethod
    def declares(cls, settings: Any) -> Mapping[str, str | float | bool]:
        """What a reader of the record must know of these settings, such as how a task is inferred."""
        del settings
        return {}
