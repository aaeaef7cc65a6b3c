"""Objects as they are written, for files and streams."""

from __future__ import annotations

import json
from typing import Any

from svcc.fields import ObjectReference


def service(name: str, *, port: int = 80, namespace: str = "shop", **labels: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "namespace": namespace, "labels": labels},
        "spec": {"clusterIP": "10.96.0.10", "ports": [{"port": port}]},
    }


def endpoint_slice(service_name: str, *addresses: str, namespace: str = "shop", number: int = 1) -> dict[str, Any]:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{service_name}-{number}",
            "namespace": namespace,
            "labels": {"kubernetes.io/service-name": service_name},
        },
        "addressType": "IPv4",
        "ports": [{"name": "", "port": 8080}],
        "endpoints": [{"addresses": [address]} for address in addresses or ("10.244.0.1",)],
    }


def node(name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}


def bookmark(kind: str, *, ends: bool = True) -> dict[str, Any]:
    api_version = "v1" if kind != "EndpointSlice" else "discovery.k8s.io/v1"
    annotations = {"k8s.io/initial-events-end": "true"} if ends else {}
    metadata = {"resourceVersion": "12", "annotations": annotations}
    return event("BOOKMARK", {"apiVersion": api_version, "kind": kind, "metadata": metadata})


def event(kind: str, value: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "object": value}


def line(value: dict[str, Any]) -> bytes:
    """As kubectl prints a watch event."""
    return json.dumps(value).encode() + b"\n"


def indented(value: dict[str, Any]) -> bytes:
    """As kubectl prints an object."""
    return json.dumps(value, indent=4).encode() + b"\n"


def added(*values: dict[str, Any]) -> bytes:
    return b"".join(line(event("ADDED", value)) for value in values)


def documents(*values: dict[str, Any]) -> str:
    """A file with several objects, which is YAML as well as anything is."""
    return "".join(f"---\n{json.dumps(value)}\n" for value in values)


def reference(name: str, namespace: str = "shop", kind: str = "Service") -> ObjectReference:
    return ObjectReference(kind, name, namespace)


WEB = reference("web")
API = reference("api")
"""Two Services that most tests are about."""
