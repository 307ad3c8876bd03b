"""Results that come back: test batches are the same after every task, and so is what a frozen tower says."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor

__all__ = ["Remembered"]

_CAPACITY = 256 * 2**20


class Remembered:
    """A function of a batch of images that is computed once for the same images, bit for bit.

    The results used last are kept, up to ``capacity`` bytes; they are handed out as they are, so do not
    change them in place. Images are told apart by their contents, on the CPU alone: fetching them from
    another device costs more than it saves, and there the function is called every time.

    Args:
        function: images (batch, …) → a tensor; it must not change while this object lives.
        capacity: most bytes to keep.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], *, capacity: int = _CAPACITY) -> None:
        self._function = function
        self._capacity = capacity
        self._bytes = 0
        self._results: OrderedDict[tuple[tuple[int, ...], str, bytes], Tensor] = OrderedDict()

    def __len__(self) -> int:
        return len(self._results)

    def __call__(self, images: Tensor) -> Tensor:
        """The function's result for ``images``."""
        if images.device.type != "cpu":
            return self._function(images)
        content = hashlib.blake2b(images.detach().contiguous().numpy().data, digest_size=16).digest()
        key = (tuple(images.shape), str(images.dtype), content)
        if key in self._results:
            self._results.move_to_end(key)
            return self._results[key]
        result = self._function(images)
        self._results[key] = result
        self._bytes += result.nbytes
        while self._bytes > self._capacity:
            _, oldest = self._results.popitem(last=False)
            self._bytes -= oldest.nbytes
        return result
