"""Session affinity: one record for each client and service port, honoured only where it leads somewhere (S34 to S36).

A record maps the client and the service port to the number of an endpoint. Reading it takes two lookups, and nft lets
no lookup's result be part of another's key, so the number travels through a field that a rule can both set and look up
by: the packet's priority, which is reset before the packet leaves. The second lookup, among the endpoints of the very
set this connection would use, finds nothing when the endpoint is gone; then the record is deleted and an endpoint is
drawn. After the address translation the endpoint's number is computed from its address and port by the kernel's hash
and remembered under the client's original address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence

from attrs import frozen

from svcc.addresses import IPFamily, address_bytes
from svcc.compiler.layout import PRIORITY, PROTOCOL, Layout
from svcc.compiler.picks import Pick, pick_rule
from svcc.compiler.program import rule
from svcc.dataplane.contract import ServicePortName, ServicePortPlan
from svcc.kernel_hash import concatenated, nft_hashes
from svcc.nft.expressions import Binary, Constant, Ct, Expression, Jhash, Lookup, Numgen, Payload, concat
from svcc.nft.names import identifier
from svcc.nft.objects import Chain
from svcc.nft.statements import Assign, Dnat, Match, Remember
from svcc.select import EndpointAddress

__all__ = [
    "AFFINITY_RECORDS",
    "COUNT_OF_NUMBERS",
    "StickyPort",
    "affinity_key",
    "lookup_chain",
    "preferred_numbers",
    "remember_chain",
    "sticky_port",
    "sticky_ports",
]

AFFINITY_RECORDS = 4_194_304
"""How many records the affinity map of a family holds at most; memory is taken only for those that exist."""

LONGEST_TIMEOUT_SECONDS = 86_400

_FIRST_NUMBER = 65_536
"""Endpoint numbers start above the priorities that sockets and tunnels commonly set, so none is taken for one."""

_NUMBERS = 2**32 - 1 - _FIRST_NUMBER


@frozen
class StickyPort:
    """A service port with affinity and the numbers it goes by.

    Attributes:
        number: what tells its records from those of other service ports, in IPv4.
        mask: the same in IPv6, as an address: clients are recorded XORed with it, because nft 1.0.6 can update a map
            only by a key of at most 16 bytes.
        sets: the number of the Cluster set and that of the Local set among all sets of sticky endpoints.
        seed: the seed under which no two of its endpoints hash to the same number.
    """

    plan: ServicePortPlan
    number: int
    mask: str
    sets: Mapping[bool, int]
    seed: int
    timeout_seconds: int

    @property
    def protocol(self) -> str:
        """The protocol as nft spells it."""
        return self.plan.name.protocol.value.lower()

    @property
    def remember_chain(self) -> str:
        """The name of the chain that records."""
        return identifier("remember", *_words(self.plan.name))

    def lookup_chain(self, pick: Pick) -> str:
        """The name of the chain that looks for a record, then picks."""
        return identifier("-".join(["sticky", *pick.words]), *_words(self.plan.name))


def _words(name: ServicePortName) -> tuple[str, ...]:
    return name.namespace, name.service, name.protocol.value.lower(), name.port


def sticky_ports(plans: Iterable[ServicePortPlan], *, big_endian: bool) -> dict[ServicePortName, StickyPort]:
    """Number the service ports with affinity.

    Numbers are digests of names, so that a service port keeps its records whatever else comes and goes; where two
    digests of 32 bits collide, the name that sorts first keeps its own.
    """
    found: dict[ServicePortName, StickyPort] = {}
    taken: set[int] = set()
    for plan in plans:
        if plan.affinity_timeout_seconds is None:
            continue
        numbers = []
        for number in preferred_numbers(plan.name):
            while number in taken:
                number = (number + 1) % COUNT_OF_NUMBERS  # noqa: PLW2901  (the next one that is free)
            taken.add(number)
            numbers.append(number)
        found[plan.name] = sticky_port(plan, numbers, big_endian=big_endian)
    return found


COUNT_OF_NUMBERS = 2**32


def preferred_numbers(name: ServicePortName) -> list[int]:
    """The numbers that a service port gets if they are free: its own, and those of its Cluster set and its Local set.

    One that is taken is replaced by the next that is not. Service ports choose in the order of their names, and each
    in the order of these numbers.
    """
    return [int.from_bytes(_digest((word, *name), 4), "big") for word in ("clients", "cluster", "local")]


def sticky_port(plan: ServicePortPlan, numbers: Sequence[int], *, big_endian: bool) -> StickyPort:
    """A service port with affinity that got these numbers; see `preferred_numbers`."""
    number, cluster, local = numbers
    mask = _digest(("mask", *plan.name), 16).hex()
    endpoints = sorted({*plan.cluster_endpoints, *plan.local_endpoints})
    timeout_seconds = plan.affinity_timeout_seconds
    return StickyPort(
        plan,
        number,
        ":".join(mask[i : i + 4].lstrip("0") or "0" for i in range(0, 32, 4)),
        {False: cluster, True: local},
        _seed(endpoints, big_endian=big_endian),
        LONGEST_TIMEOUT_SECONDS if timeout_seconds is None else min(timeout_seconds, LONGEST_TIMEOUT_SECONDS),
    )


def _digest(words: Sequence[str], size: int) -> bytes:
    return hashlib.blake2b("\0".join(words).encode("utf-8", "surrogatepass"), digest_size=size).digest()


def _seed(endpoints: Sequence[EndpointAddress], *, big_endian: bool) -> int:
    seed = 1
    while len(set(endpoint_numbers(endpoints, seed, big_endian=big_endian))) < len(endpoints):
        seed += 1
    return seed


def endpoint_numbers(endpoints: Sequence[EndpointAddress], seed: int, *, big_endian: bool) -> list[int]:
    """The numbers the kernel computes for endpoints; see `_number_of_endpoint`."""
    keys = [concatenated([address_bytes(item.address), item.port.to_bytes(2, "big")]) for item in endpoints]
    return nft_hashes(keys, modulus=_NUMBERS, seed=seed, offset=_FIRST_NUMBER, big_endian=big_endian)


def sticky_endpoints_map(protocol: str) -> str:
    """The name of the map with the endpoints of a protocol by their numbers."""
    return f"sticky-endpoints-{protocol}"


def _number_of_endpoint(layout: Layout, sticky: StickyPort) -> Jhash:
    return Jhash(layout.endpoint, _NUMBERS, sticky.seed, _FIRST_NUMBER)


def constant(number: int) -> Numgen:
    """A constant inside a key."""
    return Numgen("inc", 1, number)


def affinity_key(layout: Layout, sticky: StickyPort, client: Payload | Ct) -> Expression:
    """The key of a client's record for a service port."""
    if layout.family is IPFamily.IPV4:
        return concat(client, constant(sticky.number))
    return Binary("^", client, Constant(sticky.mask))


