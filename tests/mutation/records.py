"""What packets leave in the sets of a ruleset, worked out from the rules that write it."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from itertools import product
from typing import TypeAlias

from svcc.kernel_hash import concatenated, nft_hashes
from svcc.trace.evaluator import Outcome
from tests.mutation.document import Document
from tests.oracle import Packet

Record: TypeAlias = tuple[str, str]
"""The name of a set and an element of it, as nft writes it."""

_WRITES = re.compile(r"(?:update|add) @(\S+) \{ (.*?)(?: timeout \S+)?(?: : (.*))? \}")
_CONSTANT = re.compile(r"numgen (?:inc|random) mod (\d+)(?: offset (\d+))?")
_HASH = re.compile(r"jhash (.+) mod (\d+) seed (0x[0-9a-f]+)(?: offset (\d+))?")


def written(outcome: Outcome, packet: Packet) -> Iterator[tuple[Record, ...]]:
    """What a packet leaves on its way to an outcome, once for each way in which draws may fall.

    Raises:
        ValueError: a rule writes something that is not understood.
    """
    kept: list[list[Record]] = []
    for step in outcome.steps:
        if step.note.startswith("remembered in"):
            # Destinations are translated in the first of the hooks.
            is_first = step.hook in {"prerouting", "output"}
            address, port = packet.destination, packet.destination_port
            if not is_first:
                address, port = outcome.address or address, outcome.port or port
            kept.append(list(_of_rule(step.rule, packet, address, port)))
    yield from product(*kept)


def _of_rule(rule: str, packet: Packet, address: str, port: int) -> Iterator[Record]:
    found = _WRITES.search(rule)
    if found is None:
        raise ValueError(f"{rule} writes nothing")
    name, key, data = found.groups()
    for parts in product(*(_values(part, packet, address, port) for part in key.split(" . "))):
        element = " . ".join(parts)
        if data is None:
            yield name, element
        else:
            for value in _values(data, packet, address, port):
                yield name, f"{element} : {value}"


def _values(expression: str, packet: Packet, address: str, port: int) -> list[str]:
    """What an expression may be; most are one value."""
    if found := _CONSTANT.fullmatch(expression):
        offset = int(found[2] or 0)
        return [str(offset + number) for number in range(int(found[1]))]
    if found := _HASH.fullmatch(expression):
        key = concatenated(
            [_packed(value) for part in found[1].split(" . ") for value in _values(part, packet, address, port)]
        )
        numbers = nft_hashes([key], modulus=int(found[2]), seed=int(found[3], 16), offset=int(found[4] or 0))
        return [str(number) for number in numbers]
    match expression.removeprefix("ct original ").split():
        case ["ip" | "ip6", "saddr"]:
            return [packet.source]
        case ["ip" | "ip6", "daddr"]:
            return [packet.destination if expression.startswith("ct original") else address]
        case [_, "dport"]:
            return [str(port)]
        case [_, "sport"]:
            return [str(packet.source_port)]
    raise ValueError(f"{expression} is not understood")


def _packed(value: str) -> bytes:
    return int(value).to_bytes(2, "big") if value.isdecimal() else ipaddress.ip_address(value).packed


def with_records(document: Document, records: tuple[Record, ...]) -> Document:
    """The document with elements in the sets that rules fill, instead of those it has."""
    for name, element in records:
        for place, block in document.places():
            if block.is_dynamic and block.name == name:
                document = document.with_items(place, element)
    return document
