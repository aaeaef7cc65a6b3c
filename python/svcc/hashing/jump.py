"""Jump consistent hashing: for endpoints that only come and go at the end."""

from __future__ import annotations

from attrs import frozen

from svcc._native import Chooser
from svcc.hashing.choice import Endpoints, TextChoice, canonical

__all__ = ["Jump"]


@frozen(init=False)
class Jump(TextChoice):
    """A pseudo-random walk through numbered endpoints that ends at the key's.

    Source: Lamping and Veach, "A Fast, Minimal Memory, Consistent Hash Algorithm", 2014 (arXiv:1406.2294). A lookup
    takes one hash and about ln n steps; nothing is kept but the names. The shares are exact in the mean.

    **Its limit**: endpoints are numbers from 0 to n - 1, here their places in the order of names. An endpoint whose
    name sorts last comes or goes at the least cost possible. Any other shifts the numbers of all that sort after it,
    and the keys of all those move. So it suits shards named ``shard-0001`` and on, not pods. There are no weights.

    Keys are bytes, or text hashed in UTF-8.
    """

    seed: int
    """What keys are hashed with."""

    def __init__(self, endpoints: Endpoints, *, seed: int = 0) -> None:
        """Jump hashing over endpoints.

        Raises:
            ValueError: no endpoints, the same twice, or a weight other than 1.
            OverflowError: `seed` is no unsigned number of 64 bits.
            TypeError: a name is no string, or a weight no whole number.
        """
        group = canonical(endpoints)
        names, weights = tuple(group), tuple(group.values())
        self.__attrs_init__(names, weights, Chooser.jump(names, weights, seed), seed)
