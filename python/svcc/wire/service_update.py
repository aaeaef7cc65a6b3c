"""What the API server does to a Service that replaces another, before it judges it (registry/core/service, strategy).

Fields that the new type has no use for are wiped if nobody changed them, because the server may have set them itself:
so `kubectl edit` can turn a NodePort into a ClusterIP by its type alone.
"""

from __future__ import annotations

from typing import Any

from svcc.model.service import IPFamilyPolicy, Service, ServiceType, TrafficPolicy
from svcc.wire.service import is_externally_accessible

__all__ = ["needs_health_check_port", "prepare_update"]

_WITH_NODE_PORTS = frozenset({"NodePort", "LoadBalancer"})


def prepare_update(value: dict[str, Any], before: Service) -> None:
    """Change the defaulted `value` of a Service in place as the server does where it replaces `before`."""
    spec = value["spec"]
    _normalize_cluster_ips(spec, before)
    _drop_addresses(spec, before)
    _drop_ports(spec, before)
    _drop_load_balancer_fields(spec, before)
    if before.type is ServiceType.EXTERNAL_NAME and spec.get("externalName") == before.external_name:
        _drop_unless(spec, "externalName", keep=spec["type"] == "ExternalName")
    if spec["type"] != "LoadBalancer":
        value.get("status", {}).pop("loadBalancer", None)


def needs_health_check_port(service: Service) -> bool:
    """Whether load balancers ask the nodes about this Service (`NeedsHealthCheck`)."""
    return service.type is ServiceType.LOAD_BALANCER and service.external_traffic_policy is TrafficPolicy.LOCAL


def _normalize_cluster_ips(spec: dict[str, Any], before: Service) -> None:
    """`normalizeClusterIPs`, for clients that know one of the two fields only; and `patchAllocatedValues`."""
    if before.type is ServiceType.EXTERNAL_NAME or spec["type"] == "ExternalName" or not before.cluster_ips:
        return
    old_list, old = list(before.cluster_ips), before.cluster_ips[0]
    new_list, new = spec.get("clusterIPs", []), spec.get("clusterIP", "")
    if new and new != old and new_list == old_list:
        spec["clusterIPs"] = [new]
    elif not new and new_list:
        spec["clusterIP"] = old


def _drop_addresses(spec: dict[str, Any], before: Service) -> None:
    if before.type is ServiceType.EXTERNAL_NAME or spec["type"] != "ExternalName":
        return
    if spec.get("clusterIPs", []) == list(before.cluster_ips):
        spec.pop("clusterIP", None)
        spec.pop("clusterIPs", None)
    if spec.get("ipFamilies", []) == [family.value for family in before.ip_families]:
        spec.pop("ipFamilies", None)
    if spec.get("ipFamilyPolicy") == _text(before.ip_family_policy):
        spec.pop("ipFamilyPolicy", None)


def _text(policy: IPFamilyPolicy | None) -> str | None:
    return None if policy is None else policy.value


def _drop_ports(spec: dict[str, Any], before: Service) -> None:
    ports = spec.get("ports", [])
    if before.type.value in _WITH_NODE_PORTS and spec["type"] not in _WITH_NODE_PORTS:
        written = {port.get("nodePort", 0) for port in ports}
        if written == {port.node_port for port in before.ports}:
            for port in ports:
                port.pop("nodePort", None)
    needed = spec["type"] == "LoadBalancer" and spec.get("externalTrafficPolicy") == "Local"
    same = spec.get("healthCheckNodePort", 0) == before.health_check_node_port
    if needs_health_check_port(before) and same:
        _drop_unless(spec, "healthCheckNodePort", keep=needed)


def _drop_load_balancer_fields(spec: dict[str, Any], before: Service) -> None:
    is_load_balancer = spec["type"] == "LoadBalancer"
    if before.type is ServiceType.LOAD_BALANCER:
        if spec.get("allocateLoadBalancerNodePorts") == before.allocate_load_balancer_node_ports:
            _drop_unless(spec, "allocateLoadBalancerNodePorts", keep=is_load_balancer)
        if spec.get("loadBalancerClass") == before.load_balancer_class:
            _drop_unless(spec, "loadBalancerClass", keep=is_load_balancer)
    was_external = before.type.value in _WITH_NODE_PORTS or (
        before.type is ServiceType.CLUSTER_IP and bool(before.external_ips)
    )
    if was_external and spec.get("externalTrafficPolicy") == before.external_traffic_policy.value:
        _drop_unless(spec, "externalTrafficPolicy", keep=is_externally_accessible(spec))


def _drop_unless(spec: dict[str, Any], name: str, *, keep: bool) -> None:
    if not keep:
        spec.pop(name, None)
