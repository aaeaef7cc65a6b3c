"""The form of a row, and the objects in order that rows change."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

from attrs import frozen

from svcc.fields import Problem
from svcc.validate.admission import admit

REMOVED = object()
"""The value of a change that takes the field away."""

Change = Mapping[Any, Any]
"""New values by path; a path is a tuple of field names and indices."""


@frozen
class Row:
    """A sentence; what is changed in the object of the table; and all that is said then: rules and messages."""

    sentence: str
    change: Change
    expected: list[tuple[str, str]]


def changed(value: Mapping[str, Any], change: Change) -> dict[str, Any]:
    """A copy of `value` with the fields in `change` set or taken away."""
    result: Any = copy.deepcopy(dict(value))
    for path, item in change.items():
        place = result
        for step in path[:-1]:
            place = place.setdefault(step, {}) if isinstance(step, str) else place[step]
        if item is REMOVED:
            del place[path[-1]]
        else:
            place[path[-1]] = item
    return dict(result)


def said(problems: list[Problem]) -> list[tuple[str, str]]:
    """Rules and messages of problems."""
    return [(problem.rule, problem.message()) for problem in problems]


def said_of(kind: str, value: Mapping[str, Any], change: Change) -> list[tuple[str, str]]:
    """What is said of an object that is changed."""
    return said(admit(kind, changed(value, change)).problems)


SERVICE: Mapping[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "web", "namespace": "shop", "labels": {"app": "web"}},
    "spec": {"selector": {"app": "web"}, "ports": [{"name": "http", "port": 80, "targetPort": 8080}]},
}

LOAD_BALANCER: Mapping[str, Any] = changed(
    SERVICE,
    {("spec", "type"): "LoadBalancer", ("status", "loadBalancer", "ingress"): [{"ip": "203.0.113.7"}]},
)

EXTERNAL_NAME: Mapping[str, Any] = changed(
    SERVICE, {("spec",): {"type": "ExternalName", "externalName": "db.example.com."}}
)

ENDPOINT_SLICE: Mapping[str, Any] = {
    "apiVersion": "discovery.k8s.io/v1",
    "kind": "EndpointSlice",
    "metadata": {"name": "web-x7k2p", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
    "addressType": "IPv4",
    "endpoints": [
        {
            "addresses": ["10.244.1.7"],
            "conditions": {"ready": True, "serving": True, "terminating": False},
            "nodeName": "node-1",
            "zone": "zone-a",
            "hints": {"forZones": [{"name": "zone-a"}]},
            "targetRef": {"kind": "Pod", "name": "web-1", "namespace": "shop"},
        }
    ],
    "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
}

NODE: Mapping[str, Any] = {
    "apiVersion": "v1",
    "kind": "Node",
    "metadata": {"name": "node-1", "labels": {"topology.kubernetes.io/zone": "zone-a"}},
    "spec": {"podCIDR": "10.244.1.0/24", "podCIDRs": ["10.244.1.0/24", "fd00:1::/64"]},
    "status": {
        "addresses": [{"type": "InternalIP", "address": "192.0.2.1"}],
        "nodeInfo": {"architecture": "amd64"},
    },
}

SERVICE_CIDR: Mapping[str, Any] = {
    "apiVersion": "networking.k8s.io/v1",
    "kind": "ServiceCIDR",
    "metadata": {"name": "kubernetes"},
    "spec": {"cidrs": ["10.96.0.0/12", "fd00:96::/112"]},
}
