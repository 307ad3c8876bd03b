"""Settings of a method: typed, validated, frozen; unknown names are errors."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

__all__ = ["Settings"]


class Settings(BaseModel):
    """Base class of every method's settings; field defaults are the values of the method's paper.

    Give each field a ``Field(..., description="…", gt=0)``: descriptions appear in ``clbench show`` and
    bounds are checked before anything is loaded.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, validate_default=True)
