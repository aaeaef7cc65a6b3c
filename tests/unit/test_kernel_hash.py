"""`svcc.kernel_hash` against values of a running kernel and against an obvious second implementation."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from svcc.kernel_hash import concatenated, nft_hashes
from tests.plain_jhash import WORD, lookup3

words = st.integers(0, WORD)

FD00_1 = bytes.fromhex("fd000000000000000000000000000001")


# Fields, seed, modulus, value: read off a kernel 6.18 that evaluated the expression for real packets.
@pytest.mark.parametrize(
    ("fields", "seed", "modulus", "value"),
    [
        pytest.param(["7f000001"], 0, 8, 3, id="ip saddr 127.0.0.1"),
        pytest.param(["0a000001"], 0xDEADBEEF, 10, 3, id="ip saddr 10.0.0.1"),
        pytest.param(["0035"], 0x1234, 8, 3, id="udp sport 53"),
        pytest.param(["7f000001", "4e20"], 0x1234, 8, 1, id="ip saddr 127.0.0.1 . udp sport 20000"),
        pytest.param(["c0a80107", "9c40", "0a600001", "01bb"], 1, 3, 1, id="192.168.1.7 . 40000 . 10.96.0.1 . 443"),
        pytest.param(["11", "0a010203", "0001"], WORD, 100, 42, id="l4proto udp . 10.1.2.3 . th sport 1"),
        pytest.param([FD00_1.hex()], 0, 16, 13, id="ip6 saddr fd00::1"),
        pytest.param([FD00_1.hex(), "0005"], 7, 16, 5, id="ip6 saddr fd00::1 . udp sport 5"),
    ],
)
def test_values_are_those_a_running_kernel_computed(fields: list[str], seed: int, modulus: int, value: int) -> None:
    key = concatenated([bytes.fromhex(part) for part in fields])
    assert nft_hashes([key], modulus=modulus, seed=seed) == [value]


@given(st.binary(max_size=64), st.integers(1, WORD), words, st.booleans())
@example(b"", 1 << 31, 0, False)
@example(bytes(12), WORD, WORD, True)
@example(bytes(range(13)), WORD, 0, True)
@example(bytes(range(24)), WORD, 0, True)
@example(bytes(range(64)), WORD, 0, False)
def test_any_key_hashes_as_lookup3_does(key: bytes, modulus: int, seed: int, big_endian: bool) -> None:
    expected = lookup3(key, seed, ">" if big_endian else "<") * modulus >> 32
    assert nft_hashes([key], modulus=modulus, seed=seed, big_endian=big_endian) == [expected]


@given(st.lists(st.binary(max_size=40)), words, st.booleans())
def test_values_are_in_the_order_of_the_keys(keys: list[bytes], seed: int, big_endian: bool) -> None:
    each = [nft_hashes([key], modulus=97, seed=seed, offset=5, big_endian=big_endian) for key in keys]
    assert nft_hashes(keys, modulus=97, seed=seed, offset=5, big_endian=big_endian) == [value for [value] in each]


def test_the_offset_is_added_after_scaling() -> None:
    key = bytes([10, 0, 0, 1])
    assert nft_hashes([key], modulus=10, seed=0xDEADBEEF, offset=WORD - 9) == [WORD - 9 + 3]


def test_a_single_field_is_hashed_unpadded_and_several_are_padded_each() -> None:
    assert concatenated([b"\0\x35"]) == b"\0\x35"
    assert concatenated([b"\x11", b"\x0a\1\2\3", b"\0\x35"]) == b"\x11\0\0\0\x0a\1\2\3\0\x35\0\0"


@pytest.mark.parametrize(("modulus", "offset"), [(0, 0), (2, WORD)])
def test_parameters_the_kernel_refuses_raise_value_error(modulus: int, offset: int) -> None:
    with pytest.raises(ValueError, match="modulus"):
        nft_hashes([], modulus=modulus, seed=0, offset=offset)


@pytest.mark.parametrize("outside", [-1, WORD + 1])
def test_numbers_that_do_not_fit_32_bits_raise_overflow_error(outside: int) -> None:
    with pytest.raises(OverflowError):
        nft_hashes([], modulus=8, seed=outside)
