"""Which Services count, and which of their fields (S1 to S9), by packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from svcc.model.cluster import ClusterSettings
from svcc.model.endpoints import EndpointPort, EndpointSlice
from svcc.model.service import IPMode, LoadBalancerIngress, Protocol, Service, ServicePort
from tests.declare import POD_CIDRS, PODS, compiled, local, remote, service, slices
from tests.kernel.callers import (
    CALLERS,
    DROPPED,
    EXTERNAL,
    IPV4,
    IPV6,
    KINDS,
    MANY,
    NODE_PORT,
    PLANS,
    PORT,
    REJECTED,
    UNTOUCHED,
    Plan,
    Reached,
    ask,
    backed,
    both_families,
    each_protocol,
    everywhere,
    install,
    survey,
    whom,
)
from tests.kernel.network import Node

pytestmark = pytest.mark.kernel

SERVICE_PROXY = "service.kubernetes.io/service-proxy-name"
HEADLESS_SLICE = "service.kubernetes.io/headless"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def nothing_answers(node: Node, plan: Plan) -> bool:
    """No frontend of `everywhere` does anything; the cluster IP is one that no Service has (S39)."""
    found = survey(node, plan)
    expected = {case: {DROPPED if case[1] == "cluster IP" else UNTOUCHED} for case in found}
    assert found == expected
    return True


@both_families
@pytest.mark.parametrize(
    "fields",
    [
        {"cluster_ips": ["None"]},
        {"cluster_ips": []},
        {"cluster_ips": [""]},
        {"type": "ExternalName", "external_name": "example.org"},
    ],
    ids=["headless", "no cluster IP", "empty cluster IP", "ExternalName with a stray cluster IP"],
)
def test_a_service_that_is_a_name_only_is_skipped_whole_s1(node: Node, plan: Plan, fields: dict[str, Any]) -> None:
    declared = everywhere(plan, **{key: value for key, value in fields.items() if key != "cluster_ips"})
    install(node, evolve(declared, **fields), backed([local(plan.here), remote(plan.there)]))
    assert nothing_answers(node, plan)


@both_families
def test_endpoints_of_a_headless_service_are_reached_directly_s1(node: Node, plan: Plan) -> None:
    install(node, evolve(everywhere(plan), cluster_ips=["None"]), backed([local(plan.here)]))
    for caller in CALLERS:
        assert ask(node, plan, caller, plan.here, 8080) == {UNTOUCHED}


@both_families
def test_without_a_cluster_ip_of_the_family_there_is_nothing_in_that_family_s2(node: Node, plan: Plan) -> None:
    other = IPV6 if plan is IPV4 else IPV4
    declared = evolve(everywhere(plan), cluster_ips=[other.cluster_ip])
    install(node, declared, backed([local(plan.here), local(other.here)]))
    assert nothing_answers(node, plan)
    # The family it has is served, but for addresses that are not of it.
    assert whom(ask(node, other, "pod", other.cluster_ip)) == {other.here}
    assert whom(ask(node, other, "outsider", other.node, NODE_PORT)) == {other.here}


@pytest.mark.parametrize("order", [(IPV4, IPV6), (IPV6, IPV4)], ids=["IPv4 first", "IPv6 first"])
@pytest.mark.parametrize("with_families", [True, False])
def test_each_family_has_its_own_cluster_ip_and_endpoints_s2(
    node: Node, order: tuple[Plan, Plan], with_families: bool
) -> None:
    families = [plan.family for plan in order] if with_families else []
    declared = evolve(
        everywhere(order[0]),
        cluster_ips=[plan.cluster_ip for plan in order],
        ip_families=families,
        external_ips=[plan.external_ip for plan in order],
        load_balancer_ingress=[LoadBalancerIngress(plan.vip) for plan in order],
    )
    install(node, declared, backed([local(plan.here) for plan in order]))
    for plan in order:
        found = survey(node, plan)
        assert {case: whom(answers) for case, answers in found.items()} == {case: {plan.here} for case in found}


@both_families
def test_a_cluster_ip_counts_in_the_family_that_the_families_name_for_it_s2(node: Node, plan: Plan) -> None:
    other = IPV6 if plan is IPV4 else IPV4
    declared = evolve(everywhere(plan), ip_families=[other.family])
    install(node, declared, backed([local(plan.here)]))
    assert nothing_answers(node, plan)


@both_families
@each_protocol
def test_every_kind_of_frontend_speaks_every_protocol_and_only_its_own_s3(
    node: Node, plan: Plan, protocol: Protocol
) -> None:
    install(node, everywhere(plan, protocol), backed([local(plan.here)], protocol))
    for (_caller, kind, spoken), answers in survey(node, plan, *Protocol).items():
        refused = REJECTED if kind == "cluster IP" else UNTOUCHED
        assert whom(answers) == ({plan.here} if spoken is protocol else {refused}), (kind, spoken)


@both_families
def test_ports_that_differ_only_in_protocol_are_two_s3(node: Node, plan: Plan) -> None:
    ports = [ServicePort(53, "dns", Protocol.UDP, node_port=NODE_PORT), ServicePort(53, "dns", Protocol.TCP)]
    udp, tcp = EndpointPort(5353, "dns", Protocol.UDP), EndpointPort(5354, "dns", Protocol.TCP)
    install(
        node, service("dns", [plan.cluster_ip], *ports, type="NodePort"), slices("dns", [local(plan.here)], udp, tcp)
    )
    assert ask(node, plan, "pod", plan.cluster_ip, 53, "UDP") == {Reached(plan.here, 5353)}
    assert ask(node, plan, "pod", plan.cluster_ip, 53, "TCP") == {Reached(plan.here, 5354)}
    assert whom(ask(node, plan, "pod", plan.node, NODE_PORT, "UDP")) == {plan.here}
    assert ask(node, plan, "pod", plan.node, NODE_PORT, "TCP") == {UNTOUCHED}


@both_families
def test_services_of_one_name_in_two_namespaces_and_unnamed_ports_are_kept_apart_s3(node: Node, plan: Plan) -> None:
    one = Service("web", "one", cluster_ips=[plan.cluster_ip], ports=[ServicePort(PORT)])
    two = Service("web", "two", cluster_ips=[plan.second_cluster_ip], ports=[ServicePort(PORT)])
    endpoints = [
        EndpointSlice(
            "web-1",
            namespace,
            service_name="web",
            address_type=plan.family.value,
            endpoints=[local(address)],
            ports=[EndpointPort(port, "")],
        )
        for namespace, address, port in [("one", plan.here, 8001), ("two", plan.also_here, 8002)]
    ]
    install(node, one, two, endpoints)
    assert ask(node, plan, "pod", plan.cluster_ip) == {Reached(plan.here, 8001)}
    assert ask(node, plan, "pod", plan.second_cluster_ip) == {Reached(plan.also_here, 8002)}


FIELDS_WITHOUT_EFFECT: list[dict[str, Any]] = [
    {"selector": {"app": "web"}},
    {"traffic_distribution": "PreferSameNode"},
    {"load_balancer_class": "example.org/balancer"},
    {"load_balancer_ip": "198.18.0.99"},
    {"publish_not_ready_addresses": True},
    {"health_check_node_port": 32000},
    {"allocate_load_balancer_node_ports": False},
    {"ip_family_policy": "PreferDualStack"},
    {"external_name": "example.org"},
    {"session_affinity_timeout_seconds": 77},
    {"labels": {"app": "web"}},
    {"annotations": {"service.kubernetes.io/topology-mode": "Auto"}},
    {"ports": [ServicePort(PORT, "http", node_port=NODE_PORT, target_port=9999, app_protocol="kubernetes.io/h2c")]},
]


@pytest.mark.parametrize("fields", FIELDS_WITHOUT_EFFECT, ids=lambda fields: next(iter(fields)))
def test_a_field_that_is_not_read_changes_nothing_s4(fields: dict[str, Any]) -> None:
    endpoints = [backed([local(plan.here), remote(plan.there)]) for plan in PLANS.values()]
    plain = everywhere(IPV4)
    changed = evolve(plain, **fields)
    assert changed != plain
    assert compiled(changed, *endpoints).script == compiled(plain, *endpoints).script


@both_families
def test_packets_follow_the_slice_whatever_the_unread_fields_say_s4(node: Node, plan: Plan) -> None:
    fields = {key: value for fields in FIELDS_WITHOUT_EFFECT for key, value in fields.items()}
    declared = evolve(everywhere(plan), **{**fields, "load_balancer_ip": plan.second_vip})
    not_ready = local(plan.also_here, ready=False, serving=True)
    install(node, declared, backed([local(plan.here), remote(plan.there), not_ready]))
    found = ask(node, plan, "pod", plan.cluster_ip, times=MANY)
    assert found == {Reached(plan.here, 8080), Reached(plan.there, 8080)}
    assert ask(node, plan, "outsider", plan.second_vip) == {UNTOUCHED}


@both_families
def test_a_service_of_another_proxy_is_left_alone_s5(node: Node, plan: Plan) -> None:
    labelled = everywhere(plan, labels={SERVICE_PROXY: "other"})
    install(node, labelled, backed([local(plan.here)]))
    assert nothing_answers(node, plan)


@both_families
def test_a_proxy_with_a_name_serves_its_services_and_no_others_s5(node: Node, plan: Plan) -> None:
    mine = service("web", [plan.cluster_ip], labels={SERVICE_PROXY: "mine"})
    nobodys = service("other", [plan.second_cluster_ip])
    settings = evolve(PODS, service_proxy_name="mine")
    endpoints = [*backed([local(plan.here)]), *backed([local(plan.here)], name="other")]
    install(node, mine, nobodys, endpoints, settings=settings)
    assert whom(ask(node, plan, "pod", plan.cluster_ip)) == {plan.here}
    assert ask(node, plan, "pod", plan.second_cluster_ip) == {DROPPED}


@both_families
def test_a_slice_labelled_headless_is_not_read_s5(node: Node, plan: Plan) -> None:
    (found,) = slices("web", [local(plan.here)])
    install(node, everywhere(plan), evolve(found, labels={HEADLESS_SLICE: ""}))
    assert ask(node, plan, "pod", plan.cluster_ip) == {REJECTED}


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
