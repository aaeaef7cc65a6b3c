"""Which endpoints a connection may go to, and how one is drawn (S17 to S23), by packets."""

from __future__ import annotations

import collections
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from attrs import evolve, frozen

from svcc.model.endpoints import Endpoint
from svcc.model.node import ZONE_LABEL
from svcc.model.service import Protocol
from tests.declare import NODE, local, remote
from tests.kernel.callers import DROPPED, MANY, REJECTED, Turned, ask, backed, everywhere, install, survey, whom
from tests.kernel.network import Node
from tests.kernel.plans import IPV4, KINDS, Kind, Plan, both_families, each_external_kind, each_kind, each_protocol

pytestmark = pytest.mark.kernel

TERMINATING: Mapping[str, Any] = {"ready": False, "serving": True, "terminating": True}
NOT_READY: Mapping[str, Any] = {"ready": False, "serving": True, "terminating": False}
GONE: Mapping[str, Any] = {"ready": False, "serving": False, "terminating": True}
ZONED = evolve(NODE, labels={ZONE_LABEL: "zone-1"})


@pytest.fixture(scope="module")
def node() -> Iterator[Node]:
    with Node() as made:
        yield made


@both_families
@pytest.mark.parametrize("internal", ["Cluster", "Local"])
@pytest.mark.parametrize("external", ["Cluster", "Local"])
@pytest.mark.parametrize("accessible", [True, False])
def test_the_policies_decide_which_sets_are_needed_s17(
    node: Node, plan: Plan, internal: str, external: str, accessible: bool
) -> None:
    more: dict[str, Any] = {} if accessible else {"type": "ClusterIP", "external_ips": [], "load_balancer_ingress": []}
    declared = everywhere(plan, internal_traffic_policy=internal, external_traffic_policy=external, **more)
    if not accessible:
        declared = evolve(declared, ports=[evolve(declared.ports[0], node_port=0)])
    install(node, declared, backed([local(plan.here), remote(plan.there)]))
    everybody, near = {plan.here, plan.there}, {plan.here}
    inside = whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY))
    assert inside == (near if internal == "Local" else everybody)
    if accessible:
        for kind in ("VIP", "external IP", "node port"):
            frontend = plan.frontend(kind)
            assert whom(ask(node, plan, "outsider", *frontend, times=MANY)) == (
                near if external == "Local" else everybody
            )
            assert whom(ask(node, plan, "pod", *frontend, times=MANY)) == everybody


@both_families
@each_kind
def test_ready_endpoints_alone_are_used_while_there_are_any_s18(node: Node, plan: Plan, kind: Kind) -> None:
    endpoints = [remote(plan.there), local(plan.here, **TERMINATING), local(plan.also_here, **NOT_READY)]
    install(node, everywhere(plan), backed(endpoints))
    assert whom(ask(node, plan, "outsider", *plan.frontend(kind), times=MANY)) == {plan.there}


@both_families
@each_kind
def test_without_ready_endpoints_those_that_terminate_and_serve_are_used_s18(
    node: Node, plan: Plan, kind: Kind
) -> None:
    endpoints = [
        remote(plan.there, **TERMINATING, zone_hints=["zone-2"], node_hints=["node-b"]),
        local(plan.here, **TERMINATING, zone_hints=["zone-1"], node_hints=["node-a"]),
        local(plan.also_here, **NOT_READY),
        remote(plan.also_there, **GONE),
    ]
    # Hints are ignored among them.
    install(node, everywhere(plan), backed(endpoints), on=ZONED)
    assert whom(ask(node, plan, "outsider", *plan.frontend(kind), times=MANY)) == {plan.here, plan.there}


@both_families
@each_kind
@pytest.mark.parametrize("conditions", [NOT_READY, GONE], ids=["not ready", "gone"])
def test_an_endpoint_that_neither_is_ready_nor_serves_to_the_end_is_never_used_s18(
    node: Node, plan: Plan, kind: Kind, conditions: Mapping[str, Any]
) -> None:
    install(node, everywhere(plan), backed([local(plan.here, **conditions), remote(plan.there, **conditions)]))
    assert ask(node, plan, "outsider", *plan.frontend(kind)) == {REJECTED}


@both_families
@each_external_kind
def test_the_two_fallbacks_are_independent_s19(node: Node, plan: Plan, kind: Kind) -> None:
    endpoints = [local(plan.here, **TERMINATING), local(plan.also_here, **NOT_READY), remote(plan.there)]
    install(node, everywhere(plan, external_traffic_policy="Local"), backed(endpoints))
    assert whom(ask(node, plan, "outsider", *plan.frontend(kind), times=MANY)) == {plan.here}
    assert whom(ask(node, plan, "pod", *plan.frontend(kind), times=MANY)) == {plan.there}
    assert whom(ask(node, plan, "outsider", plan.cluster_ip, times=MANY)) == {plan.there}


@both_families
def test_the_internal_local_set_falls_back_as_well_s19(node: Node, plan: Plan) -> None:
    declared = everywhere(plan, internal_traffic_policy="Local")
    install(node, declared, backed([local(plan.here, **TERMINATING), remote(plan.there)]))
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.here}
    install(node, declared, backed([local(plan.here, **TERMINATING), local(plan.also_here), remote(plan.there)]))
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.also_here}


