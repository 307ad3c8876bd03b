"""Memory of results that come back, bounded in bytes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from torch import Tensor

__all__ = ["BoundedCache", "content_key"]

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
    content = hashlib.blake2b(tensor.contiguous().numpy().data, digest_size=16)
    return (tuple(tensor.shape), str(tensor.dtype), content.digest())
