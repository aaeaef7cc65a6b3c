"""The names in svcc's tables and the keys of their maps: what a packet is looked up by.

One `Layout` a family holds every expression that the program and its data must agree on.
"""

from __future__ import annotations

from svcc.addresses import IPFamily
from svcc.nft.expressions import Concat, Ct, Expression, Fib, Meta, Numgen, Payload, concat

__all__ = [
    "COUNTERS_TABLE",
    "HASH_SEED",
    "LOCAL_SLOTS",
    "MARK",
    "PORT",
    "PRIORITY",
    "PROTOCOL",
    "PROTOCOLS",
    "SLOT",
    "TABLE",
    "Layout",
    "priority_text",
]

TABLE = "svcc"
COUNTERS_TABLE = "svcc-counters"

LOCAL_SLOTS = 1_000_000_000
"""The slot where the Local set of a frontend begins; the Cluster set begins at 0. Slots are 32-bit numbers."""

HASH_SEED = 0x73766363
"""The seed of the hash that picks a client's slot: the letters svcc.

It is the same on every node and in every version, so that all nodes send a client to the same endpoint.
"""

PROTOCOL = Meta("l4proto")
PORT = Payload("th", "dport")
PROTOCOLS = ("tcp", "udp", "sctp")
MARK = Meta("mark")
PRIORITY = Meta("priority")
SLOT = Numgen("random", 65536)
"""Declares a number in a key: ``typeof numgen`` is the one form that every nft reads, writes and lists."""


class Layout:
    """The expressions of one family.

    Attributes:
        word: how nft spells the family: ``ip`` or ``ip6``.
        frontend: the key of a frontend: protocol, destination address, destination port.
        node_port: the key of a node port: protocol, destination port.
        endpoint: where a connection goes: destination address and port.
        original_frontend: the frontend a connection came in by, after DNAT.
        original_node_port: the node port a connection came in by, after DNAT.
    """

    def __init__(self, family: IPFamily) -> None:
        self.family = family
        self.word = word = "ip" if family is IPFamily.IPV4 else "ip6"
        self.source = Payload(word, "saddr")
        self.destination = Payload(word, "daddr")
        self.original_source = Ct(f"{word} saddr", "original")
        self.source_type = Fib(("saddr",), "type")
        self.destination_type = Fib(("daddr",), "type")
        self.frontend = concat(PROTOCOL, self.destination, PORT)
        self.node_port = concat(PROTOCOL, PORT)
        self.endpoint = concat(self.destination, PORT)
        original_port = Ct("proto-dst", "original")
        self.original_frontend = concat(PROTOCOL, Ct(f"{word} daddr", "original"), original_port)
        self.original_node_port = concat(PROTOCOL, original_port)

    def place_of(self, protocol: str) -> Concat:
        """An address and port of one protocol: a frontend as a key, an endpoint as data of maps for dnat rules.

        Such maps are for one protocol each. Where the kernel holds one with data declared as ``ip daddr . th dport``,
        every nft refuses new rules that look into it ("conflicting protocols specified: ip vs. th").
        """
        return concat(self.destination, Payload(protocol, "dport"))

    def client_of(self, protocol: str) -> Concat:
        """Source address and port of one protocol: what tells the flows to a frontend from each other."""
        return concat(self.source, Payload(protocol, "sport"))

    @staticmethod
    def slot_of(key: Concat, slot: Expression) -> Concat:
        """`key` with a slot behind it."""
        return Concat((*key.parts, slot))


def priority_text(number: int) -> str:
    """A number as nft writes packet priorities: ``major:minor`` in hexadecimal."""
    return f"{number >> 16:x}:{number & 0xFFFF:x}"
