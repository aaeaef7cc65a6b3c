"""Objects of the model in the form the API has them, so that one set of rules judges manifests and Python alike.

What the model cannot tell from the default is left out: an external traffic policy Cluster, an IP mode VIP without IP.
"""

from __future__ import annotations

from typing import Any

from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.node import Node, ServiceCIDR
from svcc.model.service import IPMode, LoadBalancerIngress, Service, SessionAffinity, TrafficPolicy

__all__ = ["wire_form"]


def wire_form(item: Service | EndpointSlice | Node | ServiceCIDR) -> dict[str, Any]:
    """The object as JSON would hold it, without `apiVersion` and `kind`.

    Raises:
        TypeError: `item` is no object of the model.
    """
    if isinstance(item, Service):
        return _service(item)
    if isinstance(item, EndpointSlice):
        return _endpoint_slice(item)
    if isinstance(item, Node):
        return _node(item)
    if isinstance(item, ServiceCIDR):
        return {"metadata": {"name": item.name}, "spec": {"cidrs": list(item.cidrs)}}
    raise TypeError(f"expected a Service, EndpointSlice, Node or ServiceCIDR, got {type(item).__name__}")


def _service(item: Service) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "type": str(item.type),
        "clusterIP": item.cluster_ips[0] if item.cluster_ips else "",
        "clusterIPs": list(item.cluster_ips),
        "ipFamilies": [str(family) for family in item.ip_families],
        "ports": [
            {
                "name": port.name,
                "protocol": str(port.protocol),
                "port": port.port,
                "nodePort": port.node_port,
                "targetPort": port.target_port,
                "appProtocol": port.app_protocol,
            }
            for port in item.ports
        ],
        "selector": dict(item.selector),
        "sessionAffinity": str(item.session_affinity),
        "externalName": item.external_name,
        "externalIPs": list(item.external_ips),
        "internalTrafficPolicy": str(item.internal_traffic_policy),
        "trafficDistribution": item.traffic_distribution,
        "healthCheckNodePort": item.health_check_node_port,
        "publishNotReadyAddresses": item.publish_not_ready_addresses,
        "loadBalancerIP": item.load_balancer_ip,
        "loadBalancerSourceRanges": list(item.load_balancer_source_ranges),
        "loadBalancerClass": item.load_balancer_class,
    }
    if item.ip_family_policy is not None:
        spec["ipFamilyPolicy"] = item.ip_family_policy
    if item.session_affinity is SessionAffinity.CLIENT_IP:
        spec["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": item.session_affinity_timeout_seconds}}
    if item.external_traffic_policy is TrafficPolicy.LOCAL:
        spec["externalTrafficPolicy"] = "Local"
    if item.allocate_load_balancer_node_ports is not True:
        spec["allocateLoadBalancerNodePorts"] = item.allocate_load_balancer_node_ports
    value: dict[str, Any] = {"metadata": _metadata(item), "spec": spec}
    if item.load_balancer_ingress:
        value["status"] = {"loadBalancer": {"ingress": [_ingress(entry) for entry in item.load_balancer_ingress]}}
    return value


def _metadata(item: Service | EndpointSlice) -> dict[str, Any]:
    metadata: dict[str, Any] = {
        "name": item.name,
        "namespace": item.namespace,
        "labels": dict(item.labels),
        "annotations": dict(item.annotations),
    }
    if isinstance(item, Service) and item.creation_timestamp is not None:
        metadata["creationTimestamp"] = item.creation_timestamp
    return metadata


def _ingress(entry: LoadBalancerIngress) -> dict[str, Any]:
    value: dict[str, Any] = {"ip": entry.ip, "hostname": entry.hostname}
    if entry.ip or entry.ip_mode is IPMode.PROXY:
        value["ipMode"] = str(entry.ip_mode)
    return value


def _endpoint_slice(item: EndpointSlice) -> dict[str, Any]:
    # Weights of endpoints made in Python are in range and need no judging, so the form leaves them out.
    return {
        "metadata": _metadata(item),
        "addressType": item.address_type,
        "endpoints": [_endpoint(endpoint) for endpoint in item.endpoints],
        "ports": [{"name": port.name, "protocol": str(port.protocol), "port": port.port} for port in item.ports],
    }


def _endpoint(item: Endpoint) -> dict[str, Any]:
    value: dict[str, Any] = {
        "addresses": list(item.addresses),
        "conditions": {"ready": item.ready, "serving": item.serving, "terminating": item.terminating},
        "nodeName": item.node_name,
        "zone": item.zone,
        "hostname": item.hostname,
    }
    if item.zone_hints or item.node_hints:
        value["hints"] = {
            "forZones": [{"name": name} for name in item.zone_hints],
            "forNodes": [{"name": name} for name in item.node_hints],
        }
    return value


def _node(item: Node) -> dict[str, Any]:
    metadata: dict[str, Any] = {"name": item.name, "labels": dict(item.labels), "annotations": dict(item.annotations)}
    if item.is_being_deleted:
        # The model keeps whether, not when.
        metadata["deletionTimestamp"] = "1970-01-01T00:00:00Z"
    return {
        "metadata": metadata,
        "spec": {"podCIDRs": list(item.pod_cidrs), "taints": [{"key": key} for key in item.taints]},
        "status": {
            "addresses": [{"type": entry.type, "address": entry.address} for entry in item.addresses],
            "nodeInfo": {"architecture": item.architecture},
        },
    }
