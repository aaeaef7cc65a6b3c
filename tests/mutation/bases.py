"""What is mutated: small clusters, each as svcc compiles it and in the shapes of kube-proxy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import field, frozen

from svcc.addresses import IPFamily
from svcc.compiler.compilation import compile_cluster
from svcc.dataplane.build import build_dataplane
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import EndpointPort
from svcc.model.service import LoadBalancerIngress, Protocol, ServicePort, SessionAffinity
from svcc.nft.text import table_text
from tests.declare import NODE, PODS, SERVICE_CIDRS, local, remote, service, slices
from tests.kube_proxy import DISTINCT_LAYOUTS, kube_proxy_ruleset
from tests.mutation.document import Document, parsed
from tests.oracle import NodeFacts

SVCC = "svcc"
FACTS = NodeFacts(frozenset(address.address for address in NODE.addresses))


@frozen
class Base:
    """A declaration and a ruleset that does what it says.

    Attributes:
        name: of the cluster.
        shape: ``svcc``, or the release whose kube-proxy has this shape.
        family: whose tables are mutated.
    """

    name: str
    shape: str
    cluster: Cluster
    settings: ClusterSettings
    family: IPFamily
    document: Document = field(repr=False)

    @property
    def node(self) -> str:
        """The node's name."""
        return NODE.name

    @property
    def is_sticky(self) -> bool:
        """Whether clients are remembered."""
        return any(each.session_affinity is SessionAffinity.CLIENT_IP for each in self.cluster.services)

    @property
    def local_addresses(self) -> tuple[str, ...]:
        """The node's own addresses."""
        return tuple(sorted(FACTS.local_addresses))


_WITHOUT_DIFFERENCES = ("1.36", "1.37")
"""The shapes of kube-proxy that do what the model says also of endpoints on other nodes."""


@frozen
class _Plan:
    objects: Sequence[ClusterObject]
    settings: ClusterSettings = PODS
    family: IPFamily = IPFamily.IPV4
    shapes: tuple[str, ...] = (SVCC, *DISTINCT_LAYOUTS)


def _exposed() -> _Plan:
    """A load balancer with source ranges, an external address and a node port."""
    web: dict[str, Any] = {
        "type": "LoadBalancer",
        "load_balancer_ingress": [LoadBalancerIngress("203.0.113.5")],
        "load_balancer_source_ranges": ["198.51.100.0/24"],
        "external_ips": ["203.0.113.9"],
    }
    endpoints = [local("10.244.1.10"), remote("10.244.2.20"), remote("10.244.2.21")]
    return _Plan(
        [
            service("web", ["10.96.0.10"], ServicePort(80, "http", node_port=30080), **web),
            *slices("web", endpoints),
        ],
        shapes=(SVCC, *_WITHOUT_DIFFERENCES),
    )


def _policies() -> _Plan:
    """Traffic policies, with and without an endpoint of the node's own, and nobody behind a Service."""
    http = ServicePort(80, "http", node_port=30081)
    return _Plan(
        [
            service("here", ["10.96.0.11"], http, type="NodePort", external_traffic_policy="Local"),
            *slices("here", [local("10.244.1.11"), remote("10.244.2.22")]),
            service(
                "elsewhere",
                ["10.96.0.12"],
                ServicePort(80, "http", node_port=30082),
                type="LoadBalancer",
                external_traffic_policy="Local",
                internal_traffic_policy="Local",
                load_balancer_ingress=[LoadBalancerIngress("203.0.113.6")],
            ),
            *slices("elsewhere", [remote("10.244.2.23")]),
            service("nobody", ["10.96.0.13"], ServicePort(80, "http", node_port=30083), type="NodePort"),
        ],
        shapes=(SVCC, *_WITHOUT_DIFFERENCES),
    )


