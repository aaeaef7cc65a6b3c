"""All packets that matter to a base: every address, port, protocol and sender that anything depends on."""

from __future__ import annotations

import ipaddress
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import product

from svcc.addresses import IPFamily, canonical_address, family_of
from tests.mutation.bases import FACTS, Base
from tests.mutation.words import ADDRESS
from tests.oracle.packet import Hook, Packet, PacketProtocol

_OUTSIDE = {
    IPFamily.IPV4: ("198.51.100.7", "192.0.2.9"),
    IPFamily.IPV6: ("2001:db8:51::7", "2001:db8:2::9"),
}
_STRANGE = {
    IPFamily.IPV4: ("192.0.2.200", "10.96.7.7", "192.168.0.99"),
    IPFamily.IPV6: ("2001:db8:200::1", "fd00:96::77", "fd00:1::99"),
}
_OTHER_PODS = {
    IPFamily.IPV4: ("10.244.1.99", "10.244.2.99"),
    IPFamily.IPV6: ("fd00:10:244:1::99", "fd00:10:244:2::99"),
}
_UNUSED_PORT = 4711
_CLIENT_PORT = 40000
_WORD = re.compile(r"[^\s,{}]+")
_NUMBER = re.compile(r"(?<![\w.:-])\d{2,5}(?=[\s,}]|$)")


def universe(base: Base) -> list[Packet]:
    """The packets that decide whether a ruleset does what was declared."""
    family = base.family
    destinations = [*_frontend_addresses(base), *sorted(_own(family)), *_endpoints(base), *_STRANGE[family]]
    return list(_packets(base, dict.fromkeys(destinations), _ports(base), _senders(base)))


def further(base: Base, old: str, new: str) -> list[Packet]:
    """Packets at the addresses and ports that stand in one text only, the changed one or the one before."""
    before, after = (Counter(_WORD.findall(text)) for text in (old, new))
    changed = " ".join([*(before - after), *(after - before)])
    addresses = {
        address
        for word in ADDRESS.finditer(changed)
        for address in _edges(word[0])
        if family_of(address) is base.family
    }
    numbers = {int(number) for number in _NUMBER.findall(changed) if int(number) < 65536}
    known = {*_frontend_addresses(base), *_endpoints(base), *_own(base.family)}
    new_addresses, new_ports = sorted(addresses - known), sorted(numbers - set(_ports(base)))
    senders: list[tuple[Hook, str]] = [("prerouting", source) for source in new_addresses if not _is_own(source)]
    frontends = [*_frontend_addresses(base), *sorted(_own(base.family))]
    return [
        *_packets(base, new_addresses, [*_ports(base), *new_ports], _senders(base)),
        *_packets(base, frontends, new_ports, _senders(base)),
        *_packets(base, frontends, _ports(base), senders),
    ]


def _edges(word: str) -> Iterator[str]:
    """An address; or the first and last of a prefix and the addresses beside it."""
    address, _, length = word.partition("/")
    canonical = canonical_address(address)
    if canonical is None:
        return
    if not length:
        yield canonical
        return
    network = ipaddress.ip_network(word, strict=False)
    last = int(network.network_address) + network.num_addresses - 1
    for number in (int(network.network_address) - 1, int(network.network_address) + 1, last, last + 1):
        if 0 < number < 2**network.max_prefixlen:
            yield str(type(network.network_address)(number))


def _own(family: IPFamily) -> set[str]:
    return {address for address in FACTS.local_addresses if family_of(address) is family}


def _is_own(address: str) -> bool:
    return FACTS.is_local(address)


def _frontend_addresses(base: Base) -> list[str]:
    found = []
    for service in base.cluster.services:
        found += [*service.cluster_ips, *service.external_ips]
        found += [entry.ip for entry in service.load_balancer_ingress if entry.ip]
    return [address for address in dict.fromkeys(found) if family_of(address) is base.family]


def _endpoints(base: Base) -> list[str]:
    found = (
        address
        for each in base.cluster.endpoint_slices
        for endpoint in each.endpoints
        for address in endpoint.addresses
        if family_of(address) is base.family
    )
    return list(dict.fromkeys(found))


def _ports(base: Base) -> list[int]:
    declared = [port for service in base.cluster.services for port in service.ports]
    numbers = [number for port in declared for number in (port.port, port.node_port) if number]
    numbers += [port.port for each in base.cluster.endpoint_slices for port in each.ports if port.port]
    return list(dict.fromkeys([*numbers, _UNUSED_PORT]))


def _senders(base: Base) -> list[tuple[Hook, str]]:
    vips = [entry.ip for service in base.cluster.services for entry in service.load_balancer_ingress if entry.ip]
    arriving = [*_endpoints(base), *_OTHER_PODS[base.family], *_OUTSIDE[base.family], *vips[:1]]
    return [
        *(("prerouting", source) for source in dict.fromkeys(arriving)),
        *(("output", source) for source in sorted(_own(base.family))),
    ]


def _packets(
    base: Base, destinations: Iterable[str], ports: Iterable[int], senders: Iterable[tuple[Hook, str]]
) -> Iterator[Packet]:
    protocols: tuple[PacketProtocol, ...] = ("TCP", "UDP")
    for destination, (hook, source) in product(destinations, senders):
        yield Packet("ICMP", source, 0, destination, 0, hook)
        for port, protocol in product(ports, protocols):
            yield Packet(protocol, source, _CLIENT_PORT, destination, port, hook)
