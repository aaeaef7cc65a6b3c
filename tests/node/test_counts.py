"""What a node serves is counted right while Services come and go."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from svcc.dataplane.contract import Dataplane, ServicePortPlan
from svcc.fields import ObjectReference
from svcc.model.cluster import ClusterObject
from svcc.model.service import Service, ServicePort, ServiceType, TrafficPolicy
from svcc.node.counts import ServedCounts, counts_of
from svcc.node.state import Counts
from tests.declare import compiled, local, remote, service, slices

LOCAL = TrafficPolicy.LOCAL


def plans_of(*objects: ClusterObject) -> list[ServicePortPlan]:
    return all_plans(compiled(*objects).dataplane)


def all_plans(dataplane: Dataplane) -> list[ServicePortPlan]:
    return [plan for family in dataplane.families for plan in family.service_ports]


def outside(name: str, policy: TrafficPolicy = TrafficPolicy.CLUSTER) -> Service:
    port = ServicePort(80, "http", node_port=30080)
    return service(name, ["10.96.0.10"], port, type=ServiceType.NODE_PORT, external_traffic_policy=policy)


def test_ports_frontends_and_endpoints_are_counted() -> None:
    web = outside("web")
    found = counts_of(plans_of(web, *slices("web", [local("10.244.0.1"), remote("10.244.1.1")])))
    assert found == Counts(services=1, service_ports=1, frontends=2, endpoints=2)


def test_an_endpoint_behind_both_policies_is_one() -> None:
    web = outside("web", LOCAL)
    assert counts_of(plans_of(web, *slices("web", [local("10.244.0.1")]))).endpoints == 1


def test_traffic_that_is_to_stay_here_without_an_endpoint_here_is_told_by_policy() -> None:
    elsewhere = slices("web", [remote("10.244.1.1")])
    found = counts_of(plans_of(outside("web", LOCAL), *elsewhere))
    assert (found.internal_without_local, found.external_without_local) == (0, 1)
    web = service("web", ["10.96.0.10"], internal_traffic_policy=LOCAL)
    found = counts_of(plans_of(web, *elsewhere))
    assert (found.internal_without_local, found.external_without_local) == (1, 0)


def test_a_service_without_any_endpoint_lacks_none_here() -> None:
    found = counts_of(plans_of(outside("web", LOCAL)))
    assert found == Counts(services=1, service_ports=1, frontends=2)


NAMES = st.sampled_from(["web", "cart", "shop"])
KINDS = st.sampled_from([None, TrafficPolicy.CLUSTER, LOCAL])


@given(steps=st.lists(st.tuples(NAMES, KINDS, st.booleans()), max_size=12))
def test_the_sum_is_that_of_the_services_that_are_there(steps: list[tuple[str, TrafficPolicy | None, bool]]) -> None:
    served, there = ServedCounts(), dict[str, list[ServicePortPlan]]()
    for name, policy, has_endpoint in steps:
        endpoints = [remote("10.244.1.1")] if has_endpoint else []
        there[name] = plans_of(outside(name, policy), *slices(name, endpoints)) if policy else []
        served.replace(ObjectReference("Service", name, "default"), there[name])
    alone = [counts_of(plans) for plans in there.values()]
    assert served.counts == Counts(
        services=sum(item.services for item in alone),
        service_ports=sum(item.service_ports for item in alone),
        frontends=sum(item.frontends for item in alone),
        endpoints=sum(item.endpoints for item in alone),
        internal_without_local=sum(item.internal_without_local for item in alone),
        external_without_local=sum(item.external_without_local for item in alone),
    )
