"""What a node owes, as the proof engine takes it: a dataplane flattened for Rust, and what its numbers stand for."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Literal, TypeAlias

from attrs import field, frozen

from svcc import _native
from svcc.addresses import IPFamily, address_bytes
from svcc.compiler.balancing import maglev_of
from svcc.dataplane.contract import Dataplane, Decision, FamilyDataplane, Frontend, ServicePortPlan
from svcc.model.balancing import HashKey, LoadBalancing
from svcc.select import EndpointAddress
from svcc.trace.packet import PROTOCOL_NUMBERS, Packet

__all__ = ["DeclaredFrontend", "Demand", "FamilyDeclaration", "declaration_of", "declarations"]

_DemandRow: TypeAlias = tuple[
    Literal["anything", "free", "drop", "reject", "delivered", "remembered"],
    list[tuple[str, int, bool]],
    list[Literal["drop", "reject"]],
    int,
    int | None,
]
_TableRow: TypeAlias = tuple[int, bool, bool, int, list[int], list[int]]


@frozen
class DeclaredFrontend:
    """A frontend, and the service port it belongs to."""

    plan: ServicePortPlan
    frontend: Frontend


@frozen
class Demand:
    """What a packet is owed.

    Attributes:
        wanted: ``free`` (it is no Service's packet: no service proxy may translate it), ``drop``, ``reject`` (port
            unreachable), ``delivered``, ``remembered`` (its client may be remembered and goes to any of the endpoints
            of a set), or ``anything`` (nothing is declared).
        deliveries: where it may go, and whether the node's address becomes its source.
        refusals: ``drop`` and ``reject`` where a remembered client's endpoint is refused itself.
        frontend: the place in `FamilyDeclaration.frontends` of the frontend that decides; -1 where none does.
        remember_milliseconds: for how long the client must be remembered; None without session affinity.
    """

    wanted: Literal["anything", "free", "drop", "reject", "delivered", "remembered"]
    deliveries: tuple[tuple[EndpointAddress, bool], ...] = ()
    refusals: tuple[Literal["drop", "reject"], ...] = ()
    frontend: int = -1
    remember_milliseconds: int | None = None


@frozen
class FamilyDeclaration:
    """What a node owes in one family.

    Attributes:
        family: the family.
        node_addresses: addresses that the dataplane knows to be the node's own.
        big_endian: the byte order of the node.
        frontends: what the numbers of frontends in demands and differences stand for.
        native: the same for Rust.
    """

    family: IPFamily
    node_addresses: tuple[str, ...]
    big_endian: bool
    frontends: Sequence[DeclaredFrontend] = field(repr=False)
    native: _native.Declaration = field(repr=False, eq=False)

    def demands(
        self,
        packets: Sequence[Packet],
        *,
        local_addresses: Iterable[str],
        local_addresses_complete: bool = True,
        remembered: bool = False,
    ) -> list[Mapping[Demand, Fraction]]:
        """What is owed to packets of new connections, with chances that add up to 1.

        The functions of all packets are made for this, so ask for many at once. `local_addresses` are the node's own
        addresses. They are all it has unless `local_addresses_complete` is False: then the functions ask whether others
        are, and the answer here is no. `remembered` asks for clients of which the kernel may remember something.

        Raises:
            ValueError: a packet is of the other family, has ports and names no source port, or an address is none.
        """
        local = [ipaddress.ip_address(text).packed for text in local_addresses]
        found: list[Mapping[Demand, Fraction]] = [{}] * len(packets)
        for hook in ("prerouting", "output"):
            places = [place for place, packet in enumerate(packets) if packet.hook == hook]
            if not places:
                continue
            rows = [_packet_row(packets[place]) for place in places]
            answers = self.native.demands(
                rows, hook == "output", local, local_addresses_complete, remembered, self.big_endian
            )
            for place, chances in zip(places, answers, strict=True):
                found[place] = {_demand(row): Fraction(*chance) for chance, row in chances}
        return found


def _packet_row(packet: Packet) -> tuple[int, bytes, bytes, int, int | None, str | None]:
    number = packet.protocol if isinstance(packet.protocol, int) else PROTOCOL_NUMBERS[packet.protocol]
    if packet.source_port is None and packet.destination_port is not None:
        raise ValueError(f"no source port is given: {packet}")
    source, destination = address_bytes(packet.source), address_bytes(packet.destination)
    return number, source, destination, packet.source_port or 0, packet.destination_port, packet.input_interface


def _demand(row: _DemandRow) -> Demand:
    wanted, deliveries, refusals, frontend, milliseconds = row
    places = tuple((EndpointAddress(address, port), masquerade) for address, port, masquerade in deliveries)
    return Demand(wanted, places, tuple(refusals), frontend, milliseconds)


def declarations(dataplane: Dataplane) -> tuple[FamilyDeclaration, ...]:
    """What a node owes, in each family."""
    return tuple(declaration_of(family, big_endian=dataplane.big_endian) for family in dataplane.families)


def declaration_of(family: FamilyDataplane, *, big_endian: bool = False) -> FamilyDeclaration:
    """What a node owes in one family; 10 000 service ports take a fraction of a second."""
    plans = family.service_ports
    # Everything in few lists, because a call for each of 100 000 endpoints would take longer than the proof.
    groups = [group for plan in plans for group in (plan.cluster_endpoints, plan.local_endpoints)]
    native = _native.Declaration(
        version=4 if family.family is IPFamily.IPV4 else 6,
        service_ports=[
            (plan.name[3], len(plan.cluster_endpoints), len(plan.local_endpoints), plan.affinity_timeout_seconds)
            for plan in plans
        ],
        endpoint_addresses=" ".join([endpoint[0] for group in groups for endpoint in group]),
        endpoint_ports=[endpoint[1] for group in groups for endpoint in group],
        frontends=[
            (
                place,
                frontend.address,
                frontend.port,
                frontend.inside,
                frontend.outside,
                frontend.masquerade,
                frontend.allowed_sources,
            )
            for place, plan in enumerate(plans)
            for frontend in plan.frontends
        ],
        weights=[
            (place, local, weights)
            for place, plan in enumerate(plans)
            for local, weights in ((False, plan.cluster_weights), (True, plan.local_weights))
            if weights
        ],
        tables=_tables(plans),
        cluster_ips=family.cluster_ips,
        service_cidrs=family.service_cidrs,
        node_port_addresses=family.node_ports.addresses,
        node_port_prefixes=family.node_ports.prefixes,
        pod_prefixes=family.pods.source_prefixes,
        pod_interface=family.pods.interface,
        pod_interface_prefix=family.pods.interface_prefix,
        local_endpoints=family.local_endpoint_addresses,
    )
    frontends = [DeclaredFrontend(plan, frontend) for plan in plans for frontend in plan.frontends]
    return FamilyDeclaration(family.family, family.node_addresses, big_endian, frontends, native)


def _tables(plans: Sequence[ServicePortPlan]) -> list[_TableRow]:
    """The tables of sets whose endpoints are hashed: they are declared by the names of endpoints and service ports."""
    rows = []
    for place, plan in enumerate(plans):
        if plan.balancing.algorithm is not LoadBalancing.MAGLEV:
            continue
        for decision in (Decision.CLUSTER, Decision.LOCAL):
            maglev = maglev_of(plan, decision)
            if maglev is None:
                continue
            places = {f"{address} {port}": index for index, (address, port) in enumerate(plan.endpoints(decision))}
            order = [places[name] for name in maglev.endpoints]
            by_flow = plan.balancing.hash_key is HashKey.FLOW
            rows.append((place, decision is Decision.LOCAL, by_flow, maglev.hash_seed, order, maglev.table.tolist()))
    return rows
