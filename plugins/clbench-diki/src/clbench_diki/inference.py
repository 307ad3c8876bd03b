"""Which task's prompts an image gets, and with what weight: from log densities to decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from clbench_diki.gaussian import TaskGaussian

__all__ = ["Decision", "batch_vote", "per_sample"]


@dataclass(frozen=True)
class Decision:
    """What is injected for a batch of images.

    Attributes:
        tasks: int64 (batch,): the task whose prompts an image gets.
        weights: float (batch,): weight of the branch in the vision tower.
        text_weights: float (batch,): weight of the branch in the text tower that an image is compared to.
    """

    tasks: Tensor
    weights: Tensor
    text_weights: Tensor

    def same(self, other: Decision) -> bool:
        """Whether both decide the same, bit for bit."""
        return all(
            torch.equal(getattr(self, name), getattr(other, name))
            for name in ("tasks", "weights", "text_weights")
        )

    def groups(self) -> Iterator[tuple[int, float, Tensor]]:
        """(task, text weight, positions) of the images that share prompts and weight in the text tower."""
        pairs = list(zip(self.tasks.tolist(), self.text_weights.tolist(), strict=True))
        for task, weight in sorted(set(pairs)):
            positions = [n for n, pair in enumerate(pairs) if pair == (task, weight)]
            yield task, weight, torch.tensor(positions, device=self.tasks.device)


def batch_vote(
    features: Tensor,
    gaussians: Mapping[int, TaskGaussian],
    *,
    calibrated: bool = True,
    by_winner: bool = False,
) -> Decision:
    """One task for the whole batch, as the authors' code decides.

    Each image votes for the task of its highest log density; the task with most votes, on a tie the one
    learned first, serves all images. An image's own weight comes from its own highest density, even where
    another task won; the text tower takes the mean of the images' weights.

    Args:
        features: frozen, L2-normalised embeddings (batch, d).
        gaussians: of the tasks learned so far, by index; at least one.
        calibrated: ``False`` leaves all weights at 1 (IKI, the paper's ablation).
        by_winner: an image's weight comes from its density under the task that won, whose prompts it gets.
    """
    tasks, weights = _best(features, gaussians, calibrated)
    winner = int(torch.bincount(tasks).argmax())  # argmax: the first of equal counts
    if by_winner and calibrated:
        weights = gaussians[winner].weight(gaussians[winner].log_prob(features))
    return Decision(torch.full_like(tasks, winner), weights, weights.mean().expand(len(weights)))


def per_sample(
    features: Tensor, gaussians: Mapping[int, TaskGaussian], *, calibrated: bool = True, levels: int = 16
) -> Decision:
    """A task and a weight for each image alone: other images of the batch have no influence.

    An image's weight enters the vision tower as it is. For the text tower it is rounded to a multiple of
    ``1 / levels``, so that the classes need not be encoded again for every image.

    Args:
        features, gaussians, calibrated: as for :func:`batch_vote`.
        levels: steps of the text weight between 0 and 1.
    """
    tasks, weights = _best(features, gaussians, calibrated)
    return Decision(tasks, weights, torch.round(weights * levels) / levels)


def _best(features: Tensor, gaussians: Mapping[int, TaskGaussian], calibrated: bool) -> tuple[Tensor, Tensor]:
    """For each image the most likely task and the weight that its density gives."""
    learned = sorted(gaussians)
    densities = torch.stack([gaussians[task].log_prob(features) for task in learned], dim=1)
    best, position = densities.max(dim=1)
    tasks = torch.tensor(learned, device=features.device)[position]
    weights = gaussians[learned[0]].weight(best) if calibrated else torch.ones_like(best)
    return tasks, weights