@both_families
def test_topology_never_narrows_the_local_set_s19_s20(node: Node, plan: Plan) -> None:
    endpoints = [
        local(plan.here, zone_hints=["zone-2"], node_hints=["node-b"]),
        local(plan.also_here, zone_hints=["zone-1"], node_hints=["node-a"]),
        remote(plan.there, zone_hints=["zone-2"], node_hints=["node-b"]),
    ]
    declared = everywhere(plan, external_traffic_policy="Local")
    install(node, declared, backed(endpoints), on=ZONED)
    assert whom(ask(node, plan, "outsider", plan.vip, times=MANY)) == {plan.here, plan.also_here}
    assert whom(ask(node, plan, "pod", plan.vip, times=MANY)) == {plan.also_here}
    install(node, evolve(declared, internal_traffic_policy="Local"), backed(endpoints), on=ZONED)
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.here, plan.also_here}


@frozen
class Hinted:
    """Hints for the nodes and zones of `here`, `there` and `also_there`, and which of them are used."""

    nodes: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    zones: tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]
    used: str
    zone: str | None = "zone-1"


NO = ((), (), ())
HINTS = {
    "no hints": Hinted(NO, NO, "123"),
    "node hints for this node": Hinted((("node-a",), ("node-b",), ("node-b",)), NO, "1"),
    "an endpoint hinted for two nodes": Hinted((("node-b",), ("node-b", "node-a"), ("node-b",)), NO, "2"),
    "node hints for other nodes only": Hinted((("node-b",), ("node-b",), ("node-c",)), NO, "123"),
    "one endpoint without node hints": Hinted((("node-a",), (), ("node-b",)), NO, "123"),
    "zone hints for this zone": Hinted(NO, (("zone-2",), ("zone-1",), ("zone-2",)), "2"),
    "an endpoint hinted for two zones": Hinted(NO, (("zone-1",), ("zone-2", "zone-1"), ("zone-3",)), "12"),
    "zone hints for other zones only": Hinted(NO, (("zone-2",), ("zone-3",), ("zone-3",)), "123"),
    "one endpoint without zone hints": Hinted(NO, (("zone-1",), (), ("zone-1",)), "123"),
    "node hints go before zone hints": Hinted(
        (("node-a",), ("node-b",), ("node-b",)), (("zone-1",), ("zone-1",), ("zone-2",)), "1"
    ),
    "without node hints for us zone hints count": Hinted(
        (("node-b",), ("node-b",), ("node-b",)), (("zone-1",), ("zone-1",), ("zone-2",)), "12"
    ),
    "with incomplete node hints zone hints count": Hinted(
        (("node-a",), (), ("node-b",)), (("zone-2",), ("zone-1",), ("zone-1",)), "23"
    ),
    "a node without a zone ignores zone hints": Hinted(NO, (("zone-1",), ("zone-2",), ("",)), "123", zone=None),
    "an empty zone is none": Hinted(NO, (("zone-1",), ("zone-2",), ("",)), "123", zone=""),
    "a node without a zone heeds node hints": Hinted((("node-a",), ("node-b",), ("node-b",)), NO, "1", zone=None),
}


@both_families
@pytest.mark.parametrize("name", HINTS)
def test_hints_narrow_the_cluster_set_s20(node: Node, plan: Plan, name: str) -> None:
    case = HINTS[name]
    endpoints = [
        evolve(endpoint, node_hints=nodes, zone_hints=zones)
        for endpoint, nodes, zones in zip(
            [local(plan.here), remote(plan.there), remote(plan.also_there)], case.nodes, case.zones, strict=True
        )
    ]
    on = NODE if case.zone is None else evolve(NODE, labels={ZONE_LABEL: case.zone})
    install(node, everywhere(plan), backed(endpoints), on=on)
    expected = {{"1": plan.here, "2": plan.there, "3": plan.also_there}[digit] for digit in case.used}
    for kind in KINDS:
        assert whom(ask(node, plan, "outsider", *plan.frontend(kind), times=2 * MANY)) == expected


@both_families
@pytest.mark.parametrize("conditions", [NOT_READY, TERMINATING], ids=["not ready", "terminating"])
def test_only_ready_endpoints_need_hints_s20(node: Node, plan: Plan, conditions: Mapping[str, Any]) -> None:
    endpoints = [
        local(plan.here, zone_hints=["zone-1"]),
        remote(plan.there, zone_hints=["zone-2"]),
        remote(plan.also_there, **conditions),
    ]
    install(node, everywhere(plan), backed(endpoints), on=ZONED)
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.here}


@both_families
@pytest.mark.parametrize("conditions", [NOT_READY, TERMINATING], ids=["not ready", "terminating"])
def test_a_hint_of_an_endpoint_that_is_not_ready_is_for_nobody_s20(
    node: Node, plan: Plan, conditions: Mapping[str, Any]
) -> None:
    endpoints = [
        local(plan.here, zone_hints=["zone-1"], **conditions),
        remote(plan.there, zone_hints=["zone-2"]),
        remote(plan.also_there, zone_hints=["zone-2"]),
    ]
    install(node, everywhere(plan), backed(endpoints), on=ZONED)
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.there, plan.also_there}


