"""Rendezvous hashing: every endpoint bids for every key."""

from __future__ import annotations

from attrs import frozen

from svcc._native import Chooser
from svcc.hashing.choice import Endpoints, TextChoice, canonical

__all__ = ["Rendezvous"]


@frozen(init=False)
class Rendezvous(TextChoice):
    """Highest random weight: a hash of the key and the endpoint's name is the endpoint's bid; the highest bid wins.

    Sources: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998. The weights are those of
    Schindelhauer and Schomaker, "Weighted Distributed Hash Tables", 2005, and of draft-mosko-bess-weighted-hrw: with u
    the hash as a number between 0 and 1 and w the weight, the bid is -w / ln u.

    A lookup hashes the key once and mixes it with the hash of each of n endpoints: one or two nanoseconds for each.
    Nothing is built but those n hashes. Bids do not depend on other endpoints, so only keys move that must: those of an
    endpoint that goes, or those that a new or heavier one wins. The shares are exact in the mean, as those of
    independent draws.

    Keys are bytes, or text hashed in UTF-8.
    """

    seed: int
    """What names and keys are hashed with."""

    def __init__(self, endpoints: Endpoints, *, seed: int = 0) -> None:
        """Rendezvous hashing over endpoints.

        Raises:
            ValueError: no endpoints, the same twice, a weight that is not from 0 to 65535, or none above 0.
            OverflowError: `seed` is no unsigned number of 64 bits.
            TypeError: a name is no string, or a weight no whole number.
        """
        group = canonical(endpoints)
        names, weights = tuple(group), tuple(group.values())
        self.__attrs_init__(names, weights, Chooser.rendezvous(names, weights, seed), seed)

    def top(self, key: str | bytes, count: int) -> list[str]:
        """The endpoints with the highest bids for a key, the highest first: where `count` replicas of it belong.

        There are fewer if fewer have weight. The first is that of `lookup`; if it goes, the others move up by one.

        Raises:
            ValueError: `count` is negative.
        """
        if count < 0:
            raise ValueError(f"count {count} is negative")
        count = min(count, len(self.endpoints))
        return [self.endpoints[index] for index in self._chooser.top(self._key(key), count)]
