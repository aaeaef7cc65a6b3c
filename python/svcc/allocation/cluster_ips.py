"""Cluster IPs: whose they are, and new ones (KEP-3070, KEP-1880)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from svcc.addresses import IPFamily, canonical_prefix, family_of
from svcc.allocation.contract import AllocationSettings, Assignment, RangeUsage
from svcc.allocation.families import Families, given_addresses
from svcc.allocation.ledger import Holder, Ledger, service_owner
from svcc.allocation.ranges import address_number, address_range, address_text, service_cidr_flaw
from svcc.allocation.refusals import already_allocated, not_in_range, range_full, refusal
from svcc.errors import SettingsError
from svcc.fields import FieldPath, Problem, ProblemKind
from svcc.model.cluster import Cluster
from svcc.model.node import ServiceCIDR
from svcc.model.service import Service

__all__ = ["ClusterIPs", "service_cidr_problems"]

_CLUSTER_IP = FieldPath.of("spec.clusterIP")
_CLUSTER_IPS = FieldPath.of("spec.clusterIPs")
_IP_FAMILIES = FieldPath.of("spec.ipFamilies")
_POLICY = FieldPath.of("spec.ipFamilyPolicy")

_TEXTS: Final = {family: family.value for family in IPFamily}
"""Asking a member of an enumeration for its value takes longer."""

_BOOTSTRAP_SERVICE_CIDR = "kubernetes"
"""The ServiceCIDR that the server makes of its own flag, so the first of all."""


def service_cidr_problems(service_cidrs: Sequence[ServiceCIDR]) -> list[Problem]:
    """What is wrong with ranges that are objects; they are not used."""
    problems: list[Problem] = []
    for item in service_cidrs:
        for index, cidr in enumerate(item.cidrs):
            flaw = service_cidr_flaw(cidr)
            if flaw is not None:
                path = FieldPath.of("spec.cidrs", index)
                source = item.source.at(path) if item.source else None
                rule = "allocate/service-cidr-invalid"
                problems.append(Problem(rule, ProblemKind.INVALID, path, flaw, cidr, item.reference, source))
    return problems


def _prefixes(cluster: Cluster, settings: AllocationSettings) -> list[str]:
    """All ranges, each once: those of the settings, then those of objects by name, the server's own one first."""
    found: dict[str, None] = {}
    for cidr in settings.service_cidrs:
        flaw = service_cidr_flaw(cidr)
        if flaw is not None:
            raise SettingsError(f'service CIDR "{cidr}": {flaw}')
        found[canonical_prefix(cidr) or cidr] = None
    objects = sorted(cluster.service_cidrs, key=lambda item: (item.name != _BOOTSTRAP_SERVICE_CIDR, item.name))
    for cidr in (cidr for item in objects for cidr in item.cidrs):
        if service_cidr_flaw(cidr) is None:
            found[canonical_prefix(cidr) or cidr] = None
    return list(found)


def _configured(prefixes: Sequence[str], cluster: Cluster, settings: AllocationSettings) -> tuple[IPFamily, ...]:
    """The families of the cluster, the default one first.

    A cluster whose ranges are not known has the families that its Services have addresses of.
    """
    known = tuple(dict.fromkeys(family_of(prefix) for prefix in prefixes))
    for family in settings.ip_families:
        if known and family not in known:
            raise SettingsError(f"the cluster is said to have {family.value}, and no service CIDR is of that family")
    if settings.ip_families or known:
        return tuple(dict.fromkeys(settings.ip_families)) or known
    seen = {family_of(address) for service in cluster.services for _, address in given_addresses(service)}
    return tuple(family for family in IPFamily if family in seen) or (IPFamily.IPV4,)


