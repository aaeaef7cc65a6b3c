"""Rendezvous, jump and ring hashing in plain Python: slow, and obviously what their Rust modules describe.

All work on endpoints in the order of their names and return the index of one.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence

from tests.plain_maglev import GOLDEN, WORD, mix, stable_hash


def negative_logarithm(number: float) -> float:
    """-ln of a number below 1, by the additions, multiplications and divisions that the Rust module lists."""
    mantissa, exponent = math.frexp(number)
    if mantissa < math.sqrt(0.5):
        mantissa, exponent = mantissa * 2, exponent - 1
    ratio = (mantissa - 1) / (mantissa + 1)
    square = ratio * ratio
    total = 1 / 23
    for divisor in range(21, 0, -2):
        total = total * square + 1 / divisor
    return -(exponent * math.log(2) + 2 * ratio * total)


def plain_rendezvous(names: Sequence[str], weights: Sequence[int], key: bytes, seed: int) -> list[int]:
    """All endpoints of positive weight, the highest bid first."""
    of_key = mix(stable_hash(key, seed) + GOLDEN & WORD)
    bids = [mix(stable_hash(name.encode(), seed) ^ of_key) for name in names]
    serving = [index for index, weight in enumerate(weights) if weight]
    if len({weights[index] for index in serving}) == 1:
        return sorted(serving, key=lambda index: -bids[index])
    return sorted(serving, key=lambda index: negative_logarithm(((bids[index] >> 12) + 0.5) / 2**52) / weights[index])


def plain_jump(count: int, key: bytes, seed: int) -> int:
    """Figure 1 of Lamping and Veach."""
    state = stable_hash(key, seed)
    bucket, following = -1, 0
    while following < count:
        bucket = following
        state = state * 2862933555777941757 + 1 & WORD
        following = int((bucket + 1) * (2.0**31 / ((state >> 33) + 1)))
    return bucket


def plain_random(weights: Sequence[int], key: bytes, seed: int) -> int:
    """The endpoints side by side, each as often as its weight."""
    tickets = [index for index, weight in enumerate(weights) for _ in range(weight)]
    return tickets[stable_hash(key, seed) * len(tickets) >> 64]


def plain_ring(names: Sequence[str], weights: Sequence[int], key: bytes) -> int:
    """The least point at or after the key's, found by asking all of them."""
    points = {}
    for index, (name, weight) in enumerate(zip(names, weights, strict=True)):
        for number in range(40 * len(names) * weight // sum(weights)):
            digest = hashlib.md5(f"{name}-{number}".encode(), usedforsecurity=False).digest()
            for start in range(0, 16, 4):
                points[int.from_bytes(digest[start : start + 4], "little")] = index
    own = int.from_bytes(hashlib.md5(key, usedforsecurity=False).digest()[:4], "little")
    return points[min(points, key=lambda point: (point - own) % 2**32)]
