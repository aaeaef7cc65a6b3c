"""The form of a row about several objects, and short ways to write these objects."""

from __future__ import annotations

import json
from typing import Any

from attrs import frozen

from svcc.validate.cluster import ClusterRuleSettings

Manifest = dict[str, Any]


@frozen
class ClusterRow:
    """A sentence; objects, each on a line of its own; and all that is said then: lines, rules and messages."""

    sentence: str
    objects: list[Manifest]
    expected: list[tuple[int, str, str]]
    settings: ClusterRuleSettings | None = None

    @property
    def text(self) -> str:
        """The objects as manifests, so that the first stands in line 1."""
        return "\n".join(json.dumps(item) for item in self.objects)


def service(name: str, *ports: Manifest, annotations: Any = None, created: str | None = None, **spec: Any) -> Manifest:
    """A Service with TCP port 80, called http, unless ports are given; of the type that its fields ask for."""
    metadata: Manifest = {"name": name, "namespace": "shop", "annotations": annotations or {}}
    if created:
        metadata["creationTimestamp"] = created
    status = {"loadBalancer": {"ingress": [{"ip": ip} for ip in spec.pop("ingress", ())]}}
    whole = {"selector": {"app": "web"}, "ports": list(ports) or [{"name": "http", "port": 80}], **spec}
    return {"apiVersion": "v1", "kind": "Service", "metadata": metadata, "spec": whole, "status": status}


def node_port(name: str, *numbers: int, **spec: Any) -> Manifest:
    """A NodePort Service with these node ports for ports of its own, from 1 on."""
    ports = [{"name": f"p{number}", "port": number + 1, "nodePort": value} for number, value in enumerate(numbers)]
    return service(name, *ports, type="NodePort", **spec)


def balanced(name: str, *addresses: str, port: int = 80, **spec: Any) -> Manifest:
    """A LoadBalancer with these addresses."""
    return service(name, {"port": port}, type="LoadBalancer", ingress=addresses, **spec)


def endpoint_slice(service_name: str | None, *ports: Manifest, nodes: Any = (), **fields: Any) -> Manifest:
    """A slice with an endpoint on each node; with port http unless ports are given."""
    labels = {"kubernetes.io/service-name": service_name} if service_name else {}
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": "web-1", "namespace": "shop", "labels": labels},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [f"10.244.0.{number}"], "nodeName": name} for number, name in enumerate(nodes, 1)],
        "ports": list(ports) or [{"name": "http", "port": 8080}],
        **fields,
    }


def node(name: str, *pod_cidrs: str) -> Manifest:
    """A Node with ranges of pods."""
    spec = {"podCIDR": pod_cidrs[0], "podCIDRs": list(pod_cidrs)} if pod_cidrs else {}
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}, "spec": spec}


def service_cidr(name: str, *cidrs: str) -> Manifest:
    """A range of cluster IPs, or two."""
    kind = {"apiVersion": "networking.k8s.io/v1", "kind": "ServiceCIDR"}
    return {**kind, "metadata": {"name": name}, "spec": {"cidrs": list(cidrs)}}
