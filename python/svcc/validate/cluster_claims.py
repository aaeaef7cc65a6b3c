"""What only one Service can have: cluster IPs, node ports, and ports of addresses that come from outside.

The oldest Service keeps what several claim, as on a server that met them one after the other, and as svcc compiles
them (S45); without dates it is the first by name.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping, Sequence

from svcc.addresses import canonical_address
from svcc.fields import Problem, ProblemKind
from svcc.model.service import HEADLESS, Protocol, Service, ServiceType, TrafficPolicy
from svcc.validate.cluster_findings import Claim, cluster_ip_place, problem
from svcc.validate.cluster_settings import ClusterRuleSettings
from svcc.validate.findings import Path
from svcc.validate.refused import is_unread

__all__ = ["address_claims", "cluster_ip_claims", "node_port_claims"]

_SHARING_KEYS = ("metallb.io/allow-shared-ip", "metallb.universe.tf/allow-shared-ip")
_REQUESTED_IPS = ("metallb.io/loadBalancerIPs", "metallb.universe.tf/loadBalancerIPs")
_INGRESS: Path = ("status", "loadBalancer", "ingress")
_KEEPER = "(the oldest, else the first by name)"

_Wanted = Mapping[str, Path]
"""Addresses of a Service, canonical, and the fields that say so."""


def cluster_ip_claims(services: Sequence[Service]) -> Iterator[Problem]:
    """Cluster IPs that an older Service has; oldest first."""
    owners: dict[str, Claim] = {}
    for service in services:
        if service.type is ServiceType.EXTERNAL_NAME:
            continue
        for index, text in enumerate(service.cluster_ips):
            address = canonical_address(text) if text and text != HEADLESS else None
            if address is None:
                continue
            owner = owners.get(address)
            if owner is None:
                owners[address] = Claim(service, ("spec", "clusterIPs", index))
            elif owner.service is not service:
                # pkg/registry/core/service/storage/alloc.go and ipallocator.ErrAllocated
                detail = f"failed to allocate IP {text}: provided IP is already allocated"
                yield problem(
                    "cluster/cluster-ip-taken",
                    service,
                    ("spec", "clusterIPs"),
                    f"{detail} (to {owner})",
                    kind=ProblemKind.INVALID,
                    value=list(service.cluster_ips),
                    place=cluster_ip_place(service, index),
                )


def node_port_claims(services: Sequence[Service], settings: ClusterRuleSettings) -> Iterator[Problem]:
    """Node ports and health check node ports that are taken or out of range; oldest Service first.

    A number counts for all protocols (portallocator), except where one Service gives it to the same port in several.
    """
    owners: dict[int, Claim] = {}
    for service in services:
        for number, path in _node_ports(service):
            what, rule = "", "cluster/node-port"
            if path[-1] == "healthCheckNodePort":
                what = f"failed to allocate requested HealthCheck NodePort {number}: "
                rule = "cluster/health-check-node-port"
            owner = owners.setdefault(number, claim := Claim(service, path))
            if number not in settings.service_node_port_range:
                detail = (
                    f"{what}provided port is not in the valid range. The range of valid ports is"
                    f" {settings.service_node_port_range}"
                )
                kind = ProblemKind.INVALID
                yield problem(f"{rule}-out-of-range", service, path, detail, kind=kind, value=number)
            elif owner is not claim:
                detail = f"{what}provided port is already allocated (to {owner})"
                yield problem(f"{rule}-taken", service, path, detail, kind=ProblemKind.INVALID, value=number)


def _node_ports(service: Service) -> Iterator[tuple[int, Path]]:
    """The numbers that a server would allocate one by one for a Service (`initNodePorts`)."""
    if service.type in (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER):
        shared: dict[int, int] = {}
        for index, port in enumerate(service.ports):
            # A port whose number is refused may be that of the same node port in another protocol.
            if (not port.port and port.node_port in shared.values()) or shared.get(0) == port.node_port:
                continue
            if port.node_port and shared.get(port.port) != port.node_port:
                shared.setdefault(port.port, port.node_port)
                yield port.node_port, ("spec", "ports", index, "nodePort")
    local = service.external_traffic_policy is TrafficPolicy.LOCAL
    if service.health_check_node_port and service.type is ServiceType.LOAD_BALANCER and local:
        yield service.health_check_node_port, ("spec", "healthCheckNodePort")


def address_claims(services: Sequence[Service]) -> Iterator[Problem]:
    """Addresses of load balancers and external IPs that an older Service has; oldest first."""
    ports: dict[tuple[str, Protocol, int], Claim] = {}
    balancers: dict[str, Claim] = {}
    externals: dict[str, Claim] = {}
    for service in services:
        if service.type is ServiceType.LOAD_BALANCER:
            wanted = _load_balancer_ips(service)
            for address, path in wanted.items():
                taken = yield from _taken("cluster/load-balancer-ip-taken", service, address, path, ports)
                owner = balancers.setdefault(address, claim := Claim(service, path))
                if not taken and owner is not claim and not _may_share(owner.service, service):
                    detail = (
                        f"{address} is the address of {owner}, too: MetalLB shares an address if both Services have"
                        f" the same value of the annotation {_SHARING_KEYS[0]}, and are of externalTrafficPolicy"
                        " Cluster or select the same pods"
                    )
                    yield problem("cluster/load-balancer-ip-shared", service, path, detail)
        if service.external_ips and service.type is not ServiceType.EXTERNAL_NAME:
            found = {each: ("spec", "externalIPs", index) for index, each in _canonical(service.external_ips)}
            for address, path in found.items():
                taken = yield from _taken("cluster/external-ip-taken", service, address, path, ports)
                owner = externals.setdefault(address, claim := Claim(service, path))
                if not taken and owner is not claim:
                    yield problem(
                        "cluster/external-ip-shared", service, path, f"{address} is an external IP of {owner}, too"
                    )


def _taken(
    rule: str, service: Service, address: str, path: Path, ports: dict[tuple[str, Protocol, int], Claim]
) -> Generator[Problem, None, bool]:
    """Claim all ports of an address; returns whether one of them is another Service's."""
    owners: dict[str, list[str]] = {}
    for port in service.ports:
        if not port.port:
            continue  # refused
        owner = ports.setdefault((address, port.protocol, port.port), claim := Claim(service, path))
        if owner is not claim and owner.service is not service:
            owners.setdefault(str(owner), []).append(f"{port.port}/{port.protocol.value}")
    for name, taken in owners.items():
        detail = f"port {', '.join(taken)} of it belongs to {name} {_KEEPER}"
        yield problem(rule, service, path, detail, kind=ProblemKind.DUPLICATE, value=address)
    return bool(owners)


