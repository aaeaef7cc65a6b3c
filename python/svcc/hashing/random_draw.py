"""A draw by the key's hash: what consistent hashing is compared with."""

from __future__ import annotations

from attrs import frozen

from svcc._native import Chooser
from svcc.hashing.choice import Endpoints, TextChoice, canonical

__all__ = ["Random"]


@frozen(init=False)
class Random(TextChoice):
    """The hash of the key, scaled to the sum of weights, falls upon an endpoint; they lie in the order of their names.

    The same key always falls upon the same endpoint, so a simulation can be repeated: number the connections, and
    another `seed` is another run. It is also what nft's ``jhash ... mod N`` does over a dense map. When an endpoint
    comes or goes, all the others are scaled, and a quarter to half of all keys move: it is consistent in no way.

    A lookup takes one hash and a binary search through n endpoints. The shares are exact in the mean, as those of
    independent draws. Keys are bytes, or text hashed in UTF-8.
    """

    seed: int
    """What keys are hashed with."""

    def __init__(self, endpoints: Endpoints, *, seed: int = 0) -> None:
        """A draw among endpoints.

        Raises:
            ValueError: no endpoints, the same twice, a weight that is not from 0 to 65535, or none above 0.
            OverflowError: `seed` is no unsigned number of 64 bits.
            TypeError: a name is no string, or a weight no whole number.
        """
        group = canonical(endpoints)
        names, weights = tuple(group), tuple(group.values())
        self.__attrs_init__(names, weights, Chooser.random(names, weights, seed), seed)
