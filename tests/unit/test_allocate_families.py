"""Which families and which policy a Service gets (`initIPFamilyFields`): each row is a sentence."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from svcc.allocation.build import allocate
from svcc.allocation.contract import AllocationSettings
from svcc.model.cluster import Cluster
from svcc.model.service import Service, ServicePort

DUAL = ("10.96.0.0/16", "fd00:96::/112")
IPV6_FIRST = DUAL[::-1]
IPV4 = DUAL[:1]
IPV6 = DUAL[1:]


@frozen
class Row:
    """What is declared, in which cluster, and the families, the policy and the families of the addresses it gets."""

    sentence: str
    cidrs: tuple[str, ...]
    declared: dict[str, Any]
    families: list[str]
    policy: str | None
    addresses: list[str] | None = None


HEADLESS = {"cluster_ips": ["None"]}
BY_HAND = {**HEADLESS, "selector": {}}
FOUR, SIX = "10.96.0.10", "fd00:96::10"

ROWS = [
    Row("a Service gets the cluster's first family", DUAL, {}, ["IPv4"], "SingleStack"),
    Row("which may be IPv6", IPV6_FIRST, {}, ["IPv6"], "SingleStack"),
    Row("in a cluster of one family it gets that", IPV6, {}, ["IPv6"], "SingleStack"),
    Row("SingleStack gets one family", DUAL, {"ip_family_policy": "SingleStack"}, ["IPv4"], "SingleStack"),
    Row("SingleStack keeps the family it names", DUAL, {"ip_families": ["IPv6"]}, ["IPv6"], "SingleStack"),
    Row(
        "PreferDualStack gets both families where there are two",
        DUAL,
        {"ip_family_policy": "PreferDualStack"},
        ["IPv4", "IPv6"],
        "PreferDualStack",
    ),
    Row(
        "the cluster's first family comes first",
        IPV6_FIRST,
        {"ip_family_policy": "PreferDualStack"},
        ["IPv6", "IPv4"],
        "PreferDualStack",
    ),
    Row(
        "PreferDualStack makes do with one family",
        IPV4,
        {"ip_family_policy": "PreferDualStack"},
        ["IPv4"],
        "PreferDualStack",
    ),
    Row(
        "the family that is named comes first",
        DUAL,
        {"ip_family_policy": "PreferDualStack", "ip_families": ["IPv6"]},
        ["IPv6", "IPv4"],
        "PreferDualStack",
    ),
    Row(
        "RequireDualStack gets both families",
        DUAL,
        {"ip_family_policy": "RequireDualStack"},
        ["IPv4", "IPv6"],
        "RequireDualStack",
    ),
    Row(
        "both families may be named, in either order",
        DUAL,
        {"ip_family_policy": "RequireDualStack", "ip_families": ["IPv6", "IPv4"]},
        ["IPv6", "IPv4"],
        "RequireDualStack",
    ),
    Row("the family of a named address counts", DUAL, {"cluster_ips": [SIX]}, ["IPv6"], "SingleStack"),
    Row(
        "a second address is added to a named one",
        DUAL,
        {"cluster_ips": [SIX], "ip_family_policy": "PreferDualStack"},
        ["IPv6", "IPv4"],
        "PreferDualStack",
    ),
    Row(
        "two named addresses name both families",
        DUAL,
        {"cluster_ips": [SIX, FOUR], "ip_family_policy": "RequireDualStack"},
        ["IPv6", "IPv4"],
        "RequireDualStack",
    ),
    Row("a headless Service gets the first family and no address", DUAL, HEADLESS, ["IPv4"], "SingleStack", []),
    Row(
        "a headless Service may have both families",
        DUAL,
        {**HEADLESS, "ip_family_policy": "PreferDualStack"},
        ["IPv4", "IPv6"],
        "PreferDualStack",
        [],
    ),
    Row("headless without selector requires both families", DUAL, BY_HAND, ["IPv4", "IPv6"], "RequireDualStack", []),
    Row("even in a cluster of one family", IPV4, BY_HAND, ["IPv4", "IPv6"], "RequireDualStack", []),
    Row(
        "after the family that it names",
        IPV4,
        {**BY_HAND, "ip_families": ["IPv6"]},
        ["IPv6", "IPv4"],
        "RequireDualStack",
        [],
    ),
    Row(
        "unless it asks for one",
        DUAL,
        {**BY_HAND, "ip_family_policy": "SingleStack"},
        ["IPv4"],
        "SingleStack",
        [],
    ),
    Row(
        "an ExternalName has neither families nor addresses",
        DUAL,
        {"type": "ExternalName", "external_name": "db.example.com"},
        [],
        None,
        [],
    ),
]


@pytest.mark.parametrize("row", ROWS, ids=[f"{number}: {row.sentence}" for number, row in enumerate(ROWS)])
def test_families(row: Row) -> None:
    service = Service("web", ports=[ServicePort(80)], **{"selector": {"app": "web"}, **row.declared})
    allocation = allocate(Cluster([service]), AllocationSettings(service_cidrs=row.cidrs))
    assert [str(problem) for problem in allocation.problems] == []
    found = allocation.cluster.services[0]
    assert ([*map(str, found.ip_families)], found.ip_family_policy) == (row.families, row.policy)
    addresses = [] if found.is_headless else ["IPv6" if ":" in each else "IPv4" for each in found.cluster_ips]
    assert addresses == (row.families if row.addresses is None else row.addresses)
    named = {str(each.path): each.value for each in allocation.assignments}
    assert named.get("spec.ipFamilies", [*map(str, service.ip_families)]) == row.families
    assert ("spec.ipFamilyPolicy" in named) == (found.ip_family_policy is not service.ip_family_policy)


def test_the_families_may_be_set_apart_from_the_ranges() -> None:
    settings = AllocationSettings(service_cidrs=DUAL, ip_families=["IPv6", "IPv4"])
    service = allocate(Cluster([Service("web", ports=[ServicePort(80)])]), settings).cluster.services[0]
    assert [*map(str, service.ip_families)] == ["IPv6"]


def test_without_ranges_the_families_are_those_of_the_addresses_that_are_there() -> None:
    services = [Service("a", cluster_ips=[SIX]), Service("b", cluster_ips=["None"], selector={"app": "b"})]
    allocation = allocate(Cluster(services))
    assert [[*map(str, each.ip_families)] for each in allocation.cluster.services] == [["IPv6"], ["IPv6"]]