class ClusterIPs:
    """The cluster IPs of all families.

    Raises:
        SettingsError: a range in the settings is none, or a family is said to be there and has no range.
    """

    def __init__(self, cluster: Cluster, settings: AllocationSettings) -> None:
        prefixes = _prefixes(cluster, settings)
        self.configured = _configured(prefixes, cluster, settings)
        self._ledgers = {
            family: Ledger([address_range(prefix) for prefix in prefixes if family_of(prefix) is family])
            for family in IPFamily
        }
        reserved: dict[IPFamily, dict[int, Holder]] = {family: {} for family in IPFamily}
        for address, owner in (settings.reservation.cluster_ips if settings.reservation else {}).items():
            reserved[family_of(address)][address_number(address)] = Holder(owner, is_reserved=True)
        for family, holders in reserved.items():
            self._ledgers[family].reserve(holders)

    def claim(self, service: Service, addresses: Sequence[tuple[str, str]]) -> list[Problem]:
        """Take the addresses that a Service names (`given_addresses`); those of others are told."""
        problems: list[Problem] = []
        for written, address in addresses:
            ledger = self._ledgers[family_of(address)]
            number = address_number(address)
            detail = None
            if not ledger.is_empty and not ledger.is_within(number):
                detail = not_in_range(f"the provided IP ({address})", "IPs", ledger.names)
            rule = "cluster-ip-not-in-range" if detail else "cluster-ip-taken"
            other = ledger.claim(number, Holder(service_owner(service)))
            if detail is None and other is not None:
                detail = already_allocated("IP", other)
            if detail is not None:
                sentence = f"failed to allocate IP {written}: {detail}"
                problems.append(refusal(rule, service, _CLUSTER_IPS, list(service.cluster_ips), sentence))
        return problems

    def hold(self, owners: Mapping[str, str]) -> None:
        """Give these to nobody from now on; who has one already keeps it."""
        for address, owner in owners.items():
            self._ledgers[family_of(address)].claim(address_number(address), Holder(owner))

    def lacking(self, service: Service, families: Families) -> list[Problem]:
        """What a Service cannot get.

        Raises:
            SettingsError: there is no range to take an address from.
        """
        problems: list[Problem] = []
        for family in _missing(service, families):
            ledger = self._ledgers[family]
            if not ledger.room and ledger.reserved_for(Holder(service_owner(service))) is None:
                if ledger.is_empty:
                    sentence = f"{service.reference} needs an {family.value} cluster IP, and no service CIDR is known"
                    raise SettingsError(sentence, hint="give --service-cidr 10.96.0.0/12, or ServiceCIDR objects")
                rule = "cluster-ip-range-full"
                problems.append(range_full(rule, service, _CLUSTER_IPS, "serviceIP", ledger.names))
        return problems

    def give(self, service: Service, families: Families) -> tuple[dict[str, Any], list[Assignment]]:
        """What a Service gets, by the fields of the model and of the API; nothing may be lacking."""
        reference = service.reference
        changes: dict[str, Any] = {}
        assignments: list[Assignment] = []
        missing = _missing(service, families)
        if missing:
            holder = Holder(service_owner(service))
            given = [self._ledgers[family].give(holder) for family in missing]
            texts = [address_text(family, each.number) for family, each in zip(missing, given, strict=True)]
            cluster_ips = [*service.cluster_ips, *texts]
            changes["cluster_ips"] = tuple(cluster_ips)
            if not service.cluster_ips:
                assignments.append(Assignment(reference, _CLUSTER_IP, texts[0], given[0].reason))
            reason = given[0].reason if len(given) == 1 else ", ".join(dict.fromkeys(each.reason for each in given))
            assignments.append(Assignment(reference, _CLUSTER_IPS, cluster_ips, reason))
        if families.families != service.ip_families:
            changes["ip_families"] = families.families
            value = list(map(_TEXTS.__getitem__, families.families))
            assignments.append(Assignment(reference, _IP_FAMILIES, value, _families_reason(service, families)))
        if families.policy is not None and service.ip_family_policy is None:
            changes["ip_family_policy"] = families.policy
            reason = "headless without selector" if service.is_headless and not service.selector else "the default"
            assignments.append(Assignment(reference, _POLICY, families.policy.value, reason))
        return changes, assignments

    def holders(self) -> Iterator[tuple[str, Holder]]:
        """Who holds which address."""
        for family, ledger in self._ledgers.items():
            for number, holder in ledger.holders():
                yield address_text(family, number), holder

    def usage(self) -> Iterator[RangeUsage]:
        """How full the ranges are, those of the default family first."""
        families = (*self.configured, *(family for family in IPFamily if family not in self.configured))
        return itertools.chain.from_iterable(self._ledgers[family].usage() for family in families)


def _missing(service: Service, families: Families) -> tuple[IPFamily, ...]:
    """The families of which a Service needs an address; those of the addresses it has come first (`families_of`)."""
    return () if service.is_headless else families.families[len(service.cluster_ips) :]


def _families_reason(service: Service, families: Families) -> str:
    if service.ip_families:
        return f"{families.policy} adds the other family"
    if given_addresses(service):
        return "the families of the cluster IPs"
    return "the cluster's default family" if len(families.families) == 1 else "the families of the cluster"
