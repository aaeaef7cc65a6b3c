"""Which endpoint of a set a connection gets, and with what probability: S23 and the annotations that change it."""

from __future__ import annotations

import hashlib
import ipaddress
import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from functools import cache

from tests.oracle.endpoints import Endpoint, ServicePortName
from tests.oracle.packet import Packet
from tests.plain_jhash import lookup3
from tests.plain_maglev import plain_maglev_table

SIZES = (1021, 4093, 16381, 65537)
PINNED = ("251", "1021", "4093", "16381", "65537")
HASH_SEED = 0x73766363


def shares(
    annotations: Mapping[str, str], name: ServicePortName, candidates: Sequence[Endpoint], packet: Packet
) -> list[tuple[Endpoint, Fraction]]:
    """The endpoints that may get the packet, and the probability of each.

    Weights count among the candidates; if none is above 0 they are all alike. For one packet, round robin is the same
    as chance: nobody says whose turn it is. Maglev leaves nothing to chance.
    """
    weights = [each.weight for each in candidates]
    if not any(weights):
        weights = [1] * len(weights)
    serving = [(each, weight) for each, weight in zip(candidates, weights, strict=True) if weight]
    if annotations.get("svcc.dev/load-balancing") == "maglev":
        return [(hashed(annotations, name, serving, packet), Fraction(1))]
    return [(each, Fraction(weight, sum(weights))) for each, weight in serving]


def hashed(
    annotations: Mapping[str, str], name: ServicePortName, serving: Sequence[tuple[Endpoint, int]], packet: Packet
) -> Endpoint:
    """The endpoint of the packet's client, or of its flow; an unknown key stands for the client."""
    divisor = math.gcd(*(weight for _, weight in serving))
    texts = tuple(f"{each.address} {each.port}" for each, _ in serving)
    weights = tuple(weight // divisor for _, weight in serving)
    pinned = annotations.get("svcc.dev/table-size")
    table = table_of(texts, weights, name, int(pinned) if pinned in PINNED else 0)
    data = ipaddress.ip_address(packet.source).packed
    if annotations.get("svcc.dev/hash-key") == "flow":
        data += packet.source_port.to_bytes(2, "big") + b"\0\0"
    return serving[table[lookup3(data, HASH_SEED, "<") * len(table) >> 32]][0]


@cache
def table_of(texts: tuple[str, ...], weights: tuple[int, ...], name: ServicePortName, pinned: int) -> list[int]:
    """The table of a service port: 60 slots an endpoint and one for each unit of weight, if that is possible."""
    wanted = min(max(60 * len(texts), sum(weights)), SIZES[-1])
    words = f"{name.namespace}\0{name.service}\0{name.port}\0{name.protocol.value}"
    seed = int.from_bytes(hashlib.blake2b(words.encode(), digest_size=8).digest(), "big")
    size = pinned if pinned >= len(texts) else next(size for size in SIZES if size >= wanted)
    return plain_maglev_table(texts, weights, size, seed)
