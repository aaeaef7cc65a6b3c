"""The dataplane as a JSON document, for people and other programs (`svcc compile -o dataplane`)."""

from __future__ import annotations

from typing import Any

from svcc.dataplane.contract import Dataplane, Decision, FamilyDataplane, Frontend, PodDetector, ServicePortPlan

__all__ = ["API_VERSION", "dataplane_document"]

API_VERSION = "svcc/v1"


def dataplane_document(dataplane: Dataplane) -> dict[str, Any]:
    """A versioned document; keys are the attributes of the dataplane's classes in camel case."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Dataplane",
        "node": dataplane.node,
        "masqueradeBit": dataplane.masquerade_bit,
        "families": [_family(family) for family in dataplane.families],
    }


def _family(family: FamilyDataplane) -> dict[str, Any]:
    node_ports = family.node_ports
    return {
        "family": family.family.value,
        "servicePorts": [_service_port(plan) for plan in family.service_ports],
        "clusterIPs": list(family.cluster_ips),
        "serviceCIDRs": list(family.service_cidrs),
        "nodePortAddresses": {
            "addresses": None if node_ports.addresses is None else list(node_ports.addresses),
            "prefixes": list(node_ports.prefixes),
        },
        "podDetector": _detector(family.pods),
        "nodeAddresses": list(family.node_addresses),
        "localEndpointAddresses": list(family.local_endpoint_addresses),
    }


def _detector(pods: PodDetector) -> dict[str, Any] | None:
    if pods.source_prefixes:
        return {"sourcePrefixes": list(pods.source_prefixes)}
    if pods.interface:
        return {"interface": pods.interface}
    return {"interfacePrefix": pods.interface_prefix} if pods.interface_prefix else None


def _service_port(plan: ServicePortPlan) -> dict[str, Any]:
    return {
        "namespace": plan.name.namespace,
        "service": plan.name.service,
        "port": plan.name.port,
        "protocol": plan.name.protocol.value,
        "source": str(plan.source) if plan.source else None,
        "affinityTimeoutSeconds": plan.affinity_timeout_seconds,
        "loadBalancing": plan.balancing.algorithm.value,
        "hashKey": plan.balancing.hash_key.value if plan.balancing.hash_key else None,
        "tableSize": plan.balancing.table_size,
        "frontends": [_frontend(frontend) for frontend in plan.frontends],
        "clusterEndpoints": _endpoints(plan, Decision.CLUSTER),
        "localEndpoints": _endpoints(plan, Decision.LOCAL),
    }


def _endpoints(plan: ServicePortPlan, decision: Decision) -> list[dict[str, Any]]:
    endpoints = plan.endpoints(decision)
    weights = plan.weights(decision) or (1,) * len(endpoints)
    return [
        {"address": item.address, "port": item.port, "weight": weight}
        for item, weight in zip(endpoints, weights, strict=True)
    ]


def _frontend(frontend: Frontend) -> dict[str, Any]:
    sources = frontend.allowed_sources
    return {
        "kind": frontend.kind.value,
        "address": frontend.address,
        "port": frontend.port,
        "inside": frontend.inside.value,
        "outside": frontend.outside.value,
        "masquerade": frontend.masquerade.value,
        "allowedSources": None if sources is None else list(sources),
    }
