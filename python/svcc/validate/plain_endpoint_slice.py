"""EndpointSlices that are plainly fine (see `svcc.validate.plain`)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from socket import AF_INET, AF_INET6, inet_ntop, inet_pton
from typing import Any, Final

from svcc.addresses import canonical_address, family_of
from svcc.fields import ObjectReference, Source
from svcc.model.endpoints import SERVICE_NAME_LABEL, Endpoint, EndpointPort, EndpointSlice, WrittenEndpoints
from svcc.model.metadata import frozen_mapping
from svcc.model.unconverted import maker
from svcc.validate.endpoint_slice import MOST_ENDPOINTS
from svcc.validate.ip import special_address_errors
from svcc.validate.plain import (
    DOUBT,
    PROTOCOLS,
    is_known_subdomain,
    is_label,
    is_label_value,
    metadata_is_plain,
    metadata_of,
)
from svcc.wire.endpoint_slice import ENDPOINT_SLICE, endpoint_port
from svcc.wire.written import WrittenObject

__all__ = ["plain_endpoint_slice"]

_ENDPOINTS: Any = ENDPOINT_SLICE.shapes["endpoints"]
_ENDPOINT = _ENDPOINTS.shape
_USUAL_FIELDS = _ENDPOINT.known - {"deprecatedTopology"}
_CONDITIONS = _ENDPOINT.shapes["conditions"].known
_HINT_KINDS = _ENDPOINT.shapes["hints"].known
_REFERENCE_FIELDS = _ENDPOINT.shapes["targetRef"].known
_PORTS: Any = ENDPOINT_SLICE.shapes["ports"]
_PORT_FIELDS = _PORTS.shape.known - {"appProtocol"}
_ONLY_NAME = frozenset({"name"})
_endpoint_slice: Final = maker(
    EndpointSlice,
    (
        "name",
        "namespace",
        "service_name",
        "address_type",
        "endpoints",
        "ports",
        "labels",
        "annotations",
        "source",
    ),
)


def plain_endpoint_slice(value: Mapping[str, Any], namespace: str, source: Source | None) -> EndpointSlice | None:
    """The slice that a value declares, if it is certainly in order and needs no warning; else None."""
    try:
        metadata = metadata_of(value)
        name = metadata["name"]
        address_type = value["addressType"]
        # Names of slices are used once each, and do not come back as the name of a node does: a label is enough here.
        if (
            not is_label(name)
            or not metadata_is_plain(metadata)
            or address_type not in ("IPv4", "IPv6")
            or not ENDPOINT_SLICE.known.issuperset(value)
        ):
            return None
        endpoints: tuple[Endpoint, ...] | WrittenEndpoints | None = None
        if type(value) is WrittenObject:
            endpoints = value.plain_endpoints(address_type, Endpoint, ObjectReference)
        if endpoints is None:
            endpoints = _plain_endpoints(value.get("endpoints"), address_type)
        ports = _plain_ports(value.get("ports"))
    except DOUBT:
        return None
    if endpoints is None or ports is None:
        return None
    labels = metadata.get("labels")
    return _endpoint_slice(
        name,
        metadata.get("namespace") or namespace,
        labels.get(SERVICE_NAME_LABEL) if labels else None,
        address_type,
        endpoints,
        ports,
        frozen_mapping(labels),
        frozen_mapping(metadata.get("annotations")),
        source,
    )


def _plain_ports(ports: Any) -> tuple[EndpointPort, ...] | None:
    if ports is None:
        return ()
    if type(ports) is not list or len(ports) > 100:
        return None
    result = {}
    for port in ports:
        name = port.get("name", "")
        plain = _plain_port(port.get("port"), name, port.get("protocol", "TCP"))
        if plain is None or not _PORT_FIELDS.issuperset(port):
            return None
        result[name] = plain
    return tuple(result.values()) if len(result) == len(ports) else None


@lru_cache(maxsize=8192, typed=True)
def _plain_port(number: Any, name: Any, protocol: Any) -> EndpointPort | None:
    if (
        (number is not None and not (type(number) is int and 0 < number < 65536))
        or not (name == "" or is_label(name))
        or protocol not in PROTOCOLS
    ):
        return None
    return endpoint_port(number, name, protocol)


def _plain_endpoints(  # noqa: C901, PLR0911, PLR0912  (a call for each part of an endpoint would double its cost)
    entries: Any, address_type: str
) -> tuple[Endpoint, ...] | None:
    """All endpoints in one pass: this loop runs for every endpoint of a cluster, so nothing in it is done twice."""
    if entries is None:
        return ()
    if type(entries) is not list or len(entries) > MOST_ENDPOINTS:
        return None
    is_ipv4 = address_type == "IPv4"
    usual_fields = _USUAL_FIELDS.issuperset
    condition_fields = _CONDITIONS.issuperset
    reference_fields = _REFERENCE_FIELDS.issuperset
    result = []
    for entry in entries:
        get = entry.get
        addresses = entry["addresses"]
        if type(addresses) is not list or not 0 < len(addresses) <= 100:
            return None
        for address in addresses:
            if is_ipv4:
                # inet_pton refuses every spelling but the canonical one.
                is_certain = inet_pton(AF_INET, address)[0] not in _FIRST_OCTETS_OF_SPECIAL_RANGES
            else:
                packed = inet_pton(AF_INET6, address)
                is_certain = 0 < packed[0] < 0xFE and inet_ntop(AF_INET6, packed) == address
            if not is_certain and not _address_is_plain(address, address_type):
                return None
        ready = serving = terminating = None
        conditions = get("conditions")
        if conditions is not None:
            ready = conditions.get("ready")
            serving = conditions.get("serving")
            terminating = conditions.get("terminating")
            if (len(conditions) != 3 or ready is None or serving is None or terminating is None) and not (
                condition_fields(conditions)
            ):
                return None
            if not (
                (ready is True or ready is False or ready is None)
                and (serving is True or serving is False or serving is None)
                and (terminating is True or terminating is False or terminating is None)
            ):
                return None
        node_name = get("nodeName")
        zone = get("zone")
        hostname = get("hostname")
        if (
            (node_name is not None and not is_known_subdomain(node_name))
            or (zone is not None and type(zone) is not str)
            or (hostname is not None and not is_label(hostname))
        ):
            return None
        zone_hints: tuple[str, ...] = ()
        node_hints: tuple[str, ...] = ()
        hints = get("hints")
        if hints is not None:
            if not _HINT_KINDS.issuperset(hints):
                return None
            zone_hints = _hinted(hints.get("forZones"))
            node_hints = _hinted(hints.get("forNodes"))
            if not (all(map(is_label_value, zone_hints)) and all(map(is_known_subdomain, node_hints))):
                return None
        target = None
        reference = get("targetRef")
        if reference is not None:
            kind = reference["kind"]
            name = reference["name"]
            namespace = reference.get("namespace", "")
            if type(kind) is not str or type(name) is not str or type(namespace) is not str:
                return None
            if (len(reference) != 4 or not namespace or "uid" not in reference) and not reference_fields(reference):
                return None
            target = ObjectReference(kind, name, namespace)
        # Five parts, all of which were found, are those that controllers write: no other name is among them.
        if (
            len(entry) != 5 or conditions is None or node_name is None or zone is None or reference is None
        ) and not usual_fields(entry):
            return None
        result.append(
            Endpoint(
                tuple(addresses), ready, serving, terminating, node_name, zone, hostname, zone_hints, node_hints, target
            )
        )
    return tuple(result)


_FIRST_OCTETS_OF_SPECIAL_RANGES = frozenset({0, 127, 169, 224})


def _address_is_plain(text: str, address_type: str) -> bool:
    return canonical_address(text) == text and family_of(text) == address_type and not special_address_errors(text)


def _hinted(hints: Any) -> tuple[str, ...]:
    """The names of hints. Raises one of `DOUBT` if they are in doubt."""
    if hints is None:
        return ()
    names = tuple([hint["name"] for hint in hints])
    if (
        type(hints) is not list
        or not all(map(_ONLY_NAME.issuperset, hints))
        or len(names) > 8
        or len(set(names)) != len(names)
    ):
        raise ValueError(hints)
    return names
