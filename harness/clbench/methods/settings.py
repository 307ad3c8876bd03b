"""Settings of a method: typed, validated, frozen; unknown names are errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["OfficialCompute", "Settings"]


class Settings(BaseModel):
    """Base class of every method's settings; field defaults are the values of the method's paper.

    Give each field a ``Field(..., description="…", gt=0)``: descriptions appear in ``clbench show`` and
    bounds are checked before anything is loaded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)


class OfficialCompute(Settings):
    """Settings of a method that can also be computed as its authors' code computes it, for timing."""

    official_compute: bool = Field(
        False,
        description="compute everything as often as the authors' code does: the same results up to rounding, "
        "slower; for comparisons of time",
    )
