"""Augmentation of icon batches on tensors: placement, colours and backgrounds."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F


def _background(count: int, generator: torch.Generator) -> Tensor:
    """Return (count, 3) colours: mostly white or light, some dark, some anything."""
    choice = torch.rand(count, 1, generator=generator)
    tint = torch.rand(count, 3, generator=generator)
    white = torch.ones(count, 3)
    return torch.where(
        choice < 0.4,
        white,
        torch.where(choice < 0.7, 0.75 + 0.25 * tint, torch.where(choice < 0.85, 0.25 * tint, tint)),
    )


def _ink(background: Tensor, generator: torch.Generator) -> Tensor:
    """Return (count, 3) colours that stand out from the background."""
    count = len(background)
    best = torch.zeros(count, 3)
    contrast = torch.full((count, 1), -1.0)
    for _ in range(3):
        colour = torch.rand(count, 3, generator=generator)
        grey = (torch.rand(count, 1, generator=generator) < 0.4).float()
        extreme = (background.mean(1, keepdim=True) < 0.5).float()
        colour = grey * extreme + (1 - grey) * colour
        distance = (colour - background).abs().mean(1, keepdim=True)
        better = distance > contrast
        best = torch.where(better, colour, best)
        contrast = torch.maximum(contrast, distance)
    return best


def place(rgba: Tensor, generator: torch.Generator, strength: float = 1.0) -> Tensor:
    """Scale, turn and shift (count, 4, size, size) premultiplied images."""
    count = len(rgba)
    angle = (torch.rand(count, generator=generator) * 2 - 1) * math.radians(14) * strength
    scale = 1 + strength * (
        torch.rand(count, generator=generator) * 0.5 - 0.1
    )  # sampling grid: above 1 shrinks
    stretch = 1 + strength * 0.12 * (torch.rand(count, generator=generator) * 2 - 1)
    shift = (torch.rand(count, 2, generator=generator) * 2 - 1) * 0.16 * strength
    cosine, sine = torch.cos(angle) * scale, torch.sin(angle) * scale
    theta = torch.stack(
        [
            torch.stack([cosine * stretch, -sine, shift[:, 0]], 1),
            torch.stack([sine, cosine / stretch, shift[:, 1]], 1),
        ],
        1,
    )
    grid = F.affine_grid(theta, list(rgba.shape), align_corners=False)
    return F.grid_sample(rgba, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def augment(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Return normalised images (count, 3, size, size) in [-1, 1].

    `pixels`: premultiplied RGBA, uint8 (count, size, size, 4).
    """
    rgba = pixels.permute(0, 3, 1, 2).float().div_(255)
    count = len(rgba)
    alpha = rgba[:, 3:]
    single = (rgba[:, :3].flatten(1).amax(1) < 0.05).view(count, 1, 1, 1)  # black ink only: recolour it
    background = _background(count, generator)
    ink = _ink(background, generator)[:, :, None, None]
    colour = torch.where(single, ink * alpha, rgba[:, :3])
    placed = place(torch.cat([colour, alpha], 1), generator)
    image = placed[:, :3] + (1 - placed[:, 3:]) * background[:, :, None, None]
    odds = torch.rand(count, 1, 1, 1, generator=generator)
    image = torch.where(odds < 0.15, image.mean(1, keepdim=True), image)
    image = torch.where((odds > 0.10) & (odds < 0.18), 1 - image, image)
    gain = 1 + 0.2 * (torch.rand(count, 1, 1, 1, generator=generator) * 2 - 1)
    return (image * gain).clamp_(0, 1) * 2 - 1


def plain(pixels: Tensor) -> Tensor:
    """Return normalised images on white, black ink left black: what an evaluation sees."""
    rgba = pixels.permute(0, 3, 1, 2).float().div_(255)
    return (rgba[:, :3] + (1 - rgba[:, 3:])) * 2 - 1
