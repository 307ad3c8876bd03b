"""Settings of a method: typed, validated, frozen; unknown names are errors."""

from __future__ import annotations

from typing import TypedDict

from pydantic import BaseModel, ConfigDict, Field

from clbench.errors import ConfigError
from clbench.methods.schedules import Schedule, warmup_cosine

__all__ = ["FineTuningSettings", "LoopArguments", "OfficialCompute", "Settings"]


class Settings(BaseModel):
    """Base class of every method's settings; field defaults are the values of the method's paper.

    Give each field a ``Field(..., description="…", gt=0)``: descriptions appear in ``clbench show`` and
    bounds are checked before anything is loaded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)

    def check(self, method: str) -> None:
        """Raise :class:`clbench.ConfigError` for values that cannot work together.

        It is called for all methods of a command before anything is loaded, so that all their mistakes come
        at once. ``method`` is the name to say in remedies.
        """
        del method  # any are fine unless a method's settings say otherwise


class OfficialCompute(Settings):
    """Settings of a method that can also be computed as its authors' code computes it, for timing."""

    official_compute: bool = Field(
        False,
        description="compute everything as often as the authors' code does: the same results up to rounding, "
        "slower; for comparisons of time",
    )


class LoopArguments(TypedDict):
    """What settings say of a training loop, as keyword arguments of ``Context.fit``."""

    steps: int
    schedule: Schedule
    batch_size: int


class FineTuningSettings(Settings):
    """The training that ZSCL, GIFT and their baselines share: AdamW, warm-up, cosine to zero."""

    iterations: int = Field(
        1000, ge=1, description="length of the schedule; one step more is taken, the last at rate 0"
    )
    warmup: int = Field(100, ge=0, description="steps of linear warm-up before the cosine")
    lr: float = Field(1e-5, gt=0, description="peak learning rate of AdamW, times the task's rate scale")
    batch_size: int = Field(64, ge=1, description="images of the current task per step")
    label_smoothing: float = Field(0.2, ge=0, lt=1, description="smoothing of the classification loss")

    def loop(self, rate_scale: float = 1.0) -> LoopArguments:
        """Steps, schedule and batch size of learning a task: ``fit(task, …, **settings.loop(scale))``."""
        return {
            "steps": self.iterations + 1,
            "schedule": warmup_cosine(self.lr * rate_scale, warmup=self.warmup, iterations=self.iterations),
            "batch_size": self.batch_size,
        }

    def check(self, method: str) -> None:
        """Raise :class:`clbench.ConfigError` if the warm-up outlasts the training."""
        super().check(method)
        if self.warmup > self.iterations:
            raise ConfigError(
                f"{method} warms up for {self.warmup} of {self.iterations} iterations",
                why="the learning rate would never reach its peak",
                fix=f"--set {method}.warmup={self.iterations // 10}",
            )
