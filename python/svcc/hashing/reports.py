"""How evenly a choice spreads keys, and how many keys another choice moves."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from attrs import frozen

from svcc.hashing.choice import Choice
from svcc.model.metadata import FrozenMapping

__all__ = ["Balance", "Disruption", "balance", "disruption"]

HASHES = 1 << 32
SAMPLE = 1 << 16


@frozen
class Balance:
    """How the keys of a choice spread over its endpoints."""

    shares: Mapping[str, float]
    """The part of all keys that each endpoint gets; the parts sum up to 1."""
    weight_shares: Mapping[str, float]
    """The part that its weight asks for."""
    max_over_mean: float
    """The load of the busiest endpoint. A load is a share over what the weight asks for; the mean load is 1."""
    min_over_mean: float
    """The load of the idlest endpoint that has weight."""
    standard_deviation: float
    """The standard deviation of the loads, each endpoint counted by its weight: 0.1 is 10% of the mean."""
    exact: bool
    """Whether all keys were counted; otherwise a sample was."""


@frozen
class Disruption:
    """What a change of the choice does to keys, as parts of all keys."""

    moved: float
    """Keys that go to another endpoint than before."""
    necessary: float
    """The least that any choice with the same shares would move: what endpoints lose in total, among it all that
    vanished ones had; the others in total gain as much."""
    excess: float
    """``moved - necessary``: keys that move between endpoints for nothing."""
    exact: bool
    """Whether all keys were compared; otherwise a sample was."""


def balance(choice: Choice[Any], *, samples: int = SAMPLE) -> Balance:
    """How evenly a choice spreads keys.

    Exact for `Maglev` and `Ring`, whose endpoints own arcs of all 2^32 hashes. Otherwise the keys 0 to ``samples - 1``
    are looked up, written as 8 bytes, the most significant first.

    Raises:
        ValueError: `samples` is less than 1.
    """
    found = Counter[str]()
    arcs = choice.hash_arcs()
    for width, index in _widths(arcs[1]) if arcs else _sampled(choice, samples):
        found[choice.endpoints[index]] += width
    total = found.total()
    weights = dict(zip(choice.endpoints, choice.weights, strict=True))
    shares = {name: found[name] / total for name in choice.endpoints}
    weight_shares = {name: weight / sum(choice.weights) for name, weight in weights.items()}
    loads = {name: shares[name] / asked for name, asked in weight_shares.items() if asked}
    return Balance(
        shares=FrozenMapping(shares),
        weight_shares=FrozenMapping(weight_shares),
        max_over_mean=max(loads.values()),
        min_over_mean=min(loads.values()),
        standard_deviation=math.sqrt(sum(weight_shares[name] * (load - 1) ** 2 for name, load in loads.items())),
        exact=arcs is not None,
    )


def disruption(before: Choice[Any], after: Choice[Any], *, samples: int = SAMPLE) -> Disruption:
    """How many keys another choice moves, and how many of them in vain.

    Exact between two tables of `Maglev` whose keys are hashed alike (their sizes may differ), and between two of
    `Ring`: arcs of all 2^32 hashes are compared. Otherwise the keys 0 to ``samples - 1`` are looked up in both, written
    as 8 bytes, the most significant first.

    Raises:
        ValueError: `samples` is less than 1.
    """
    old, new = before.hash_arcs(), after.hash_arcs()
    exact = old is not None and new is not None and old[0] == new[0]
    pairs: Iterable[tuple[int, int, int]]
    if old and new and exact:
        pairs = _overlaps(old[1], new[1])
    else:
        indices = zip(_sampled(before, samples), _sampled(after, samples), strict=True)
        pairs = ((1, was, becomes) for (_, was), (_, becomes) in indices)
    total, moved = 0, 0
    gains = Counter[str]()
    for width, was, becomes in pairs:
        total += width
        if before.endpoints[was] != after.endpoints[becomes]:
            moved += width
            gains[before.endpoints[was]] -= width
            gains[after.endpoints[becomes]] += width
    necessary = sum(gain for gain in gains.values() if gain > 0)
    return Disruption(moved=moved / total, necessary=necessary / total, excess=(moved - necessary) / total, exact=exact)


def _widths(arcs: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """The number of hashes of each arc, and the index of its endpoint."""
    start = 0
    for last, index in arcs:
        yield last + 1 - start, index
        start = last + 1


def _overlaps(old: list[tuple[int, int]], new: list[tuple[int, int]]) -> Iterator[tuple[int, int, int]]:
    """The arcs of hashes that stay within an arc before and after: their width and both indices."""
    start, one, other = 0, 0, 0
    while start < HASHES:
        (old_last, was), (new_last, becomes) = old[one], new[other]
        last = min(old_last, new_last)
        yield last + 1 - start, was, becomes
        start = last + 1
        one += old_last == last
        other += new_last == last


def _sampled(choice: Choice[Any], samples: int) -> Iterator[tuple[int, int]]:
    """The endpoints of sample keys, each counted once."""
    if samples < 1:
        raise ValueError(f"samples must be at least 1, not {samples}")
    keys = b"".join(number.to_bytes(8, "big") for number in range(samples))
    return ((1, index) for index in choice.lookup_many(keys, key_size=8))
