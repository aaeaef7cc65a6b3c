"""Services of a cluster, and what is said of them."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from svcc.model.service import Service, ServicePort

DUAL = ("10.96.0.0/16", "fd00:96::/112")
IPV4 = DUAL[:1]
FULL = "spec.clusterIPs: Internal error occurred: failed to allocate a serviceIP: range is full"
NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def service(name: str = "web", **declared: Any) -> Service:
    return Service(name, **{"ports": [ServicePort(80)], "selector": {"app": name}, **declared})


def node_port_service(name: str, *ports: ServicePort, **declared: Any) -> Service:
    return service(name, type="NodePort", ports=ports, **declared)


def local(name: str, **declared: Any) -> Service:
    """A Service that needs a health-check port."""
    return service(name, type="LoadBalancer", external_traffic_policy="Local", **declared)


@frozen
class Row:
    """A sentence, the Services of a cluster, and what is said: the Service, the rule and the message."""

    sentence: str
    services: list[Service]
    settings: dict[str, Any]
    expected: list[tuple[str, str, str]]
