"""Numbers of Services that are not in order: nobody else is to be given what stands in the manifests.

Such a Service has been refused, mostly for something that has nothing to do with its numbers, and will have them as
soon as it is mended.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from attrs import Factory, define

from svcc.addresses import canonical_address
from svcc.allocation.reservation import HEALTH_CHECK, Reservation
from svcc.allocation.wishes import LOAD_BALANCER_IP_ANNOTATIONS

__all__ = ["HeldNumbers"]

_MOST_PORT: Final = 65535
_DIGITS: Final = 5


@define
class HeldNumbers:
    """What objects name as far as it can be read, whatever else is wrong with them; of two the first one by name."""

    cluster_ips: dict[str, str] = Factory(dict)
    node_ports: dict[int, str] = Factory(dict)
    load_balancer_ips: dict[str, tuple[str, ...]] = Factory(dict)

    def add(self, value: Mapping[str, Any], owner: str) -> None:
        """Hold the numbers of a Service; `owner` is its ``namespace/name``."""
        spec = _mapping(value.get("spec"))
        for text in (spec.get("clusterIP"), *_items(spec.get("clusterIPs"))):
            for address in _addresses(text):
                self.cluster_ips[address] = min(owner, self.cluster_ips.get(address, owner))
        for port in map(_mapping, _items(spec.get("ports"))):
            served = _port(port.get("port"))
            self._hold_port(port.get("nodePort"), f"{owner}:{served}" if served is not None else owner)
        self._hold_port(spec.get("healthCheckNodePort"), f"{owner}:{HEALTH_CHECK}")
        annotations = _mapping(_mapping(value.get("metadata")).get("annotations"))
        balancer = _mapping(_mapping(value.get("status")).get("loadBalancer"))
        asked = (spec.get("loadBalancerIP"), *map(annotations.get, LOAD_BALANCER_IP_ANNOTATIONS))
        for text in (*asked, *(_mapping(entry).get("ip") for entry in _items(balancer.get("ingress")))):
            for address in _addresses(text):
                self.load_balancer_ips[address] = tuple(sorted({*self.load_balancer_ips.get(address, ()), owner}))

    def _hold_port(self, number: Any, owner: str) -> None:
        port = _port(number)
        if port is not None:
            self.node_ports[port] = min(owner, self.node_ports.get(port, owner))

    def reservation(self) -> Reservation:
        """The numbers by who holds them."""
        return Reservation(
            cluster_ips=self.cluster_ips, node_ports=self.node_ports, load_balancer_ips=self.load_balancer_ips
        )


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _items(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _addresses(value: Any) -> Iterator[str]:
    for part in value.split(",") if isinstance(value, str) else ():
        address = canonical_address(part.strip())
        if address is not None:
            yield address


def _port(value: Any) -> int | None:
    """A port, also in quotation marks, which may be all that is wrong with the Service."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DIGITS:
        value = int(value)
    return value if type(value) is int and 0 < value <= _MOST_PORT else None
