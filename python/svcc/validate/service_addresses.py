"""The addresses of a Service: cluster IPs, external IPs, source ranges and what the load balancer reported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from svcc.addresses import canonical_address, family_of
from svcc.validate.findings import Findings, Path
from svcc.validate.ip import address_errors, address_warning, cidr_errors, cidr_warning, special_address_errors
from svcc.validate.names import SUPPORTED_PROTOCOLS, dns_subdomain_errors, port_number_errors, qualified_name_errors

__all__ = [
    "check_cluster_ips",
    "check_external_ips",
    "check_ingress",
    "check_source_ranges",
    "is_headless",
    "warn_of_address",
    "warn_of_source_range",
]

_CLUSTER_IPS: Path = ("spec", "clusterIPs")
_FAMILIES = ("IPv4", "IPv6")
_LONGEST_ERROR = 316
_POLICIES = ("PreferDualStack", "RequireDualStack", "SingleStack")
SOURCE_RANGES_ANNOTATION = "service.beta.kubernetes.io/load-balancer-source-ranges"


def is_headless(spec: Mapping[str, Any]) -> bool:
    """Whether a defaulted `spec` is headless: the one cluster IP is ``None``."""
    return bool(spec.get("clusterIPs") == ["None"])


def check_cluster_ips(spec: Mapping[str, Any], findings: Findings) -> None:
    """`ValidateServiceClusterIPsRelatedFields`, and what allocation asks of the policy."""
    if spec["type"] == "ExternalName":
        return
    cluster_ip = spec.get("clusterIP", "")
    cluster_ips = spec.get("clusterIPs", [])
    if cluster_ip and cluster_ips[0] != cluster_ip:
        detail = "first value must match `clusterIP`"
        findings.invalid("service/cluster-ip-mismatch", _CLUSTER_IPS, cluster_ips, detail)
    if cluster_ips and not cluster_ip:
        detail = "must be empty when `clusterIP` is not specified"
        findings.invalid("service/cluster-ips-without-cluster-ip", _CLUSTER_IPS, cluster_ips, detail)
    _check_families(spec, findings)
    if not _check_each_cluster_ip(cluster_ips, findings):
        return  # the server stops here too: families of addresses that are none would mislead
    families = [family_of(canonical_address(ip) or "") for ip in cluster_ips if ip != "None"]
    if len(families) > 1 and len(set(families)) == 1:
        detail = "may specify no more than one IP for each IP family"
        findings.invalid("service/cluster-ips-same-family", _CLUSTER_IPS, cluster_ips, detail)
    for index, (family, wanted) in enumerate(zip(families, spec.get("ipFamilies", []), strict=False)):
        if wanted in _FAMILIES and wanted != family:
            detail = f"expected an {wanted} value as indicated by `ipFamilies[{index}]`"
            findings.invalid("service/cluster-ip-wrong-family", (*_CLUSTER_IPS, index), cluster_ips[index], detail)
    _check_single_stack(spec, findings)


def _check_families(spec: Mapping[str, Any], findings: Findings) -> None:
    seen: set[str] = set()
    for index, family in enumerate(spec.get("ipFamilies", [])):
        path: Path = ("spec", "ipFamilies", index)
        if family not in _FAMILIES:
            findings.unsupported("service/ip-family-unsupported", path, family, _FAMILIES)
        if family in seen:
            findings.duplicate("service/ip-family-duplicate", path, family)
        seen.add(family)
    policy = spec.get("ipFamilyPolicy")
    if policy is not None and policy not in _POLICIES:
        findings.unsupported("service/ip-family-policy-unsupported", ("spec", "ipFamilyPolicy"), policy, _POLICIES)


def _check_each_cluster_ip(cluster_ips: Sequence[str], findings: Findings) -> bool:
    """Judge each cluster IP; whether all are addresses."""
    before = len(findings)
    for index, address in enumerate(cluster_ips):
        if index == 0 and address == "None":
            if len(cluster_ips) > 1:
                detail = "'None' must be the first and only value"
                findings.invalid("service/cluster-ip-none-not-alone", _CLUSTER_IPS, cluster_ips, detail)
            continue
        for error in address_errors(address):
            findings.invalid("service/cluster-ip-invalid", (*_CLUSTER_IPS, index), address, error)
    are_addresses = len(findings) == before
    if len(cluster_ips) > 2:
        findings.invalid("service/cluster-ips-too-many", _CLUSTER_IPS, cluster_ips, "may only hold up to 2 values")
    return are_addresses


def _check_single_stack(spec: Mapping[str, Any], findings: Findings) -> None:
    """`initIPFamilyFields`: the policy SingleStack, when written out, excludes a second family."""
    if spec.get("ipFamilyPolicy") != "SingleStack":
        return
    for name, noun in (("clusterIPs", "cluster IPs"), ("ipFamilies", "IP families")):
        if len(spec.get(name, [])) == 2:
            detail = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {noun} are specified"
            path: Path = ("spec", "ipFamilyPolicy")
            findings.invalid("service/single-stack-with-two-families", path, "SingleStack", detail)


def check_external_ips(external_ips: Sequence[str], findings: Findings) -> None:
    """Judge `spec.externalIPs`: addresses, and none that only means something on one host."""
    for index, address in enumerate(external_ips):
        path: Path = ("spec", "externalIPs", index)
        for error in address_errors(address):
            findings.invalid("service/external-ip-invalid", path, address, error)
        for error in special_address_errors(address):
            findings.invalid("service/external-ip-special", path, address, error)


def check_source_ranges(spec: Mapping[str, Any], annotations: Mapping[str, str], findings: Findings) -> None:
    """Judge `spec.loadBalancerSourceRanges`, or the annotation that came before it."""
    ranges = spec.get("loadBalancerSourceRanges", [])
    if ranges:
        base: Path = ("spec", "LoadBalancerSourceRanges")  # the server's spelling
        places: list[tuple[Path, str]] = [((*base, index), text.strip()) for index, text in enumerate(ranges)]
    elif SOURCE_RANGES_ANNOTATION in annotations:
        base = ("metadata", "annotations", (SOURCE_RANGES_ANNOTATION,))
        listed = annotations[SOURCE_RANGES_ANNOTATION].strip()
        places = [(base, text.strip()) for text in listed.split(",")] if listed else []
    else:
        return
    if spec["type"] != "LoadBalancer":
        detail = "may only be used when `type` is 'LoadBalancer'"
        findings.forbidden("service/source-ranges-need-load-balancer", base, detail)
    for path, text in places:
        for error in cidr_errors(text):
            findings.invalid("service/source-range-invalid", path, text, error)


def check_ingress(ingress: Sequence[Mapping[str, Any]], service_type: str, findings: Findings) -> None:
    """Judge `status.loadBalancer.ingress` (`ValidateLoadBalancerStatus`)."""
    base: Path = ("status", "loadBalancer", "ingress")
    if ingress and service_type != "LoadBalancer":
        detail = "may only be used when `spec.type` is 'LoadBalancer'"
        findings.forbidden("service/ingress-needs-load-balancer", base, detail)
        return
    for index, entry in enumerate(ingress):
        address = entry.get("ip", "")
        mode = entry.get("ipMode")
        if address:
            for error in address_errors(address):
                findings.invalid("service/ingress-ip-invalid", (*base, index, "ip"), address, error)
        if mode is not None and not address:
            detail = "may not be specified when `ip` is not set"
            findings.forbidden("service/ingress-ip-mode-without-ip", (*base, index, "ipMode"), detail)
        elif mode is not None and mode not in ("Proxy", "VIP"):
            path: Path = (*base, index, "ipMode")
            findings.unsupported("service/ingress-ip-mode-unsupported", path, mode, ("Proxy", "VIP"))
        _check_ingress_hostname(entry.get("hostname", ""), (*base, index, "hostname"), findings)
        _check_port_statuses(entry.get("ports", []), (*base, index, "ports"), findings)


def _check_port_statuses(ports: Sequence[Mapping[str, Any]], base: Path, findings: Findings) -> None:
    """What the types of the API say of `PortStatus`: the server does not hold a load balancer to it, so svcc warns."""
    for index, entry in enumerate(ports):
        number = entry.get("port", 0)
        for error in port_number_errors(number):
            findings.invalid("service/ingress-port-out-of-range", (*base, index, "port"), number, error)
        protocol = entry.get("protocol", "")
        if protocol not in SUPPORTED_PROTOCOLS:
            rule = "service/ingress-port-protocol-unsupported"
            findings.unsupported(rule, (*base, index, "protocol"), protocol, SUPPORTED_PROTOCOLS)
        if "error" in entry:
            text = entry["error"]
            errors = _too_long_error(text) or qualified_name_errors(text)
            for error in errors:
                findings.invalid("service/ingress-port-error-invalid", (*base, index, "error"), text, error)


def _too_long_error(text: str) -> list[str]:
    return [f"must be no more than {_LONGEST_ERROR} characters"] if len(text) > _LONGEST_ERROR else []


def _check_ingress_hostname(hostname: str, path: Path, findings: Findings) -> None:
    if not hostname:
        return
    for error in dns_subdomain_errors(hostname):
        findings.invalid("service/ingress-hostname-invalid", path, hostname, error)
    if canonical_address(hostname) is not None:
        detail = "must be a DNS name, not an IP address"
        findings.invalid("service/ingress-hostname-is-ip", path, hostname, detail)


def warn_of_address(address: str, path: Path, findings: Findings) -> None:
    """Warn of an address in an old form."""
    warning = address_warning(address)
    if warning is not None:
        findings.notice(f"service/ip-{warning[0]}", path, warning[1])


def warn_of_source_range(text: str, path: Path, findings: Findings) -> None:
    """Warn of a CIDR in an old form; spaces around it are allowed."""
    warning = cidr_warning(text.strip())
    if warning is not None:
        findings.notice(f"service/cidr-{warning[0]}", path, warning[1])
