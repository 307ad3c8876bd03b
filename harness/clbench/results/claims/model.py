"""A row of a published table as data, with the preset that was run for it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from clbench.config.presets import Preset

__all__ = ["METRICS", "AnyClaim", "Claim", "OtherClaim"]

METRICS = ("transfer", "average", "last")

Percent = Annotated[float, Field(ge=0, le=100, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1)]
Kind = Literal["own", "rerun", "quoted"]


class _Sourced(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Text = Field(description="Name of the method in clbench.")
    table: Text = Field(description="Table of the paper that the figure belongs to.")
    source: Text = Field(description="Document that it was read in.")
    kind: Kind = Field(description="Of the method's authors, rerun by others, or copied from elsewhere.")
    note: str = ""


class Claim(_Sourced):
    """A row of a published table of a task stream; accuracies in percent, as printed."""

    row: Text = Field(description="The method as the table calls it.")
    setting: Text = Field(description="What the table is about, in words.")
    stream: Text = Field(description="The stream's name in clbench.")
    protocol: Text = Field(description="The stream's protocol family in clbench.")
    order: Text
    shots: Annotated[int, Field(ge=1)] | Literal["full", "any"] = Field(
        description="Training samples per class; any: nothing is trained."
    )
    label_space: Literal["task", "seen", "union"]
    backbone: Text = Field(description="The backbone's name in clbench.")
    preset: str = Field(
        default="", description="Name of the preset that was run for it; empty: the defaults."
    )
    transfer: Percent | None = None
    average: Percent | None = None
    last: Percent | None = None
    incomparable: str = Field(default="", description="Why no record can be set beside it, if none can.")
    run: Preset | None = Field(default=None, exclude=True, description="That preset, once it has been read.")

    @model_validator(mode="after")
    def _claims_something(self) -> Claim:
        if not self.figures:
            raise ValueError("it has none of transfer, average, last")
        return self

    @property
    def settings(self) -> dict[str, JsonValue]:
        """Settings, other than the defaults, that make the method this row."""
        return {} if self.run is None else self.run.settings

    @property
    def figures(self) -> dict[str, float]:
        """The figures it has, by metric."""
        values = {name: getattr(self, name) for name in METRICS}
        return {name: value for name, value in values.items() if value is not None}


class OtherClaim(_Sourced):
    """A published figure of another task than a stream of tasks."""

    row: Text = Field(description="The method as the table calls it.")
    quantity: Text = Field(description="What was measured, and of what.")
    value: Annotated[float, Field(allow_inf_nan=False)]
    unit: str = ""
    incomparable: Text = Field(description="Why no record can be set beside it.")


AnyClaim = Claim | OtherClaim
