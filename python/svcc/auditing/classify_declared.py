"""What was declared, looked up the way findings ask: whose frontend, whose endpoint, who is a client."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from typing import Final

from attrs import define, frozen

from svcc.addresses import IPFamily, canonical_address, family_of, prefix_contains
from svcc.auditing.difference import Difference
from svcc.dataplane.contract import LOOPBACK, Dataplane, FamilyDataplane, Frontend, PodDetector, ServicePortPlan
from svcc.model.cluster import Cluster
from svcc.model.service import Protocol
from svcc.select import EndpointAddress, ServicePortName
from svcc.trace.packet import Packet

__all__ = ["CLIENTS", "Declared", "EndpointRole", "Owner", "frontend_words", "service_port_words"]

_FrontendKey = tuple[str | None, str, int]
CLIENTS: Final = ("external", "pod", "node")
"""Who sends packets, in the order of `Finding.clients`."""


@frozen(eq=False)
class Owner:
    """A frontend and whose it is; there is one for each, so that identity is equality."""

    plan: ServicePortPlan
    frontend: Frontend


@frozen
class _Entry:
    """An entry of a slice: whose it is, whether it may be used, and the ports of the slice."""

    service: tuple[str, str]
    is_ready: bool
    ports: frozenset[int | None]


class EndpointRole(enum.StrEnum):
    """What an address and port is that connections to a Service port go to and should not.

    One dump does not tell what was declared yesterday, so this is what is declared today: an address that no other
    Service has and that a pod may have is taken for an endpoint of yesterday.
    """

    LEFT_OUT = "left-out"
    """An endpoint of the Service port that policies or topology leave out."""
    OTHER_PORT = "other-port"
    """The right address, at another port."""
    NOT_READY = "not-ready"
    """In a slice of the Service, and not to be used now: stale."""
    OTHER_SERVICE = "other-service"
    """In slices of other Services only: foreign."""
    GONE = "gone"
    """In no slice, in the pods' ranges or where these are not known: stale."""
    NO_POD = "no-pod"
    """In no slice, and in none of the pods' ranges: foreign."""


def service_port_words(name: ServicePortName) -> str:
    """A Service port as findings name it: ``shop/web:http``."""
    return f"{name.namespace}/{name.service}{':' if name.port else ''}{name.port}"


def frontend_words(owner: Owner) -> str:
    """A frontend as findings name it: ``10.96.0.10 port 80/TCP``, ``node port 30080/TCP``."""
    port = f"port {owner.frontend.port}/{owner.plan.name.protocol.value}"
    return f"node {port}" if owner.frontend.address is None else f"{owner.frontend.address} {port}"


