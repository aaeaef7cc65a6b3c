"""Which Services count, and which of their fields (S1 to S5), by packets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from attrs import evolve

from svcc.model.endpoints import EndpointPort, EndpointSlice
from svcc.model.service import LoadBalancerIngress, Protocol, Service, ServicePort
from tests.declare import PODS, compiled, local, remote, service, slices
from tests.kernel.callers import (
    DROPPED,
    MANY,
    REJECTED,
    UNTOUCHED,
    Reached,
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
    IPV4,
    IPV6,
    NODE_PORT,
    PLANS,
    PORT,
    Plan,
    both_families,
    each_protocol,
)

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