def _here() -> _Plan:
    """No endpoint elsewhere, so that all shapes of kube-proxy do what the model says."""
    ranges: dict[str, Any] = {
        "load_balancer_ingress": [LoadBalancerIngress("203.0.113.5")],
        "load_balancer_source_ranges": ["198.51.100.0/24"],
    }
    return _Plan(
        [
            service("web", ["10.96.0.10"], ServicePort(80, "http", node_port=30080), type="LoadBalancer", **ranges),
            *slices("web", [local("10.244.1.10"), local("10.244.1.11"), local("10.244.1.12")]),
            service(
                "here",
                ["10.96.0.11"],
                ServicePort(80, "http", node_port=30081),
                type="NodePort",
                external_traffic_policy="Local",
            ),
            *slices("here", [local("10.244.1.13")]),
            service("nobody", ["10.96.0.13"], ServicePort(80, "http", node_port=30083), type="NodePort"),
        ]
    )


def _sticky() -> _Plan:
    """Clients that stay with their endpoint."""
    return _Plan(
        [
            service(
                "web",
                ["10.96.0.10"],
                ServicePort(80, "http", node_port=30080),
                type="NodePort",
                session_affinity="ClientIP",
            ),
            *slices("web", [local("10.244.1.10"), local("10.244.1.11")]),
        ]
    )


def _names() -> _Plan:
    """TCP and UDP at one address, in IPv6, everything masqueraded."""
    ports = (
        ServicePort(53, "dns", protocol=Protocol.UDP, target_port=5353),
        ServicePort(53, "dns-tcp", protocol=Protocol.TCP, target_port=5354),
    )
    behind = (EndpointPort(5353, "dns", Protocol.UDP), EndpointPort(5354, "dns-tcp", Protocol.TCP))
    return _Plan(
        [
            service("names", ["fd00:96::a"], *ports, ip_families=["IPv6"]),
            *slices("names", [local("fd00:10:244:1::5"), remote("fd00:10:244:2::6")], *behind),
        ],
        ClusterSettings(cluster_cidrs=PODS.cluster_cidrs, masquerade_all=True),
        IPFamily.IPV6,
        (SVCC, *_WITHOUT_DIFFERENCES),
    )


def _balanced() -> _Plan:
    """A table of Maglev's, which only svcc has."""
    endpoints = [local("10.244.1.10"), remote("10.244.2.20")]
    how = {"svcc.dev/load-balancing": "maglev", "svcc.dev/table-size": "251"}
    return _Plan(
        [
            service("web", ["10.96.0.10"], ServicePort(80, "http"), annotations=how),
            *slices("web", endpoints),
        ],
        shapes=(SVCC,),
    )


_PLANS = {
    "exposed": _exposed,
    "policies": _policies,
    "here": _here,
    "sticky": _sticky,
    "names": _names,
    "balanced": _balanced,
}
NAMES = tuple(_PLANS)


def bases(names: Sequence[str] = NAMES, shapes: Sequence[str] | None = None) -> Iterator[Base]:
    """Every cluster in every shape, or those that are named."""
    for name in names:
        plan = _PLANS[name]()
        cluster = Cluster.of([NODE, SERVICE_CIDRS, *plan.objects])
        for shape in plan.shapes:
            if shapes is None or shape in shapes:
                document = _document(cluster, plan.settings, plan.family, shape)
                yield Base(name, shape, cluster, plan.settings, plan.family, document)


def _document(cluster: Cluster, settings: ClusterSettings, family: IPFamily, shape: str) -> Document:
    if shape == SVCC:
        tables = compile_cluster(cluster, node=NODE.name, settings=settings).ruleset.tables
        text = "".join(piece for table in tables for piece in table_text(table))
    else:
        dataplane = build_dataplane(cluster, NODE.name, settings).dataplane
        text = kube_proxy_ruleset(dataplane, layout=shape)
    wanted = "ip" if family is IPFamily.IPV4 else "ip6"
    found = parsed(text)
    others = Document(tuple(table for table in found.tables if table.family != wanted))
    return Document(tuple(table for table in found.tables if table.family == wanted), others.text)
