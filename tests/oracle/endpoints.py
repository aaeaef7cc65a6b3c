"""From EndpointSlices to the endpoints a connection can go to: S10 to S22."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.endpoints import Endpoint as DeclaredEndpoint
from svcc.model.endpoints import EndpointSlice
from svcc.model.node import Node
from svcc.model.service import Protocol, Service, ServicePort

PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"
HEADLESS_LABEL = "service.kubernetes.io/headless"


@frozen
class ServicePortName:
    """What identifies a service port (S3); an unnamed port has the name ``""``."""

    namespace: str
    service: str
    port: str
    protocol: Protocol

    @classmethod
    def of(cls, service: Service, port: ServicePort) -> ServicePortName:
        """The name of a port of a Service."""
        return cls(service.namespace, service.name, port.name, port.protocol)


@frozen
class Endpoint:
    """An endpoint of one service port, its conditions resolved (S13) and its locality judged (S14)."""

    address: str
    port: int
    ready: bool
    serving: bool
    terminating: bool
    is_local: bool
    zone_hints: tuple[str, ...]
    node_hints: tuple[str, ...]
    weight: int = 1

    @property
    def is_serving_and_terminating(self) -> bool:
        """Whether the fallbacks of S18 and S19 may use it."""
        return self.serving and self.terminating


def endpoints_of(
    cluster: Cluster, settings: ClusterSettings, node: Node, service: Service, port: ServicePort, family: IPFamily
) -> list[Endpoint]:
    """All endpoints of a service port in a family: S10 to S16.

    S15: of two copies of one IP:port the first seen stays, except that a local copy replaces a non-local one.
    Decided: "first" is by the name of the slice, then by the place in it, whatever the order of declaration.
    S16: ordered by the text ``IP:port``.
    """
    found: dict[tuple[str, int], Endpoint] = {}
    for endpoint_slice in sorted(cluster.endpoint_slices, key=lambda each: each.name):
        if not belongs_to(endpoint_slice, service) or not is_watched(endpoint_slice, settings):
            continue
        if endpoint_slice.address_type != family.value:
            continue
        for number in port_numbers(endpoint_slice, port):
            for declared in endpoint_slice.endpoints:
                endpoint = read_endpoint(declared, number, node, family, endpoint_slice.annotations)
                if endpoint is None:
                    continue
                key = (endpoint.address, endpoint.port)
                if key not in found or (endpoint.is_local and not found[key].is_local):
                    found[key] = endpoint
    return sorted(found.values(), key=lambda each: f"{each.address}:{each.port}")


def belongs_to(endpoint_slice: EndpointSlice, service: Service) -> bool:
    """S10: by the label `kubernetes.io/service-name`, in the slice's namespace; without the label to no Service."""
    return endpoint_slice.service_name == service.name and endpoint_slice.namespace == service.namespace


def is_watched(endpoint_slice: EndpointSlice, settings: ClusterSettings) -> bool:
    """S5: not if labelled headless, nor if the proxy-name label gives it to another proxy.

    Decided: a proxy with a name of its own also takes slices without the label; the Service already says whose it is.
    """
    if HEADLESS_LABEL in endpoint_slice.labels:
        return False
    if PROXY_NAME_LABEL not in endpoint_slice.labels:
        return True
    return settings.service_proxy_name != "" and endpoint_slice.labels[PROXY_NAME_LABEL] == settings.service_proxy_name


def port_numbers(endpoint_slice: EndpointSlice, port: ServicePort) -> list[int]:
    """S12: the numbers of the slice's ports with the service port's name and protocol, skipping null name or number."""
    return [
        candidate.port
        for candidate in endpoint_slice.ports
        if candidate.name is not None
        and candidate.port is not None
        and candidate.port != 0
        and candidate.name == port.name
        and candidate.protocol is port.protocol
    ]


def read_endpoint(
    declared: DeclaredEndpoint, port: int, node: Node, family: IPFamily, annotations: Mapping[str, str]
) -> Endpoint | None:
    """S11: only `addresses[0]`; S13: unset conditions; S14: local iff nodeName is set and this node's.

    None if there is no address. Decided: also None if the address does not parse or is of the other family.
    """
    if not declared.addresses:
        return None
    address = canonical_address(declared.addresses[0])
    if address is None or family_of(address) is not family:
        return None
    return Endpoint(
        address=address,
        port=port,
        ready=True if declared.ready is None else declared.ready,
        serving=True if declared.serving is None else declared.serving,
        terminating=False if declared.terminating is None else declared.terminating,
        is_local=bool(declared.node_name) and declared.node_name == node.name,
        zone_hints=declared.zone_hints,
        node_hints=declared.node_hints,
        weight=weight_of(declared, address, annotations),
    )


def weight_of(declared: DeclaredEndpoint, address: str, annotations: Mapping[str, str]) -> int:
    """S23: the endpoint's own weight, or the one its slice has for its address, or the one for all of the slice, or 1.

    Decided: whatever is no number from 0 to 1000 is as if it were not written.
    """
    if declared.weight is not None:
        return declared.weight
    texts = [annotations.get("svcc.dev/weight", "1")]
    for entry in annotations.get("svcc.dev/weights", "").split(","):
        written, _, text = entry.partition("=")
        if canonical_address(written.strip()) == address:
            texts.append(text)
    weights = [int(text) for text in texts if re.fullmatch(" *[0-9]{1,4} *", text) and int(text) <= 1000]
    return weights[-1] if weights else 1


def topologically_close(ready: list[Endpoint], node: Node) -> list[Endpoint]:
    """S20: the ready endpoints that hints leave: by node, else by zone, else all."""
    if all(each.node_hints for each in ready) and any(node.name in each.node_hints for each in ready):
        return [each for each in ready if node.name in each.node_hints]
    zone = node.zone
    if zone is not None and all(each.zone_hints for each in ready) and any(zone in each.zone_hints for each in ready):
        return [each for each in ready if zone in each.zone_hints]
    return ready


def cluster_set(endpoints: list[Endpoint], node: Node) -> list[Endpoint]:
    """S18: ready endpoints that pass topology; if there are none, all that are serving and terminating, anywhere."""
    ready = [each for each in endpoints if each.ready]
    return topologically_close(ready, node) or [each for each in endpoints if each.is_serving_and_terminating]


def local_set(endpoints: list[Endpoint]) -> list[Endpoint]:
    """S19: local ready endpoints; if there are none, local ones that are serving and terminating. No topology."""
    local = [each for each in endpoints if each.is_local]
    return [each for each in local if each.ready] or [each for each in local if each.is_serving_and_terminating]


def has_endpoints(endpoints: list[Endpoint]) -> bool:
    """S22: whether any endpoint anywhere is ready or serving and terminating.

    The rule also names the Cluster set, but that is non-empty exactly when such an endpoint exists: topology (S20)
    never empties a set, and the fallback (S18) takes the rest. So which sets are needed (S17) makes no difference.
    """
    return any(each.ready or each.is_serving_and_terminating for each in endpoints)
