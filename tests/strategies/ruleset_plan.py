"""The constants of random rulesets: few, so that rules meet; the node is that of `tests/kernel/network.py`.

Blocks of a family do not overlap, since neither named interval sets nor maps may hold overlapping entries.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from hypothesis import strategies as st

from tests.strategies.plan import Item, one_of
from tests.strategies.ruleset_values import Constant, Kind, Piece

NODE_ADDRESSES = {4: ("192.168.0.10", "10.244.0.1"), 6: ("fd00:1::10", "fd00:10:244::1")}
CLIENTS = {4: ("203.0.113.7", "203.0.113.129", "10.244.0.20"), 6: ("2001:db8::7", "2001:db8:1::1", "fd00:10:244::20")}
SERVICES = {4: ("10.96.0.1", "10.96.0.2", "198.18.0.1"), 6: ("fd00:96::1", "fd00:96::2", "2001:db8:ffff::1")}
TARGETS = {4: ("10.244.0.2", "10.244.0.3", "203.0.113.99"), 6: ("fd00:10:244::2", "fd00:10:244::3", "2001:db8::99")}
SOURCES = {4: ("198.51.100.1", "192.168.0.10"), 6: ("2001:db8:5::1", "fd00:1::10")}
"""Addresses to translate sources to."""

ADDRESSES = {
    version: (*CLIENTS[version], *SERVICES[version], *TARGETS[version], *NODE_ADDRESSES[version]) for version in (4, 6)
}
BLOCKS = {
    4: (
        "203.0.113.0/25",
        "203.0.113.128-203.0.113.130",
        "10.96.0.0/16",
        "10.244.0.0/24",
        "192.168.0.8/29",
        "10.244.2.0/23",
        "198.18.0.1",
        "172.16.0.0-172.31.255.255",
    ),
    6: (
        "2001:db8::/64",
        "2001:db8:1::-2001:db8:1::ffff",
        "fd00:96::/112",
        "fd00:10:244::/64",
        "fd00:1::/125",
        "fd00:1::10",
        "2001:db8:ffff::/126",
    ),
}
PORTS = ("80", "443", "53", "8080", "30080")
PORT_BLOCKS = ("80", "440-450", "1024-8079", "8080", "30000-32767", "53")
PROTOCOLS = ("tcp", "udp", "sctp")
INTERFACES = ("eth0", "cni0", "lo", "eth*", "cni*", "c*", "veth*")
MARKS = ("0x1", "0x10", "0x4000", "0x4010", "0xff000000")
TARGET_PORTS = ("8080", "9090", "80")

Word = tuple[str, tuple[Constant, ...]]
"""A constant as nft text, and as what it is."""


def word(kind: Kind, text: str) -> Word:
    """A constant by itself."""
    return text, (Constant(kind, text),)


def joined(words: Sequence[Word], separator: str) -> Word:
    """Words in one text."""
    return separator.join(text for text, _ in words), tuple(each for _, constants in words for each in constants)


def piece(template: str, *words: Word) -> Piece:
    """A template with its braces filled by words."""
    return Piece(template.format(*(text for text, _ in words)), joined(words, "")[1])


def some(draw: st.DrawFn, pool: Sequence[Item], most: int = 3) -> list[Item]:
    """One to `most` different items of a pool."""
    left = list(pool)
    count = one_of(draw, range(1, min(most, len(left)) + 1))
    return [left.pop(one_of(draw, range(len(left)))) for _ in range(count)]


def drawn_words(draw: st.DrawFn, kind: Kind, pool: Sequence[str], most: int = 3) -> list[Word]:
    """`some` of a pool, as words."""
    return list(map(partial(word, kind), some(draw, pool, most)))
