"""EndpointSlices as manifests write them: the fields svcc reads, the server's defaults, and the way into the model."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from svcc.fields import ObjectReference, Source
from svcc.model.endpoints import SERVICE_NAME_LABEL, Endpoint, EndpointPort, EndpointSlice
from svcc.model.service import Protocol
from svcc.wire.metadata import METADATA, TYPE_META
from svcc.wire.structure import Fields, Items, Scalar

__all__ = ["ENDPOINT_SLICE", "endpoint_port", "endpoint_slice_from", "set_endpoint_slice_defaults"]

_HINTS = Items(Fields({"name": Scalar.STRING}))

_ENDPOINT = Fields(
    {
        "addresses": Items(Scalar.STRING),
        "conditions": Fields(
            {"ready": Scalar.BOOLEAN, "serving": Scalar.BOOLEAN, "terminating": Scalar.BOOLEAN},
        ),
        "hostname": Scalar.STRING,
        "nodeName": Scalar.STRING,
        "zone": Scalar.STRING,
        "hints": Fields({"forZones": _HINTS, "forNodes": _HINTS}),
        "targetRef": Fields(
            {"kind": Scalar.STRING, "name": Scalar.STRING, "namespace": Scalar.STRING},
            unread=frozenset({"apiVersion", "fieldPath", "resourceVersion", "uid"}),
        ),
        "deprecatedTopology": Scalar.STRING_MAP,
    }
)

_PORT = Fields({"name": Scalar.STRING, "protocol": Scalar.STRING, "port": Scalar.INTEGER, "appProtocol": Scalar.STRING})

ENDPOINT_SLICE = Fields(
    {"metadata": METADATA, "addressType": Scalar.STRING, "endpoints": Items(_ENDPOINT), "ports": Items(_PORT)},
    unread=TYPE_META,
)
"""The fields of a discovery.k8s.io/v1 EndpointSlice."""


def set_endpoint_slice_defaults(value: dict[str, Any]) -> None:
    """Set what the server sets before it validates (`SetDefaults_EndpointPort`): name ``""`` and protocol TCP.

    The server gives the name ``""`` to a port whose name is absent or null; so does svcc, because kube-proxy only ever
    sees what the server stored. An `EndpointPort` without a name (S12) can only be made in Python.
    The value is changed in place; it must have been read by `conformed`.
    """
    for port in value.get("ports", ()):
        port.setdefault("name", "")
        port.setdefault("protocol", "TCP")


def endpoint_slice_from(value: Mapping[str, Any], namespace: str, source: Source | None) -> EndpointSlice:
    """The slice that a valid, conformed value declares; `namespace` is for objects that name none."""
    metadata = value["metadata"]
    labels = metadata.get("labels") or {}
    return EndpointSlice(
        metadata["name"],
        metadata.get("namespace") or namespace,
        service_name=labels.get(SERVICE_NAME_LABEL),
        address_type=value["addressType"],
        endpoints=tuple(map(_endpoint, value.get("endpoints", ()))),
        ports=tuple(
            endpoint_port(port.get("port"), port.get("name", ""), port.get("protocol", "TCP"))
            for port in value.get("ports", ())
        ),
        labels=labels,
        annotations=metadata.get("annotations"),
        source=source,
    )


@lru_cache(maxsize=4096)
def endpoint_port(port: int | None, name: str, protocol: str) -> EndpointPort:
    """A port of a slice; equal ports are one value, for a large cluster has few different ones."""
    return EndpointPort(port, name, Protocol(protocol))


def _endpoint(value: Mapping[str, Any]) -> Endpoint:
    conditions = value.get("conditions", {})
    hints = value.get("hints", {})
    target = value.get("targetRef")
    return Endpoint(
        tuple(value["addresses"]),
        conditions.get("ready"),
        conditions.get("serving"),
        conditions.get("terminating"),
        value.get("nodeName"),
        value.get("zone"),
        value.get("hostname"),
        tuple(hint.get("name", "") for hint in hints.get("forZones", ())),
        tuple(hint.get("name", "") for hint in hints.get("forNodes", ())),
        None
        if target is None
        else ObjectReference(target.get("kind", ""), target.get("name", ""), target.get("namespace", "")),
    )
