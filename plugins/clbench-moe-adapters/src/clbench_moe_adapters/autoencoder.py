"""A task's autoencoder: how well it reconstructs an image tells whether the image is of that task."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from clbench import NotFiniteError
from torch import Tensor, nn

__all__ = ["Autoencoder", "decayed_rate", "train_autoencoder"]


class Autoencoder(nn.Module):
    """``sigmoid(W₂ relu(W₁ x + b₁) + b₂)``.

    Args:
        width: D, numbers per image.
        code: inner width.
        generator: of the first weights and biases, uniform in ±1/√(inputs of the layer), as torch's default.
    """

    def __init__(self, width: int, code: int, generator: torch.Generator | None = None) -> None:
        super().__init__()
        self.encoder = nn.utils.skip_init(nn.Linear, width, code)  # type: ignore[no-untyped-call]
        self.decoder = nn.utils.skip_init(nn.Linear, code, width)  # type: ignore[no-untyped-call]
        with torch.no_grad():
            for layer in (self.encoder, self.decoder):
                bound = 1 / math.sqrt(layer.in_features)
                layer.weight.uniform_(-bound, bound, generator=generator)
                layer.bias.uniform_(-bound, bound, generator=generator)

    def forward(self, x: Tensor) -> Tensor:
        """Features (batch, D) in (0, 1) → their reconstruction."""
        return torch.sigmoid(self.decoder(F.relu(self.encoder(x))))

    @torch.no_grad()
    def errors(self, x: Tensor) -> Tensor:
        """Mean squared error of each image, (batch,)."""
        with torch.autocast(x.device.type, enabled=False):
            return (self.forward(x) - x).square().mean(dim=-1)


def decayed_rate(rate: float, step: int, *, epoch: int, decay_epochs: int) -> float:
    """A tenth of the rate after every ``decay_epochs`` epochs of ``epoch`` steps; steps count from 0."""
    return rate * 0.1 ** (step // epoch // decay_epochs)


def train_autoencoder(
    autoencoder: Autoencoder,
    inputs: Iterator[Tensor],
    *,
    steps: int,
    epoch: int,
    rate: float,
    decay_epochs: int,
    weight_decay: float,
    where: str,
    progress: Callable[[int, int, float], None] | None = None,
) -> None:
    """Train on the mean squared error with Adam, whose weight decay is part of the gradient (L2).

    Args:
        inputs: features (batch, D) in (0, 1), drawn for each step.
        steps: number of steps.
        epoch: steps per epoch, for the rate (:func:`decayed_rate`).
        where: for messages.
        progress: told (steps done, steps in all, loss).

    Raises:
        NotFiniteError: the error became NaN or infinite.
    """
    optimizer = torch.optim.Adam(autoencoder.parameters(), lr=rate, weight_decay=weight_decay)
    for k in range(steps):
        for group in optimizer.param_groups:
            group["lr"] = decayed_rate(rate, k, epoch=epoch, decay_epochs=decay_epochs)
        x = next(inputs)
        loss = F.mse_loss(autoencoder(x), x)
        value = loss.item()
        if not math.isfinite(value):
            error = NotFiniteError(
                f"reconstruction error = {value} in the autoencoder of {where}, step {k}",
                why="the optimisation diverged",
                fix="lower its learning rate: --set moe-adapters.autoencoder_lr=…",
            )
            error.step = k
            raise error
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if progress is not None:
            progress(k + 1, steps, value)
    autoencoder.requires_grad_(False)
