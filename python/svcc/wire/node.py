"""Nodes and ServiceCIDRs as manifests write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from svcc.fields import Source
from svcc.model.node import Node, NodeAddress, ServiceCIDR
from svcc.wire.metadata import METADATA, TYPE_META
from svcc.wire.structure import Fields, Items, Scalar

__all__ = ["NODE", "SERVICE_CIDR", "node_from", "service_cidr_from", "set_node_defaults"]

_UNREAD_NODE_INFO = frozenset(
    {
        "bootID",
        "containerRuntimeVersion",
        "kernelVersion",
        "kubeProxyVersion",
        "kubeletVersion",
        "machineID",
        "operatingSystem",
        "osImage",
        "swap",
        "systemUUID",
    }
)
_UNREAD_NODE_STATUS = frozenset(
    {
        "allocatable",
        "capacity",
        "conditions",
        "config",
        "daemonEndpoints",
        "declaredFeatures",
        "features",
        "images",
        "phase",
        "runtimeHandlers",
        "volumesAttached",
        "volumesInUse",
    }
)

NODE_METADATA = Fields(
    {**METADATA.shapes, "deletionTimestamp": Scalar.STRING}, unread=METADATA.unread - {"deletionTimestamp"}
)
"""That of a Node, of which it counts whether it is being deleted (S51)."""

NODE = Fields(
    {
        "metadata": NODE_METADATA,
        "spec": Fields(
            {
                "podCIDR": Scalar.STRING,
                "podCIDRs": Items(Scalar.STRING),
                "taints": Items(Fields({"key": Scalar.STRING}, unread=frozenset({"effect", "timeAdded", "value"}))),
            },
            unread=frozenset({"configSource", "externalID", "providerID", "unschedulable"}),
        ),
        "status": Fields(
            {
                "addresses": Items(Fields({"type": Scalar.STRING, "address": Scalar.STRING})),
                "nodeInfo": Fields({"architecture": Scalar.STRING}, unread=_UNREAD_NODE_INFO),
            },
            unread=_UNREAD_NODE_STATUS,
        ),
    },
    unread=TYPE_META,
)
"""The fields of a v1 Node."""

SERVICE_CIDR = Fields(
    {"metadata": METADATA, "spec": Fields({"cidrs": Items(Scalar.STRING)})}, unread=TYPE_META | {"status"}
)
"""The fields of a networking.k8s.io ServiceCIDR."""


def set_node_defaults(value: dict[str, Any]) -> None:
    """Make `podCIDRs` agree with `podCIDR` as the server does when it decodes: the single field wins."""
    spec = value.setdefault("spec", {})
    single = spec.get("podCIDR")
    if single and single not in spec.get("podCIDRs", ())[:1]:
        spec["podCIDRs"] = [single]


def node_from(value: Mapping[str, Any], source: Source | None) -> Node:
    """The node that a valid, conformed value declares."""
    metadata = value["metadata"]
    status = value.get("status", {})
    return Node(
        metadata["name"],
        addresses=tuple(
            NodeAddress(entry.get("address", ""), entry.get("type", "")) for entry in status.get("addresses", ())
        ),
        pod_cidrs=tuple(value["spec"].get("podCIDRs", ())),
        labels=metadata.get("labels"),
        annotations=metadata.get("annotations"),
        architecture=status.get("nodeInfo", {}).get("architecture", ""),
        taints=tuple(entry.get("key", "") for entry in value["spec"].get("taints", ())),
        is_being_deleted=bool(metadata.get("deletionTimestamp")),
        source=source,
    )


def service_cidr_from(value: Mapping[str, Any], source: Source | None) -> ServiceCIDR:
    """The range that a valid, conformed value declares."""
    return ServiceCIDR(value["metadata"]["name"], cidrs=tuple(value["spec"]["cidrs"]), source=source)
