"""What rules compare and look up: keys, their values, and the named sets and maps made of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from attrs import frozen
from hypothesis import strategies as st

from tests.strategies.plan import one_of, rarely
from tests.strategies.ruleset_plan import (
    ADDRESSES,
    BLOCKS,
    INTERFACES,
    MARKS,
    PORT_BLOCKS,
    PORTS,
    PROTOCOLS,
    TARGET_PORTS,
    TARGETS,
    Word,
    drawn_words,
    joined,
    word,
)
from tests.strategies.ruleset_values import Collection, Kind, Piece

Part = Literal["saddr", "daddr", "sport", "dport", "l4proto", "iifname", "mark"]
_KINDS: dict[Part, Kind] = {
    "saddr": "address",
    "daddr": "address",
    "sport": "port",
    "dport": "port",
    "l4proto": "protocol",
    "iifname": "interface",
    "mark": "mark",
}
_TYPES = {
    "sport": "inet_service",
    "dport": "inet_service",
    "l4proto": "inet_proto",
    "iifname": "ifname",
    "mark": "mark",
}
SHAPES: tuple[tuple[Part, ...], ...] = (
    ("daddr",),
    ("saddr",),
    ("dport",),
    ("daddr", "l4proto", "dport"),
    ("l4proto", "dport"),
    ("saddr", "daddr"),
    ("saddr", "dport"),
    ("mark",),
    ("iifname",),
    ("iifname", "daddr"),
)
_MATCH_ALL: Word = ("*", ())


def version_of_family(family: str) -> int:
    """4 or 6 for ``ip`` and ``ip6``."""
    return 4 if family == "ip" else 6


def key_text(shape: Sequence[Part], version: int) -> str:
    """A key as rules write it, such as ``ip daddr . meta l4proto . th dport``."""
    ip = "ip" if version == 4 else "ip6"
    words = {
        "saddr": f"{ip} saddr",
        "daddr": f"{ip} daddr",
        "sport": "th sport",
        "dport": "th dport",
        "l4proto": "meta l4proto",
        "iifname": "iifname",
        "mark": "meta mark",
    }
    return " . ".join(words[part] for part in shape)


def key_type(shape: Sequence[Part], version: int) -> str:
    """The type of a key, such as ``ipv4_addr . inet_proto . inet_service``."""
    return " . ".join(_TYPES.get(part, "ipv4_addr" if version == 4 else "ipv6_addr") for part in shape)


def kind_of(part: Part) -> Kind:
    """What a part is compared with."""
    return _KINDS[part]


def pool_of(part: Part, version: int, *, intervals: bool) -> tuple[str, ...]:
    """The values of a part; those with intervals do not overlap."""
    match _KINDS[part]:
        case "address":
            return BLOCKS[version] if intervals else ADDRESSES[version]
        case "port":
            return PORT_BLOCKS if intervals else PORTS
        case "protocol":
            return PROTOCOLS
        case "interface":
            return INTERFACES[:3]
        case "mark":
            return MARKS


def drawn_keys(draw: st.DrawFn, shape: Sequence[Part], version: int, *, intervals: bool, most: int = 4) -> list[Word]:
    """Different keys of a shape; those with intervals do not overlap."""
    first, *rest = shape
    heads = drawn_words(draw, _KINDS[first], pool_of(first, version, intervals=intervals), most)
    if not rest:
        return heads
    found = []
    for head in heads:
        tails = [one_of(draw, pool_of(part, version, intervals=intervals)) for part in rest]
        found.append(joined([head, *(word(_KINDS[part], text) for part, text in zip(rest, tails, strict=True))], " . "))
    return found


@frozen
class Known:
    """A named set or map as the rules of its table may use it.

    `data` is None for a set; for a map it is what elements lead to: an address, an address and a port, a mark, or a
    verdict. Verdicts name chains of one group, so that only rules of that `group` may look them up.
    """

    collection: Collection
    shape: tuple[Part, ...]
    version: int
    data: Literal["address", "address . port", "mark", "verdict"] | None = None
    group: str = ""

    @property
    def name(self) -> str:
        """The name with its at sign."""
        return f"@{self.collection.name}"


def drawn_set(draw: st.DrawFn, name: str, version: int) -> Known:
    """A set: plain, with intervals or timeouts, or one that packets add to."""
    shape = one_of(draw, SHAPES)
    style = one_of(draw, ("plain", "interval", "timeout", "dynamic"))
    if style == "interval" and set(shape) & {"iifname", "mark", "l4proto"}:
        style = "plain"
    if style == "dynamic":
        shape = one_of(draw, (("saddr",), ("saddr", "daddr"), ("saddr", "dport")))
    kind = f"type {key_type(shape, version)}"
    match style:
        case "interval":
            properties: tuple[str, ...] = (kind, "flags interval")
        case "timeout":
            properties = (kind, "flags timeout", "timeout 1h")
        case "dynamic":
            properties = (kind, "size 1024", "flags dynamic,timeout", "timeout 1h")
        case _:
            properties = (kind,)
    keys = drawn_keys(draw, shape, version, intervals=style == "interval") if style != "dynamic" else []
    tail = " timeout 2h" if style == "timeout" and one_of(draw, (False, True)) else ""
    tail += ' comment "one"' if rarely(draw, False, True) else ""
    elements = tuple(Piece(text + tail, constants) for text, constants in keys)
    return Known(Collection("set", name, properties, elements), shape, version)


def drawn_value_map(draw: st.DrawFn, name: str, version: int) -> Known:
    """A map to an address, to an address and a port, or to a mark."""
    data = one_of(draw, ("address", "address . port", "mark"))
    address = "ipv4_addr" if version == 4 else "ipv6_addr"
    data_type = {"address": address, "address . port": f"{address} . inet_service", "mark": "mark"}[data]
    shape, keys, flags = _map_keys(draw, version)
    elements = []
    for text, constants in keys:
        value, more = drawn_value(draw, data, version)
        elements.append(Piece(f"{text} : {value}", (*constants, *more)))
    properties = (f"type {key_type(shape, version)} : {data_type}", *flags)
    return Known(Collection("map", name, properties, tuple(elements)), shape, version, data)  # type: ignore[arg-type]


def drawn_value(draw: st.DrawFn, data: str, version: int) -> Word:
    """What an element of a value map leads to."""
    if data == "mark":
        return word("mark", one_of(draw, MARKS))
    address = word("address", one_of(draw, TARGETS[version]))
    return address if data == "address" else joined([address, word("port", one_of(draw, TARGET_PORTS))], " . ")


def drawn_verdict_map(draw: st.DrawFn, name: str, version: int, group: str, verdicts: Sequence[str]) -> Known:
    """A map to verdicts."""
    shape, keys, flags = _map_keys(draw, version)
    elements = tuple(Piece(f"{text} : {one_of(draw, verdicts)}", constants) for text, constants in keys)
    properties = (f"type {key_type(shape, version)} : verdict", *flags)
    return Known(Collection("map", name, properties, elements), shape, version, "verdict", group)


def _map_keys(draw: st.DrawFn, version: int) -> tuple[tuple[Part, ...], list[Word], tuple[str, ...]]:
    shape = one_of(draw, SHAPES)
    intervals = not set(shape) & {"iifname", "mark", "l4proto"} and one_of(draw, (False, True))
    keys = drawn_keys(draw, shape, version, intervals=intervals)
    if rarely(draw, False, True, True):
        keys.append(_MATCH_ALL)
    return shape, keys, ("flags interval",) if intervals else ()