def lookup_chain(layout: Layout, sticky: StickyPort, pick: Pick) -> Chain:
    """Go where the client went before, if that endpoint is still in this set; else forget and pick."""
    client = affinity_key(layout, sticky, layout.source)
    remembered = concat(constant(sticky.sets[pick.local]), PRIORITY)
    protocol = sticky.protocol
    return Chain(
        sticky.lookup_chain(pick),
        (
            rule(Assign(PRIORITY, Constant("none"))),
            rule(Assign(PRIORITY, Lookup(client, "affinity"))),
            rule(
                Match(PROTOCOL, Constant(protocol)),
                Dnat(layout.word, Lookup(remembered, sticky_endpoints_map(protocol))),
            ),
            rule(Remember("delete", "affinity", client, PRIORITY)),
            rule(Assign(PRIORITY, Constant("none"))),
            pick_rule(layout, pick, protocol),
        ),
    )


def remember_chain(layout: Layout, sticky: StickyPort) -> Chain:
    """Record where the client went; each new connection renews the record (S35)."""
    client = affinity_key(layout, sticky, layout.original_source)
    number = _number_of_endpoint(layout, sticky)
    return Chain(
        sticky.remember_chain,
        (
            rule(Remember("update", "affinity", client, number, sticky.timeout_seconds)),
            rule(Assign(PRIORITY, Constant("none"))),
        ),
    )
