"""Short ways to declare Services for tests, in the address plan of the harness in `tests/kernel`.

The node is `NODE`, its pods are in 10.244.0.0/16 and fd00:10:244::/48.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from svcc.addresses import IPFamily, family_of
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.node import Node, NodeAddress, ServiceCIDR
from svcc.model.service import Service, ServicePort

NODE = Node("node-a", addresses=[NodeAddress("192.168.0.10"), NodeAddress("fd00:1::10")])
OTHER_NODE = "node-b"
POD_CIDRS = ("10.244.0.0/16", "fd00:10:244::/48")
SERVICE_CIDRS = ServiceCIDR("kubernetes", cidrs=["10.96.0.0/16", "fd00:96::/112"])
PODS = ClusterSettings(cluster_cidrs=POD_CIDRS)


def service(name: str, cluster_ips: Sequence[str], *ports: ServicePort, **fields: Any) -> Service:
    """A Service; without ports it has TCP port 80, named http."""
    return Service(name, cluster_ips=cluster_ips, ports=ports or (ServicePort(80, "http"),), **fields)


def local(address: str, **fields: Any) -> Endpoint:
    """An endpoint on the node."""
    return Endpoint([address], node_name=NODE.name, **fields)


def remote(address: str, **fields: Any) -> Endpoint:
    """An endpoint on another node."""
    return Endpoint([address], node_name=OTHER_NODE, **fields)


def slices(service_name: str, endpoints: Iterable[Endpoint], *ports: EndpointPort) -> list[EndpointSlice]:
    """Slices for the endpoints, one a family; without ports, port 8080 named http."""
    found: dict[IPFamily, list[Endpoint]] = {}
    for endpoint in endpoints:
        found.setdefault(family_of(endpoint.addresses[0]), []).append(endpoint)
    return [
        EndpointSlice(
            f"{service_name}-{family.value.lower()}",
            service_name=service_name,
            address_type=family.value,
            endpoints=group,
            ports=ports or (EndpointPort(8080, "http"),),
        )
        for family, group in found.items()
    ]


def compiled(*objects: ClusterObject | Iterable[ClusterObject], settings: ClusterSettings = PODS) -> Compilation:
    """The compilation of objects and lists of objects for `NODE`."""
    flat: list[ClusterObject] = [NODE, SERVICE_CIDRS]
    for item in objects:
        if isinstance(item, Service | EndpointSlice | Node | ServiceCIDR):
            flat.append(item)
        else:
            flat.extend(item)
    return compile_cluster(Cluster.of(flat), node=NODE.name, settings=settings)
