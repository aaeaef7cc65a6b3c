"""Numbers that belong to somebody, so that they stay theirs from one allocation to the next."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Final

from attrs import field, frozen

from svcc.addresses import address_bytes, canonical_address
from svcc.errors import SettingsError
from svcc.model.metadata import FrozenMapping

__all__ = ["API_VERSION", "HEALTH_CHECK", "KIND", "Reservation"]

API_VERSION: Final = "svcc/v1"
KIND: Final = "Reservation"

HEALTH_CHECK = "health-check"
"""What stands for the port in the owner of a health-check node port: ``shop/web:health-check``."""

_MOST_PORT = 65535


def _addresses(owners: Mapping[str, str] | None) -> Mapping[str, str]:
    return FrozenMapping({_canonical(address): owner for address, owner in (owners or {}).items()})


def _shared_addresses(owners: Mapping[str, Iterable[str]] | None) -> Mapping[str, tuple[str, ...]]:
    return FrozenMapping({_canonical(address): tuple(names) for address, names in (owners or {}).items()})


def _canonical(address: str) -> str:
    canonical = canonical_address(address)
    if canonical is None:
        raise SettingsError(f'reservation: "{address}" is no IP address')
    return canonical


def _ports(owners: Mapping[int, str] | None) -> Mapping[int, str]:
    for port in owners or {}:
        if not 0 < port <= _MOST_PORT:
            raise SettingsError(f"reservation: node port {port} is not in the range 1 to {_MOST_PORT}")
    return FrozenMapping(owners or {})


@frozen(kw_only=True)
class Reservation:
    """Who holds what, by number.

    An owner is the ``namespace/name`` of a Service. For a node port the port it serves follows, ``shop/web:80``, or
    ``shop/web:health-check``; without that the Service may use it for any of its ports, if it names it. Any other text,
    also none, keeps the number from all Services.

    Attributes:
        cluster_ips: owners of cluster IPs, by address.
        node_ports: owners of node ports, by number.
        load_balancer_ips: owners of load balancer addresses, which Services may share, by address.

    Raises:
        SettingsError: an address is none, or a port is out of range.
    """

    cluster_ips: Mapping[str, str] = field(default=None, converter=_addresses)
    node_ports: Mapping[int, str] = field(default=None, converter=_ports)
    load_balancer_ips: Mapping[str, tuple[str, ...]] = field(default=None, converter=_shared_addresses)

    def text(self) -> str:
        """The reservation as a file, in JSON, which is YAML, too: one entry a line, in the order of the numbers."""
        document = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "clusterIPs": {key: self.cluster_ips[key] for key in sorted(self.cluster_ips, key=_number)},
            "nodePorts": {str(key): self.node_ports[key] for key in sorted(self.node_ports)},
            "loadBalancerIPs": {
                key: list(self.load_balancer_ips[key]) for key in sorted(self.load_balancer_ips, key=_number)
            },
        }
        return json.dumps(document, indent=2) + "\n"


def _number(address: str) -> tuple[bool, bytes]:
    return ":" in address, address_bytes(address)
