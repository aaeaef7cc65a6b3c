"""What all algorithms of consistent hashing promise alike."""

from __future__ import annotations

import copy
import pickle
import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.hashing import Jump, Maglev, Random, Rendezvous, Ring, RoundRobin
from tests.unit.hashing.choices import ALGORITHMS, SEEDED, WEIGHTED, Algorithm, groups, keys, seeds, weighted

every_algorithm = pytest.mark.parametrize("algorithm", ALGORITHMS)
every_weighted_algorithm = pytest.mark.parametrize("algorithm", WEIGHTED)


@every_algorithm
@given(groups, st.randoms(), st.lists(keys))
def test_the_order_of_the_endpoints_does_not_matter(
    algorithm: Algorithm, group: list[str], chance: random.Random, many: list[bytes]
) -> None:
    one, other = algorithm(group), algorithm(chance.sample(group, len(group)))
    assert one == other
    assert hash(one) == hash(other)
    assert one.endpoints == tuple(sorted(group))
    assert [one.lookup(key) for key in many] == [other.lookup(key) for key in many]


@every_weighted_algorithm
@given(weighted, st.randoms(), st.lists(keys))
def test_the_order_of_weighted_endpoints_does_not_matter(
    algorithm: Algorithm, group: dict[str, int], chance: random.Random, many: list[bytes]
) -> None:
    one, other = algorithm(group), algorithm(dict(chance.sample(list(group.items()), len(group))))
    assert one == other
    assert dict(zip(one.endpoints, one.weights, strict=True)) == group
    assert [one.lookup(key) for key in many] == [other.lookup(key) for key in many]


@every_weighted_algorithm
@given(weighted, st.lists(keys, min_size=20))
def test_endpoints_of_weight_zero_get_nothing(algorithm: Algorithm, group: dict[str, int], many: list[bytes]) -> None:
    choice = algorithm({"drained": 0, **group, "idle": 0})
    assert {choice.lookup(key) for key in many} <= {name for name, weight in group.items() if weight} - {
        "drained",
        "idle",
    }


@every_weighted_algorithm
@given(groups, st.integers(1, 9), st.lists(keys))
def test_weights_that_are_all_equal_are_no_weights(
    algorithm: Algorithm, group: list[str], weight: int, many: list[bytes]
) -> None:
    plain, equal = algorithm(group), algorithm(dict.fromkeys(group, weight))
    assert [plain.lookup(key) for key in many] == [equal.lookup(key) for key in many]


@every_algorithm
@given(groups, st.lists(keys))
def test_many_keys_are_answered_as_each_of_them(algorithm: Algorithm, group: list[str], many: list[bytes]) -> None:
    choice = algorithm(group)
    found = choice.lookup_many(many)
    assert found.format == "I"
    assert found.readonly
    assert [choice.endpoints[index] for index in found] == [choice.lookup(key) for key in many]


@every_algorithm
@pytest.mark.parametrize("key_size", [1, 4, 7, 8, 13, 16, 20, 36])
@pytest.mark.parametrize("count", [0, 1, 1000, 20_000])
def test_packed_keys_are_answered_as_each_of_them(algorithm: Algorithm, key_size: int, count: int) -> None:
    choice = algorithm([f"10.0.0.{number} 80" for number in range(30)])
    packed = random.Random(key_size).randbytes(key_size * count)
    found = choice.lookup_many(packed, key_size=key_size)
    each = [packed[start : start + key_size] for start in range(0, len(packed), key_size)]
    assert found == choice.lookup_many(each)
    assert [choice.endpoints[index] for index in found[:500]] == [choice.lookup(key) for key in each[:500]]
    for buffer in (bytearray(packed), memoryview(packed), memoryview(bytes(reversed(packed)))[::-1]):
        assert choice.lookup_many(buffer, key_size=key_size) == found


@pytest.mark.parametrize("algorithm", SEEDED)
@given(seed=seeds.filter(bool))
def test_the_seed_changes_the_choice(algorithm: Algorithm, seed: int) -> None:
    names = [f"10.0.0.{number} 80" for number in range(97)]
    many = random.Random(1).randbytes(4000)
    differs = algorithm(names).lookup_many(many, key_size=4) != algorithm(names, seed=seed).lookup_many(
        many, key_size=4
    )
    assert differs or (algorithm is RoundRobin and seed % 97 == 0)


