"""Services as manifests write them: the fields svcc reads, the server's defaults, and the way into the model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from svcc.fields import Source
from svcc.model.service import (
    DEFAULT_AFFINITY_TIMEOUT_SECONDS,
    IPFamilyPolicy,
    IPMode,
    LoadBalancerIngress,
    Protocol,
    Service,
    ServicePort,
)
from svcc.wire.metadata import METADATA, TYPE_META
from svcc.wire.structure import Fields, Items, Scalar

__all__ = ["SERVICE", "is_externally_accessible", "service_from", "set_service_defaults"]

_PORT = Fields(
    {
        "name": Scalar.STRING,
        "protocol": Scalar.STRING,
        "port": Scalar.INTEGER,
        "targetPort": Scalar.INTEGER_OR_STRING,
        "nodePort": Scalar.INTEGER,
        "appProtocol": Scalar.STRING,
    }
)

_SPEC = Fields(
    {
        "type": Scalar.STRING,
        "clusterIP": Scalar.STRING,
        "clusterIPs": Items(Scalar.STRING),
        "ipFamilies": Items(Scalar.STRING),
        "ipFamilyPolicy": Scalar.STRING,
        "ports": Items(_PORT),
        "selector": Scalar.STRING_MAP,
        "sessionAffinity": Scalar.STRING,
        "sessionAffinityConfig": Fields({"clientIP": Fields({"timeoutSeconds": Scalar.INTEGER})}),
        "externalName": Scalar.STRING,
        "externalIPs": Items(Scalar.STRING),
        "externalTrafficPolicy": Scalar.STRING,
        "internalTrafficPolicy": Scalar.STRING,
        "trafficDistribution": Scalar.STRING,
        "healthCheckNodePort": Scalar.INTEGER,
        "publishNotReadyAddresses": Scalar.BOOLEAN,
        "loadBalancerIP": Scalar.STRING,
        "loadBalancerSourceRanges": Items(Scalar.STRING),
        "loadBalancerClass": Scalar.STRING,
        "allocateLoadBalancerNodePorts": Scalar.BOOLEAN,
    }
)

_PORT_STATUS = Fields({"port": Scalar.INTEGER, "protocol": Scalar.STRING, "error": Scalar.STRING})

_INGRESS = Fields(
    {"ip": Scalar.STRING, "hostname": Scalar.STRING, "ipMode": Scalar.STRING, "ports": Items(_PORT_STATUS)}
)

SERVICE = Fields(
    {
        "metadata": METADATA,
        "spec": _SPEC,
        "status": Fields(
            {"loadBalancer": Fields({"ingress": Items(_INGRESS)})},
            unread=frozenset({"conditions"}),
        ),
    },
    unread=TYPE_META,
)
"""The fields of a v1 Service; all of `spec` are read (S4)."""


def is_externally_accessible(spec: Mapping[str, Any]) -> bool:
    """Whether a Service can be reached from outside, by its defaulted `spec` (S8)."""
    kind = spec["type"]
    return kind in ("NodePort", "LoadBalancer") or (kind == "ClusterIP" and bool(spec.get("externalIPs")))


def set_service_defaults(value: dict[str, Any]) -> None:
    """Set what the server sets before it validates: `SetDefaults_Service`, and `clusterIPs` from `clusterIP`.

    The value is changed in place; it must have been read by `conformed`.
    """
    spec = value.setdefault("spec", {})
    spec["type"] = spec.get("type") or "ClusterIP"
    spec["sessionAffinity"] = spec.get("sessionAffinity") or "None"
    if spec["sessionAffinity"] == "ClientIP":
        config = spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {})
        config.setdefault("timeoutSeconds", DEFAULT_AFFINITY_TIMEOUT_SECONDS)
    for port in spec.get("ports", ()):
        port["protocol"] = port.get("protocol") or "TCP"
        port["targetPort"] = port.get("targetPort") or port.get("port", 0)
    if is_externally_accessible(spec):
        spec["externalTrafficPolicy"] = spec.get("externalTrafficPolicy") or "Cluster"
    if spec["type"] in ("ClusterIP", "NodePort", "LoadBalancer"):
        spec.setdefault("internalTrafficPolicy", "Cluster")
    if spec["type"] == "LoadBalancer":
        spec.setdefault("allocateLoadBalancerNodePorts", True)
    if spec.get("clusterIP") and not spec.get("clusterIPs"):
        spec["clusterIPs"] = [spec["clusterIP"]]
    for ingress in value.get("status", {}).get("loadBalancer", {}).get("ingress", ()):
        # The server defaults this for LoadBalancer only; elsewhere an entry is a problem of its own.
        if ingress.get("ip"):
            ingress.setdefault("ipMode", "VIP")


def service_from(value: Mapping[str, Any], namespace: str, source: Source | None) -> Service:
    """The Service that a valid value declares; fields that are absent or null get the server's defaults.

    `namespace` is for objects that name none.
    An unknown IP mode is read as `Proxy`: nodes take an address over only where that is certain (S7).
    """
    metadata = value["metadata"]
    spec = value.get("spec") or {}
    affinity_config = (spec.get("sessionAffinityConfig") or {}).get("clientIP") or {}
    timeout = affinity_config.get("timeoutSeconds")
    has_affinity = spec.get("sessionAffinity") == "ClientIP"
    policy = spec.get("ipFamilyPolicy")
    cluster_ip = spec.get("clusterIP")
    ingress = ((value.get("status") or {}).get("loadBalancer") or {}).get("ingress") or ()
    allocates_node_ports = spec.get("allocateLoadBalancerNodePorts")
    return Service(
        metadata["name"],
        metadata.get("namespace") or namespace,
        type=spec.get("type") or "ClusterIP",
        cluster_ips=spec.get("clusterIPs") or ((cluster_ip,) if cluster_ip else ()),
        ip_families=spec.get("ipFamilies") or (),
        ip_family_policy=None if policy is None else IPFamilyPolicy(policy),
        ports=tuple(map(_port, spec.get("ports") or ())),
        selector=spec.get("selector"),
        external_ips=spec.get("externalIPs") or (),
        external_name=spec.get("externalName") or "",
        session_affinity=spec.get("sessionAffinity") or "None",
        session_affinity_timeout_seconds=(
            DEFAULT_AFFINITY_TIMEOUT_SECONDS if timeout is None or not has_affinity else timeout
        ),
        external_traffic_policy=spec.get("externalTrafficPolicy") or "Cluster",
        internal_traffic_policy=spec.get("internalTrafficPolicy") or "Cluster",
        traffic_distribution=spec.get("trafficDistribution"),
        health_check_node_port=spec.get("healthCheckNodePort") or 0,
        publish_not_ready_addresses=bool(spec.get("publishNotReadyAddresses")),
        load_balancer_ip=spec.get("loadBalancerIP") or "",
        load_balancer_class=spec.get("loadBalancerClass"),
        load_balancer_source_ranges=spec.get("loadBalancerSourceRanges") or (),
        load_balancer_ingress=tuple(map(_ingress, ingress)),
        allocate_load_balancer_node_ports=allocates_node_ports is not False,
        labels=metadata.get("labels"),
        annotations=metadata.get("annotations"),
        creation_timestamp=metadata.get("creationTimestamp") or None,
        source=source,
    )


def _port(value: Mapping[str, Any]) -> ServicePort:
    port = value["port"]
    return _shared_port(
        port,
        value.get("name") or "",
        value.get("protocol") or "TCP",
        value.get("nodePort") or 0,
        value.get("targetPort") or port,
        value.get("appProtocol"),
    )


@lru_cache(maxsize=4096)
def _shared_port(
    port: int, name: str, protocol: str, node_port: int, target_port: int | str, app_protocol: str | None
) -> ServicePort:
    """Equal ports are one value: a large cluster has few different ones."""
    return ServicePort(port, name, Protocol(protocol), node_port, target_port, app_protocol)


def _ingress(value: Mapping[str, Any]) -> LoadBalancerIngress:
    mode = value.get("ipMode")
    known = IPMode.VIP if mode is None or mode == IPMode.VIP else IPMode.PROXY
    return LoadBalancerIngress(value.get("ip") or "", value.get("hostname") or "", known)
