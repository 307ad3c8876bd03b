"""Results that come back: test batches are the same after every task, and so is what a frozen tower says."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import Tensor

__all__ = ["BoundedCache", "Remembered", "content_key"]

_CAPACITY = 256 * 2**20

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """The values used last, as long as they fit into ``capacity`` bytes.

    Args:
        capacity: most bytes to keep.
        size: bytes of a value.
    """

    def __init__(self, capacity: int, size: Callable[[Value], int]) -> None:
        self._capacity = capacity
        self._size = size
        self._bytes = 0
        self._values: OrderedDict[Hashable, Value] = OrderedDict()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: Hashable) -> Value | None:
        """The value of ``key`` if it is still kept."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: Hashable, value: Value) -> None:
        """Keep ``value``; what was used longest ago makes room."""
        if key in self._values:
            self._bytes -= self._size(self._values.pop(key))
        self._values[key] = value
        self._bytes += self._size(value)
        while self._bytes > self._capacity:
            _, oldest = self._values.popitem(last=False)
            self._bytes -= self._size(oldest)

    def clear(self) -> None:
        self._values.clear()
        self._bytes = 0


def content_key(tensor: Tensor) -> Hashable | None:
    """A key equal for equal contents; ``None`` off the CPU, where fetching them costs more than it saves."""
    if tensor.device.type != "cpu":
        return None
    content = hashlib.blake2b(tensor.detach().contiguous().numpy().data, digest_size=16)
    return (tuple(tensor.shape), str(tensor.dtype), content.digest())


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
        self._results: BoundedCache[Tensor] = BoundedCache(capacity, lambda result: result.nbytes)

    def __len__(self) -> int:
        return len(self._results)

    def clear(self) -> None:
        """Forget all results."""
        self._results.clear()

    def __call__(self, images: Tensor) -> Tensor:
        """The function's result for ``images``."""
        key = content_key(images)
        if key is None:
            return self._function(images)
        result = self._results.get(key)
        if result is None:
            result = self._function(images)
            self._results.put(key, result)
        return result
