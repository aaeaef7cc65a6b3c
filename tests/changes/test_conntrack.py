"""Which UDP conntrack entries must be deleted (S48, S49)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from attrs import evolve
from hypothesis import assume, given
from hypothesis import strategies as st

from svcc.addresses import IPFamily, family_of
from svcc.compiler.compilation import compile_cluster
from svcc.dataplane.conntrack import StaleEntries, UdpEntry, UdpFrontends, stale_udp_entries, still_stale
from svcc.dataplane.contract import Dataplane, NodePortAddresses
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import Endpoint, EndpointPort
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from svcc.select import EndpointAddress
from tests.declare import compiled, local, remote, service, slices
from tests.strategies.scenarios import Scenario, scenarios

DNS, OTHER = "10.96.0.53", "10.96.0.54"
A, B = "10.244.1.1", "10.244.1.2"
Declared = Sequence[ClusterObject]


def dns(cluster_ip: str = DNS, name: str = "dns", protocol: str = "UDP", **fields: object) -> Service:
    node_port = 30053 if fields.get("type") in {"NodePort", "LoadBalancer"} else 0
    return service(name, [cluster_ip], ServicePort(53, "dns", protocol=protocol, node_port=node_port), **fields)


def pods(endpoints: Iterable[Endpoint], name: str = "dns", port: int = 1053, protocol: str = "UDP") -> Declared:
    return slices(name, endpoints, EndpointPort(port, "dns", protocol))


def dataplane(*objects: ClusterObject | Declared) -> Dataplane:
    return compiled(*objects).dataplane


def stale(before: Dataplane, after: Dataplane) -> list[tuple[str | None, int, str]]:
    return [(item.address, item.port, str(item.endpoint)) for item in stale_udp_entries(before, after)]


BOTH = pods([remote(A), remote(B)])
FIRST = pods([remote(A)])

NODE_ADDRESS = "192.168.0.10"
AT_THE_NODE_PORTS_NUMBER = service(
    "at", [OTHER], ServicePort(30053, "dns", protocol="UDP"), external_ips=[NODE_ADDRESS]
)

CASES: dict[str, tuple[Dataplane, Dataplane, list[tuple[str | None, int, str]]]] = {
    "nothing changes": (dataplane(dns(), BOTH), dataplane(dns(), BOTH), []),
    "an endpoint goes": (dataplane(dns(), BOTH), dataplane(dns(), FIRST), [(DNS, 53, f"{B}:1053")]),
    "an endpoint comes": (dataplane(dns(), FIRST), dataplane(dns(), BOTH), []),
    "the last endpoint goes": (dataplane(dns(), FIRST), dataplane(dns()), [(DNS, 53, f"{A}:1053")]),
    "the port of an endpoint changes": (
        dataplane(dns(), FIRST),
        dataplane(dns(), pods([remote(A)], port=2053)),
        [(DNS, 53, f"{A}:1053")],
    ),
    "an endpoint is terminating and still serves": (
        dataplane(dns(), BOTH),
        dataplane(dns(), pods([remote(A), remote(B, ready=False, serving=True, terminating=True)])),
        [],
    ),
    "an endpoint is terminating and serves no more": (
        dataplane(dns(), BOTH),
        dataplane(dns(), pods([remote(A), remote(B, ready=False, serving=False, terminating=True)])),
        [(DNS, 53, f"{B}:1053")],
    ),
    "an endpoint is not ready and says nothing of serving": (
        dataplane(dns(), BOTH),
        dataplane(dns(), pods([remote(A), remote(B, ready=False)])),
        [],
    ),
    "the policy becomes local and others serve elsewhere": (
        dataplane(dns(), pods([local(A), remote(B)])),
        dataplane(dns(internal_traffic_policy="Local"), pods([local(A), remote(B)])),
        [],
    ),
    "an endpoint that policy had excluded goes": (
        dataplane(dns(internal_traffic_policy="Local"), pods([local(A), remote(B)])),
        dataplane(dns(internal_traffic_policy="Local"), pods([local(A)])),
        [(DNS, 53, f"{B}:1053")],
    ),
    "the Service is deleted": (dataplane(dns(), FIRST), dataplane(), [(DNS, 53, f"{A}:1053")]),
    "the Service is deleted before its endpoints": (
        dataplane(dns(), BOTH),
        dataplane(BOTH),
        [(DNS, 53, f"{A}:1053"), (DNS, 53, f"{B}:1053")],
    ),
    "the Service becomes headless": (dataplane(dns(), FIRST), dataplane(dns("None"), FIRST), [(DNS, 53, f"{A}:1053")]),
    "the service port is gone": (
        dataplane(dns(), FIRST),
        dataplane(service("dns", [DNS], ServicePort(54, "other", protocol="UDP")), FIRST),
        [(DNS, 53, f"{A}:1053")],
    ),
    "the service port has another name and nobody behind it": (
        dataplane(dns(), FIRST),
        dataplane(service("dns", [DNS], ServicePort(53, "other", protocol="UDP")), FIRST),
        [(DNS, 53, f"{A}:1053")],
    ),
    "a TCP Service takes the port over": (
        dataplane(dns(), FIRST),
        dataplane(dns(protocol="TCP")),
        [(DNS, 53, f"{A}:1053")],
    ),
    "the cluster IP changes": (dataplane(dns(), FIRST), dataplane(dns(OTHER), FIRST), [(DNS, 53, f"{A}:1053")]),
    "an endpoint that policy had excluded goes with the Service": (
        dataplane(dns(internal_traffic_policy="Local"), pods([local(A), remote(B)])),
        dataplane(),
        [(DNS, 53, f"{A}:1053"), (DNS, 53, f"{B}:1053")],
    ),
    "another Service takes the cluster IP over with the same endpoint": (
        dataplane(dns(), BOTH),
        dataplane(dns(name="new"), pods([remote(B)], "new")),
        [(DNS, 53, f"{A}:1053")],
    ),
    "a node port is given up": (
        dataplane(dns(type="NodePort"), FIRST),
        dataplane(dns(), FIRST),
        [(None, 30053, f"{A}:1053")],
    ),
    "a frontend goes whose number is a node port's, with an endpoint of that": (
        dataplane(dns(type="NodePort"), BOTH, AT_THE_NODE_PORTS_NUMBER, pods([remote(A)], "at")),
        dataplane(dns(type="NodePort"), BOTH),
        [],
    ),
    "a frontend goes whose number is a node port's, with another endpoint": (
        dataplane(dns(type="NodePort"), FIRST, AT_THE_NODE_PORTS_NUMBER, pods([remote(B)], "at")),
        dataplane(dns(type="NodePort"), FIRST),
        [(OTHER, 30053, f"{B}:1053"), (NODE_ADDRESS, 30053, f"{B}:1053")],
    ),
    "a frontend comes between a node port and its clients": (
        dataplane(dns(type="NodePort"), FIRST),
        dataplane(dns(type="NodePort"), FIRST, AT_THE_NODE_PORTS_NUMBER, pods([remote(B)], "at")),
        [(OTHER, 30053, f"{A}:1053"), (NODE_ADDRESS, 30053, f"{A}:1053")],
    ),
    "the server behind a frontend of the node's address loses its Service": (
        dataplane(
            service("at", [OTHER], ServicePort(1053, "dns", protocol="UDP"), external_ips=[NODE_ADDRESS]),
            pods([local(NODE_ADDRESS)], "at"),
        ),
        dataplane(),
        [(OTHER, 1053, f"{NODE_ADDRESS}:1053")],
    ),
    "another Service takes the cluster IP over": (
        dataplane(dns(), FIRST),
        dataplane(dns(name="new"), pods([remote(B)], "new")),
        [(DNS, 53, f"{A}:1053")],
    ),
    "the port is TCP": (
        dataplane(dns(protocol="TCP"), pods([remote(A)], protocol="TCP")),
        dataplane(dns(protocol="TCP")),
        [],
    ),
    "the port is SCTP": (
        dataplane(dns(protocol="SCTP"), pods([remote(A)], protocol="SCTP")),
        dataplane(dns(protocol="SCTP")),
        [],
    ),
    "a node port loses an endpoint": (
        dataplane(dns(type="NodePort"), BOTH),
        dataplane(dns(type="NodePort"), FIRST),
        [(None, 30053, f"{B}:1053"), (DNS, 53, f"{B}:1053")],
    ),
    "a VIP and an external IP lose an endpoint": (
        dataplane(dns(load_balancer_ingress=[LoadBalancerIngress("198.18.0.1")], external_ips=["198.18.0.2"]), BOTH),
        dataplane(dns(load_balancer_ingress=[LoadBalancerIngress("198.18.0.1")], external_ips=["198.18.0.2"]), FIRST),
        [(DNS, 53, f"{B}:1053"), ("198.18.0.1", 53, f"{B}:1053"), ("198.18.0.2", 53, f"{B}:1053")],
    ),
    "an endpoint is drained": (
        dataplane(dns(), BOTH),
        dataplane(dns(), pods([remote(A), remote(B, weight=0)])),
        [],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_entries_to_delete_when(case: str) -> None:
    before, after, expected = CASES[case]
    assert stale(before, after) == expected


def test_the_families_are_judged_each_for_itself() -> None:
    both = service("dns", [DNS, "fd00:96::53"], ServicePort(53, "dns", protocol="UDP"))
    before = dataplane(both, pods([remote(A), remote("fd00:10:244::1")]))
    after = dataplane(both, FIRST)
    [entry] = stale_udp_entries(before, after)
    assert (entry.family, str(entry.endpoint)) == (IPFamily.IPV6, "[fd00:10:244::1]:1053")
    assert " ".join(entry.conntrack_arguments) == (
        "-f ipv6 -p udp --orig-dst fd00:96::53 --orig-port-dst 53 --reply-src fd00:10:244::1 --reply-port-src 1053"
    )


def place(address: str, port: int) -> EndpointAddress:
    return EndpointAddress(address, port)


ENTRY = UdpEntry(place(DNS, 53), place(B, 1053))


def test_a_filter_matches_its_frontend_and_its_endpoint_only() -> None:
    [entry] = stale_udp_entries(dataplane(dns(), BOTH), dataplane(dns(), FIRST))
    assert entry.matches(ENTRY)
    for other in (
        UdpEntry(place(OTHER, 53), place(B, 1053)),
        UdpEntry(place(DNS, 54), place(B, 1053)),
        UdpEntry(place(DNS, 53), place(A, 1053)),
        UdpEntry(place(DNS, 53), place(B, 1054)),
    ):
        assert not entry.matches(other)


def test_the_filter_of_a_node_port_leaves_frontends_with_its_number_alone() -> None:
    other = service("other", [OTHER], ServicePort(30053, "dns", protocol="UDP"))
    of_other = pods([remote(B)], "other")
    before = dataplane(dns(type="NodePort"), BOTH, other, of_other)
    after = dataplane(dns(type="NodePort"), FIRST, other, of_other)
    [entry] = [item for item in stale_udp_entries(before, after) if item.address is None]
    assert entry.except_addresses == (OTHER,)
    assert entry.matches(UdpEntry(place("192.168.0.10", 30053), place(B, 1053)))
    assert not entry.matches(UdpEntry(place(OTHER, 30053), place(B, 1053)))
    assert "--orig-dst" not in entry.conntrack_arguments


def frontends(found: Dataplane, family: IPFamily = IPFamily.IPV4) -> UdpFrontends:
    return next(UdpFrontends(item) for item in found.families if item.family is family)


JUDGED = {
    "an endpoint serves": (DNS, 53, A, 1053, False),
    "an endpoint is gone, whenever that was": (DNS, 53, B, 1053, True),
    "an endpoint has another port": (DNS, 53, A, 53, True),
    "the entry was made before the frontend, so nothing was translated": (DNS, 53, DNS, 53, True),
    "the address is nobody's frontend": ("192.0.2.9", 53, B, 1053, False),
    "the port is nobody's frontend": (DNS, 54, B, 1053, False),
    "a node port's endpoint is gone": ("192.168.0.10", 30053, B, 1053, True),
    "a node port's endpoint serves": ("192.168.0.10", 30053, A, 1053, False),
    "a node's address was used before there was the node port": ("192.168.0.10", 30053, "192.168.0.10", 30053, True),
    "somebody else's server has the number of a node port": ("203.0.113.9", 30053, "203.0.113.9", 30053, False),
    "somebody else translates the number of a node port": ("203.0.113.9", 30053, "192.0.2.8", 53, False),
}


@pytest.mark.parametrize("case", JUDGED)
def test_an_entry_of_any_history_is_judged_where(case: str) -> None:
    address, port, reply_address, reply_port, expected = JUDGED[case]
    found = frontends(dataplane(dns(type="NodePort"), FIRST))
    assert found.is_stale(UdpEntry(place(address, port), place(reply_address, reply_port))) is expected


def test_who_speaks_to_the_endpoint_of_a_node_port_without_it_is_left_alone() -> None:
    before = dataplane(dns(type="NodePort"), pods([remote(A), remote(B)], port=30053))
    for after in (dataplane(dns(type="NodePort"), pods([remote(A)], port=30053)), dataplane()):
        found = {str(item.endpoint): item for item in stale_udp_entries(before, after) if item.address is None}
        assert found[f"{B}:30053"].except_addresses == (B,)
        assert not found[f"{B}:30053"].matches(UdpEntry(place(B, 30053), place(B, 30053)))
        assert found[f"{B}:30053"].matches(UdpEntry(place(NODE_ADDRESS, 30053), place(B, 30053)))


def test_a_server_on_the_node_itself_is_left_alone_only_where_no_node_port_answers_for_it() -> None:
    before = dataplane(dns(type="NodePort"), pods([local(NODE_ADDRESS), remote(B)], port=30053))
    entry = UdpEntry(place(NODE_ADDRESS, 30053), place(NODE_ADDRESS, 30053))
    after = dataplane(dns(type="NodePort"), pods([remote(B)], port=30053))
    assert any(item.matches(entry) for item in stale_udp_entries(before, after))
    assert frontends(after).is_stale(entry)
    assert not any(item.matches(entry) for item in stale_udp_entries(before, dataplane()))


def test_entries_of_frontends_that_are_gone_are_named_after_the_service_port_that_had_them() -> None:
    [entry] = stale_udp_entries(dataplane(dns(), FIRST), dataplane())
    assert str(entry.service_port) == "default/dns:dns UDP"
    [entry] = stale_udp_entries(dataplane(dns(), FIRST), dataplane(dns(name="new")))
    assert str(entry.service_port) == "default/new:dns UDP"


@given(before=scenarios(), after=scenarios(), data=st.data())
def test_filters_and_judgement_agree_on_what_the_rules_before_could_make(
    before: Scenario, after: Scenario, data: st.DataObject
) -> None:
    old, new = (
        compile_cluster(item.cluster, node=item.node, settings=item.settings).dataplane for item in (before, after)
    )
    filters: tuple[StaleEntries, ...] = stale_udp_entries(old, new)
    possible = [
        (family, UdpEntry(place(address or "192.0.2.77", port), endpoint))
        for family in old.families
        for (address, port), plan in UdpFrontends(family).plans.items()
        for endpoint in (*plan.cluster_endpoints, *plan.local_endpoints)
    ]
    assume(possible)
    family, entry = data.draw(st.sampled_from(possible))
    [judged] = [item for item in new.families if item.family is family.family]
    judge = UdpFrontends(evolve(judged, node_ports=NodePortAddresses()), ["192.0.2.77"])
    matching = [item for item in filters if item.family is family.family and item.matches(entry)]
    # Who does not know what was served before takes entries of frontends that are gone for other people's.
    is_gone = not judge.is_ours(entry.destination) and entry.reply_source != entry.destination
    assert (judge.is_stale(entry) or is_gone) is bool(matching)
    assert all(family_of(item.endpoint.address) is item.family for item in filters)


AT_THE_NUMBER = (AT_THE_NODE_PORTS_NUMBER, pods([remote(B)], "at"))
LATER: dict[str, tuple[Dataplane, list[tuple[str | None, int, str, tuple[str, ...]]]]] = {
    "nothing has changed since": (
        dataplane(dns(type="NodePort"), FIRST),
        [(None, 30053, f"{B}:1053", ()), (DNS, 53, f"{B}:1053", ())],
    ),
    "the endpoint is back": (dataplane(dns(type="NodePort"), BOTH), []),
    "the endpoint is back, behind another Service that has the frontend now": (
        dataplane(dns(name="new"), pods([remote(B)], "new")),
        [(None, 30053, f"{B}:1053", ())],
    ),
    "the endpoint is back with another port": (
        dataplane(dns(type="NodePort"), pods([remote(B)], port=2053)),
        [(None, 30053, f"{B}:1053", ()), (DNS, 53, f"{B}:1053", ())],
    ),
    "all is gone": (dataplane(), [(None, 30053, f"{B}:1053", ()), (DNS, 53, f"{B}:1053", ())]),
    "a frontend with the node port's number has the endpoint": (
        dataplane(dns(type="NodePort"), FIRST, *AT_THE_NUMBER),
        [(None, 30053, f"{B}:1053", (OTHER, NODE_ADDRESS)), (DNS, 53, f"{B}:1053", ())],
    ),
    "a frontend with the node port's number has another endpoint": (
        dataplane(dns(type="NodePort"), FIRST, AT_THE_NODE_PORTS_NUMBER, pods([remote(A)], "at")),
        [(None, 30053, f"{B}:1053", ()), (DNS, 53, f"{B}:1053", ())],
    ),
}


@pytest.mark.parametrize("case", LATER)
def test_a_filter_of_an_earlier_change_holds_as_far_as_its_endpoint_does_not_serve_again_when(case: str) -> None:
    later, expected = LATER[case]
    filters = stale_udp_entries(dataplane(dns(type="NodePort"), BOTH), dataplane(dns(type="NodePort"), FIRST))
    assert [
        (item.address, item.port, str(item.endpoint), item.except_addresses)
        for item in still_stale(filters, frontends(later))
    ] == expected


def test_a_filter_that_still_holds_spares_what_it_spared() -> None:
    before = dataplane(dns(type="NodePort"), pods([remote(A), remote(B)], port=30053))
    [item] = [
        item
        for item in still_stale(stale_udp_entries(before, dataplane()), frontends(dataplane()))
        if item.address is None and item.endpoint.address == B
    ]
    assert item.except_addresses == (B,)


@given(before=scenarios(), after=scenarios(), later=scenarios(), data=st.data())
def test_filters_still_match_what_they_matched_unless_it_could_be_made_again(
    before: Scenario, after: Scenario, later: Scenario, data: st.DataObject
) -> None:
    old, new, now = (
        compile_cluster(item.cluster, node=item.node, settings=item.settings).dataplane
        for item in (before, after, later)
    )
    family = data.draw(st.sampled_from(old.families)).family
    filters = [item for item in stale_udp_entries(old, new) if item.family is family]
    served = frontends(now, family)
    possible = [
        UdpEntry(place(address or "192.0.2.77", port), endpoint)
        for found in (frontends(old, family), served)
        for (address, port), plan in found.plans.items()
        for endpoint in (*plan.cluster_endpoints, *plan.local_endpoints)
    ]
    assume(possible)
    entry = data.draw(st.sampled_from(possible))
    plan = served.serving(entry.destination)
    is_served = plan is not None and entry.reply_source in (
        *plan.cluster_endpoints,
        *plan.local_endpoints,
        *plan.also_serving,
    )
    still = any(item.matches(entry) for item in still_stale(filters, served))
    assert still is (any(item.matches(entry) for item in filters) and not is_served)


@given(before=scenarios(), after=scenarios())
def test_no_entry_that_the_rules_after_could_make_is_deleted(before: Scenario, after: Scenario) -> None:
    old, new = (
        compile_cluster(item.cluster, node=item.node, settings=item.settings).dataplane for item in (before, after)
    )
    filters = stale_udp_entries(old, new)
    for family in new.families:
        for (address, port), plan in UdpFrontends(family).plans.items():
            for endpoint in (*plan.cluster_endpoints, *plan.local_endpoints):
                for at in [address] if address else family.node_addresses:
                    entry = UdpEntry(place(at, port), endpoint)
                    if frontends(new, family.family).serving(entry.destination) is plan:
                        assert not any(item.matches(entry) for item in filters if item.family is family.family)
