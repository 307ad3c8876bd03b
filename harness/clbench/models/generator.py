"""Text-to-image models, for methods that train on generated images."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import PIL.Image

__all__ = ["ImageGenerator"]


class ImageGenerator(ABC):
    """Prompts and seeds in, images out; the same prompt and seed give the same image in any batch.

    Attributes:
        name: the name on the command line.
        digest: identifies the weights and everything else that decides what comes out.
        steps, guidance: the defaults of :meth:`generate`.
    """

    name: str
    digest: str
    steps: int
    guidance: float

    @abstractmethod
    def generate(
        self,
        prompts: Sequence[str],
        seeds: Sequence[int],
        *,
        steps: int | None = None,
        guidance: float | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> list[PIL.Image.Image]:
        """Return one RGB image per prompt.

        Args:
            prompts, seeds: of equal length.
            steps: denoising steps. guidance: scale of classifier-free guidance.
            progress: told the number of images finished so far.
        """
