"""Maglev as Python sees it: its table, the kernel's hash of clients, and what a change of endpoints moves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc import _native
from svcc.hashing import Maglev, client_key, disruption
from svcc.kernel_hash import concatenated, nft_hashes
from tests.plain_maglev import plain_maglev_table
from tests.unit.hashing.choices import groups, keys, weighted

words = st.integers(0, 2**32 - 1)
addresses = st.ip_addresses()
ports = st.integers(0, 65535)


@given(weighted, st.sampled_from([13, 31, 127]), st.integers(0, 2**64 - 1))
def test_the_table_is_that_of_plain_python(group: dict[str, int], size: int, seed: int) -> None:
    maglev = Maglev(group, size=size, seed=seed)
    assert list(maglev.table) == plain_maglev_table(maglev.endpoints, maglev.weights, size, seed)
    assert maglev.table.readonly


@given(groups)
def test_without_a_size_it_is_chosen_by_the_number_of_endpoints(group: list[str]) -> None:
    maglev = Maglev(group)
    assert maglev.size == len(maglev.table) == _native.maglev_size(len(group))


@given(weighted, keys, words, st.booleans())
def test_the_slot_of_a_key_is_the_value_of_nfts_expression(
    group: dict[str, int], key: bytes, hash_seed: int, big_endian: bool
) -> None:
    maglev = Maglev(group, hash_seed=hash_seed, big_endian=big_endian)
    [slot] = nft_hashes([key], modulus=maglev.size, seed=hash_seed, big_endian=big_endian)
    assert maglev.slot(key) == slot
    assert maglev.lookup(key) == maglev.endpoints[maglev.table[slot]]


@given(groups, addresses, ports, words)
def test_clients_and_flows_have_the_keys_that_nft_loads(
    group: list[str], address: object, port: int, hash_seed: int
) -> None:
    maglev = Maglev(group, hash_seed=hash_seed)
    packed: bytes = address.packed  # type: ignore[attr-defined]
    flow = concatenated([packed, port.to_bytes(2, "big")])
    assert client_key(str(address)) == client_key(packed) == packed
    assert client_key((str(address), port)) == flow
    assert maglev.lookup(str(address)) == maglev.lookup(packed)
    assert maglev.lookup((str(address), port)) == maglev.lookup(flow)
    assert maglev.lookup_many([str(address), (str(address), port)]) == maglev.lookup_many([packed, flow])


def test_a_client_has_the_slot_that_a_running_kernel_computed() -> None:
    # Kernel 6.18 evaluated `jhash ip saddr . tcp sport . ip daddr . tcp dport mod 3 seed 1`.
    key = concatenated([bytes.fromhex(part) for part in ("c0a80107", "9c40", "0a600001", "01bb")])
    assert Maglev(["a", "b", "c"], size=3, hash_seed=1).slot(key) == 1


@pytest.mark.parametrize("client", ["", "10.0.0", "10.0.0.256", "host", ("host", 1), ("10.0.0.1", -1), ("::1", 65536)])
def test_what_is_no_client_is_refused(client: str | tuple[str, int]) -> None:
    with pytest.raises(ValueError, match=r"address|port"):
        Maglev(["a"]).lookup(client)
    with pytest.raises(ValueError, match=r"address|port"):
        client_key(client)


@pytest.mark.parametrize(
    ("size", "message"),
    [
        (-7, "-7 is not a prime"),
        (0, "0 is not a prime"),
        (250, "250 is not a prime"),
        (2, "too small"),
        (2**24 + 43, "more than 16777216"),
    ],
)
def test_sizes_that_make_no_table_are_refused(size: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Maglev(["a", "b", "c"], size=size)


@pytest.mark.parametrize("hash_seed", [-1, 2**32])
def test_a_hash_seed_that_does_not_fit_raises_overflow_error(hash_seed: int) -> None:
    with pytest.raises(OverflowError):
        Maglev(["a"], hash_seed=hash_seed)


@pytest.mark.parametrize("count", [2, 3, 10, 50])
@pytest.mark.parametrize("weight", [1, 3])
def test_an_endpoint_that_goes_moves_few_percent_beyond_its_share(count: int, weight: int) -> None:
    # Measured: over these 20 seeds at most 0.026 in the mean and 0.040 at worst; over 100 seeds 0.026 and 0.090.
    excess = []
    for seed in range(20):
        names = {f"10.244.{seed}.{number} 8080": 1 + number % weight for number in range(count)}
        before = Maglev(names, seed=seed)
        gone = before.endpoints[seed % count]
        rest = {name: weight for name, weight in names.items() if name != gone}
        report = disruption(before, Maglev(rest, seed=seed, size=before.size))
        assert report.exact
        assert report.moved >= report.necessary >= 0.9 * names[gone] / sum(names.values())
        excess.append(report.excess)
    assert sum(excess) / len(excess) < 0.03
    assert max(excess) < 0.05
