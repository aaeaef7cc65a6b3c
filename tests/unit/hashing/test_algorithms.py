"""Each algorithm against a plain model of it, and what each promises when endpoints change."""

from __future__ import annotations

from collections import Counter

import pytest
import uhashring
from hypothesis import given
from hypothesis import strategies as st

from svcc.hashing import Jump, Random, Rendezvous, Ring, RoundRobin, balance
from tests.plain_hashing import plain_jump, plain_random, plain_rendezvous, plain_ring
from tests.plain_maglev import plain_turns
from tests.unit.hashing.choices import groups, keys, names, seeds, weighted

SOME_KEYS = [number.to_bytes(4, "big") for number in range(300)]
many_keys = st.lists(keys, min_size=1, max_size=20)


@given(weighted, many_keys, seeds)
def test_rendezvous_is_that_of_plain_python(group: dict[str, int], many: list[bytes], seed: int) -> None:
    choice = Rendezvous(group, seed=seed)
    for key in many:
        ranking = plain_rendezvous(choice.endpoints, choice.weights, key, seed)
        assert choice.top(key, 99) == [choice.endpoints[index] for index in ranking]
        assert choice.lookup(key) == choice.endpoints[ranking[0]]


@given(weighted, keys, st.integers(0, 20))
def test_the_top_of_rendezvous_is_a_prefix_that_begins_with_the_lookup(
    group: dict[str, int], key: bytes, count: int
) -> None:
    choice = Rendezvous(group)
    serving = sum(weight > 0 for weight in group.values())
    assert choice.top(key, count) == choice.top(key, 99)[:count]
    assert len(choice.top(key, 99)) == serving
    assert choice.top(key, 1) == [choice.lookup(key)]
    with pytest.raises(ValueError, match="negative"):
        choice.top(key, -1)


@given(weighted, names, st.integers(1, 200))
def test_rendezvous_moves_keys_only_to_a_new_endpoint(group: dict[str, int], new: str, weight: int) -> None:
    before = Rendezvous({name: weight for name, weight in group.items() if name != new} or {"other": 1})
    after = Rendezvous(dict(zip(before.endpoints, before.weights, strict=True)) | {new: weight})
    for key in SOME_KEYS:
        if any(before.weights):
            assert after.lookup(key) in {before.lookup(key), new}
            assert [name for name in after.top(key, 99) if name != new] == before.top(key, 99)


@given(groups, many_keys, seeds)
def test_jump_is_that_of_plain_python(group: list[str], many: list[bytes], seed: int) -> None:
    choice = Jump(group, seed=seed)
    assert list(choice.lookup_many(many)) == [plain_jump(len(group), key, seed) for key in many]


@given(groups)
def test_jump_moves_keys_only_to_a_new_endpoint_that_sorts_last(group: list[str]) -> None:
    before, after = Jump(group), Jump([*group, "\U0010ffff" * 7])
    for key in SOME_KEYS:
        assert after.lookup(key) in {before.lookup(key), after.endpoints[-1]}


def test_jump_has_no_weights() -> None:
    assert Jump({"a": 1, "b": 1}) == Jump(["a", "b"])
    for weight in (0, 2):
        with pytest.raises(ValueError, match="jump hashing has no weights"):
            Jump({"a": 1, "b": weight})


@given(weighted.map(lambda group: dict(list(group.items())[:4])).filter(lambda group: any(group.values())), many_keys)
def test_a_ring_is_that_of_plain_python(group: dict[str, int], many: list[bytes]) -> None:
    choice = Ring(group)
    expected = [plain_ring(choice.endpoints, choice.weights, key) for key in many[:4]]
    assert list(choice.lookup_many(many[:4])) == expected


# uhashring knows no empty name, and puts a key that is exactly at a point behind it, which takes an MD5 made for it.
@given(
    st.dictionaries(names.filter(bool), st.integers(1, 9), min_size=1, max_size=8),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), min_size=1, max_size=50),
)
def test_a_ring_is_that_of_uhashring(group: dict[str, int], many: list[str]) -> None:
    nodes = {name: {"weight": weight} for name, weight in sorted(group.items())}
    other = uhashring.HashRing(nodes, hash_fn="ketama")
    choice = Ring(group)
    assert [choice.lookup(key) for key in many] == [other.get_node(key) for key in many]
    assert {point for point, _ in choice.hash_arcs()[1]} >= set(dict(other.get_points()))


@given(groups, names)
def test_a_ring_moves_keys_only_to_a_new_endpoint(group: list[str], new: str) -> None:
    before = Ring([name for name in group if name != new] or ["other"])
    after = Ring([*before.endpoints, new])
    for key in SOME_KEYS:
        assert after.lookup(key) in {before.lookup(key), new}


def test_a_ring_of_too_many_endpoints_is_refused_before_it_is_built() -> None:
    with pytest.raises(ValueError, match="a ring of 104858 endpoints has more than 16777216 points"):
        Ring(map(str, range(104_858)))


@given(weighted, many_keys, seeds)
def test_random_is_that_of_plain_python(group: dict[str, int], many: list[bytes], seed: int) -> None:
    choice = Random(group, seed=seed)
    assert list(choice.lookup_many(many)) == [plain_random(choice.weights, key, seed) for key in many]


@given(weighted, seeds, st.integers(0, 2**80))
def test_round_robin_takes_the_turns_of_a_round_again_and_again(group: dict[str, int], seed: int, number: int) -> None:
    choice = RoundRobin(group, seed=seed)
    turns = plain_turns(choice.weights, sum(choice.weights))
    expected = choice.endpoints[turns[(seed + number) % len(turns)]]
    assert choice.lookup(number) == expected
    assert choice.lookup(number.to_bytes(12, "big")) == expected
    assert choice.endpoints[choice.lookup_many([number])[0]] == expected


def test_round_robin_gives_each_its_weight_in_every_round() -> None:
    choice = RoundRobin({"a": 20, "b": 50, "c": 30}, seed=7)
    for start in range(0, 100, 10):
        assert Counter(map(choice.lookup, range(start, start + 10))) == {"a": 2, "b": 5, "c": 3}
    with pytest.raises(ValueError, match="-1 is negative"):
        choice.lookup(-1)


def test_a_round_of_too_many_turns_is_refused() -> None:
    with pytest.raises(ValueError, match="a schedule of 18021988 turns, more than 16777216"):
        RoundRobin({str(number): 65535 - number % 2 for number in range(275)})


@pytest.mark.parametrize("algorithm", [Rendezvous, Random])
def test_shares_are_those_of_the_weights(algorithm: type[Rendezvous | Random]) -> None:
    report = balance(algorithm({"a": 1, "b": 2, "c": 3, "d": 10, "e": 0}), samples=100_000)
    for name, share in report.shares.items():
        # Five standard deviations of so many independent draws.
        asked = report.weight_shares[name]
        assert abs(share - asked) <= 5 * (asked * (1 - asked) / 100_000) ** 0.5


def test_shares_of_jump_are_equal() -> None:
    report = balance(Jump([f"shard-{number:02}" for number in range(20)]), samples=100_000)
    assert all(abs(share - 0.05) <= 5 * (0.05 * 0.95 / 100_000) ** 0.5 for share in report.shares.values())


def test_shares_of_a_ring_are_coarsely_those_of_the_weights() -> None:
    report = balance(Ring({f"10.0.0.{number} 80": 1 + number % 3 for number in range(30)}))
    assert report.exact
    assert report.standard_deviation < 0.12
