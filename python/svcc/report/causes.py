"""Which line of the manifests made a rule do what it did to a packet."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Final

from attrs import define, frozen

from svcc.addresses import canonical_address, canonical_prefix, family_of, prefix_contains
from svcc.compiler.layout import TABLE
from svcc.dataplane.contract import Dataplane, Frontend, ServicePortPlan
from svcc.explanation.exposures import frontend_source
from svcc.explanation.slices import labelled_slices
from svcc.fields import FieldPath, Source
from svcc.model.cluster import Cluster
from svcc.model.service import Protocol, Service
from svcc.select import EndpointAddress
from svcc.trace.evaluator import Outcome, Step
from svcc.trace.expectation import destination_of
from svcc.trace.packet import Packet

__all__ = ["Cause", "Causes"]

_MAPS: Final = re.compile(r"@([\w./-]+)")
_FOUND_IN: Final = re.compile(r"\b(?:is|is not) in ([\w./-]+)")
_OF_FRONTENDS: Final = re.compile(
    r"((balanced-)?(outside-)?|masquerade-|refused-|remember-)(services|nodeports|frontends)"
)
_OF_ENDPOINTS: Final = re.compile(r"(nodeport-|sticky-)?endpoints-(tcp|udp|sctp)|hairpins")


@frozen
class Cause:
    """What in the manifests or settings is behind a step; `source` is None for settings and objects made in Python."""

    what: str
    source: Source | None = None

    def __str__(self) -> str:
        return f"{self.source}  {self.what}" if self.source else self.what


@define(slots=False)
class Causes:
    """Finds causes among the manifests that a dataplane was made of."""

    cluster: Cluster
    dataplane: Dataplane

    @cached_property
    def _frontends(self) -> dict[tuple[str, str, str | None, int], tuple[ServicePortPlan, Frontend]]:
        return {
            (family.family.value, plan.name.protocol.value, frontend.address, frontend.port): (plan, frontend)
            for family in self.dataplane.families
            for plan in family.service_ports
            for frontend in plan.frontends
        }

    @cached_property
    def _services(self) -> dict[tuple[str, str], Service]:
        return {(service.namespace, service.name): service for service in self.cluster.services}

    def service(self, packet: Packet) -> Cause | None:
        """The Service whose frontend a packet is sent to, whether its address really serves node ports or not."""
        found = self._frontend(packet)
        if found is None:
            return None
        plan, frontend = found
        service = self._services[plan.name.namespace, plan.name.service]
        index = _port_index(service, plan)
        port = f", port {plan.name.port}" if plan.name.port else ""
        kind = frontend.kind.value.replace("-", " ")
        return Cause(
            f"Service {service.namespace}/{service.name}{port}, {kind}", frontend_source(service, frontend, index)
        )

    def endpoint(self, packet: Packet, outcome: Outcome) -> Cause | None:
        """The entry of a slice that an outcome leads to."""
        found = self._frontend(packet)
        if found is None or outcome.address is None:
            return None
        plan, _frontend = found
        address, port = destination_of(outcome, packet)
        if address is None or port is None:
            return None
        place = EndpointAddress(address, port)
        if place not in plan.cluster_endpoints and place not in plan.local_endpoints:
            return None
        service = self._services[plan.name.namespace, plan.name.service]
        for item in labelled_slices(self.cluster, service):
            if not any((each.name, each.port) == (plan.name.port, port) for each in item.ports):
                continue
            for index, endpoint in enumerate(item.endpoints):
                if endpoint.addresses and canonical_address(endpoint.addresses[0]) == address:
                    target = f"{endpoint.target.kind} {endpoint.target.name}" if endpoint.target else "endpoint"
                    where = f"{target} on {endpoint.node_name}" if endpoint.node_name else target
                    return Cause(where, item.source.at(FieldPath(("endpoints", index))) if item.source else None)
        return None

    def of_step(self, packet: Packet, outcome: Outcome, step: Step) -> Cause | None:
        """What a step goes back to; None where it is the same for all Services."""
        if step.table != TABLE:
            found = self._frontend(packet)
            named = found is not None and f"{found[0].name.namespace}/{found[0].name.service}/" in step.chain
            return self.service(packet) if named else None
        return next(self._causes(packet, outcome, step), None)

    def _causes(self, packet: Packet, outcome: Outcome, step: Step) -> Iterator[Cause]:
        # The note names the set it is about; a verdict comes from the last map of its rule.
        for name in _FOUND_IN.findall(step.note) or _MAPS.findall(step.rule)[::-1]:
            if _OF_ENDPOINTS.fullmatch(name):
                cause = self.endpoint(packet, outcome)
            elif _OF_FRONTENDS.fullmatch(name):
                cause = self.service(packet)
            elif name in ("source-ranged", "allowed-sources"):
                cause = self._source_ranges(packet)
            elif name in ("cluster-ips", "mixed-addresses"):
                cause = self._cluster_ip(packet.destination)
            elif name == "service-cidrs":
                cause = self._service_cidr(packet.destination)
            elif name in ("nodeport-addresses", "nodeport-prefixes"):
                cause = self._node_ports()
            elif name == "pod-cidrs":
                cause = Cause("who is a pod: --cluster-cidr, --detect-local-mode")
            else:
                cause = None
            if cause is not None:
                yield cause

    def _frontend(self, packet: Packet) -> tuple[ServicePortPlan, Frontend] | None:
        port = packet.destination_port
        if port is None or not isinstance(packet.protocol, Protocol):
            return None
        family, protocol = family_of(packet.destination).value, packet.protocol.value
        exact = self._frontends.get((family, protocol, packet.destination, port))
        return exact or self._frontends.get((family, protocol, None, port))

    def _source_ranges(self, packet: Packet) -> Cause | None:
        found = self._frontend(packet)
        if found is None or found[1].allowed_sources is None:
            return None
        service = self._services[found[0].name.namespace, found[0].name.service]
        path = FieldPath(("spec", "loadBalancerSourceRanges"))
        what = f"Service {service.namespace}/{service.name}, loadBalancerSourceRanges"
        return Cause(what, service.source.at(path) if service.source else None)

    def _cluster_ip(self, address: str) -> Cause | None:
        for service in self.cluster.services:
            for index, text in enumerate(service.cluster_ips):
                if canonical_address(text) == address:
                    path = FieldPath(("spec", "clusterIPs", index) if index else ("spec", "clusterIP"))
                    source = service.source.at(path) if service.source else None
                    return Cause(f"Service {service.namespace}/{service.name}, cluster IP", source)
        return None

    def _service_cidr(self, address: str) -> Cause:
        for item in self.cluster.service_cidrs:
            if any((prefix := canonical_prefix(text)) and prefix_contains(prefix, address) for text in item.cidrs):
                return Cause(str(item.reference), item.source)
        return Cause("--service-cidr")

    def _node_ports(self) -> Cause:
        node = next((item for item in self.cluster.nodes if item.name == self.dataplane.node), None)
        return Cause("which addresses serve node ports: --nodeport-addresses", node.source if node else None)


def _port_index(service: Service, plan: ServicePortPlan) -> int:
    wanted = (plan.name.port, plan.name.protocol)
    return next(index for index, port in enumerate(service.ports) if (port.name, port.protocol) == wanted)
