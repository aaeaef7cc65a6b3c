"""The IP families a Service gets: `initIPFamilyFields` of kubernetes/pkg/registry/core/service/storage/alloc.go."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from attrs import frozen

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.allocation.refusals import refusal
from svcc.fields import FieldPath, Problem
from svcc.model.service import HEADLESS, IPFamilyPolicy, Service, ServiceType

__all__ = ["Families", "families_of", "given_addresses"]

_CLUSTER_IPS = FieldPath.of("spec.clusterIPs")
_IP_FAMILIES = FieldPath.of("spec.ipFamilies")
_POLICY = FieldPath.of("spec.ipFamilyPolicy")


@frozen
class Families:
    """The families of a Service and its policy; for an ExternalName there are none."""

    families: tuple[IPFamily, ...] = ()
    policy: IPFamilyPolicy | None = None


def given_addresses(service: Service) -> list[tuple[str, str]]:
    """The cluster IPs that a Service names, each as written and as canonical text; those that are none are left out."""
    if service.type is ServiceType.EXTERNAL_NAME:
        return []
    pairs = ((written, canonical_address(written)) for written in service.cluster_ips if written != HEADLESS)
    return [(written, canonical) for written, canonical in pairs if canonical is not None]


def families_of(
    service: Service, addresses: Sequence[tuple[str, str]], configured: Sequence[IPFamily]
) -> Families | list[Problem]:
    """The families that a Service gets in a cluster with the families `configured`, the default one first.

    Or why the server refuses it; as there, what is wrong with addresses goes before what the cluster cannot do.
    `addresses` are those that the Service names, by `given_addresses`.
    """
    if service.type is ServiceType.EXTERNAL_NAME:
        return Families()
    if not service.cluster_ips:
        # Most Services of those that need anything: few answers for many of them, and no problem that names one.
        found = _without_addresses(
            service.ip_family_policy, service.ip_families, tuple(configured), has_selector=bool(service.selector)
        )
        if found is not None:
            return found
    return _families_or_problems(service, addresses, configured)


@lru_cache(maxsize=256)
def _without_addresses(
    policy: IPFamilyPolicy | None,
    families: tuple[IPFamily, ...],
    configured: tuple[IPFamily, ...],
    *,
    has_selector: bool,
) -> Families | None:
    """What a Service gets that names no address; None if it is refused."""
    selector = {"app": ""} if has_selector else {}
    service = Service("", ip_family_policy=policy, ip_families=families, selector=selector)
    found = _families_or_problems(service, (), configured)
    return found if isinstance(found, Families) else None


def _families_or_problems(
    service: Service, addresses: Sequence[tuple[str, str]], configured: Sequence[IPFamily]
) -> Families | list[Problem]:
    is_free = service.is_headless and not service.selector
    default = IPFamilyPolicy.REQUIRE_DUAL_STACK if is_free else IPFamilyPolicy.SINGLE_STACK
    policy = IPFamilyPolicy(service.ip_family_policy or default)
    problems = _address_problems(service)
    if problems:
        return problems
    is_single = policy is IPFamilyPolicy.SINGLE_STACK
    if is_single:
        for count, noun in ((len(service.cluster_ips), "cluster IPs"), (len(service.ip_families), "IP families")):
            if count == 2:
                detail = f"must be 'RequireDualStack' or 'PreferDualStack' when multiple {noun} are specified"
                problems.append(refusal("single-stack-with-two-families", service, _POLICY, policy.value, detail))
    families = list(service.ip_families)
    for index, (_, address) in enumerate(addresses):
        if index < len(families):
            continue
        family = family_of(address)
        if family not in configured:
            detail = f"{family.value} is not configured on this cluster"
            path = _CLUSTER_IPS.child(index)
            rule = "cluster-ip-family-not-configured"
            problems.append(refusal(rule, service, path, list(service.cluster_ips), detail))
        families.append(family)
    if problems:
        return problems
    if is_free:
        # Whoever writes the endpoints may use families that the cluster has no Service addresses of.
        families = families or [configured[0]]
        return Families(_completed(families, is_complete=is_single), policy)
    problems = _cluster_problems(service, policy, configured)
    if problems:
        return problems
    families = families or [configured[0]]
    return Families(_completed(families, is_complete=is_single or len(configured) < 2), policy)


def _completed(families: list[IPFamily], *, is_complete: bool) -> tuple[IPFamily, ...]:
    if len(families) == 1 and not is_complete:
        families = [*families, IPFamily.IPV6 if families[0] is IPFamily.IPV4 else IPFamily.IPV4]
    return tuple(families)


def _address_problems(service: Service) -> list[Problem]:
    """What `ValidateServiceClusterIPsRelatedFields` says of the addresses, as far as what follows depends on it."""
    problems: list[Problem] = []
    if service.is_headless:
        return problems
    families: list[IPFamily] = []
    for index, written in enumerate(service.cluster_ips):
        address = canonical_address(written)
        if address is None:
            detail = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"
            problems.append(refusal("cluster-ip-invalid", service, _CLUSTER_IPS.child(index), written, detail))
        else:
            families.append(family_of(address))
    if problems:
        return problems
    if len(set(families)) < len(families):
        detail = "may specify no more than one IP for each IP family"
        rule = "cluster-ips-same-family"
        problems.append(refusal(rule, service, _CLUSTER_IPS, list(service.cluster_ips), detail))
    for index, (family, wanted) in enumerate(zip(families, service.ip_families, strict=False)):
        if family is not wanted:
            detail = f"expected an {wanted.value} value as indicated by `ipFamilies[{index}]`"
            path = _CLUSTER_IPS.child(index)
            problems.append(refusal("cluster-ip-wrong-family", service, path, service.cluster_ips[index], detail))
    return problems


def _cluster_problems(service: Service, policy: IPFamilyPolicy, configured: Sequence[IPFamily]) -> list[Problem]:
    problems: list[Problem] = []
    if policy is IPFamilyPolicy.REQUIRE_DUAL_STACK and len(configured) < 2:
        detail = "this cluster is not configured for dual-stack services"
        problems.append(refusal("not-dual-stack", service, _POLICY, policy.value, detail))
    for index, family in enumerate(service.ip_families):
        if family not in configured:
            path = _IP_FAMILIES.child(index)
            problems.append(
                refusal("ip-family-not-configured", service, path, family.value, "not configured on this cluster")
            )
    return problems
