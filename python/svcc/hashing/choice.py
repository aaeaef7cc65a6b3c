"""What all algorithms have in common: endpoints with weights go in once, keys go in and endpoints come out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Any, Generic, TypeAlias, TypeVar

from attrs import field, fields, frozen

from svcc._native import Chooser

__all__ = ["Choice", "Endpoints", "TextChoice", "canonical"]

Endpoints: TypeAlias = Iterable[str] | Mapping[str, int]
KeyT = TypeVar("KeyT")

MAX_WEIGHT = 65535


def canonical(endpoints: Endpoints) -> dict[str, int]:
    """Endpoints and their weights in the order of their names, compared by code points; without weights, 1 for each.

    Raises:
        ValueError: there are none, one is given twice, a weight is not from 0 to 65535, or all are 0.
        TypeError: a name is no string, or a weight no whole number.
    """
    if isinstance(endpoints, str):
        raise TypeError("endpoints are several names, not one string")
    pairs = list(endpoints.items()) if isinstance(endpoints, Mapping) else [(name, 1) for name in endpoints]
    for name, weight in pairs:
        if not isinstance(name, str):
            raise TypeError(f"endpoint {name!r} is no string")
        if not isinstance(weight, int):
            raise TypeError(f"weight {weight!r} of endpoint {name!r} is no whole number")
        if not 0 <= weight <= MAX_WEIGHT:
            raise ValueError(f"weight {weight} of endpoint {name!r} is not from 0 to {MAX_WEIGHT}")
    pairs.sort()
    for (name, _), (other, _) in pairwise(pairs):
        if name == other:
            raise ValueError(f"duplicate endpoint {name!r}")
    if not pairs:
        raise ValueError("there must be at least one endpoint")
    if not any(weight for _, weight in pairs):
        raise ValueError("at least one weight must be positive")
    return dict(pairs)


@frozen
class Choice(ABC, Generic[KeyT]):
    """A fixed choice among endpoints; its subclasses are the algorithms.

    Endpoints are names: strings, compared exactly, all different. Given as a mapping they have weights, whole numbers
    from 0 to 65535; otherwise all weigh 1. An endpoint's share of the keys is its part of the sum of all weights, so
    one with weight 0 stays listed and gets nothing.

    Keys are bytes, and whatever else the algorithm can make bytes of; each says what.

    Two choices are equal if they were made from the same set of endpoints, weights and parameters. They can be hashed,
    copied, pickled, and used by several threads at once.
    """

    endpoints: tuple[str, ...]
    """All names, sorted by code points; indices are places in this tuple."""
    weights: tuple[int, ...]
    """The weight of each of `endpoints`."""
    _chooser: Chooser = field(eq=False, repr=False)

    def lookup(self, key: KeyT | bytes) -> str:
        """The endpoint that a key goes to.

        Raises:
            ValueError: a key of which the algorithm can make no bytes.
        """
        return self.endpoints[self._chooser.choose(self._key(key))]

    def lookup_many(
        self, keys: bytes | bytearray | memoryview | Iterable[KeyT | bytes], *, key_size: int | None = None
    ) -> memoryview:
        """The endpoints of many keys, as indices into `endpoints`: a read-only memoryview of format ``I``.

        Either `keys` are a buffer of keys of `key_size` bytes each, one after the other; or any number of keys as
        `lookup` takes them. Packed keys are by far the quicker to hand over. Other threads of Python run meanwhile, and
        large batches are shared among all processors.

        Raises:
            ValueError: `key_size` is less than 1, the buffer ends within a key, or a key is one that `lookup` refuses.
            TypeError: `key_size` without a buffer, a buffer without `key_size`, or a single string.
        """
        if isinstance(keys, bytes | bytearray | memoryview):
            if key_size is None:
                raise TypeError("a buffer of keys needs key_size")
            if key_size < 1:
                raise ValueError("key_size must be at least 1")
            packed = keys if isinstance(keys, bytes) else bytes(keys)
            return memoryview(self._chooser.choose_packed(packed, key_size)).cast("I")
        if key_size is not None:
            raise TypeError("key_size is for a buffer of keys")
        if isinstance(keys, str):
            raise TypeError("keys are several, not one string")
        return memoryview(self._chooser.choose_each([self._key(key) for key in keys])).cast("I")

    @abstractmethod
    def _key(self, key: KeyT | bytes) -> bytes:
        """The bytes of a key."""

    def hash_arcs(self) -> tuple[object, list[tuple[int, int]]] | None:
        """What hashes keys to 32 bits, and the last hash of each arc of all 2^32 with the index of its endpoint.

        None if hashes do not belong to endpoints in arcs. Choices whose first part is equal hash every key alike.
        """
        return None

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        own = [attribute for attribute in fields(type(self)) if attribute.eq and attribute not in fields(Choice)]
        parameters = {attribute.name: getattr(self, attribute.name) for attribute in own}
        return _made, (type(self), dict(zip(self.endpoints, self.weights, strict=True)), parameters)


class TextChoice(Choice[str]):
    """A choice whose keys are bytes or text; text is hashed as its bytes in UTF-8."""

    __slots__ = ()

    def _key(self, key: str | bytes) -> bytes:
        return key.encode() if isinstance(key, str) else key


def _made(algorithm: Callable[..., object], endpoints: dict[str, int], parameters: dict[str, Any]) -> object:
    return algorithm(endpoints, **parameters)
