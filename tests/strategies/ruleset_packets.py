"""The packets that are interesting to a ruleset: made of its constants and of what is next to them."""

from __future__ import annotations

import ipaddress
from typing import Literal

from attrs import frozen
from hypothesis import strategies as st

from tests.strategies.plan import one_of, rarely
from tests.strategies.ruleset_plan import CLIENTS, NODE_ADDRESSES, PORTS, SERVICES
from tests.strategies.ruleset_values import Ruleset

_SOURCE_PORT = 40000
_PROTOCOLS: tuple[Literal["TCP", "UDP", "SCTP"], ...] = ("TCP", "UDP", "TCP", "UDP", "SCTP")


@frozen
class RulesetPacket:
    """The first packet of a connection; what comes in has the mark 0."""

    protocol: Literal["TCP", "UDP", "SCTP"]
    source: str
    source_port: int
    destination: str
    destination_port: int
    entry: Literal["outside", "pod", "output"]
    mark: int = 0


@st.composite
def packets_for(draw: st.DrawFn, ruleset: Ruleset) -> RulesetPacket:
    """A packet that the ruleset might care about.

    Only what a kernel lets on the wire: neither loopback nor multicast addresses. The node sends from addresses of its
    own.
    """
    version = one_of(draw, versions_of(ruleset))
    entry: Literal["outside", "pod", "output"] = one_of(draw, ("outside", "pod", "output"))
    addresses = {
        address: None
        for constant in ruleset.constants
        if constant.kind == "address"
        for address in _around_address(constant.text)
        if address.version == version
    }
    ports = [
        port for constant in ruleset.constants if constant.kind == "port" for port in _around_port(constant.text)
    ] or [int(port) for port in PORTS]
    usual = (*SERVICES[version], *NODE_ADDRESSES[version])
    interesting = [str(address) for address in addresses] or list(usual)
    destination = one_of(draw, rarely(draw, interesting, list(usual), list(CLIENTS[version])))
    if entry == "output":
        source = one_of(draw, NODE_ADDRESSES[version])
    else:
        source = one_of(
            draw, rarely(draw, list(CLIENTS[version]), interesting) if one_of(draw, (1, 0)) else interesting
        )
    marks = [int(each.text, 16) for each in ruleset.constants if each.kind == "mark"]
    mark = one_of(draw, (0, *marks)) if entry == "output" else 0
    source_port = rarely(draw, _SOURCE_PORT, *ports)
    return RulesetPacket(one_of(draw, _PROTOCOLS), source, source_port, destination, one_of(draw, ports), entry, mark)


def versions_of(ruleset: Ruleset) -> tuple[int, ...]:
    """The versions of IP that any table is about, but for one that only watches."""
    families = {table.family for table in ruleset.tables if table.name != "tracking"}
    return tuple(version for version, family in ((4, "ip"), (6, "ip6")) if families & {family, "inet"})


def _around_address(text: str) -> list[ipaddress.IPv4Address | ipaddress.IPv6Address]:
    if "/" in text:
        network = ipaddress.ip_network(text)
        first, last = network[0], network[-1]
    else:
        low, _, high = text.partition("-")
        first, last = ipaddress.ip_address(low), ipaddress.ip_address(high or low)
    # Halfway, too: neither end of a prefix is an address that anybody would use.
    middle = first + (int(last) - int(first)) // 2
    return [first - 1, first, middle, last, last + 1] if first != last else [first, first - 1, first + 1]


def _around_port(text: str) -> list[int]:
    low, _, high = text.partition("-")
    first, last = int(low), int(high or low)
    return [port for port in dict.fromkeys((first, last, first - 1, last + 1)) if 0 < port < 65536]
