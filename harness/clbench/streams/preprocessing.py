"""How an image becomes a model's input, split into what is done once and what every batch needs."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    import PIL.Image
    import torch

__all__ = ["Preprocessing"]

Box = tuple[int, int, int, int]

_AT_ONCE = 2

_FILTERS = {"bicubic": 3, "bilinear": 2}  # values of PIL.Image.Resampling


@dataclass(frozen=True)
class Preprocessing:
    """A model's input transform; CLIP's: resize the short side, crop the centre, scale to [0, 1], normalise.

    The part up to the crop gives uint8 pixels and is cached (exactly what the float transform would
    read); the normalisation is done per batch on the device.

    Attributes:
        size: side of the square input in pixels.
        mean, std: per channel (RGB), of values in [0, 1].
        interpolation: PIL's resize filter.
        resize: ``shortest`` resizes the short side and crops the centre; ``squash`` (SigLIP's) resizes both
            sides, and the aspect is lost.
        crop_scale: area range of the training crop (``RandomResizedCrop``), aspect 3/4 to 4/3.
            ZSCL, GIFT and MoE-Adapters use 0.9 to 1 and no flip.
    """

    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: Literal["bicubic", "bilinear"] = "bicubic"
    crop_scale: tuple[float, float] = (0.9, 1.0)
    resize: Literal["shortest", "squash"] = "shortest"

    @property
    def digest(self) -> str:
        fields = asdict(self)
        if self.resize == "shortest":
            del fields["resize"]  # so that digests of records from before there was a choice stay the same
        return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]

    def to_pixels(self, image: PIL.Image.Image) -> np.ndarray:
        """The test view: uint8, shape (3, size, size)."""
        width, height = image.size
        if self.resize == "squash":
            image = image.resize((self.size, self.size), _FILTERS[self.interpolation])
        elif (width, height) != (self.size, self.size):
            # torchvision's Resize(size): the long side is floored, the short one exact
            if width <= height:
                target = (self.size, int(self.size * height / width))
            else:
                target = (int(self.size * width / height), self.size)
            image = image.resize(target, _FILTERS[self.interpolation])
            left = round((target[0] - self.size) / 2.0)
            top = round((target[1] - self.size) / 2.0)
            image = image.crop((left, top, left + self.size, top + self.size))
        return np.ascontiguousarray(np.asarray(image.convert("RGB")).transpose(2, 0, 1))

    def random_crop(self, image: PIL.Image.Image, generator: torch.Generator) -> np.ndarray:
        """The training view, ``RandomResizedCrop(size, crop_scale)``: uint8, shape (3, size, size)."""
        return self.cropped(image, self.random_box(*image.size, generator))

    def random_box(self, width: int, height: int, generator: torch.Generator) -> Box:
        """Where to crop an image of that size: left, top, right, bottom."""
        import torch

        area = width * height
        log_low, log_high = np.log(3 / 4), np.log(4 / 3)
        for _ in range(10):  # as torchvision: ten tries, else the largest central box of a fair aspect
            u = torch.rand(4, generator=generator, dtype=torch.float64).tolist()
            target = area * (self.crop_scale[0] + u[0] * (self.crop_scale[1] - self.crop_scale[0]))
            ratio = float(np.exp(log_low + u[1] * (log_high - log_low)))
            w, h = round((target * ratio) ** 0.5), round((target / ratio) ** 0.5)
            if 0 < w <= width and 0 < h <= height:
                left, top = int(u[2] * (width - w + 1)), int(u[3] * (height - h + 1))
                return left, top, left + w, top + h
        return _central_box(width, height)

    def cropped(self, image: PIL.Image.Image, box: Box) -> np.ndarray:
        """What is in ``box``, resized: uint8, shape (3, size, size)."""
        view = image.crop(box).resize((self.size, self.size), _FILTERS[self.interpolation])
        return np.ascontiguousarray(np.asarray(view.convert("RGB")).transpose(2, 0, 1))

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """uint8 pixels (batch, 3, size, size) → float32 model input on the same device."""
        import torch

        if pixels.device.type == "cpu":
            return torch.from_numpy(self._normalised(pixels.numpy()))
        mean = torch.tensor(self.mean, device=pixels.device).view(1, 3, 1, 1)
        std = torch.tensor(self.std, device=pixels.device).view(1, 3, 1, 1)
        return (pixels.to(torch.float32).div_(255.0)).sub_(mean).div_(std)

    def _normalised(self, pixels: np.ndarray) -> np.ndarray:
        """The same, bit for bit, by NumPy.

        A large batch spends most of its time on fresh memory, page by page: NumPy asks for large pages. A few
        images at a time stay in the processor's cache from one step to the next; and one thread is faster
        than a model can use, and waits for no other where a machine is busy.
        """
        mean = np.array(self.mean, dtype=np.float32).reshape(1, 3, 1, 1)
        std = np.array(self.std, dtype=np.float32).reshape(1, 3, 1, 1)
        out = np.empty(pixels.shape, dtype=np.float32)
        for start in range(0, len(pixels), _AT_ONCE):
            part = out[start : start + _AT_ONCE]
            np.divide(pixels[start : start + _AT_ONCE], 255.0, out=part, dtype=np.float32)
            np.subtract(part, mean, out=part)
            np.divide(part, std, out=part)
        return out


def _central_box(width: int, height: int) -> Box:
    """The largest central box with an aspect from 3/4 to 4/3, as (left, top, right, bottom)."""
    w, h = width, height
    if width / height < 3 / 4:
        h = round(width / (3 / 4))
    elif width / height > 4 / 3:
        w = round(height * (4 / 3))
    left, top = (width - w) // 2, (height - h) // 2
    return left, top, left + w, top + h
