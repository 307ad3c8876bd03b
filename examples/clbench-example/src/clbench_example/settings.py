"""Settings of L2-SP: the defaults are those of the paper, or of the protocol where it says nothing."""

from clbench import Settings
from pydantic import Field


class L2SPSettings(Settings):
    """What can be set with ``--set l2-sp.NAME=VALUE``."""

    iterations: int = Field(1000, ge=1, description="optimiser steps per task")
    lr: float = Field(1e-5, gt=0, description="learning rate of AdamW at the first step")
    batch_size: int = Field(64, ge=1, description="training images per step")
    alpha: float = Field(0.1, ge=0, description="strength of the pull to the pre-trained weights")
