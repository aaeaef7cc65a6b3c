"""An explanation as a JSON document for programs (`svcc explain -o json`)."""

from __future__ import annotations

from typing import Any

from svcc.dataplane.document import API_VERSION
from svcc.explanation.contract import (
    EndpointExplanation,
    Explanation,
    Exposure,
    Reason,
    ServicePortExplanation,
)
from svcc.fields import ObjectReference, Source

__all__ = ["explanation_document"]


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """A versioned document; keys are the attributes of the explanation's classes in camel case."""
    service = explanation.declared
    return {
        "apiVersion": API_VERSION,
        "kind": "Explanation",
        "service": _object(explanation.service),
        "source": _source(explanation.source),
        "served": bool(explanation.ports and any(port.exposures for port in explanation.ports)),
        "type": service.type.value if service else None,
        "headless": service.is_headless if service else None,
        "externalTrafficPolicy": service.external_traffic_policy.value if service else None,
        "internalTrafficPolicy": service.internal_traffic_policy.value if service else None,
        "node": explanation.node,
        "zone": explanation.zone,
        "clusterDomain": explanation.cluster_domain,
        "names": [
            {"name": item.name, "type": item.type, "values": list(item.values), "note": item.note}
            for item in explanation.names
        ],
        "shortNames": [{"name": name, "from": where} for name, where in explanation.short_names],
        "ports": [_port(port) for port in explanation.ports],
        "noEndpoints": explanation.no_endpoints or None,
        "unusedSlices": [
            {
                "name": item.slice.name,
                "namespace": item.slice.namespace,
                "endpoints": item.endpoints,
                "reasons": [_reason(reason) for reason in item.reasons],
                "source": _source(item.source),
            }
            for item in explanation.slices
        ],
        "doesNotAnswer": [
            {"what": item.what, "outcome": item.outcome, "why": item.why, "source": _source(item.source)}
            for item in explanation.silences
        ],
        "problems": [
            {
                "rule": problem.rule,
                "severity": problem.severity.value,
                "message": problem.message(),
                "object": _object(problem.object) if problem.object else None,
                "source": _source(problem.source),
            }
            for problem in explanation.problems
        ],
    }


def _port(port: ServicePortExplanation) -> dict[str, Any]:
    return {
        "family": port.family.value,
        "name": port.name,
        "protocol": port.protocol.value,
        "port": port.port,
        "targetPort": port.target_port,
        "source": _source(port.source),
        "affinityTimeoutSeconds": port.affinity_timeout_seconds,
        "loadBalancing": port.balancing.algorithm.value,
        "hashKey": port.balancing.hash_key.value if port.balancing.hash_key else None,
        "tableSize": port.balancing.table_size,
        "topology": port.topology,
        "hints": list(port.hints),
        "clusterSetUsed": port.cluster_set_used,
        "localSetUsed": port.local_set_used,
        "exposures": [_exposure(exposure) for exposure in port.exposures],
        "endpoints": [_endpoint(endpoint) for endpoint in port.endpoints],
    }


def _exposure(exposure: Exposure) -> dict[str, Any]:
    every, sources = exposure.every_address, exposure.allowed_sources
    return {
        "kind": exposure.kind.value,
        "addresses": list(exposure.addresses),
        "everyLocalAddressIn": None if every is None else list(every.prefixes),
        "port": exposure.port,
        "allowedSources": None if sources is None else list(sources),
        "source": _source(exposure.source),
        "otherNodes": [{"node": item.node, "address": item.address} for item in exposure.other_nodes],
        "routes": [
            {
                "clients": [clients.value for clients in route.clients],
                "decision": route.decision.value,
                "masqueraded": route.masqueraded,
                "map": route.map_name,
                "chain": route.chain or None,
            }
            for route in exposure.routes
        ],
    }


def _endpoint(endpoint: EndpointExplanation) -> dict[str, Any]:
    return {
        "address": endpoint.address,
        "port": endpoint.port,
        "node": endpoint.node,
        "zone": endpoint.zone,
        "target": _object(endpoint.target) if endpoint.target else None,
        "inClusterSet": endpoint.in_cluster_set,
        "inLocalSet": endpoint.in_local_set,
        "reasons": [_reason(reason) for reason in endpoint.reasons],
        "note": endpoint.note,
        "weight": endpoint.weight,
        "source": _source(endpoint.source),
    }


def _reason(reason: Reason) -> dict[str, str]:
    return {"code": reason.code.value, "text": reason.text}


def _object(reference: ObjectReference) -> dict[str, str]:
    return {"kind": reference.kind, "namespace": reference.namespace, "name": reference.name}


def _source(source: Source | None) -> dict[str, Any] | None:
    return {"file": source.file, "line": source.line} if source else None
