"""A whole cluster as declared, and the settings that are no objects of the API."""

from __future__ import annotations

import enum
from collections.abc import Iterable

import attrs
from attrs import field, frozen

from svcc.errors import SettingsError
from svcc.model.endpoints import EndpointSlice
from svcc.model.metadata import frozen_items
from svcc.model.node import Node, ServiceCIDR
from svcc.model.service import Service

__all__ = ["Cluster", "ClusterObject", "ClusterSettings", "DetectLocalMode"]

ClusterObject = Service | EndpointSlice | Node | ServiceCIDR


@frozen
class Cluster:
    """All objects svcc reads, in the order in which they were declared."""

    services: tuple[Service, ...] = field(default=(), converter=frozen_items)
    endpoint_slices: tuple[EndpointSlice, ...] = field(default=(), converter=frozen_items)
    nodes: tuple[Node, ...] = field(default=(), converter=frozen_items)
    service_cidrs: tuple[ServiceCIDR, ...] = field(default=(), converter=frozen_items)

    @classmethod
    def of(cls, objects: Iterable[ClusterObject]) -> Cluster:
        """Sort objects of any kind into a cluster.

        Raises:
            TypeError: an object is none of Service, EndpointSlice, Node, ServiceCIDR.
        """
        found: dict[type, list[ClusterObject]] = {Service: [], EndpointSlice: [], Node: [], ServiceCIDR: []}
        for item in objects:
            if type(item) not in found:
                raise TypeError(f"expected a Service, EndpointSlice, Node or ServiceCIDR, got {type(item).__name__}")
            found[type(item)].append(item)
        return cls(found[Service], found[EndpointSlice], found[Node], found[ServiceCIDR])


class DetectLocalMode(enum.StrEnum):
    """How pod traffic is told from other traffic (S44); kube-proxy's `detectLocalMode`."""

    CLUSTER_CIDR = "ClusterCIDR"
    NODE_CIDR = "NodeCIDR"
    BRIDGE_INTERFACE = "BridgeInterface"
    INTERFACE_NAME_PREFIX = "InterfaceNamePrefix"
    NONE = "None"


DEFAULT_MASQUERADE_BIT = 14

PRIMARY = "primary"
"""The value of `nodeport_addresses` that stands for the primary addresses of the Node object (S42)."""


@frozen(kw_only=True)
class ClusterSettings:
    """What a compilation needs to know beyond the objects; names are those of kube-proxy's configuration.

    Attributes:
        service_cidrs: ranges that cluster IPs are taken from, in addition to ServiceCIDR objects (S39).
        cluster_cidrs: the ranges of all pods (S44).
        nodeport_addresses: CIDRs whose local addresses serve node ports, or ``primary`` (S42); none at all means every
            local address.
        local_addresses: addresses of the node beyond those of its Node object.
        masquerade_all: masquerade all traffic to cluster IPs (S29).
        masquerade_bit: the bit of the packet mark that asks for masquerading, 0 to 31 (S32).
        detect_local_mode: how pods are recognised; None takes `ClusterCIDR` if there are cluster CIDRs, else no
            detection.
        pod_bridge_interface: the interface for `BridgeInterface`.
        pod_interface_name_prefix: the prefix for `InterfaceNamePrefix`.
        allow_service_external_ips: whether `spec.externalIPs` are served (S9).
        service_proxy_name: serve the Services whose label `service.kubernetes.io/service-proxy-name` has this value;
            empty serves those without the label (S5).
    """

    service_cidrs: tuple[str, ...] = field(default=(), converter=frozen_items)
    cluster_cidrs: tuple[str, ...] = field(default=(), converter=frozen_items)
    nodeport_addresses: tuple[str, ...] = field(default=(PRIMARY,), converter=frozen_items)
    local_addresses: tuple[str, ...] = field(default=(), converter=frozen_items)
    masquerade_all: bool = False
    masquerade_bit: int = field(default=DEFAULT_MASQUERADE_BIT)
    detect_local_mode: DetectLocalMode | None = field(
        default=None, converter=attrs.converters.optional(DetectLocalMode)
    )
    pod_bridge_interface: str = ""
    pod_interface_name_prefix: str = ""
    allow_service_external_ips: bool = True
    service_proxy_name: str = ""

    @masquerade_bit.validator
    def _bit_in_range(self, _attribute: object, value: int) -> None:
        if not 0 <= value <= 31:
            raise SettingsError(f"masquerade bit {value} is not in the range 0 to 31")
