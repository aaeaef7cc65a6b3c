"""An EndpointSlice judged as the API server judges it at creation (discovery/validation), in the same order.

Values are conformed and defaulted (`svcc.wire.endpoint_slice`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from svcc.addresses import canonical_address, family_of
from svcc.validate.balancing import check_weights
from svcc.validate.findings import Findings, Path
from svcc.validate.ip import address_errors, address_warning, special_address_errors
from svcc.validate.metadata import check_metadata
from svcc.validate.names import (
    SUPPORTED_PROTOCOLS,
    dns_label_errors,
    dns_subdomain_errors,
    label_value_errors,
    port_number_errors,
    qualified_name_errors,
)

__all__ = ["MOST_ENDPOINTS", "check_endpoint_slice"]

MOST_ENDPOINTS = 1000
_MOST_ADDRESSES = 100
_MOST_PORTS = 100
_MOST_HINTS = 8
_ADDRESS_TYPES = ("FQDN", "IPv4", "IPv6")


def check_endpoint_slice(value: Mapping[str, Any], findings: Findings) -> None:
    """Report everything that is wrong with one slice, then what the server would warn of."""
    check_metadata(value.get("metadata", {}), dns_subdomain_errors, findings, namespaced=True)
    address_type = value.get("addressType", "")
    if not address_type:
        findings.required("endpoint-slice/address-type-required", ("addressType",))
    elif address_type not in _ADDRESS_TYPES:
        rule = "endpoint-slice/address-type-unsupported"
        findings.unsupported(rule, ("addressType",), address_type, _ADDRESS_TYPES)
    endpoints = value.get("endpoints", [])
    if len(endpoints) > MOST_ENDPOINTS:
        findings.too_many("endpoint-slice/endpoints-too-many", ("endpoints",), len(endpoints), MOST_ENDPOINTS)
    else:
        for index, endpoint in enumerate(endpoints):
            _check_endpoint(endpoint, address_type, ("endpoints", index), findings)
    _check_ports(value.get("ports", []), findings)
    check_weights(value, findings)
    _warn(address_type, endpoints[:MOST_ENDPOINTS], findings)


def _check_endpoint(endpoint: Mapping[str, Any], address_type: str, path: Path, findings: Findings) -> None:
    addresses = endpoint.get("addresses", [])
    if not addresses:
        detail = "must contain at least 1 address"
        findings.required("endpoint-slice/addresses-required", (*path, "addresses"), detail)
    elif len(addresses) > _MOST_ADDRESSES:
        rule = "endpoint-slice/addresses-too-many"
        findings.too_many(rule, (*path, "addresses"), len(addresses), _MOST_ADDRESSES)
    for index, address in enumerate(addresses):
        place: Path = (*path, "addresses", index)
        if address_type == "FQDN":
            _check_domain_name(address, place, findings)
        elif address_type in _ADDRESS_TYPES:
            _check_address(address, address_type, place, findings)
    if "nodeName" in endpoint:
        for error in dns_subdomain_errors(endpoint["nodeName"]):
            findings.invalid("endpoint-slice/node-name-invalid", (*path, "nodeName"), endpoint["nodeName"], error)
    if "hostname" in endpoint:
        for error in dns_label_errors(endpoint["hostname"]):
            findings.invalid("endpoint-slice/hostname-invalid", (*path, "hostname"), endpoint["hostname"], error)
    hints = endpoint.get("hints", {})
    for name, rule, errors in (
        ("forZones", "endpoint-slice/zone-hint-invalid", label_value_errors),
        ("forNodes", "endpoint-slice/node-hint-invalid", dns_subdomain_errors),
    ):
        _check_hints(hints.get(name, []), rule, errors, (*path, "hints", name), findings)


def _check_address(address: str, address_type: str, path: Path, findings: Findings) -> None:
    canonical = canonical_address(address)
    if canonical is None:
        for error in address_errors(address):
            findings.invalid("endpoint-slice/address-invalid", path, address, error)
        return
    if family_of(canonical) != address_type:
        detail = f"must be an {address_type} address"
        findings.invalid("endpoint-slice/address-wrong-family", path, address, detail)
    for error in special_address_errors(address):
        findings.invalid("endpoint-slice/address-special", path, address, error)


def _check_domain_name(name: str, path: Path, findings: Findings) -> None:
    """`IsFullyQualifiedDomainName`."""
    name = name.removesuffix(".")
    errors = dns_subdomain_errors(name)
    if not errors and "." not in name:
        errors = ["should be a domain with at least two segments separated by dots"]
    if not errors:
        errors = [error for label in name.split(".") for error in dns_label_errors(label)]
    for error in errors:
        findings.invalid("endpoint-slice/domain-name-invalid", path, name, error)


def _check_hints(
    hints: Sequence[Mapping[str, Any]],
    rule: str,
    name_errors: Callable[[str], list[str]],
    path: Path,
    findings: Findings,
) -> None:
    if len(hints) > _MOST_HINTS:
        findings.too_many("endpoint-slice/hints-too-many", path, len(hints), _MOST_HINTS)
        return
    seen: set[str] = set()
    for index, hint in enumerate(hints):
        name = hint.get("name", "")
        if name in seen:
            findings.duplicate("endpoint-slice/hint-duplicate", (*path, index, "name"), name)
        seen.add(name)
        for error in name_errors(name):
            findings.invalid(rule, (*path, index, "name"), name, error)


def _check_ports(ports: Sequence[Mapping[str, Any]], findings: Findings) -> None:
    if len(ports) > _MOST_PORTS:
        findings.too_many("endpoint-slice/ports-too-many", ("ports",), len(ports), _MOST_PORTS)
        return
    names: set[str] = set()
    for index, port in enumerate(ports):
        path: Path = ("ports", index)
        name = port["name"]
        if name:
            for error in dns_label_errors(name):
                findings.invalid("endpoint-slice/port-name-invalid", (*path, "name"), name, error)
        if name in names:
            findings.duplicate("endpoint-slice/port-name-duplicate", (*path, "name"), name)
        names.add(name)
        if "port" in port:
            for error in port_number_errors(port["port"]):
                findings.invalid("endpoint-slice/port-out-of-range", (*path, "port"), port["port"], error)
        if port["protocol"] not in SUPPORTED_PROTOCOLS:
            rule = "endpoint-slice/protocol-unsupported"
            findings.unsupported(rule, (*path, "protocol"), port["protocol"], SUPPORTED_PROTOCOLS)
        if "appProtocol" in port:
            rule = "endpoint-slice/app-protocol-invalid"
            for error in qualified_name_errors(port["appProtocol"]):
                findings.invalid(rule, (*path, "appProtocol"), port["appProtocol"], error)


def _warn(address_type: str, endpoints: Sequence[Mapping[str, Any]], findings: Findings) -> None:
    if address_type == "FQDN":
        findings.notice("endpoint-slice/fqdn-deprecated", ("addressType",), "FQDN endpoints are deprecated")
        return
    for index, endpoint in enumerate(endpoints):
        if endpoint.get("deprecatedTopology"):
            sentence = "is not writable in v1, and the server drops it"
            path: Path = ("endpoints", index, "deprecatedTopology")
            findings.notice("endpoint-slice/deprecated-topology-dropped", path, sentence, "use zone and nodeName")
        for position, address in enumerate(endpoint.get("addresses", [])):
            warning = address_warning(address)
            if warning is not None:
                path = ("endpoints", index, "addresses", position)
                findings.notice(f"endpoint-slice/address-{warning[0]}", path, warning[1])
