"""Which addresses become frontends, and what their policies need (S6 to S9), by packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from svcc.model.cluster import ClusterSettings
from svcc.model.service import IPMode, LoadBalancerIngress
from tests.declare import POD_CIDRS, local, remote, service
from tests.kernel.callers import (
    DROPPED,
    MANY,
    UNTOUCHED,
    ask,
    backed,
    everywhere,
    install,
    survey,
    whom,
)
from tests.kernel.network import Node
from tests.kernel.plans import (
    CALLERS,
    EXTERNAL,
    IPV4,
    IPV6,
    KINDS,
    NODE_PORT,
    Plan,
    both_families,
)

pytestmark = pytest.mark.kernel


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


UNREADABLE = [
    "nonsense",
    "",
    " ",
    "1.2.3",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3.4/24",
    "fe80::1%eth0",
    "::1::2",
    "10.0.0.1 }; flush ruleset; #",
    '"',
    "\n",
    "\0",
    "\u0661.\u0662.\u0663.\u0664",
]


@both_families
def test_addresses_that_cannot_be_read_are_skipped_and_stop_nothing_s6(node: Node, plan: Plan) -> None:
    declared = everywhere(
        plan,
        external_ips=[*UNREADABLE, plan.external_ip],
        load_balancer_ingress=[LoadBalancerIngress(text) for text in [*UNREADABLE, plan.vip]],
        load_balancer_source_ranges=[*UNREADABLE, f"{plan.outsider}/{plan.bits}"],
    )
    broken = service("broken", [UNREADABLE[0]])
    install(node, declared, broken, backed([local(plan.here)]))
    found = survey(node, plan, callers=["outsider"])
    assert {case: whom(answers) for case, answers in found.items()} == {case: {plan.here} for case in found}
    assert ask(node, plan, "pod", plan.vip) == {DROPPED}


@both_families
def test_addresses_and_ranges_of_the_other_family_are_filtered_s6(node: Node, plan: Plan) -> None:
    other = IPV6 if plan is IPV4 else IPV4
    declared = everywhere(
        plan,
        external_ips=[other.external_ip, plan.external_ip],
        load_balancer_ingress=[LoadBalancerIngress(other.vip), LoadBalancerIngress(plan.vip)],
        load_balancer_source_ranges=[f"{other.outsider}/{other.bits}"],
    )
    install(node, declared, backed([local(plan.here)]))
    for kind in EXTERNAL:
        # The range is none of this family, so nothing restricts this family.
        assert whom(ask(node, plan, "pod", *plan.frontend(kind))) == {plan.here}
    assert ask(node, other, "outsider", other.external_ip) == {UNTOUCHED}
    assert ask(node, other, "outsider", other.vip) == {UNTOUCHED}


@pytest.mark.parametrize(
    ("plan", "external_ip", "vip", "source_range"),
    [
        (IPV4, "198.051.100.001", "198.018.000.001", " 203.000.113.000/024\t"),
        (IPV6, "2001:0DB8:EEEE:0000::0001", "2001:db8:FFFF:0:0:0:0:1", "\n2001:0DB8:0::/048 "),
    ],
    ids=["IPv4", "IPv6"],
)
def test_addresses_are_read_as_decimal_and_written_canonically_s6(
    node: Node, plan: Plan, external_ip: str, vip: str, source_range: str
) -> None:
    declared = everywhere(
        plan,
        external_ips=[external_ip],
        load_balancer_ingress=[LoadBalancerIngress(vip)],
        load_balancer_source_ranges=[source_range],
    )
    install(node, declared, backed([local(plan.here)]))
    assert whom(ask(node, plan, "outsider", plan.external_ip)) == {plan.here}
    assert whom(ask(node, plan, "outsider", plan.vip)) == {plan.here}
    assert ask(node, plan, "pod", plan.vip) == {DROPPED}
    listed = node.nft("list", "table", plan.word, "svcc")
    assert f"tcp . {plan.external_ip} . 80" in listed


@both_families
def test_where_no_range_can_be_read_nobody_comes_in_s6(node: Node, plan: Plan) -> None:
    declared = everywhere(plan, load_balancer_source_ranges=["203.0.113.0/33", "anybody"])
    install(node, declared, backed([local(plan.here)]))
    found = survey(node, plan, kinds=["VIP"])
    assert found == {case: {DROPPED} for case in found}
    assert whom(ask(node, plan, "outsider", plan.external_ip)) == {plan.here}


@both_families
@pytest.mark.parametrize(
    "ingress",
    [{"ip_mode": IPMode.PROXY}, {"ip": "", "hostname": "balancer.example.org"}],
    ids=["mode Proxy", "hostname"],
)
def test_an_ingress_that_is_no_vip_makes_no_frontend_but_the_node_port_stays_s7(
    node: Node, plan: Plan, ingress: dict[str, Any]
) -> None:
    declared = everywhere(plan, load_balancer_ingress=[evolve(LoadBalancerIngress(plan.vip), **ingress)])
    install(node, declared, backed([local(plan.here)]))
    for caller in CALLERS:
        assert ask(node, plan, caller, plan.vip) == {UNTOUCHED}
        assert whom(ask(node, plan, caller, plan.node, NODE_PORT)) == {plan.here}


@both_families
@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_vips_and_node_ports_count_wherever_they_are_whatever_the_type_s7(node: Node, plan: Plan, kind: str) -> None:
    install(node, everywhere(plan, type=kind, external_ips=[]), backed([local(plan.here)]))
    for caller in CALLERS:
        assert whom(ask(node, plan, caller, plan.vip)) == {plan.here}
        assert whom(ask(node, plan, caller, plan.node, NODE_PORT)) == {plan.here}


@both_families
@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"type": "ClusterIP", "external_ips": []}, False),
        ({"type": "ClusterIP"}, True),
        ({"type": "NodePort", "external_ips": []}, True),
        ({"type": "LoadBalancer", "external_ips": []}, True),
    ],
    ids=["plain", "external IPs", "NodePort", "LoadBalancer"],
)
def test_the_external_policy_counts_only_for_services_that_are_external_s8(
    node: Node, plan: Plan, fields: dict[str, Any], counts: bool
) -> None:
    declared = everywhere(plan, external_traffic_policy="Local", **fields)
    install(node, declared, backed([local(plan.here), remote(plan.there)]))
    expected = {plan.here} if counts else {plan.here, plan.there}
    for kind in ("VIP", "node port"):
        assert whom(ask(node, plan, "outsider", *plan.frontend(kind), times=MANY)) == expected


@both_families
@pytest.mark.parametrize("kind", ["ClusterIP", "NodePort", "LoadBalancer"])
def test_the_internal_policy_always_counts_s8(node: Node, plan: Plan, kind: str) -> None:
    declared = service("web", [plan.cluster_ip], type=kind, internal_traffic_policy="Local")
    install(node, declared, backed([local(plan.here), remote(plan.there)]))
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.here}


@both_families
@pytest.mark.parametrize("allowed", [True, False])
def test_external_ips_are_served_only_where_they_are_allowed_s9(node: Node, plan: Plan, allowed: bool) -> None:
    settings = ClusterSettings(cluster_cidrs=POD_CIDRS, allow_service_external_ips=allowed)
    install(node, everywhere(plan), backed([local(plan.here)]), settings=settings)
    for (_caller, kind, _protocol), answers in survey(node, plan, kinds=KINDS).items():
        served = allowed or kind != "external IP"
        assert whom(answers) == ({plan.here} if served else {UNTOUCHED})
