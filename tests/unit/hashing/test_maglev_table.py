"""Maglev tables: the Rust core against plain Python, and what the tables promise."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc import _native
from tests.plain_maglev import plain_maglev_table

SIZES = (2, 3, 5, 31, 127, 251)
names = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), unique=True, min_size=1, max_size=30)
weights = st.integers(0, 4) | st.integers(0, 65535)
groups = names.flatmap(
    lambda group: st.tuples(
        st.just(group),
        st.lists(weights, min_size=len(group), max_size=len(group)).filter(any),
        st.sampled_from([size for size in SIZES if size >= len(group)]),
        st.integers(0, 2**64 - 1),
    )
)


def table_of(names: list[str], weights: list[int], size: int, seed: int) -> list[int]:
    return list(memoryview(_native.Chooser.maglev(names, weights, size, seed, 0, False).slots()).cast("I"))


@given(groups)
def test_tables_are_those_of_plain_python(group: tuple[list[str], list[int], int, int]) -> None:
    assert table_of(*group) == plain_maglev_table(*group)


def test_a_table_is_the_same_in_every_version_and_on_every_machine() -> None:
    table = table_of(["10.0.0.1 80", "10.0.0.2 80", "10.0.0.3 80"], [1, 1, 2], 13, 0)
    assert table == [0, 2, 1, 2, 2, 0, 2, 1, 0, 1, 2, 2, 2]


@given(groups, st.randoms())
def test_the_order_of_the_names_does_not_matter(
    group: tuple[list[str], list[int], int, int], chance: random.Random
) -> None:
    names, weights, size, seed = group
    pairs = list(zip(names, weights, strict=True))
    shuffled = chance.sample(pairs, len(pairs))
    table = table_of([name for name, _ in shuffled], [weight for _, weight in shuffled], size, seed)
    assert [shuffled[index][0] for index in table] == [names[index] for index in table_of(*group)]


@given(groups)
def test_shares_are_half_a_slot_and_half_the_endpoints_of_a_share_away_from_the_weights_at_most(
    group: tuple[list[str], list[int], int, int],
) -> None:
    _, weights, size, _ = group
    table = table_of(*group)
    for index, weight in enumerate(weights):
        part = weight / sum(weights)
        bound = (0.5 + len(weights) / 2 * part) * (weight > 0)
        assert abs(table.count(index) - size * part) <= bound + 1e-9


def test_equal_weights_differ_by_one_slot_at_most() -> None:
    table = table_of([f"10.0.0.{number} 80" for number in range(100)], [7] * 100, 16381, 3)
    counts = {table.count(index) for index in range(100)}
    assert counts == {163, 164}


def test_the_seed_changes_the_table() -> None:
    tables = {tuple(table_of(["a", "b", "c"], [1, 1, 1], 251, seed)) for seed in range(50)}
    assert len(tables) == 50


@pytest.mark.parametrize(
    ("names", "weights", "size", "message"),
    [
        ([], [], 251, "at least one endpoint"),
        (["a", "b", "a"], [1, 1, 1], 251, 'duplicate endpoint "a"'),
        (["a", "b"], [1], 251, "2 endpoints but 1 weights"),
        (["a", "b"], [0, 0], 251, "at least one weight must be positive"),
        (["a"], [-1], 251, "weight -1 is not from 0 to 65535"),
        (["a"], [65536], 251, "weight 65536 is not from 0 to 65535"),
        (["a"], [1], 0, "0 is not a prime"),
        (["a"], [1], 1, "1 is not a prime"),
        (["a"], [1], 250, "250 is not a prime"),
        (["a"], [1], 63001, "63001 is not a prime"),
        (["a", "b", "c"], [1, 1, 0], 2, "table size 2 is too small for 3 endpoints"),
        (["a"], [1], 2**24 + 43, "more than 16777216"),
    ],
)
def test_what_makes_no_table_is_refused(names: list[str], weights: list[int], size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        table_of(names, weights, size, 0)


@pytest.mark.parametrize(
    ("count", "size"),
    [(1, 251), (2, 251), (3, 509), (5, 509), (6, 1021), (163, 16381), (327, 32749), (655, 65537), (65537, 65537)],
)
def test_sizes_are_a_hundred_times_the_endpoints_while_there_are_such(count: int, size: int) -> None:
    assert _native.maglev_size(count) == size


@pytest.mark.parametrize("count", [0, 65538])
def test_there_is_no_size_for_no_endpoints_and_for_too_many(count: int) -> None:
    with pytest.raises(ValueError, match="endpoint"):
        _native.maglev_size(count)
