"""Services that are plainly fine (see `svcc.validate.plain`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from operator import attrgetter
from typing import Any, Final

from attrs import fields

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

__all__ = ["is_plain_spec_of", "plain_service"]

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
_FAMILIES: Final = {each.value: each for each in IPFamily}
_FEW_VALUES: Final = {
    "type": "ClusterIP",
    "ipFamilyPolicy": None,
    "sessionAffinity": "None",
    "externalTrafficPolicy": None,
    "internalTrafficPolicy": "Cluster",
    "trafficDistribution": None,
    "healthCheckNodePort": 0,
    "publishNotReadyAddresses": False,
    "allocateLoadBalancerNodePorts": None,
}
"""The fields of `spec` with few values, and what stands for them where they are absent."""
_OF_SPEC: Final = (
    "cluster_ips",
    "ip_families",
    "ports",
    "selector",
    "load_balancer_source_ranges",
    "type",
    "ip_family_policy",
    "session_affinity",
    "external_traffic_policy",
    "internal_traffic_policy",
    "traffic_distribution",
    "health_check_node_port",
    "publish_not_ready_addresses",
    "allocate_load_balancer_node_ports",
)
"""The fields of the model that `_plain_spec` gives, in this order."""
_OF_THE_REST: Final = (
    "load_balancer_ingress",
    "name",
    "namespace",
    "labels",
    "annotations",
    "creation_timestamp",
    "source",
)
_service: Final = maker(Service, _OF_SPEC + _OF_THE_REST)
_UNUSUAL: Final = tuple(each.name for each in fields(Service) if each.name not in _OF_SPEC + _OF_THE_REST)
"""The fields of the model that all Services without unusual fields have in common."""
_of_spec: Final = attrgetter(*_OF_SPEC)
_unusual: Final = attrgetter(*_UNUSUAL)
_NOTHING_UNUSUAL: Final = _unusual(Service(""))
_FAMILY_LISTS: Final = (["IPv4"], ["IPv6"], ["IPv4", "IPv6"], ["IPv6", "IPv4"])
_TWO_FAMILIES = frozenset({"PreferDualStack", "RequireDualStack"})
_INGRESS_FIELDS = frozenset({"ip", "ipMode"})


def plain_service(value: Mapping[str, Any], namespace: str, source: Source | None) -> Service | None:
    """The Service that a value declares, if it is certainly in order and needs no warning; else None."""
    try:
        metadata = metadata_of(value)
        name = metadata["name"]
        spec = _plain_spec(value["spec"])
        if (
            spec is None
            or not SERVICE.known.issuperset(value)
            or not is_old_label(name)
            or not metadata_is_plain(metadata)
        ):
            return None
        status = value.get("status")
        ingress = () if status is None or status == _NO_STATUS else _plain_ingress(status, value["spec"].get("type"))
        if ingress is None:
            return None
    except DOUBT:
        return None
    get = metadata.get
    return _service(
        *spec,
        ingress,
        name,
        get("namespace") or namespace,
        frozen_mapping(get("labels")),
        frozen_mapping(get("annotations")),
        get("creationTimestamp"),
        source,
    )


def is_plain_spec_of(spec: Mapping[str, Any], service: Service) -> bool:
    """Whether an object that declared `service`, but for fields of `spec`, declares it certainly with this `spec`."""
    try:
        return (
            _plain_spec(spec) == _of_spec(service)
            and _unusual(service) == _NOTHING_UNUSUAL
            and annotations_are_plain(service.annotations)
        )
    except DOUBT:
        return False


def _plain_spec(spec: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """The fields `_OF_SPEC`, if a `spec` is certainly in order. Raises one of `DOUBT` for some that are not."""
    get = spec.get
    few = _plain_fields(*map(get, _FEW_VALUES, _FEW_VALUES.values()))
    if few is None or not _USUAL_FIELDS.issuperset(spec):
        return None
    selector = get("selector")
    if selector is not None and not labels_are_plain(selector):
        return None
    service_type = few[0]
    ranges = _plain_source_ranges(get("loadBalancerSourceRanges"), service_type)
    ports = _plain_ports(spec["ports"], service_type)
    cluster_ips = _plain_cluster_ips(spec)
    if not ports or cluster_ips is None or ranges is None:
        return None
    if cluster_ips == ("None",) and not (service_type == "ClusterIP" and few[2] == "None"):
        return None
    families = tuple(map(_FAMILIES.__getitem__, get("ipFamilies") or ()))
    return (cluster_ips, families, ports, frozen_mapping(selector), ranges, *few)


@lru_cache(maxsize=1024, typed=True)
def _plain_fields(
    service_type: Any,
    policy: Any,
    affinity: Any,
    external: Any,
    internal: Any,
    distribution: Any,
    health_port: Any,
    publishes: Any,
    allocates: Any,
) -> tuple[Any, ...] | None:
    """The fields with few values as the model has them, if they are in order by themselves and with each other."""
    if not (
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
    ):
        return None
    return (
        ServiceType(service_type),
        None if policy is None else IPFamilyPolicy(policy),
        SessionAffinity(affinity),
        TrafficPolicy(external or "Cluster"),
        TrafficPolicy(internal),
        distribution,
        health_port,
        publishes,
        allocates is not False,
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
        families not in _FAMILY_LISTS or (len(families) > 1 and spec.get("ipFamilyPolicy") not in _TWO_FAMILIES)
    ):
        return None
    if cluster_ips == ["None"]:
        return ("None",)
    if not cluster_ips:
        return ()
    found = []
    for address in cluster_ips:
        if canonical_address(address) != address:
            return None
        found.append(family_of(address))
    if len(found) > 1 and (len(set(found)) != len(found) or spec.get("ipFamilyPolicy") not in _TWO_FAMILIES):
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
