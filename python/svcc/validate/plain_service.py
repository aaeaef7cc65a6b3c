"""Services that are plainly fine (see `svcc.validate.plain`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from svcc.addresses import IPFamily, canonical_address, canonical_prefix, family_of
from svcc.fields import Source
from svcc.model.metadata import frozen_mapping
from svcc.model.service import (
    IPFamilyPolicy,
    IPMode,
    LoadBalancerIngress,
    Protocol,
    Service,
    ServicePort,
    ServiceType,
    SessionAffinity,
    TrafficPolicy,
)
from svcc.model.unconverted import maker
from svcc.validate.plain import (
    DOUBT,
    PROTOCOLS,
    annotations_are_plain,
    is_label,
    is_old_label,
    labels_are_plain,
    metadata_is_plain,
    metadata_of,
)
from svcc.wire.service import SERVICE

__all__ = ["plain_service", "with_plain_spec"]

_KUBELET_PORT = 10250
_SPEC: Any = SERVICE.shapes["spec"]
_USUAL_FIELDS = _SPEC.known - {
    "externalIPs",
    "externalName",
    "loadBalancerClass",
    "loadBalancerIP",
    "sessionAffinityConfig",
}
_PORT_FIELDS = _SPEC.shapes["ports"].shape.known - {"appProtocol"}
_STATUS: Any = SERVICE.shapes["status"]
_NO_STATUS: Mapping[str, Any] = {"loadBalancer": {}}
_TYPES: Final = {each.value: each for each in ServiceType}
_FAMILIES: Final = {each.value: each for each in IPFamily}
_POLICIES: Final = {each.value: each for each in IPFamilyPolicy}
_AFFINITIES: Final = {each.value: each for each in SessionAffinity}
_TRAFFIC: Final = {each.value: each for each in TrafficPolicy}
_service: Final = maker(
    Service,
    (
        "name",
        "namespace",
        "type",
        "cluster_ips",
        "ip_families",
        "ip_family_policy",
        "ports",
        "selector",
        "session_affinity",
        "external_traffic_policy",
        "internal_traffic_policy",
        "traffic_distribution",
        "health_check_node_port",
        "publish_not_ready_addresses",
        "load_balancer_source_ranges",
        "load_balancer_ingress",
        "allocate_load_balancer_node_ports",
        "labels",
        "annotations",
        "creation_timestamp",
        "source",
    ),
)
_INGRESS_FIELDS = frozenset({"ip", "ipMode"})


def plain_service(value: Mapping[str, Any], namespace: str, source: Source | None) -> Service | None:
    """The Service that a value declares, if it is certainly in order and needs no warning; else None."""
    try:
        metadata = metadata_of(value)
        name = metadata["name"]
        spec = value["spec"]
        if not SERVICE.known.issuperset(value) or not is_old_label(name) or not metadata_is_plain(metadata):
            return None
        status = value.get("status")
        ingress = () if status is None or status == _NO_STATUS else _plain_ingress(status, spec.get("type"))
        if ingress is None:
            return None
        get = metadata.get
        return _of_plain_spec(
            spec,
            ingress,
            name,
            get("namespace") or namespace,
            frozen_mapping(get("labels")),
            frozen_mapping(get("annotations")),
            get("creationTimestamp"),
            source,
        )
    except DOUBT:
        return None


def with_plain_spec(service: Service, spec: Mapping[str, Any]) -> Service | None:
    """What an object declares that declared `service`, and that says now `spec` and all else as before.

    None unless the type is the same, on which addresses of balancers depend, and `spec` is certainly in order.
    """
    try:
        if spec.get("type", "ClusterIP") != service.type or not annotations_are_plain(service.annotations):
            return None
        return _of_plain_spec(
            spec,
            service.load_balancer_ingress,
            service.name,
            service.namespace,
            service.labels,
            service.annotations,
            service.creation_timestamp,
            service.source,
        )
    except DOUBT:
        return None


def _of_plain_spec(
    spec: Mapping[str, Any],
    ingress: tuple[LoadBalancerIngress, ...],
    name: str,
    namespace: str,
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    created: str | None,
    source: Source | None,
) -> Service | None:
    """The Service of these parts, if `spec` is certainly in order. Raises one of `DOUBT` for some that are not."""
    get = spec.get
    service_type = get("type", "ClusterIP")
    policy = get("ipFamilyPolicy")
    affinity = get("sessionAffinity", "None")
    external = get("externalTrafficPolicy")
    internal = get("internalTrafficPolicy", "Cluster")
    health_port = get("healthCheckNodePort", 0)
    allocates = get("allocateLoadBalancerNodePorts")
    publishes = get("publishNotReadyAddresses", False)
    distribution = get("trafficDistribution")
    selector = get("selector")
    if not _USUAL_FIELDS.issuperset(spec) or not _fields_are_plain(
        service_type, policy, affinity, external, internal, health_port, allocates, publishes, distribution
    ):
        return None
    if selector is not None and not labels_are_plain(selector):
        return None
    ranges = _plain_source_ranges(get("loadBalancerSourceRanges"), service_type)
    ports = _plain_ports(spec["ports"], service_type)
    cluster_ips = _plain_cluster_ips(spec)
    if not ports or cluster_ips is None or ranges is None:
        return None
    if cluster_ips == ("None",) and not (service_type == "ClusterIP" and affinity == "None"):
        return None
    return _service(
        name,
        namespace,
        _TYPES[service_type],
        cluster_ips,
        tuple(map(_FAMILIES.__getitem__, get("ipFamilies") or ())),
        None if policy is None else _POLICIES[policy],
        ports,
        frozen_mapping(selector),
        _AFFINITIES[affinity],
        _TRAFFIC[external or "Cluster"],
        _TRAFFIC[internal],
        distribution,
        health_port,
        publishes,
        ranges,
        ingress,
        allocates is not False,
        labels,
        annotations,
        created,
        source,
    )


@lru_cache(maxsize=1024, typed=True)
def _fields_are_plain(
    service_type: Any,
    policy: Any,
    affinity: Any,
    external: Any,
    internal: Any,
    health_port: Any,
    allocates: Any,
    publishes: Any,
    distribution: Any,
) -> bool:
    """Whether the fields with few values are in order by themselves and with each other."""
    return (
        service_type in ("ClusterIP", "NodePort", "LoadBalancer")
        and policy in (None, "SingleStack", "PreferDualStack", "RequireDualStack")
        and affinity in ("None", "ClientIP")
        and (external is None or (external in ("Cluster", "Local") and service_type != "ClusterIP"))
        and internal in ("Cluster", "Local")
        and type(health_port) is int
        and (health_port == 0 or (0 < health_port < 65536 and service_type == "LoadBalancer" and external == "Local"))
        and (allocates is None or (type(allocates) is bool and service_type == "LoadBalancer"))
        and type(publishes) is bool
        and distribution in (None, "PreferSameZone", "PreferSameNode")
    )


def _plain_ports(ports: Any, service_type: str) -> tuple[ServicePort, ...] | None:
    if type(ports) is not list:
        return None
    result = []
    for port in ports:
        get = port.get
        number = port["port"]
        plain = _plain_port(
            number,
            get("name", ""),
            get("protocol", "TCP"),
            get("nodePort", 0),
            get("targetPort", number),
            service_type,
        )
        if plain is None or not _PORT_FIELDS.issuperset(port):
            return None
        result.append(plain)
    count = len(result)
    if count > 1 and not (
        len({port.name for port in result} - {""}) == count
        and len({(port.protocol, port.port) for port in result}) == count
        and (
            service_type == "ClusterIP"
            or len({(port.protocol, port.node_port or -place) for place, port in enumerate(result)}) == count
        )
    ):
        return None
    return tuple(result)


@lru_cache(maxsize=8192, typed=True)
def _plain_port(
    number: Any, name: Any, protocol: Any, node_port: Any, target: Any, service_type: str
) -> ServicePort | None:
    if (
        type(number) is not int
        or not 0 < number < 65536
        or not (name == "" or is_label(name))
        or protocol not in PROTOCOLS
        or type(node_port) is not int
        or not 0 <= node_port < 65536
        or (node_port and service_type == "ClusterIP")
        or (number == _KUBELET_PORT and service_type == "LoadBalancer")
    ):
        return None
    if type(target) is int:
        if not 0 < target < 65536:
            return None
    elif not (0 < len(target) < 16 and target.isascii() and target.isalpha() and target.islower()):
        return None
    return ServicePort(number, name, Protocol(protocol), node_port, target)


def _plain_cluster_ips(spec: Mapping[str, Any]) -> tuple[str, ...] | None:  # noqa: PLR0911  (one for each doubt)
    """The cluster IPs, if there are none or they are canonical and agree with `ipFamilies`; else None."""
    cluster_ip = spec.get("clusterIP")
    cluster_ips = spec.get("clusterIPs")
    families = spec.get("ipFamilies")
    if cluster_ips is None:
        cluster_ips = [] if cluster_ip is None else [cluster_ip]
    elif type(cluster_ips) is not list or cluster_ips[:1] != ([] if cluster_ip is None else [cluster_ip]):
        return None
    if families is not None and (
        families not in (["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"])
        or (len(families) > 1 and spec.get("ipFamilyPolicy") == "SingleStack")
    ):
        return None
    if cluster_ips == ["None"]:
        return ("None",)
    found = []
    for address in cluster_ips:
        if canonical_address(address) != address:
            return None
        found.append(family_of(address))
    if len(set(found)) != len(found) or (len(found) > 1 and spec.get("ipFamilyPolicy") == "SingleStack"):
        return None
    if families is not None and any(map(str.__ne__, found, families)):
        return None
    return tuple(cluster_ips)


def _plain_source_ranges(ranges: Any, service_type: str) -> tuple[str, ...] | None:
    """The source ranges, if they are written as the server wants them, and allowed; else None."""
    if ranges is None:
        return ()
    if type(ranges) is not list or (ranges and service_type != "LoadBalancer"):
        return None
    return tuple(ranges) if all(canonical_prefix(text) == text for text in ranges) else None


def _plain_ingress(status: Any, service_type: str) -> tuple[LoadBalancerIngress, ...] | None:
    balancer = status.get("loadBalancer")
    if not _STATUS.known.issuperset(status):
        return None
    if not balancer:
        return () if balancer is None or type(balancer) is dict else None
    entries = balancer.get("ingress")
    if len(balancer) != 1 or entries is None:
        return None
    if type(entries) is not list or (entries and service_type != "LoadBalancer"):
        return None
    result = []
    for entry in entries:
        address = entry["ip"]
        mode = entry.get("ipMode", "VIP")
        if (
            not _INGRESS_FIELDS.issuperset(entry)
            or canonical_address(address) != address
            or mode not in ("VIP", "Proxy")
        ):
            return None
        result.append(LoadBalancerIngress(address, "", IPMode(mode)))
    return tuple(result)
