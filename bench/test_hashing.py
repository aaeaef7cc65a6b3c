"""How long consistent hashing takes: lookups beside uhashring's, and tables beside the paper's listing in Python."""

from __future__ import annotations

import random
from collections.abc import Sequence

import pytest
import uhashring
from pytest_benchmark.fixture import BenchmarkFixture

from svcc import Jump, Maglev, Random, Rendezvous, Ring, RoundRobin
from svcc.hashing.choice import Choice
from tests.plain_maglev import GOLDEN, WORD, mix, stable_hash

NAMES = [f"10.244.{number // 250}.{number % 250} 8080" for number in range(1000)]
KEYS = 100_000
PACKED = random.Random(1).randbytes(4 * KEYS)  # noqa: S311  (clients need no secrecy)
SIZE = 65_537


def test_lookups_of_uhashring(benchmark: BenchmarkFixture) -> None:
    """The yardstick: a ketama ring that is asked for one key after the other."""
    benchmark.group = "100 000 lookups among 1 000 endpoints"
    ring = uhashring.HashRing(NAMES, hash_fn="ketama")
    keys = [PACKED[start : start + 4].hex() for start in range(0, len(PACKED), 4)]
    benchmark.pedantic(lambda: [ring.get_node(key) for key in keys], rounds=3)


@pytest.mark.parametrize("algorithm", [Maglev, Rendezvous, Jump, Ring, Random, RoundRobin])
def test_lookup_many(benchmark: BenchmarkFixture, algorithm: type[Choice[object]]) -> None:
    benchmark.group = "100 000 lookups among 1 000 endpoints"
    choice = algorithm(NAMES)  # type: ignore[call-arg, arg-type]
    found = benchmark.pedantic(choice.lookup_many, args=(PACKED,), kwargs={"key_size": 4}, rounds=15, warmup_rounds=1)
    assert len(found) == KEYS


def populated(names: Sequence[str]) -> list[int]:
    """Pseudocode 1 of the paper, without weights."""
    hashes = [stable_hash(name.encode(), 0) for name in names]
    following = [value % SIZE for value in hashes]
    skips = [mix(value + GOLDEN & WORD) % (SIZE - 1) + 1 for value in hashes]
    table = [-1] * SIZE
    filled = 0
    while True:
        for index, skip in enumerate(skips):
            slot = following[index]
            while table[slot] >= 0:
                slot = (slot + skip) % SIZE
            table[slot] = index
            following[index] = (slot + skip) % SIZE
            filled += 1
            if filled == SIZE:
                return table


def test_the_papers_listing_in_python(benchmark: BenchmarkFixture) -> None:
    """The yardstick of tables."""
    benchmark.group = "a Maglev table of 65 537 slots for 1 000 endpoints"
    names = sorted(NAMES)
    table = benchmark.pedantic(populated, args=(names,), rounds=3)
    assert table == list(Maglev(names, size=SIZE).table)


@pytest.mark.parametrize("weights", [1, 7], ids=["equal weights", "different weights"])
def test_maglev_table(benchmark: BenchmarkFixture, weights: int) -> None:
    benchmark.group = "a Maglev table of 65 537 slots for 1 000 endpoints"
    group = {name: 1 + number % weights for number, name in enumerate(NAMES)}
    benchmark.pedantic(Maglev, args=(group,), kwargs={"size": SIZE}, rounds=15, warmup_rounds=1)
