"""Endpoints in turn: what consistent hashing is compared with."""

from __future__ import annotations

from attrs import frozen

from svcc._native import Chooser
from svcc.hashing.choice import Choice, Endpoints, canonical

__all__ = ["RoundRobin"]


@frozen(init=False)
class RoundRobin(Choice[int]):
    """The key is the number of the connection, and connection 0 takes turn `seed`.

    In a round each endpoint has as many turns as its weight, divided by the greatest common divisor of all weights;
    they are spread evenly over the round, as those of `Maglev` are. Nothing is counted here: the caller numbers the
    connections, so a simulation can be repeated and shared among processes. A lookup takes one read.

    Keys are whole numbers from 0 on, or bytes that hold one, the most significant byte first.
    """

    seed: int
    """The turn of connection 0, counted from the first turn of a round."""

    def __init__(self, endpoints: Endpoints, *, seed: int = 0) -> None:
        """Turns of endpoints.

        Raises:
            ValueError: no endpoints, the same twice, a weight that is not from 0 to 65535, none above 0, or a round of
                more than 2^24 turns.
            OverflowError: `seed` is no unsigned number of 64 bits.
            TypeError: a name is no string, or a weight no whole number.
        """
        group = canonical(endpoints)
        names, weights = tuple(group), tuple(group.values())
        self.__attrs_init__(names, weights, Chooser.round_robin(names, weights, seed), seed)

    def _key(self, key: int | bytes) -> bytes:
        if isinstance(key, bytes):
            return key
        if key < 0:
            raise ValueError(f"connection number {key} is negative")
        return key.to_bytes((key.bit_length() + 7) // 8, "big")