@pytest.mark.parametrize(
    "choice",
    [
        Maglev({"a": 1, "b": 2}, size=31, seed=3, hash_seed=4, big_endian=True),
        Rendezvous({"a": 1, "b": 2}, seed=3),
        Jump(["a", "b"], seed=3),
        Ring({"a": 1, "b": 2}),
        Random({"a": 1, "b": 2}, seed=3),
        RoundRobin({"a": 1, "b": 2}, seed=3),
    ],
    ids=lambda choice: type(choice).__name__,
)
def test_choices_are_values(choice: Any) -> None:
    packed = bytes(range(240))
    for twin in (copy.copy(choice), copy.deepcopy(choice), pickle.loads(pickle.dumps(choice))):  # noqa: S301
        assert twin == choice
        assert twin.lookup_many(packed, key_size=4) == choice.lookup_many(packed, key_size=4)
    assert choice != type(choice)(["a", "c"])
    assert "_chooser" not in repr(choice)
    with pytest.raises(AttributeError):
        choice.endpoints = ()


@pytest.mark.parametrize("algorithm", [Rendezvous, Jump, Ring, Random])
def test_text_is_hashed_as_its_bytes_in_utf_8(algorithm: Algorithm) -> None:
    choice = algorithm([f"10.0.0.{number} 80" for number in range(30)])
    texts = ["", "10.0.0.1", "schön", "鍵"]
    assert [choice.lookup(text) for text in texts] == [choice.lookup(text.encode()) for text in texts]
    assert choice.lookup_many(texts) == choice.lookup_many([text.encode() for text in texts])
    with pytest.raises(UnicodeEncodeError):
        choice.lookup("\ud800")


@every_algorithm
def test_endpoints_that_make_no_group_are_refused(algorithm: Algorithm) -> None:
    nobody: tuple[list[str], dict[str, int]] = ([], {})
    for empty in nobody:
        with pytest.raises(ValueError, match="at least one endpoint"):
            algorithm(empty)
    with pytest.raises(ValueError, match="duplicate endpoint 'a'"):
        algorithm(["a", "b", "a"])
    with pytest.raises(ValueError, match="at least one weight must be positive"):
        algorithm({"a": 0, "b": 0})
    for weight in (-1, 65536, 2**70):
        with pytest.raises(ValueError, match=f"weight {weight} of endpoint 'a' is not from 0 to 65535"):
            algorithm({"a": weight, "b": 1})
    with pytest.raises(TypeError, match="endpoints are several names"):
        algorithm("abc")
    with pytest.raises(TypeError, match="endpoint 7 is no string"):
        algorithm([7])
    with pytest.raises(TypeError, match="no whole number"):
        algorithm({"a": 1.5})


@pytest.mark.parametrize("algorithm", WEIGHTED)
def test_the_largest_weight_is_fine(algorithm: Algorithm) -> None:
    assert algorithm({"a": 65535, "b": 0}).lookup(b"") == "a"


@every_algorithm
def test_batches_that_hold_no_whole_keys_are_refused(algorithm: Algorithm) -> None:
    choice = algorithm(["a", "b"])
    with pytest.raises(ValueError, match="7 bytes are no whole number of keys of 4 bytes"):
        choice.lookup_many(bytes(7), key_size=4)
    for key_size in (0, -1):
        with pytest.raises(ValueError, match="key_size must be at least 1"):
            choice.lookup_many(b"", key_size=key_size)
    with pytest.raises(TypeError, match="needs key_size"):
        choice.lookup_many(bytes(8))
    with pytest.raises(TypeError, match="key_size is for a buffer"):
        choice.lookup_many([bytes(4)], key_size=4)
    with pytest.raises(TypeError, match="not one string"):
        choice.lookup_many("10.0.0.1")


@pytest.mark.parametrize("algorithm", SEEDED)
@pytest.mark.parametrize("seed", [-1, 2**64])
def test_seeds_that_do_not_fit_raise_overflow_error(algorithm: Algorithm, seed: int) -> None:
    with pytest.raises(OverflowError):
        algorithm(["a"], seed=seed)