@define(slots=False)
class Declared:
    """A dataplane, and the objects it was made of as far as they are known."""

    dataplane: Dataplane
    cluster: Cluster | None = None

    @cached_property
    def families(self) -> Mapping[IPFamily, FamilyDataplane]:
        """The families by name."""
        return {family.family: family for family in self.dataplane.families}

    @cached_property
    def _owners(self) -> Mapping[tuple[IPFamily, _FrontendKey], Owner]:
        return {
            (family.family, (frontend.address, plan.name.protocol.value, frontend.port)): Owner(plan, frontend)
            for family in self.dataplane.families
            for plan in family.service_ports
            for frontend in plan.frontends
        }

    @cached_property
    def frontend_counts(self) -> Mapping[ServicePortName, int]:
        """How many frontends each Service port has, in both families together."""
        return Counter(owner.plan.name for owner in self._owners.values())

    def family(self, packet: Packet) -> FamilyDataplane:
        """The dataplane of a packet's family."""
        return self.families[family_of(packet.destination)]

    def owner(self, difference: Difference) -> Owner | None:
        """The frontend that decides the packets of a difference."""
        if difference.frontend < 0:
            return None
        packet = difference.packet
        return self._frontend(packet, packet.destination) or self._frontend(packet, None)

    def node_port(self, packet: Packet) -> Owner | None:
        """The node port of a packet's protocol and port, whether it should answer on its destination or not."""
        return self._frontend(packet, None)

    def _frontend(self, packet: Packet, address: str | None) -> Owner | None:
        if not isinstance(packet.protocol, Protocol) or packet.destination_port is None:
            return None
        key = (address, packet.protocol.value, packet.destination_port)
        return self._owners.get((family_of(packet.destination), key))

    def is_own_address(self, difference: Difference) -> bool:
        """Whether the destination is an address of the node, beside those of the loopback interface."""
        destination = difference.packet.destination
        family = self.family(difference.packet)
        known = destination in family.node_addresses or destination in difference.local_addresses
        return known and not prefix_contains(LOOPBACK[family.family], destination)

    def clients(self, packet: Packet, *, any_source: bool = False) -> tuple[str, ...]:
        """Who sends such packets; with `any_source`, whoever sends them from elsewhere."""
        if packet.hook == "output":
            return ("node",)
        pods = self.family(packet).pods
        if any_source or not pods:
            return ("external", "pod")
        return ("pod",) if _is_pod(pods, packet) else ("external",)

    @cached_property
    def _slices(self) -> Mapping[str, list[_Entry]]:
        """The entries of slices by address."""
        found: dict[str, list[_Entry]] = {}
        for endpoint_slice in self.cluster.endpoint_slices if self.cluster else ():
            service = (endpoint_slice.namespace, endpoint_slice.service_name or "")
            ports = frozenset(port.port for port in endpoint_slice.ports)
            for endpoint in endpoint_slice.endpoints:
                for text in endpoint.addresses[:1]:
                    if (address := canonical_address(text)) is not None:
                        found.setdefault(address, []).append(_Entry(service, endpoint.ready is not False, ports))
        return found

    @cached_property
    def _addresses_of_others(self) -> Mapping[str, frozenset[tuple[str, str]]]:
        """The Services that an address is an endpoint of, by the dataplane alone."""
        found: dict[str, set[tuple[str, str]]] = {}
        for family in self.dataplane.families:
            for plan in family.service_ports:
                for endpoint in (*plan.cluster_endpoints, *plan.local_endpoints):
                    found.setdefault(endpoint.address, set()).add((plan.name.namespace, plan.name.service))
        return {address: frozenset(services) for address, services in found.items()}

    def role(self, plan: ServicePortPlan, expected: Iterable[EndpointAddress], found: EndpointAddress) -> EndpointRole:
        """What `found` is, where connections to the Service port should go to `expected`."""
        declared = (*plan.cluster_endpoints, *plan.local_endpoints)
        if any(endpoint.address == found.address for endpoint in expected):
            return EndpointRole.OTHER_PORT
        if found in declared:
            return EndpointRole.LEFT_OUT
        own = self._own_entries(plan, found.address)
        if own and not any(entry.is_ready for entry in own):
            return EndpointRole.NOT_READY
        if own or any(endpoint.address == found.address for endpoint in declared):
            is_port = any(found.port in entry.ports for entry in own)
            return EndpointRole.LEFT_OUT if is_port else EndpointRole.OTHER_PORT
        return self._role_of_others(found.address)

    def _own_entries(self, plan: ServicePortPlan, address: str) -> list[_Entry]:
        service = (plan.name.namespace, plan.name.service)
        return [entry for entry in self._slices.get(address, ()) if entry.service == service]

    def _role_of_others(self, address: str) -> EndpointRole:
        if self.services_at(address):
            return EndpointRole.OTHER_SERVICE
        pods = self.families[family_of(address)].pods.source_prefixes
        is_pod = not pods or any(prefix_contains(prefix, address) for prefix in pods)
        return EndpointRole.GONE if is_pod else EndpointRole.NO_POD

    def services_at(self, address: str) -> tuple[str, ...]:
        """The Services with an endpoint at an address, as ``namespace/name``."""
        of_slices = {entry.service for entry in self._slices.get(address, ())}
        found = of_slices | self._addresses_of_others.get(address, frozenset())
        return tuple(f"{namespace}/{name}" for namespace, name in sorted(found) if name)


def _is_pod(pods: PodDetector, packet: Packet) -> bool:
    if pods.source_prefixes:
        return any(prefix_contains(prefix, packet.source) for prefix in pods.source_prefixes)
    interface = packet.input_interface or ""
    if pods.interface:
        return interface == pods.interface
    return interface.startswith(pods.interface_prefix)
