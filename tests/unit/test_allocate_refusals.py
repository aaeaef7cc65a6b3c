"""Why a Service gets nothing, in the server's words: each row is a sentence, and every rule has one."""

from __future__ import annotations

from typing import Any

import pytest

from svcc.addresses import IPFamily
from svcc.allocation.build import allocate
from svcc.allocation.contract import AllocationSettings
from svcc.allocation.refusals import RULES
from svcc.errors import SettingsError
from svcc.fields import Source
from svcc.model.cluster import Cluster
from svcc.model.node import ServiceCIDR
from tests.unit.refusal_rows.cluster_ips import CLUSTER_IP_ROWS
from tests.unit.refusal_rows.ports import PORT_ROWS
from tests.unit.refusal_rows.row import DUAL, IPV4, Row, service

ROWS = [*CLUSTER_IP_ROWS, *PORT_ROWS]


@pytest.mark.parametrize("row", ROWS, ids=[f"{number}: {row.sentence}" for number, row in enumerate(ROWS)])
def test_refusals(row: Row) -> None:
    declared = Cluster(row.services)
    allocation = allocate(declared, AllocationSettings(**{"service_cidrs": DUAL, **row.settings}))
    said = [
        (problem.object.name if problem.object else "", problem.rule.removeprefix("allocate/"), problem.message())
        for problem in allocation.problems
    ]
    assert said == row.expected
    refused = {name for name, _, _ in row.expected}
    for before, after in zip(declared.services, allocation.cluster.services, strict=True):
        assert (after == before) == (before.name in refused), "who is refused is left alone, and nobody else"
    assert not refused & {assignment.object.name for assignment in allocation.assignments}


CIDR_ROWS = [
    ("web", "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"),
    ("fd00::/48", "shortest allowed prefix length for service CIDR is 64, got 48"),
]


@pytest.mark.parametrize(("cidr", "flaw"), CIDR_ROWS)
def test_a_service_cidr_that_cannot_be_used_is_told_and_not_used(cidr: str, flaw: str) -> None:
    cluster = Cluster([service()], service_cidrs=[ServiceCIDR("kubernetes", cidrs=["10.96.0.0/24", cidr])])
    allocation = allocate(cluster)
    [problem] = allocation.problems
    assert (problem.rule, problem.message()) == (
        "allocate/service-cidr-invalid",
        f'spec.cidrs[1]: Invalid value: "{cidr}": {flaw}',
    )
    assert {usage.name for usage in allocation.usage} == {"10.96.0.0/24", "30000-32767"}
    assert allocation.cluster.services[0].cluster_ips[0].startswith("10.96.0.")


def test_every_rule_has_a_row() -> None:
    assert {f"allocate/{rule}" for row in ROWS for _, rule, _ in row.expected} | {
        "allocate/service-cidr-invalid"
    } == set(RULES)


def test_a_problem_names_the_line_of_its_field() -> None:
    found = service(cluster_ips=["1.1.1.1"], source=Source("web.yaml", 3, line_of=lambda path: 3 + len(path.steps)))
    [problem] = allocate(Cluster([found]), AllocationSettings(service_cidrs=DUAL)).problems
    assert str(problem.source) == "web.yaml:5"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"service_cidrs": ["web"]}, 'service CIDR "web": must be a valid CIDR'),
        ({"service_cidrs": ["fd00::/48"]}, "shortest allowed prefix length"),
        ({"service_cidrs": IPV4, "ip_families": ["IPv4", "IPv6"]}, "no service CIDR is of that family"),
        ({"service_node_port_range": "80"}, None),
        ({"service_node_port_range": "0"}, "range of node ports"),
        ({}, "Service default/web needs an IPv4 cluster IP, and no service CIDR is known"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any], sentence: str | None) -> None:
    if sentence is None:
        assert allocate(Cluster(), AllocationSettings(**settings)).usage[0].name == "80-80"
        return
    with pytest.raises(SettingsError, match=sentence):
        allocate(Cluster([service()]), AllocationSettings(**settings))


def test_families_that_the_api_does_not_know_are_refused_at_once() -> None:
    with pytest.raises(ValueError, match="IPv5"):
        AllocationSettings(ip_families=["IPv5"])
    assert AllocationSettings(ip_families=["IPv6"]).ip_families == (IPFamily.IPV6,)
