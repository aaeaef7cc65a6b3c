"""Nodes and ServiceCIDRs: what svcc reads of them."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.fields import ObjectReference, Source
from svcc.model.metadata import frozen_items, frozen_mapping

__all__ = ["ZONE_LABEL", "Node", "NodeAddress", "ServiceCIDR"]

ZONE_LABEL = "topology.kubernetes.io/zone"


@frozen
class NodeAddress:
    """One entry of `status.addresses`; `type` is ``InternalIP``, ``ExternalIP``, ``Hostname`` and so on."""

    address: str
    type: str = "InternalIP"


@frozen
class Node:
    """A node: the one svcc compiles for, or another one that endpoints and hints name.

    `architecture` is `status.nodeInfo.architecture` (Go's name: amd64, arm64, s390x). `taints` are the keys of
    `spec.taints`; `is_being_deleted` says whether there is a `metadata.deletionTimestamp` (both for S51).
    """

    name: str
    addresses: tuple[NodeAddress, ...] = field(default=(), converter=frozen_items, kw_only=True)
    pod_cidrs: tuple[str, ...] = field(default=(), converter=frozen_items, kw_only=True)
    labels: Mapping[str, str] = field(default=None, converter=frozen_mapping, kw_only=True)
    annotations: Mapping[str, str] = field(default=None, converter=frozen_mapping, kw_only=True)
    architecture: str = field(default="", kw_only=True)
    taints: tuple[str, ...] = field(default=(), converter=frozen_items, kw_only=True)
    is_being_deleted: bool = field(default=False, kw_only=True)
    source: Source | None = field(default=None, eq=False, repr=False, kw_only=True)

    @property
    def zone(self) -> str | None:
        """The zone that zone hints are compared with (S20); an empty label is no zone."""
        return self.labels.get(ZONE_LABEL) or None

    def primary_address(self, family: IPFamily) -> str | None:
        """The node's own address of a family: the first InternalIP, else the first ExternalIP (S41, S42)."""
        for wanted in ("InternalIP", "ExternalIP"):
            for entry in self.addresses:
                address = canonical_address(entry.address) if entry.type == wanted else None
                if address is not None and family_of(address) is family:
                    return address
        return None

    @property
    def reference(self) -> ObjectReference:
        """This node, for reports."""
        return ObjectReference("Node", self.name)


@frozen
class ServiceCIDR:
    """A range that cluster IPs are taken from (networking.k8s.io/v1)."""

    name: str
    cidrs: tuple[str, ...] = field(default=(), converter=frozen_items, kw_only=True)
    source: Source | None = field(default=None, eq=False, repr=False, kw_only=True)

    @property
    def reference(self) -> ObjectReference:
        """This range, for reports."""
        return ObjectReference("ServiceCIDR", self.name)
