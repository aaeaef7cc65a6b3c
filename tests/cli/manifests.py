"""Objects as manifests have them, for tests of the command line."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

Manifest = dict[str, Any]

WORKER = "worker-1"


def service(name: str = "web", cluster_ip: str = "10.96.0.10", **spec: Any) -> Manifest:
    """A Service in namespace shop with TCP port 80; `spec` adds to its spec or replaces."""
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": "shop"},
        "spec": {"clusterIP": cluster_ip, "ports": [{"name": "http", "port": 80}], **spec},
    }


def endpoint_slice(service_name: str = "web", addresses: Sequence[str] = ("10.244.1.11", "10.244.2.11")) -> Manifest:
    """A slice for a Service in namespace shop; its endpoints have port 8080, and the first one is on the worker."""
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service_name}-1",
            "namespace": "shop",
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "addressType": "IPv4",
        "endpoints": [
            {"addresses": [address], "nodeName": WORKER if number == 0 else "worker-2"}
            for number, address in enumerate(addresses)
        ],
        "ports": [{"name": "http", "port": 8080}],
    }


def node(name: str = WORKER, address: str = "192.168.0.10") -> Manifest:
    """A node with an address and a range of pods."""
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name},
        "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24"]},
        "status": {"addresses": [{"type": "InternalIP", "address": address}]},
    }


def text(*items: Manifest | Iterable[Manifest]) -> str:
    """One List, as `kubectl -o json` prints it."""
    flat = [entry for item in items for entry in ([item] if isinstance(item, dict) else item)]
    return json.dumps({"apiVersion": "v1", "kind": "List", "items": flat}, indent=4)
