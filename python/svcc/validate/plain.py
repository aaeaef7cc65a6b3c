"""The quick way for objects that are plainly fine, as almost all objects of a large cluster are.

Each function answers "yes" only when the rules of this package would report nothing, not even a warning; every doubt is
a "no", and the thorough way decides. Both ways must yield equal objects: tests compare them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any

from svcc.addresses import canonical_address, family_of
from svcc.fields import ObjectReference, Source
from svcc.manifest.endpoints import endpoint_port
from svcc.model.endpoints import SERVICE_NAME_LABEL, Endpoint, EndpointPort, EndpointSlice
from svcc.validate.endpoint_slice import MOST_ENDPOINTS
from svcc.validate.ip import special_address_errors
from svcc.validate.service_addresses import SOURCE_RANGES_ANNOTATION
from svcc.validate.service_warnings import TOPOLOGY_HINTS_ANNOTATION

__all__ = ["plain_endpoint_slice", "service_is_plain"]

_LABEL = "[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?"
_is_label = re.compile(_LABEL).fullmatch
_is_old_label = re.compile("[a-z](?:[-a-z0-9]{0,61}[a-z0-9])?").fullmatch
_is_label_value = re.compile("(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?").fullmatch
_is_subdomain = re.compile(rf"(?=.{{1,253}}\Z){_LABEL}(?:\.{_LABEL})*").fullmatch
_is_key = re.compile(
    rf"(?:(?=[^/]{{1,253}}/){_LABEL}(?:\.{_LABEL})*/)?[A-Za-z0-9](?:[-A-Za-z0-9_.]{{0,61}}[A-Za-z0-9])?"
).fullmatch
_is_utc_time = re.compile("20[0-9][0-9]-(?:0[1-9]|1[0-2])-(?:0[1-9]|1[0-9]|2[0-8])T[01][0-9]:[0-5][0-9]:[0-5][0-9]Z").fullmatch

_DOUBT = (KeyError, TypeError, AttributeError, ValueError, OSError, IndexError)
"""What reading a value of an unexpected shape raises."""

_MOST_ANNOTATION_CHARACTERS = 256 * 1024 // 4  # no character takes more than four bytes of the 256 KiB
_SERVICE_TYPES = frozenset({"ClusterIP", "NodePort", "LoadBalancer"})
_PROTOCOLS = frozenset({"TCP", "UDP", "SCTP"})
_KUBELET_PORT = 10250
_UNUSUAL_SERVICE_FIELDS = frozenset(
    {
        "externalIPs",
        "externalName",
        "loadBalancerClass",
        "loadBalancerIP",
        "loadBalancerSourceRanges",
        "sessionAffinityConfig",
    }
)


@lru_cache(maxsize=16384)
def _is_known_key(text: str) -> bool:
    return _is_key(text) is not None


@lru_cache(maxsize=16384)
def _is_known_name(text: str) -> bool:
    return _is_subdomain(text) is not None


@lru_cache(maxsize=16384)
def _is_known_value(text: str) -> bool:
    return _is_label_value(text) is not None


def _labels_are_plain(labels: Mapping[str, str]) -> bool:
    return all(_is_known_key(key) and _is_label_value(value) for key, value in labels.items())


def _metadata_is_plain(metadata: Mapping[str, Any]) -> bool:
    namespace = metadata.get("namespace")
    if namespace is not None and not (namespace == "" or _is_label(namespace)):
        return False
    labels = metadata.get("labels")
    if labels is not None and not _labels_are_plain(labels):
        return False
    time = metadata.get("creationTimestamp")
    if time is not None and not _is_utc_time(time):
        return False
    annotations = metadata.get("annotations")
    if annotations:
        size = 0
        for key, text in annotations.items():
            if type(text) is not str or not _is_known_key(key):
                return False
            size += len(key) + len(text)
        if size > _MOST_ANNOTATION_CHARACTERS:
            return False
        return TOPOLOGY_HINTS_ANNOTATION not in annotations and SOURCE_RANGES_ANNOTATION not in annotations
    return annotations is None or type(annotations) is dict


def _address_is_plain(text: str, family: str) -> bool:
    return canonical_address(text) == text and family_of(text) == family and not special_address_errors(text)


def service_is_plain(value: Mapping[str, Any]) -> bool:
    """Whether a Service, as JSON holds it, is certainly in order and needs no warning."""
    try:
        metadata = value["metadata"]
        spec = value["spec"]
        return (
            _UNUSUAL_SERVICE_FIELDS.isdisjoint(spec)
            and _is_old_label(metadata["name"]) is not None
            and _metadata_is_plain(metadata)
            and _service_ports_are_plain(spec["ports"], spec.get("type"))
            and _cluster_ips_are_plain(spec)
            and _selection_is_plain(spec)
            and _traffic_is_plain(spec)
            and _status_is_plain(value.get("status"), spec.get("type"))
        )
    except _DOUBT:
        return False


def _service_ports_are_plain(ports: Any, service_type: Any) -> bool:
    if type(ports) is not list or not ports or not (service_type is None or service_type in _SERVICE_TYPES):
        return False
    names = set()
    keys = set()
    node_ports = set()
    for port in ports:
        number = port["port"]
        name = port.get("name")
        protocol = port.get("protocol", "TCP")
        target = port.get("targetPort")
        node_port = port.get("nodePort", 0)
        if (
            type(number) is not int
            or not 0 < number < 65536
            or protocol not in _PROTOCOLS
            or not (name is None or (_is_label(name) if name else name == ""))
            or port.get("appProtocol") is not None
            or type(node_port) is not int
            or not 0 <= node_port < 65536
            or (number == _KUBELET_PORT and service_type == "LoadBalancer")
        ):
            return False
        if type(target) is str:
            if not (0 < len(target) < 16 and target.isalpha() and target.isascii() and target.islower()):
                return False
        elif target is not None and not (type(target) is int and 0 <= target < 65536):
            return False
        names.add(name)
        keys.add((protocol, number))
        if node_port:
            node_ports.add((protocol, node_port))
    count = len(ports)
    if node_ports and (
        service_type in (None, "ClusterIP") or len(node_ports) != sum(1 for port in ports if port.get("nodePort"))
    ):
        return False
    return len(keys) == count and (count == 1 or (len(names) == count and None not in names and "" not in names))


def _cluster_ips_are_plain(spec: Mapping[str, Any]) -> bool:
    """Whether there is no cluster IP, the plain ``None``, or one address, with families that agree."""
    cluster_ip = spec.get("clusterIP")
    cluster_ips = spec.get("clusterIPs")
    families = spec.get("ipFamilies")
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in ("SingleStack", "PreferDualStack", "RequireDualStack"):
        return False
    if families is not None and families not in (["IPv4"], ["IPv6"]):
        return families in (["IPv4", "IPv6"], ["IPv6", "IPv4"]) and _two_cluster_ips_are_plain(spec)
    if cluster_ip is None:
        return not cluster_ips and (cluster_ips is None or type(cluster_ips) is list)
    if cluster_ips is not None and cluster_ips != [cluster_ip]:
        return False
    if cluster_ip == "None":
        affinity = spec.get("sessionAffinity")
        return spec.get("type", "ClusterIP") == "ClusterIP" and (affinity is None or affinity == "None")
    family = "IPv6" if ":" in cluster_ip else "IPv4"
    return (families is None or families == [family]) and _cluster_ip_is_plain(cluster_ip)


def _two_cluster_ips_are_plain(spec: Mapping[str, Any]) -> bool:
    cluster_ips = spec["clusterIPs"]
    families = [str(family_of(ip)) for ip in cluster_ips]
    return (
        type(cluster_ips) is list
        and cluster_ips[0] == spec["clusterIP"]
        and families == spec["ipFamilies"]
        and spec.get("ipFamilyPolicy") != "SingleStack"
        and all(map(_cluster_ip_is_plain, cluster_ips))
    )


def _cluster_ip_is_plain(address: str) -> bool:
    return canonical_address(address) == address


def _selection_is_plain(spec: Mapping[str, Any]) -> bool:
    selector = spec.get("selector")
    affinity = spec.get("sessionAffinity")
    return (selector is None or _labels_are_plain(selector)) and (
        affinity is None or affinity in ("None", "ClientIP")
    )


def _traffic_is_plain(spec: Mapping[str, Any]) -> bool:
    service_type = spec.get("type")
    external = spec.get("externalTrafficPolicy")
    internal = spec.get("internalTrafficPolicy")
    health_port = spec.get("healthCheckNodePort", 0)
    allocates = spec.get("allocateLoadBalancerNodePorts")
    publishes = spec.get("publishNotReadyAddresses")
    distribution = spec.get("trafficDistribution")
    if internal is not None and internal not in ("Cluster", "Local"):
        return False
    if external is not None and (external not in ("Cluster", "Local") or service_type in (None, "ClusterIP")):
        return False
    if type(health_port) is not int or (
        health_port and not (service_type == "LoadBalancer" and external == "Local" and 0 < health_port < 65536)
    ):
        return False
    if allocates is not None and not (type(allocates) is bool and service_type == "LoadBalancer"):
        return False
    if distribution is not None and distribution not in ("PreferSameZone", "PreferSameNode"):
        return False
    return publishes is None or type(publishes) is bool


def _status_is_plain(status: Any, service_type: Any) -> bool:
    balancer = None if status is None else status.get("loadBalancer")
    ingress = None if balancer is None else balancer.get("ingress")
    if ingress is None:
        return True
    if type(ingress) is not list or (ingress and service_type != "LoadBalancer"):
        return False
    for entry in ingress:
        if entry.get("hostname") is not None or not _cluster_ip_is_plain(entry["ip"]):
            return False
        if entry.get("ipMode") not in (None, "VIP", "Proxy"):
            return False
    return True


def plain_endpoint_slice(value: Mapping[str, Any], namespace: str, source: Source | None) -> EndpointSlice | None:
    """The slice that a value declares, if it is certainly in order and needs no warning; else None."""
    try:
        metadata = value["metadata"]
        name = metadata["name"]
        address_type = value["addressType"]
        if not _is_subdomain(name) or not _metadata_is_plain(metadata) or address_type not in ("IPv4", "IPv6"):
            return None
        endpoints = _plain_endpoints(value.get("endpoints"), address_type)
        ports = _plain_ports(value.get("ports"))
    except _DOUBT:
        return None
    if endpoints is None or ports is None:
        return None
    labels = metadata.get("labels")
    return EndpointSlice(
        name,
        metadata.get("namespace") or namespace,
        service_name=labels.get(SERVICE_NAME_LABEL) if labels else None,
        address_type=address_type,
        endpoints=endpoints,
        ports=ports,
        labels=labels,
        annotations=metadata.get("annotations"),
        source=source,
    )


def _plain_ports(ports: Any) -> tuple[EndpointPort, ...] | None:
    if ports is None:
        return ()
    if type(ports) is not list or len(ports) > 100:
        return None
    result = {}
    for port in ports:
        number = port.get("port")
        name = port.get("name") or ""
        protocol = port.get("protocol", "TCP")
        if (
            (number is not None and not (type(number) is int and 0 < number < 65536))
            or type(name) is not str
            or (name and not _is_label(name))
            or protocol not in _PROTOCOLS
            or port.get("appProtocol") is not None
        ):
            return None
        result[name] = endpoint_port(number, name, protocol)
    return tuple(result.values()) if len(result) == len(ports) else None


def _plain_endpoints(entries: Any, address_type: str) -> tuple[Endpoint, ...] | None:
    if entries is None:
        return ()
    if type(entries) is not list or len(entries) > MOST_ENDPOINTS:
        return None
    is_ipv4 = address_type == "IPv4"
    result = []
    for entry in entries:
        addresses = entry["addresses"]
        if type(addresses) is not list or not 0 < len(addresses) <= 100:
            return None
        for address in addresses:
            if is_ipv4:
                # inet_pton refuses every spelling but the canonical one.
                first = inet_pton(AF_INET, address)[0]
                is_certain = first not in (0, 127, 169, 224)
            else:
                packed = inet_pton(AF_INET6, address)
                is_certain = 0 < packed[0] < 0xFE and inet_ntop(AF_INET6, packed) == address
            if not is_certain and not _address_is_plain(address, address_type):
                return None
        conditions = entry.get("conditions")
        if conditions is None:
            ready = serving = terminating = None
        else:
            ready = conditions.get("ready")
            serving = conditions.get("serving")
            terminating = conditions.get("terminating")
            if not (
                (ready is True or ready is False or ready is None)
                and (serving is True or serving is False or serving is None)
                and (terminating is True or terminating is False or terminating is None)
            ):
                return None
        node_name = entry.get("nodeName")
        zone = entry.get("zone")
        hostname = entry.get("hostname")
        if (
            not (node_name is None or _is_known_name(node_name))
            or not (zone is None or type(zone) is str)
            or not (hostname is None or _is_label(hostname))
        ):
            return None
        hints = entry.get("hints")
        if hints is None:
            zone_hints: tuple[str, ...] = ()
            node_hints: tuple[str, ...] = ()
        else:
            zone_hints = tuple([hint["name"] for hint in hints.get("forZones") or ()])
            node_hints = tuple([hint["name"] for hint in hints.get("forNodes") or ()])
            if not _hints_are_plain(zone_hints, node_hints):
                return None
        reference = entry.get("targetRef")
        target = None
        if reference is not None:
            kind = reference.get("kind", "")
            name = reference.get("name", "")
            namespace = reference.get("namespace", "")
            if type(kind) is not str or type(name) is not str or type(namespace) is not str:
                return None
            target = ObjectReference(kind, name, namespace)
        result.append(
            Endpoint(
                tuple(addresses), ready, serving, terminating, node_name, zone, hostname, zone_hints, node_hints, target
            )
        )
    return tuple(result)


def _hints_are_plain(zones: tuple[str, ...], nodes: tuple[str, ...]) -> bool:
    return (
        len(zones) <= 8
        and len(nodes) <= 8
        and len(set(zones)) == len(zones)
        and len(set(nodes)) == len(nodes)
        and all(map(_is_known_value, zones))
        and all(map(_is_known_name, nodes))
    )
