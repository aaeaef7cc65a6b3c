"""What the API server warns of when it accepts a Service (`GetWarningsForService`)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.validate.balancing import check_balancing
from svcc.validate.findings import Findings, Path
from svcc.validate.service_addresses import is_headless, warn_of_address, warn_of_source_range

__all__ = ["TOPOLOGY_HINTS_ANNOTATION", "TOPOLOGY_MODE_ANNOTATION", "check_service_warnings"]

TOPOLOGY_MODE_ANNOTATION = "service.kubernetes.io/topology-mode"
TOPOLOGY_HINTS_ANNOTATION = "service.kubernetes.io/topology-aware-hints"


_BOTH: Final[frozenset[str]] = frozenset(IPFamily)


def check_service_warnings(value: Mapping[str, Any], findings: Findings) -> None:
    """Report warnings, of which many name their field themselves."""
    spec = value["spec"]
    check_balancing(value.get("metadata", {}).get("annotations", {}), findings)
    if TOPOLOGY_HINTS_ANNOTATION in value.get("metadata", {}).get("annotations", {}):
        deprecated = f"annotation {TOPOLOGY_HINTS_ANNOTATION} is deprecated"
        sentence = f"{deprecated}, please use {TOPOLOGY_MODE_ANNOTATION} instead"
        path: Path = ("metadata", "annotations", (TOPOLOGY_HINTS_ANNOTATION,))
        findings.sentence("service/topology-hints-annotation-deprecated", path, sentence)
    _check_policy(spec, findings)
    headless = is_headless(spec)
    if not headless:
        for index, address in enumerate(spec.get("clusterIPs", [])):
            warn_of_address(address, ("spec", "clusterIPs", index), findings)
    else:
        _check_headless(spec, findings)
    for index, address in enumerate(spec.get("externalIPs", [])):
        warn_of_address(address, ("spec", "externalIPs", index), findings)
    for index, text in enumerate(spec.get("loadBalancerSourceRanges", [])):
        warn_of_source_range(text, ("spec", "loadBalancerSourceRanges", index), findings)
    if spec.get("externalIPs"):
        sentence = "is deprecated and may no longer be implemented in some clusters"
        findings.sentence("service/external-ips-deprecated", ("spec", "externalIPs"), f"spec.externalIPs {sentence}")
        if spec["type"] == "ExternalName":
            sentence = 'spec.externalIPs is ignored when spec.type is "ExternalName"'
            findings.sentence("service/external-ips-ignored", ("spec", "externalIPs"), sentence)
    if spec["type"] != "ExternalName" and spec.get("externalName"):
        sentence = 'spec.externalName is ignored when spec.type is not "ExternalName"'
        findings.sentence("service/external-name-ignored", ("spec", "externalName"), sentence)
    if spec.get("trafficDistribution") == "PreferClose":
        sentence = 'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'
        findings.sentence("service/prefer-close-deprecated", ("spec", "trafficDistribution"), sentence)
    for index, entry in enumerate(value.get("status", {}).get("loadBalancer", {}).get("ingress", [])):
        if entry.get("ip"):
            warn_of_address(entry["ip"], ("status", "loadBalancer", "ingress", index, "ip"), findings)


def _check_policy(spec: Mapping[str, Any], findings: Findings) -> None:
    """`initIPFamilyFields`: a server takes SingleStack where nothing is said, and refuses two of anything then.

    A warning, as nothing else stands in the way of serving both, and no object that a server has kept is like that.
    """
    if spec.get("ipFamilyPolicy") or spec["type"] == "ExternalName" or (is_headless(spec) and not spec.get("selector")):
        return
    cluster_ips = spec.get("clusterIPs", ())
    if len(cluster_ips) > len(_BOTH):  # it is refused for that
        return
    of_addresses: set[str] = {family_of(each) for each in map(canonical_address, cluster_ips) if each is not None}
    for families, noun in ((of_addresses, "cluster IPs"), (set(spec.get("ipFamilies", ())), "IP families")):
        if families >= _BOTH:
            detail = f"is SingleStack by default, with which a server refuses two {noun}"
            hint = "write PreferDualStack or RequireDualStack"
            findings.notice("service/two-families-without-policy", ("spec", "ipFamilyPolicy"), detail, hint)
            return


def _check_headless(spec: Mapping[str, Any], findings: Findings) -> None:
    if spec.get("loadBalancerIP"):
        sentence = "spec.loadBalancerIP is ignored for headless services"
        findings.sentence("service/headless-load-balancer-ip-ignored", ("spec", "loadBalancerIP"), sentence)
    if spec.get("externalIPs"):
        sentence = "spec.externalIPs is ignored for headless services"
        findings.sentence("service/headless-external-ips-ignored", ("spec", "externalIPs"), sentence)
    if spec["sessionAffinity"] != "None":
        sentence = "spec.SessionAffinity is ignored for headless services"
        findings.sentence("service/headless-session-affinity-ignored", ("spec", "sessionAffinity"), sentence)
