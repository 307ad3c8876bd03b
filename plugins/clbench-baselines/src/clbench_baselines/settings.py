"""Settings of the baselines; the defaults are those of ZSCL's MTIL experiments."""

from __future__ import annotations

from typing import Annotated, Literal

from clbench import Settings
from clbench.methods import FineTuningSettings
from pydantic import Field

__all__ = [
    "EWCSettings",
    "FineTuneSettings",
    "ICaRLSettings",
    "JointSettings",
    "LwFSettings",
    "LwFVRSettings",
    "PixelNeighbourSettings",
    "RidgeSettings",
    "SoupSettings",
    "WCSettings",
    "WiSEFTSettings",
    "ZeroShotSettings",
]


class ZeroShotSettings(Settings):
    """Nothing to set."""


class PixelNeighbourSettings(Settings):
    """The nearest training image by its pixels."""

    size: int = Field(32, ge=1, description="side to which images are reduced, in pixels")
    likeness: Literal["correlation", "squared-difference"] = Field(
        "correlation", description="how two images are compared"
    )


class RidgeSettings(Settings):
    """Ridge regression on frozen features."""

    strengths: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        tuple(10.0**k for k in range(-4, 4)),
        min_length=1,
        description="penalties to choose from, by the leave-one-out error on training images",
    )


class FineTuneSettings(FineTuningSettings):
    """Fine-tuning of the whole CLIP, as in ZSCL's MTIL experiments."""


class JointSettings(FineTuneSettings):
    """``iterations`` and ``warmup`` are per task: the budget is that of learning the tasks one by one."""

    mixing: Literal["equal", "proportional"] = Field(
        "equal", description="how often a task is drawn: each as often, or by its number of training images"
    )


class WCSettings(FineTuneSettings):
    """Fine-tuning held near the weights with which the task began."""

    l2: float = Field(1.0, gt=0, description="weight of the squared distance to the task's starting weights")


class WiSEFTSettings(FineTuneSettings):
    """Fine-tuning, then interpolation of the weights."""

    alpha: float = Field(0.8, ge=0, le=1, description="share of the fine-tuned weights in the mixture")
    towards: Literal["previous", "initial"] = Field(
        "previous", description="what the rest is: the weights before the task, or the pre-trained ones"
    )


class SelfDistillationSettings(FineTuneSettings):
    """Fine-tuning with distillation from the previous model on the current task's own images."""

    reference_batch_size: int = Field(64, ge=1, description="images for distillation per step")
    temperature: float = Field(2.0, gt=0, description="temperature of the distillation")
    image_weight: float = Field(1.0, ge=0, description="weight of the image distillation")
    text_weight: float = Field(1.0, ge=0, description="weight of the text distillation")
    distilled_texts: Literal["teacher", "student"] = Field(
        "teacher",
        description="whose texts the student's images are compared with: the teacher's (ZSCL's authors), or "
        "its own, so that its text tower is distilled, too",
    )


class LwFSettings(SelfDistillationSettings):
    """The distillation is over class prompts."""

    distilled_classes: Literal["current", "earlier"] = Field(
        "current",
        description="prompts over which images are compared: of the current task's classes (ZSCL's "
        "authors), or "
        "of the classes learned before it (the first paper), none in the first task",
    )


class LwFVRSettings(SelfDistillationSettings):
    """LwF over random texts (a "virtual vocabulary") in place of the task's classes."""

    texts: int = Field(1000, ge=2, description="number of random texts, drawn once per task")


class ICaRLSettings(FineTuneSettings):
    """Fine-tuning with distillation from the initial CLIP on exemplars of earlier tasks."""

    memory: int = Field(10_000, ge=1, description="images to keep in all; see newest")
    herding_images: int = Field(
        30_000, ge=1, description="of a task with more images, only so many can become exemplars"
    )
    herding_candidates: Literal["first", "random"] = Field(
        "first", description="which those are: the first in the data set's order, or random ones"
    )
    groups: Literal["data_sets", "classes"] = Field(
        "data_sets",
        description="who shares the memory and has a mean to herd by: data sets (ZSCL's authors), or classes "
        "(the first paper)",
    )
    first_data_set: Literal["in_order", "herded"] = Field(
        "in_order", description="with data_sets, the first: its first images (ZSCL's authors), or herded too"
    )
    newest: Literal["exceeding", "rest"] = Field(
        "exceeding",
        description="with data_sets, room of the newest of t: memory - memory // t, more than there is from "
        "the third on (ZSCL's authors), or the rest that earlier ones leave",
    )
    exemplar_texts: Literal["current", "own"] = Field(
        "current",
        description="texts that exemplars are compared with: prompts of the current task's classes (ZSCL's "
        "authors), or of their own",
    )
    exemplar_order: Literal["memory", "random"] = Field(
        "memory", description="order of exemplars in training: always the same, or drawn for each pass"
    )
    exemplar_batch_size: int = Field(64, ge=1, description="exemplars for distillation per step")
    temperature: float = Field(2.0, gt=0, description="temperature of the distillation")
    image_weight: float = Field(1.0, ge=0, description="weight of the image distillation")
    text_weight: float = Field(1.0, ge=0, description="weight of the text distillation")
    classifier: Literal["clip", "nearest_mean"] = Field(
        "clip", description="test with class prompts, or with the mean of a class's exemplars"
    )


class EWCSettings(FineTuneSettings):
    """Fine-tuning with a pull to earlier weights, weighed by their Fisher information."""

    strength: float = Field(400.0, ge=0, description="λ, of the penalty λ/2 Σ F (θ - θ*)²")
    fisher_samples: int = Field(
        1000, ge=1, description="training images from which a task's Fisher information is taken"
    )
    decay: float = Field(
        1.0, ge=0, le=1, description="γ, what is left of earlier tasks' information after another task"
    )
    anchor: Literal["each", "latest"] = Field(
        "each", description="θ*: every task pulls to its own weights, or all to the latest (online EWC)"
    )


class SoupSettings(FineTuneSettings):
    """The mean of the models fine-tuned on each task."""

    start: Literal["mean", "initial"] = Field(
        "mean", description="weights from which each task is fine-tuned: the mean so far, or pre-trained"
    )
    include_initial: bool = Field(False, description="count the pre-trained model as one more ingredient")
