"""Frontends that clients from outside may ask, and who may answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from attrs import frozen

from svcc.addresses import family_of, prefix_contains
from svcc.dataplane.contract import FamilyDataplane
from svcc.model.service import Protocol
from svcc.select import EndpointAddress
from tests.strategies import NODE_ADDRESSES, OUTSIDE_CLIENTS, POD_RANGE


@frozen
class Target:
    """A frontend that admits clients from outside, at an address, and who may answer there."""

    protocol: Protocol
    address: str
    port: int
    endpoints: frozenset[EndpointAddress]

    @property
    def client(self) -> str:
        """An address that may ask."""
        return OUTSIDE_CLIENTS[family_of(self.address)][0]


def targets_of(family: FamilyDataplane, protocol: Protocol, node_addresses: Sequence[str]) -> Iterator[Target]:
    """The frontends that outside clients reach, if all who may answer are pods."""
    plans = [plan for plan in family.service_ports if plan.name.protocol is protocol]
    taken = {(frontend.address, frontend.port) for plan in plans for frontend in plan.frontends}
    client = OUTSIDE_CLIENTS[family.family][0]
    for plan in plans:
        for frontend in plan.frontends:
            endpoints = frozenset(plan.endpoints(frontend.outside))
            answering = [POD_RANGE[family.family]]
            if protocol is Protocol.TCP:
                # A server of the node itself answers a datagram from a socket that takes the next one for a moment.
                answering.append(NODE_ADDRESSES[family.family][0])
            if not endpoints or not all(
                any(prefix_contains(prefix, each.address) for prefix in answering) for each in endpoints
            ):
                continue
            allowed = frontend.allowed_sources
            if allowed is not None and not any(prefix_contains(prefix, client) for prefix in allowed):
                continue
            if frontend.address is not None:
                yield Target(protocol, frontend.address, frontend.port, endpoints)
                continue
            for address in node_addresses:
                is_served = family_of(address) is family.family and family.node_ports.serves(address)
                if is_served and (address, frontend.port) not in taken:
                    yield Target(protocol, address, frontend.port, endpoints)
