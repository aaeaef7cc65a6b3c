"""Services and pools, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from attrs import frozen

from svcc.model.address_pool import AddressPool, Namespace, ServiceAllocation
from svcc.model.service import LoadBalancerIngress, Service, ServicePort

KEY = {"metallb.io/allow-shared-ip": "k"}
V4, V6 = "10.0.0.1", "fd00::1"


def service(name: str, *cluster_ips: str, **changes: Any) -> Service:
    """A LoadBalancer Service in the namespace shop; `given` is its status, `port` its only port."""
    given = changes.pop("given", ())
    port = changes.pop("port", 80)
    return Service(
        name,
        changes.pop("namespace", "shop"),
        type="LoadBalancer",
        cluster_ips=cluster_ips or (V4,),
        ports=[port if isinstance(port, ServicePort) else ServicePort(port)],
        load_balancer_ingress=[LoadBalancerIngress(address) for address in given],
        **changes,
    )


def asks(addresses: str) -> dict[str, str]:
    """The annotation that asks for addresses."""
    return {"metallb.io/loadBalancerIPs": addresses}


def pool(name: str, *addresses: str, **changes: Any) -> AddressPool:
    """A pool; words of `serviceAllocation` make it one that is kept for some."""
    names = ("priority", "namespaces", "namespace_selectors", "service_selectors")
    kept = {name: changes.pop(name) for name in names if name in changes}
    return AddressPool(name, addresses, service_allocation=ServiceAllocation(**kept) if kept else None, **changes)


SMALL = pool("small", "192.0.2.1-192.0.2.3")
DUAL = pool("dual", "192.0.2.16/30", "2001:db8::/126")


@frozen
class Row:
    """Services and pools, and the addresses that the last Service has in the end, or the words of the refusal."""

    sentence: str
    services: Sequence[Service]
    pools: Sequence[AddressPool]
    result: str | tuple[str, str]
    reservation: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    namespaces: Sequence[Namespace] = ()
    load_balancer_class: str | None = None


LOCAL = {"external_traffic_policy": "Local", "annotations": KEY}
EXHAUSTED, TAKEN, NOT_IN_POOL = "pools-exhausted", "ip-taken", "ip-not-in-pool"
INVALID, FAMILY, FOREIGN, UNKNOWN = "ip-invalid", "ip-wrong-family", "pool-not-allowed", "pool-unknown"