def _load_balancer_ips(service: Service) -> _Wanted:
    """The addresses that a load balancer reported, or else those that the Service asks for."""
    ingress = [entry.ip for entry in service.load_balancer_ingress]
    reported: dict[str, Path] = {}
    for index, address in _canonical(ingress):
        reported.setdefault(address, (*_INGRESS, index, "ip"))
    if reported or any(is_unread(service, *_INGRESS, index, "ip") for index in range(max(1, len(ingress)))):
        return reported
    for key in _REQUESTED_IPS:
        if key in service.annotations or is_unread(service, "metadata", "annotations", (key,)):
            listed = [text.strip() for text in service.annotations.get(key, "").split(",")]
            return {address: ("metadata", "annotations", (key,)) for _, address in _canonical(listed)}
    return {address: ("spec", "loadBalancerIP") for _, address in _canonical([service.load_balancer_ip])}


def _canonical(texts: Sequence[str]) -> Iterator[tuple[int, str]]:
    for index, text in enumerate(texts):
        address = canonical_address(text) if text else None
        if address is not None:
            yield index, address


def _may_share(one: Service, other: Service) -> bool:
    """Whether MetalLB lets two Services share an address (internal/allocator, `sharingOK`), their ports aside."""
    if any(is_unread(each, "metadata", "annotations", (key,)) for each in (one, other) for key in _SHARING_KEYS):
        return True
    key = _sharing_key(one)
    if not key or key != _sharing_key(other):
        return False
    local = TrafficPolicy.LOCAL in (one.external_traffic_policy, other.external_traffic_policy)
    if not local or any(is_unread(each, "spec", "selector") for each in (one, other)):
        return True
    return one.selector == other.selector


def _sharing_key(service: Service) -> str:
    return next((service.annotations[key] for key in _SHARING_KEYS if service.annotations.get(key)), "")
