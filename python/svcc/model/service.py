"""A Service as declared: what users write under `spec`, and what the load balancer reported under `status`.

Field names are the API's in snake case; defaults are the API server's (reference: core/v1 types and defaults of
Kubernetes). Values are kept as written; the dataplane reads them (`svcc.dataplane`).
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from svcc.addresses import IPFamily
from svcc.fields import ObjectReference, Source
from svcc.model.metadata import frozen_items, frozen_mapping

__all__ = [
    "HEADLESS",
    "IPFamilyPolicy",
    "IPMode",
    "LoadBalancerIngress",
    "Protocol",
    "Service",
    "ServicePort",
    "ServiceType",
    "SessionAffinity",
    "TrafficPolicy",
]

HEADLESS = "None"
"""The value of `clusterIP` that makes a Service headless."""

DEFAULT_AFFINITY_TIMEOUT_SECONDS = 10800


class Protocol(enum.StrEnum):
    """The transport protocols a Service can speak."""

    TCP = "TCP"
    UDP = "UDP"
    SCTP = "SCTP"


class ServiceType(enum.StrEnum):
    """`spec.type`."""

    CLUSTER_IP = "ClusterIP"
    NODE_PORT = "NodePort"
    LOAD_BALANCER = "LoadBalancer"
    EXTERNAL_NAME = "ExternalName"


class TrafficPolicy(enum.StrEnum):
    """`spec.internalTrafficPolicy` and `spec.externalTrafficPolicy`."""

    CLUSTER = "Cluster"
    LOCAL = "Local"


class SessionAffinity(enum.StrEnum):
    """`spec.sessionAffinity`."""

    NONE = "None"
    CLIENT_IP = "ClientIP"


class IPFamilyPolicy(enum.StrEnum):
    """`spec.ipFamilyPolicy`."""

    SINGLE_STACK = "SingleStack"
    PREFER_DUAL_STACK = "PreferDualStack"
    REQUIRE_DUAL_STACK = "RequireDualStack"


class IPMode(enum.StrEnum):
    """`status.loadBalancer.ingress[].ipMode`: whether nodes take the address over (VIP) or must not (Proxy)."""

    VIP = "VIP"
    PROXY = "Proxy"


@frozen
class ServicePort:
    """One entry of `spec.ports`; `node_port` 0 means none. `target_port` has no effect here: slices carry the port."""

    port: int
    name: str = ""
    protocol: Protocol = field(default=Protocol.TCP, converter=Protocol)
    node_port: int = 0
    target_port: int | str | None = None
    app_protocol: str | None = None


@frozen
class LoadBalancerIngress:
    """One address a load balancer reported for a Service; `hostname` entries create no frontend (S7)."""

    ip: str = ""
    hostname: str = ""
    ip_mode: IPMode = field(default=IPMode.VIP, converter=IPMode)


def _families(families: Iterable[str] | None) -> tuple[IPFamily, ...]:
    return tuple(IPFamily(family) for family in frozen_items(families))


@frozen
class Service:
    """A Service.

    `cluster_ips` holds what the API has as `clusterIP` and `clusterIPs`: at most one address a family, the first one
    primary, or `HEADLESS`. `external_traffic_policy` counts only for a Service that can be reached from outside (S8).
    `creation_timestamp` is RFC 3339 text; among two Services that claim one frontend the older wins (S45).

    Raises:
        ValueError: an enumerated field has a value the API does not know.
        TypeError: a list field was given a string.
    """

    name: str
    namespace: str = "default"
    type: ServiceType = field(default=ServiceType.CLUSTER_IP, converter=ServiceType, kw_only=True)
    cluster_ips: tuple[str, ...] = field(default=(), converter=frozen_items, kw_only=True)
    ip_families: tuple[IPFamily, ...] = field(default=(), converter=_families, kw_only=True)
    ip_family_policy: IPFamilyPolicy | None = field(default=None, kw_only=True)
    ports: tuple[ServicePort, ...] = field(default=(), converter=frozen_items, kw_only=True)
    selector: Mapping[str, str] = field(default=None, converter=frozen_mapping, kw_only=True)
    external_ips: tuple[str, ...] = field(default=(), converter=frozen_items, kw_only=True)
    external_name: str = field(default="", kw_only=True)
    session_affinity: SessionAffinity = field(default=SessionAffinity.NONE, converter=SessionAffinity, kw_only=True)
    session_affinity_timeout_seconds: int = field(default=DEFAULT_AFFINITY_TIMEOUT_SECONDS, kw_only=True)
    external_traffic_policy: TrafficPolicy = field(default=TrafficPolicy.CLUSTER, converter=TrafficPolicy, kw_only=True)
    internal_traffic_policy: TrafficPolicy = field(default=TrafficPolicy.CLUSTER, converter=TrafficPolicy, kw_only=True)
    traffic_distribution: str | None = field(default=None, kw_only=True)
    health_check_node_port: int = field(default=0, kw_only=True)
    publish_not_ready_addresses: bool = field(default=False, kw_only=True)
    load_balancer_ip: str = field(default="", kw_only=True)
    load_balancer_class: str | None = field(default=None, kw_only=True)
    load_balancer_source_ranges: tuple[str, ...] = field(default=(), converter=frozen_items, kw_only=True)
    load_balancer_ingress: tuple[LoadBalancerIngress, ...] = field(default=(), converter=frozen_items, kw_only=True)
    allocate_load_balancer_node_ports: bool = field(default=True, kw_only=True)
    labels: Mapping[str, str] = field(default=None, converter=frozen_mapping, kw_only=True)
    annotations: Mapping[str, str] = field(default=None, converter=frozen_mapping, kw_only=True)
    creation_timestamp: str | None = field(default=None, kw_only=True)
    source: Source | None = field(default=None, eq=False, repr=False, kw_only=True)

    @property
    def is_headless(self) -> bool:
        """Whether clients are meant to reach the endpoints directly."""
        return bool(self.cluster_ips) and self.cluster_ips[0] == HEADLESS

    @property
    def reference(self) -> ObjectReference:
        """This Service, for reports."""
        return ObjectReference("Service", self.name, self.namespace)
