"""Two Services for one frontend (S45), by packets."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from attrs import evolve

from svcc.fields import ProblemKind
from svcc.model.endpoints import EndpointPort
from svcc.model.service import LoadBalancerIngress, Protocol, Service, ServicePort
from tests.declare import local, service, slices
from tests.kernel.callers import REJECTED, Reached, ask, backed, everywhere, install, survey, whom
from tests.kernel.network import Node
from tests.kernel.plans import CALLERS, EXTERNAL, NODE_PORT, Kind, Plan, both_families, each_kind

pytestmark = pytest.mark.kernel

OLD, NEW = "2024-01-01T00:00:00Z", "2025-01-01T00:00:00Z"


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


def rival(plan: Plan, kind: Kind, *protocols: Protocol, name: str = "rival") -> Service:
    """A Service that claims one frontend of `everywhere`, and has the second VIP to itself."""
    wanted = plan.vip if kind == "VIP" else plan.second_vip
    node_port = NODE_PORT if kind == "node port" else 0
    return service(
        name,
        [plan.cluster_ip if kind == "cluster IP" else plan.second_cluster_ip],
        *(ServicePort(80, "http", each, node_port=node_port) for each in protocols or (Protocol.TCP,)),
        type="LoadBalancer",
        external_ips=[plan.external_ip] if kind == "external IP" else [],
        load_balancer_ingress=[LoadBalancerIngress(address) for address in {wanted, plan.second_vip}],
    )


@both_families
@each_kind
@pytest.mark.parametrize("rival_is_older", [True, False])
def test_the_older_of_two_services_has_the_frontend_s45(
    node: Node, plan: Plan, kind: Kind, rival_is_older: bool
) -> None:
    one = evolve(everywhere(plan, *Protocol), creation_timestamp=NEW if rival_is_older else OLD)
    two = evolve(rival(plan, kind, *Protocol), creation_timestamp=OLD if rival_is_older else NEW)
    endpoints = [*backed([local(plan.here)], *Protocol), *backed([local(plan.also_here)], *Protocol, name="rival")]
    compilation = install(node, one, two, endpoints)
    assert install(node, two, reversed(endpoints), one).script == compilation.script
    for (caller, found_kind, protocol), found in survey(node, plan, *Protocol).items():
        taken = rival_is_older and found_kind == kind
        assert whom(found) == ({plan.also_here} if taken else {plan.here}), (caller, found_kind, protocol)
        assert whom(ask(node, plan, caller, plan.second_vip, protocol=protocol)) == {plan.also_here}
    problems = [each for each in compilation.problems if each.rule == "cluster/frontend-conflict"]
    assert {each.kind for each in problems} == {ProblemKind.DUPLICATE}
    assert {each.object.name for each in problems if each.object} == {"web" if rival_is_older else "rival"}
    assert len(problems) == len(Protocol)


AGES = {
    "by instant, not by text": (("b", "2024-01-01T00:30:00+01:00"), ("a", "2024-01-01T00:00:00Z")),
    "a date before none": (("b", NEW), ("a", None)),
    "a date before what is none": (("b", NEW), ("a", "yesterday")),
    "by name where the dates are one": (("a", OLD), ("b", OLD)),
    "by name where there are none": (("a", None), ("b", None)),
}


@both_families
@pytest.mark.parametrize("case", AGES)
def test_there_is_one_answer_to_which_is_older_s45(node: Node, plan: Plan, case: str) -> None:
    services = [evolve(rival(plan, "VIP", name=name), creation_timestamp=created) for name, created in AGES[case]]
    endpoints = [
        *backed([local(plan.here)], name=services[0].name),
        *backed([local(plan.there)], name=services[1].name),
    ]
    scripts = set()
    for order in itertools.permutations(services):
        scripts.add(install(node, order, endpoints).script)
        for caller in CALLERS:
            assert whom(ask(node, plan, caller, plan.vip, times=3)) == {plan.here}
    assert len(scripts) == 1


@both_families
def test_a_frontend_does_not_pass_to_the_younger_when_the_older_has_no_endpoints_s45(node: Node, plan: Plan) -> None:
    older = evolve(everywhere(plan), creation_timestamp=OLD)
    for kind in EXTERNAL:
        install(node, older, rival(plan, kind), backed([local(plan.here)], name="rival"))
        for caller in CALLERS:
            assert ask(node, plan, caller, *plan.frontend(kind)) == {REJECTED}


@both_families
def test_a_claim_on_another_kind_of_frontend_is_a_conflict_as_well_s45(node: Node, plan: Plan) -> None:
    older = evolve(everywhere(plan), creation_timestamp=OLD)
    greedy = service(
        "greedy",
        [plan.external_ip],
        external_ips=[plan.vip],
        load_balancer_ingress=[LoadBalancerIngress(plan.cluster_ip)],
    )
    compilation = install(node, older, greedy, backed([local(plan.here)]), backed([local(plan.there)], name="greedy"))
    for case, found in survey(node, plan).items():
        assert whom(found) == {plan.here}, case
    assert sum(each.rule == "cluster/frontend-conflict" for each in compilation.problems) == 3


@both_families
def test_what_one_service_says_twice_is_no_conflict_s45(node: Node, plan: Plan) -> None:
    again = [plan.external_ip, plan.vip, plan.external_ip, plan.cluster_ip]
    declared = everywhere(
        plan, external_ips=again, load_balancer_ingress=[LoadBalancerIngress(address) for address in again]
    )
    compilation = install(node, evolve(declared, ports=declared.ports * 2), backed([local(plan.here)]))
    assert not [each for each in compilation.problems if each.rule == "cluster/frontend-conflict"]
    for case, found in survey(node, plan).items():
        assert whom(found) == {plan.here}, case


@both_families
def test_another_port_another_protocol_or_a_node_ports_number_is_no_conflict_s45(node: Node, plan: Plan) -> None:
    ports = [
        ServicePort(81, "http", node_port=NODE_PORT + 1),
        ServicePort(80, "http", Protocol.UDP, node_port=NODE_PORT),
        ServicePort(NODE_PORT, "high"),
    ]
    vips = [LoadBalancerIngress(plan.vip)]
    other = service("other", [plan.second_cluster_ip], *ports, type="LoadBalancer", load_balancer_ingress=vips)
    target = [EndpointPort(1, "http"), EndpointPort(2, "http", Protocol.UDP), EndpointPort(3, "high")]
    compilation = install(
        node, everywhere(plan), backed([local(plan.here)]), other, slices("other", [local(plan.also_here)], *target)
    )
    assert not [each for each in compilation.problems if each.rule == "cluster/frontend-conflict"]
    for caller in CALLERS:
        assert whom(ask(node, plan, caller, plan.vip)) == {plan.here}
        assert whom(ask(node, plan, caller, plan.node, NODE_PORT)) == {plan.here}
        for port, protocol, number in ((81, "TCP", 1), (80, "UDP", 2), (NODE_PORT, "TCP", 3)):
            assert ask(node, plan, caller, plan.vip, port, protocol) == {
                Reached(plan.also_here, number, masqueraded=True)
            }
