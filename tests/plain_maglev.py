"""Maglev tables in plain Python: slow, and obviously what `rust/core/src/hashing/maglev.rs` describes."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

WORD = 0xFFFFFFFFFFFFFFFF
GOLDEN = 0x9E3779B97F4A7C15


def mix(value: int) -> int:
    """The finalizer of SplitMix64."""
    value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9 & WORD
    value = (value ^ value >> 27) * 0x94D049BB133111EB & WORD
    return value ^ value >> 31


def stable_hash(data: bytes, seed: int) -> int:
    """FNV-1a of 64 bits from a seeded start, mixed."""
    value = 0xCBF29CE484222325 ^ mix(seed)
    for byte in data:
        value = (value ^ byte) * 0x100000001B3 & WORD
    return mix(value)


def plain_turns(weights: Sequence[int], count: int) -> list[int]:
    """The ranks of the first turns: the turns of weight w come at the times 1/w, 3/w, 5/w and so on."""
    taken = [0] * len(weights)
    serving = [rank for rank, weight in enumerate(weights) if weight]
    turns = []
    for _ in range(count):
        turns.append(min(serving, key=lambda rank: (Fraction(2 * taken[rank] + 1, weights[rank]), rank)))
        taken[turns[-1]] += 1
    return turns


def plain_maglev_table(names: Sequence[str], weights: Sequence[int], size: int, seed: int) -> list[int]:
    """For each slot the index of its endpoint in `names`."""
    order = sorted(range(len(names)), key=lambda index: names[index].encode())
    hashes = [stable_hash(names[index].encode(), seed) for index in order]
    offsets = [value % size for value in hashes]
    skips = [mix(value + GOLDEN & WORD) % (size - 1) + 1 for value in hashes]
    tried = [0] * len(order)
    table = [-1] * size
    for rank in plain_turns([weights[index] for index in order], size):
        while table[slot := (offsets[rank] + tried[rank] * skips[rank]) % size] >= 0:
            tried[rank] += 1
        table[slot] = order[rank]
    return table
