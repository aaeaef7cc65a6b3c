"""What svcc reads of Nodes and ServiceCIDRs, judged as the API server judges it.

Sources: core/validation (`ValidateNode`, `ValidateNodeUpdate`), networking/validation (`ValidateServiceCIDR`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svcc.addresses import canonical_prefix, family_of
from svcc.validate.findings import Findings, Path
from svcc.validate.ip import cidr_errors, cidr_warning, has_leading_zeros
from svcc.validate.metadata import check_metadata
from svcc.validate.names import dns_subdomain_errors

__all__ = ["check_node", "check_service_cidr"]

_SHORTEST_IPV6_SERVICE_PREFIX = 64


def check_node(value: Mapping[str, Any], findings: Findings) -> None:
    """Report everything that is wrong with one Node, then what the server would warn of."""
    check_metadata(value.get("metadata", {}), dns_subdomain_errors, findings, namespaced=False)
    pod_cidrs = value["spec"].get("podCIDRs", [])
    path: Path = ("spec", "podCIDRs")
    for index, text in enumerate(pod_cidrs):
        for error in cidr_errors(text):
            findings.invalid("node/pod-cidr-invalid", (*path, index), text, error)
    if len(pod_cidrs) > 1 and not _are_dual_stack(pod_cidrs):
        detail = "may specify no more than one CIDR for each IP family"
        findings.invalid("node/pod-cidrs-not-dual-stack", path, pod_cidrs, detail)
    seen: set[tuple[str, str]] = set()
    for index, entry in enumerate(value.get("status", {}).get("addresses", [])):
        key = (entry.get("type", ""), entry.get("address", ""))
        if key in seen:
            printed = {"Type": key[0], "Address": key[1]}
            findings.duplicate("node/address-duplicate", ("status", "addresses", index), printed)
        seen.add(key)
    for index, text in enumerate(pod_cidrs):
        warning = cidr_warning(text)
        if warning is not None:
            findings.notice(f"node/cidr-{warning[0]}", (*path, index), warning[1])


def _are_dual_stack(cidrs: Sequence[str]) -> bool:
    """Whether CIDRs, as far as they parse, are of different families."""
    families = [family_of(canonical) for canonical in map(canonical_prefix, cidrs) if canonical is not None]
    return len(set(families)) == len(families)


def check_service_cidr(value: Mapping[str, Any], findings: Findings) -> None:
    """Report everything that is wrong with one ServiceCIDR; this young API has always been strict about CIDRs."""
    check_metadata(value.get("metadata", {}), dns_subdomain_errors, findings, namespaced=False)
    cidrs = value.get("spec", {}).get("cidrs", [])
    path: Path = ("spec", "cidrs")
    if not cidrs:
        findings.required("service-cidr/cidrs-required", path, "at least one CIDR required")
    elif len(cidrs) > 2:
        findings.invalid("service-cidr/cidrs-too-many", path, cidrs, "may only hold up to 2 values")
    elif not _are_dual_stack(cidrs):
        detail = "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/96"
        findings.invalid("service-cidr/cidrs-not-dual-stack", path, cidrs, detail)
    else:
        for index, text in enumerate(cidrs):
            _check_strict_cidr(text, (*path, index), findings)


def _check_strict_cidr(text: str, path: Path, findings: Findings) -> None:
    """`IsValidCIDR`; and `NewIPAllocator` on the length."""
    canonical = canonical_prefix(text)
    address, _, length = text.partition("/")
    if canonical is None or text != text.strip():
        for error in cidr_errors(text) or ["must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"]:
            findings.invalid("service-cidr/cidr-invalid", path, text, error)
        return
    parts = [length, *(address.split(".") if ":" not in address else ())]
    form = cidr_warning(text)
    if form is not None and form[0] == "ambiguous":
        detail = "must not have bits set beyond the prefix length"
        findings.invalid("service-cidr/cidr-host-bits", path, text, detail)
    if any(map(has_leading_zeros, parts)):
        detail = "must not have leading 0s in IP or prefix length"
        findings.invalid("service-cidr/cidr-leading-zeros", path, text, detail)
    elif form is not None and form[0] == "not-canonical":
        findings.invalid("service-cidr/cidr-not-canonical", path, text, f'must be in canonical form ("{canonical}")')
    if ":" in canonical and int(length) < _SHORTEST_IPV6_SERVICE_PREFIX:
        shortest = f"shortest allowed prefix length for service CIDR is {_SHORTEST_IPV6_SERVICE_PREFIX}"
        sentence = f"{shortest}, got {int(length)}"
        findings.notice("service-cidr/ipv6-prefix-too-short", path, sentence)