@both_families
@pytest.mark.parametrize("value", [None, "PreferSameZone", "PreferClose", "PreferSameNode", "Unheard-Of"])
def test_hints_decide_and_the_declared_preference_does_not_s20_s21(node: Node, plan: Plan, value: str | None) -> None:
    topology_mode = {"service.kubernetes.io/topology-mode": "Auto"}
    declared = everywhere(plan, traffic_distribution=value, annotations=topology_mode)
    near, far = evolve(local(plan.here), zone="zone-1"), evolve(remote(plan.there), zone="zone-2")
    install(node, declared, backed([near, far]), on=ZONED)
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.here, plan.there}
    hinted = [evolve(near, zone_hints=["zone-1"]), evolve(far, zone_hints=["zone-2"])]
    install(node, evolve(declared, annotations={}), backed(hinted), on=ZONED)
    assert whom(ask(node, plan, "pod", plan.cluster_ip, times=MANY)) == {plan.here}


def _states(plan: Plan) -> dict[str, tuple[list[Endpoint], bool, bool]]:
    """Endpoints, whether any may be used at all, and whether any of this node."""
    return {
        "none": ([], False, False),
        "not ready": ([local(plan.here, **NOT_READY), remote(plan.there, **GONE)], False, False),
        "one elsewhere": ([remote(plan.there)], True, False),
        "one elsewhere that terminates": ([remote(plan.there, **TERMINATING)], True, False),
        "one elsewhere, an unusable one here": ([remote(plan.there), local(plan.here, **NOT_READY)], True, False),
        "one here": ([local(plan.there)], True, True),
        "one here that terminates": ([local(plan.there, **TERMINATING)], True, True),
    }


@both_families
@pytest.mark.parametrize("state", list(_states(IPV4)))
def test_none_here_and_none_anywhere_have_different_outcomes_s22_s37(node: Node, plan: Plan, state: str) -> None:
    endpoints, anywhere, here = _states(plan)[state]
    local_only: set[str | Turned] = {plan.there} if here else {DROPPED} if anywhere else {REJECTED}
    everybody: set[str | Turned] = {plan.there} if anywhere else {REJECTED}
    for internal, external in itertools.product(["Cluster", "Local"], repeat=2):
        declared = everywhere(plan, internal_traffic_policy=internal, external_traffic_policy=external)
        install(node, declared, backed(endpoints))
        for (caller, kind, _protocol), found in survey(node, plan).items():
            policy = internal if kind == "cluster IP" else external
            limited = policy == "Local" and (kind == "cluster IP" or caller == "outsider")
            assert whom(found) == (local_only if limited else everybody), (internal, external, caller, kind)


@both_families
@each_protocol
@each_kind
def test_every_endpoint_is_as_likely_as_any_other_s23(node: Node, plan: Plan, protocol: Protocol, kind: Kind) -> None:
    addresses = [plan.here, plan.also_here, plan.there, plan.also_there]
    install(node, everywhere(plan, protocol), backed(map(local, addresses), protocol))
    packets = [plan.packet("outsider", *plan.frontend(kind), protocol)] * 1200
    outcomes = [getattr(outcome, "address", None) for outcome in node.send_many(packets)]
    drawn = collections.Counter(outcomes)
    assert set(drawn) == set(addresses)
    # 300 each with a deviation of 15: beyond 7.3 deviations once in a million million runs.
    assert all(abs(count - 300) < 110 for count in drawn.values()), drawn
    # No turns are taken: whom the last connection reached says nothing about the next.
    followers = collections.Counter(itertools.pairwise(outcomes))
    assert len(followers) == 16
    assert all(abs(count - 75) < 65 for count in followers.values()), followers


@both_families
def test_the_local_set_is_drawn_from_as_evenly_s23(node: Node, plan: Plan) -> None:
    endpoints = [local(plan.here), local(plan.also_here), remote(plan.there)]
    install(node, everywhere(plan, external_traffic_policy="Local"), backed(endpoints))
    packets = [plan.packet("outsider", plan.vip)] * 1000
    drawn = collections.Counter(getattr(outcome, "address", None) for outcome in node.send_many(packets))
    assert set(drawn) == {plan.here, plan.also_here}
    assert abs(drawn[plan.here] - 500) < 120


@both_families
@each_protocol
def test_the_packets_of_one_connection_stay_together_s23(node: Node, plan: Plan, protocol: Protocol) -> None:
    addresses = [plan.here, plan.also_here, plan.there, plan.also_there]
    install(node, everywhere(plan, protocol), backed(map(local, addresses), protocol))
    reached = set()
    for number in range(30):
        packet = plan.packet("pod", plan.cluster_ip, protocol=protocol, source_port=5000 + number)
        outcomes = node.send_many([packet] * 10, fresh=False)
        assert len(set(outcomes)) == 1
        reached.add(outcomes[0])
    assert len(reached) > 1
