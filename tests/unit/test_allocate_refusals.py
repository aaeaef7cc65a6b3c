"""Why a Service gets nothing, in the server's words: each row is a sentence, and every rule has one."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import frozen

from svcc.addresses import IPFamily
from svcc.allocation.build import allocate
from svcc.allocation.contract import AllocationSettings
from svcc.allocation.refusals import RULES
from svcc.allocation.reservation import Reservation
from svcc.errors import SettingsError
from svcc.fields import Source
from svcc.model.cluster import Cluster
from svcc.model.node import ServiceCIDR
from svcc.model.service import Service, ServicePort

DUAL = ("10.96.0.0/16", "fd00:96::/112")
IPV4 = DUAL[:1]
FULL = "spec.clusterIPs: Internal error occurred: failed to allocate a serviceIP: range is full"
NO_ADDRESS = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"


def service(name: str = "web", **declared: Any) -> Service:
    return Service(name, **{"ports": [ServicePort(80)], "selector": {"app": name}, **declared})


def node_port_service(name: str, *ports: ServicePort, **declared: Any) -> Service:
    return service(name, type="NodePort", ports=ports, **declared)


def local(name: str, **declared: Any) -> Service:
    """A Service that needs a health-check port."""
    return service(name, type="LoadBalancer", external_traffic_policy="Local", **declared)


@frozen
class Row:
    """A sentence, the Services of a cluster, and what is said: the Service, the rule and the message."""

    sentence: str
    services: list[Service]
    settings: dict[str, Any]
    expected: list[tuple[str, str, str]]


ROWS = [
    Row(
        "an address outside of the ranges is refused",
        [service(cluster_ips=["1.1.1.1"])],
        {"service_cidrs": ["10.96.0.0/12"]},
        [
            (
                "web",
                "cluster-ip-not-in-range",
                (
                    'spec.clusterIPs: Invalid value: ["1.1.1.1"]: failed to allocate IP 1.1.1.1: the provided '
                    "IP (1.1.1.1) "
                    "is not in the valid range. The range of valid IPs is 10.96.0.0/12"
                ),
            )
        ],
    ),
    Row(
        "the network's own address and the broadcast address are outside, too",
        [service("a", cluster_ips=["10.96.0.0"]), service("b", cluster_ips=["10.96.0.255"])],
        {"service_cidrs": ["10.96.0.0/24"]},
        [
            (
                name,
                "cluster-ip-not-in-range",
                (
                    f'spec.clusterIPs: Invalid value: ["{ip}"]: failed to allocate IP {ip}: the provided IP ({ip}) '
                    "is not in the valid range. The range of valid IPs is 10.96.0.0/24"
                ),
            )
            for name, ip in (("a", "10.96.0.0"), ("b", "10.96.0.255"))
        ],
    ),
    Row(
        "an address that another Service has is refused, and who has it is told",
        [service("b", cluster_ips=["10.96.0.10"]), service("a", cluster_ips=["10.96.0.10"])],
        {},
        [
            (
                "b",
                "cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is '
                    "already allocated (taken by Service default/a)"
                ),
            )
        ],
    ),
    Row(
        "the older Service has it (S45)",
        [
            service("a", cluster_ips=["10.96.0.10"], creation_timestamp="2026-02-01T00:00:00Z"),
            service("b", cluster_ips=["10.96.0.10"], creation_timestamp="2026-01-01T00:00:00Z"),
        ],
        {},
        [
            (
                "a",
                "cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is '
                    "already allocated (taken by Service default/b)"
                ),
            )
        ],
    ),
    Row(
        "a date that cannot be read is none, and whoever has none comes last",
        [
            service("a", cluster_ips=["10.96.0.10"], creation_timestamp="yesterday"),
            service("b", cluster_ips=["10.96.0.10"], creation_timestamp="2026-01-01T00:00:00"),
        ],
        {},
        [
            (
                "a",
                "cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is '
                    "already allocated (taken by Service default/b)"
                ),
            )
        ],
    ),
    Row(
        "an address that is reserved for another Service is refused",
        [service(cluster_ips=["10.96.0.10"])],
        {"reservation": Reservation(cluster_ips={"10.96.0.10": "kube-system/kube-dns"})},
        [
            (
                "web",
                "cluster-ip-taken",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.10"]: failed to allocate IP 10.96.0.10: provided IP is '
                    "already allocated (reserved for kube-system/kube-dns)"
                ),
            )
        ],
    ),
    Row(
        "when all addresses are taken, the range is full",
        [*(service(f"web-{number}") for number in (1, 2, 3))],
        {"service_cidrs": ["10.96.0.0/30"]},
        [
            (
                "web-3",
                "cluster-ip-range-full",
                f"{FULL} (10.96.0.0/30)",
            )
        ],
    ),
    Row(
        "a full second family refuses the whole Service",
        [service("a", ip_families=["IPv6"]), service("b", ip_family_policy="PreferDualStack")],
        {"service_cidrs": ["10.96.0.0/16", "fd00::/127"]},
        [
            (
                "b",
                "cluster-ip-range-full",
                f"{FULL} (fd00::/127)",
            )
        ],
    ),
    Row(
        "what is no address is refused",
        [service(cluster_ips=["web"])],
        {},
        [
            (
                "web",
                "cluster-ip-invalid",
                f'spec.clusterIPs[0]: Invalid value: "web": {NO_ADDRESS}',
            )
        ],
    ),
    Row(
        "two addresses of one family are refused",
        [service(cluster_ips=["10.96.0.1", "10.96.0.2"], ip_family_policy="PreferDualStack")],
        {},
        [
            (
                "web",
                "cluster-ips-same-family",
                (
                    'spec.clusterIPs: Invalid value: ["10.96.0.1","10.96.0.2"]: may specify no more than one IP '
                    "for each "
                    "IP family"
                ),
            )
        ],
    ),
    Row(
        "an address must be of the family that is named for it",
        [service(cluster_ips=["10.96.0.1"], ip_families=["IPv6"])],
        {},
        [
            (
                "web",
                "cluster-ip-wrong-family",
                (
                    'spec.clusterIPs[0]: Invalid value: "10.96.0.1": expected an IPv6 value as indicated by '
                    "`ipFamilies[0]`"
                ),
            )
        ],
    ),
    Row(
        "an address of a family that the cluster does not have is refused",
        [service(cluster_ips=["fd00::1"])],
        {"service_cidrs": IPV4},
        [
            (
                "web",
                "cluster-ip-family-not-configured",
                'spec.clusterIPs[0]: Invalid value: ["fd00::1"]: IPv6 is not configured on this cluster',
            )
        ],
    ),
    Row(
        "so is the family by its name",
        [service(ip_families=["IPv6"])],
        {"service_cidrs": IPV4},
        [
            (
                "web",
                "ip-family-not-configured",
                'spec.ipFamilies[0]: Invalid value: "IPv6": not configured on this cluster',
            )
        ],
    ),
    Row(
        "two families cannot be required where there is one",
        [service(ip_family_policy="RequireDualStack")],
        {"service_cidrs": IPV4},
        [
            (
                "web",
                "not-dual-stack",
                (
                    'spec.ipFamilyPolicy: Invalid value: "RequireDualStack": this cluster is not configured for '
                    "dual-stack "
                    "services"
                ),
            )
        ],
    ),
    Row(
        "two addresses need a policy that allows them",
        [service(cluster_ips=["10.96.0.10", "fd00:96::10"])],
        {},
        [
            (
                "web",
                "single-stack-with-two-families",
                (
                    "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
                    "'PreferDualStack' "
                    "when multiple cluster IPs are specified"
                ),
            )
        ],
    ),
    Row(
        "two families do, too",
        [service(ip_families=["IPv4", "IPv6"], ip_family_policy="SingleStack")],
        {},
        [
            (
                "web",
                "single-stack-with-two-families",
                (
                    "spec.ipFamilyPolicy: Invalid value: \"SingleStack\": must be 'RequireDualStack' or "
                    "'PreferDualStack' "
                    "when multiple IP families are specified"
                ),
            )
        ],
    ),
    Row(
        "a node port outside of the range is refused",
        [node_port_service("web", ServicePort(80, node_port=80))],
        {},
        [
            (
                "web",
                "node-port-not-in-range",
                (
                    "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of "
                    "valid ports is 30000-32767"
                ),
            )
        ],
    ),
    Row(
        "the range may be another one",
        [node_port_service("web", ServicePort(80, node_port=30080))],
        {"service_node_port_range": "20000-29999"},
        [
            (
                "web",
                "node-port-not-in-range",
                (
                    "spec.ports[0].nodePort: Invalid value: 30080: provided port is not in the valid range. The "
                    "range of "
                    "valid ports is 20000-29999"
                ),
            )
        ],
    ),
    Row(
        "a node port is taken for all protocols",
        [
            node_port_service("a", ServicePort(80, node_port=30080)),
            node_port_service("b", ServicePort(53, protocol="UDP", node_port=30080)),
        ],
        {},
        [
            (
                "b",
                "node-port-taken",
                (
                    "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated "
                    "(taken by port 80 of Service default/a)"
                ),
            )
        ],
    ),
    Row(
        "also for another port of the same Service",
        [node_port_service("web", ServicePort(80, "a", node_port=30080), ServicePort(81, "b", "UDP", node_port=30080))],
        {},
        [
            (
                "web",
                "node-port-taken",
                (
                    "spec.ports[1].nodePort: Invalid value: 30080: provided port is already allocated "
                    "(taken by port 80 of Service default/web)"
                ),
            )
        ],
    ),
    Row(
        "a node port may be reserved for nobody in particular",
        [node_port_service("web", ServicePort(80, node_port=30080))],
        {"reservation": Reservation(node_ports={30080: ""})},
        [
            (
                "web",
                "node-port-taken",
                "spec.ports[0].nodePort: Invalid value: 30080: provided port is already allocated (reserved)",
            )
        ],
    ),
    Row(
        "when all node ports are taken, the range is full, and the first port without one is named",
        [node_port_service("web", *(ServicePort(port, f"p{port}") for port in (80, 81, 82)))],
        {"service_node_port_range": "30000-30001"},
        [
            (
                "web",
                "node-port-range-full",
                (
                    "spec.ports[2].nodePort: Internal error occurred: failed to allocate a nodePort: range is full "
                    "(30000-30001)"
                ),
            )
        ],
    ),
    Row(
        "a health-check port outside of the range is refused",
        [local("web", health_check_node_port=8080)],
        {},
        [
            (
                "web",
                "health-check-node-port-not-in-range",
                (
                    "spec.healthCheckNodePort: Internal error occurred: failed to allocate requested "
                    "HealthCheck NodePort "
                    "8080: provided port is not in the valid range. The range of valid ports is 30000-32767"
                ),
            )
        ],
    ),
    Row(
        "health checks and node ports share the range",
        [
            node_port_service("a", ServicePort(80, node_port=30090)),
            local("b", health_check_node_port=30090),
            node_port_service("c", ServicePort(80, node_port=30091), creation_timestamp="2026-02-01T00:00:00Z"),
            local("d", health_check_node_port=30091, creation_timestamp="2026-01-01T00:00:00Z"),
        ],
        {},
        [
            (
                "b",
                "health-check-node-port-taken",
                (
                    "spec.healthCheckNodePort: Internal error occurred: failed to allocate requested "
                    "HealthCheck NodePort "
                    "30090: provided port is already allocated (taken by port 80 of Service default/a)"
                ),
            ),
            (
                "c",
                "node-port-taken",
                (
                    "spec.ports[0].nodePort: Invalid value: 30091: provided port is already allocated "
                    "(taken by the health check of Service default/d)"
                ),
            ),
        ],
    ),
    Row(
        "a health check may be what does not fit any more",
        [local("web")],
        {"service_node_port_range": "30000"},
        [
            (
                "web",
                "health-check-node-port-range-full",
                (
                    "spec.healthCheckNodePort: Internal error occurred: failed to allocate a HealthCheck "
                    "NodePort 0: range "
                    "is full (30000-30000)"
                ),
            )
        ],
    ),
    Row(
        "all that is wrong with a Service is said at once",
        [node_port_service("web", ServicePort(80, node_port=80), cluster_ips=["1.1.1.1"])],
        {"service_cidrs": ["10.96.0.0/12"]},
        [
            (
                "web",
                "cluster-ip-not-in-range",
                (
                    'spec.clusterIPs: Invalid value: ["1.1.1.1"]: failed to allocate IP 1.1.1.1: the provided '
                    "IP (1.1.1.1) "
                    "is not in the valid range. The range of valid IPs is 10.96.0.0/12"
                ),
            ),
            (
                "web",
                "node-port-not-in-range",
                (
                    "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of "
                    "valid ports is 30000-32767"
                ),
            ),
        ],
    ),
]


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
