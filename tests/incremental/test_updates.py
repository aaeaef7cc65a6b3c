"""What single changes do to a cluster: what they say, and how far they reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import pytest
from attrs import evolve

from svcc.compiler import affinity
from svcc.compiler.compilation import compile_cluster
from svcc.errors import SettingsError
from svcc.fields import ObjectReference
from svcc.incremental.compiler import IncrementalCompiler
from svcc.incremental.contract import Change, HealthCheck, ServiceChange, ServiceFate, Update
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import EndpointPort
from svcc.model.node import Node, NodeAddress, ServiceCIDR
from svcc.model.service import Service, ServicePort
from svcc.nft.commands import AddChain, AddElements, DeleteElements
from svcc.nft.objects import Data, Key, Ruleset
from svcc.nft.statements import Verdict
from svcc.nft.transaction import transaction
from svcc.select import EndpointAddress
from tests.declare import NODE, PODS, SERVICE_CIDRS, local, remote, service, slices

A, B, C = "10.244.1.1", "10.244.1.2", "10.244.1.3"
WEB = service("web", ["10.96.0.1"])
OTHER = service("other", ["10.96.0.2"])
Declared = ClusterObject | Iterable[ClusterObject]


def flat(items: Iterable[Declared]) -> list[ClusterObject]:
    found: list[ClusterObject] = []
    for item in items:
        found += [item] if isinstance(item, Service | Node | ServiceCIDR) else list(item)  # type: ignore[arg-type]
    return found


def compiler(*items: Declared, settings: ClusterSettings = PODS) -> IncrementalCompiler:
    made = IncrementalCompiler(NODE.name, settings)
    made.update(map(Change.to, [NODE, SERVICE_CIDRS, *flat(items)]))
    return made


def told(made: IncrementalCompiler, *items: Declared, gone: Sequence[ClusterObject] = ()) -> Update:
    return made.update([*map(Change.to, flat(items)), *(Change(item.reference, None) for item in gone)])


def names(update: Update) -> dict[str, int]:
    """The sets whose elements change, with the number of elements before and after."""
    found: dict[str, int] = {}
    for ruleset in (update.before, update.after):
        for table in ruleset.tables:
            for item in table.sets:
                if item.elements:
                    found[item.name] = found.get(item.name, 0) + len(item.elements)
    return found


def elements(ruleset: Ruleset, name: str) -> list[tuple[Key, Data | None]]:
    return [pair for table in ruleset.tables for item in table.sets if item.name == name for pair in item.elements]


def chains(update: Update) -> tuple[set[str], set[str]]:
    before, after = (
        {chain.name for table in ruleset.tables for chain in table.chains} for ruleset in (update.before, update.after)
    )
    return before, after


def at(address: str, port: int = 8080) -> EndpointAddress:
    return EndpointAddress(address, port)


WEB_REFERENCE = ObjectReference("Service", "web", "default")


def test_an_endpoint_that_is_exchanged_changes_one_element_and_no_chain() -> None:
    made = compiler(WEB, slices("web", [remote(A), remote(B)]), OTHER, slices("other", [remote(A), remote(B)]))
    update = told(made, slices("web", [remote(A), remote(C)]))
    assert names(update).keys() == {"endpoints-tcp"}
    assert chains(update) == (set(), set())
    assert update.services == (ServiceChange(WEB_REFERENCE, ServiceFate.CHANGED, (at(C),), (at(B),)),)
    commands = transaction(update.before, update.after).commands
    assert [type(item) for item in commands] == [DeleteElements, AddElements]


def test_a_pick_chain_stays_as_long_as_anybody_needs_it() -> None:
    made = compiler(WEB, slices("web", [remote(A), remote(B)]), OTHER, slices("other", [remote(A), remote(B)]))
    assert chains(told(made, slices("web", [remote(A)]))) == (set(), {"pick-1"})
    assert chains(told(made, slices("other", [remote(A)]))) == ({"pick-2"}, set())
    assert chains(told(made, gone=[WEB, OTHER])) == ({"pick-1"}, set())


def test_slices_may_come_before_their_service_and_stay_behind() -> None:
    made = compiler()
    endpoints = slices("web", [remote(A)])
    assert not told(made, endpoints)
    came = told(made, WEB)
    assert came.services == (ServiceChange(WEB_REFERENCE, ServiceFate.ADDED, (at(A),)),)
    assert "endpoints-tcp" in names(came)
    went = told(made, gone=[WEB])
    assert went.services == (ServiceChange(WEB_REFERENCE, ServiceFate.REMOVED, (), (at(A),)),)
    assert (went.before, went.after) == (came.after, came.before)
    assert not told(made, gone=endpoints)


def test_what_has_been_done_and_undone_in_one_batch_changes_nothing() -> None:
    made = compiler(WEB, slices("web", [remote(A)]))
    batch = [Change(WEB.reference, None), *map(Change.to, slices("web", [remote(B)]))]
    update = made.update([*batch, Change.to(WEB), *map(Change.to, slices("web", [remote(A)]))])
    assert not update
    assert update.services == ()


@pytest.mark.parametrize(
    "other",
    [
        service("web", ["None"]),
        service("web", ["10.96.0.1"], type="ExternalName", external_name="example.com"),
        service("web", []),
        service("web", ["10.96.0.1"], labels={"service.kubernetes.io/service-proxy-name": "other"}),
    ],
    ids=["headless", "ExternalName", "without cluster IP", "of another proxy"],
)
def test_a_service_that_yields_no_rules_any_more_is_removed_and_comes_back(other: Service) -> None:
    made = compiler(WEB, slices("web", [remote(A)]))
    assert made.problems == ()
    went = told(made, other)
    assert [item.fate for item in went.services] == [ServiceFate.REMOVED]
    assert [item.rule for item in went.problems] == ["cluster/yields-no-rules"]
    assert made.problems == went.problems
    back = told(made, WEB)
    assert (back.before, back.after) == (went.after, went.before)
    assert (back.problems, back.resolved) == ((), went.problems)


def test_the_frontend_of_a_service_that_goes_is_the_next_ones() -> None:
    older = service("old", ["10.96.0.3"], external_ips=["198.18.0.1"], creation_timestamp="2024-01-01T00:00:00Z")
    newer = service("new", ["10.96.0.4"], external_ips=["198.18.0.1"], creation_timestamp="2025-01-01T00:00:00Z")
    made = compiler(newer, slices("new", [remote(B)]), older, slices("old", [remote(A)]))
    assert [str(item.object) for item in made.problems] == ["Service default/new"]
    went = told(made, gone=[older])
    assert [item.rule for item in went.resolved] == ["cluster/frontend-conflict"]
    assert [(item.service.name, item.fate) for item in went.services] == [
        ("new", ServiceFate.CHANGED),
        ("old", ServiceFate.REMOVED),
    ]
    assert made.problems == ()
    back = told(made, older)
    assert back.problems == went.resolved
    assert (back.before, back.after) == (went.after, went.before)


def test_a_cluster_ip_that_becomes_an_external_address_changes_its_holder() -> None:
    made = compiler(WEB, slices("web", [remote(A)]))
    update = told(made, service("other", ["10.96.0.2"], ServicePort(81, "http"), external_ips=["10.96.0.1"]))
    assert {"mixed-addresses", "masquerade-frontends"} <= names(update).keys()
    assert [item.service.name for item in update.services] == ["other"]


def test_rules_that_remember_clients_are_there_for_the_protocols_that_need_them() -> None:
    made = compiler(WEB, slices("web", [remote(A)]))
    sticky = evolve(WEB, session_affinity="ClientIP")
    before, after = chains(told(made, sticky))
    assert before & after == {"remember"}
    assert after - before == {"remember-default/web/tcp/http", "sticky-default/web/tcp/http"}
    _, after = chains(told(made, evolve(OTHER, session_affinity="ClientIP"), slices("other", [remote(A)])))
    assert "remember" not in after


def test_a_sticky_service_port_that_takes_a_number_changes_the_one_that_had_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(affinity, "preferred_numbers", lambda _name: [7, 8, 9])
    sticky = evolve(WEB, session_affinity="ClientIP")
    made = compiler(sticky, slices("web", [remote(A)]))
    numbers = {key[0] for key, _ in elements(made.ruleset(), "sticky-endpoints-tcp")}
    assert numbers == {8}
    update = told(made, evolve(OTHER, session_affinity="ClientIP"), slices("other", [remote(B)]))
    # "other" goes before "web", whose three numbers are moved on.
    assert {key[0] for key, _ in elements(update.before, "sticky-endpoints-tcp")} == {8}
    assert {key[0] for key, _ in elements(update.after, "sticky-endpoints-tcp")} == {8, 11}
    assert {"remember-default/web/tcp/http", "sticky-default/web/tcp/http"} <= chains(update)[1]
    assert [item.service.name for item in update.services] == ["other"]


@pytest.mark.parametrize(
    "node",
    [
        evolve(NODE, annotations={"heartbeat": "now"}),
        evolve(NODE, labels={"kubernetes.io/os": "linux"}),
        evolve(NODE, addresses=[*NODE.addresses, NodeAddress("node-a", "Hostname")]),
        evolve(NODE, architecture="arm64"),
        Node("node-z", addresses=[NodeAddress("192.168.0.99")], labels={"topology.kubernetes.io/zone": "z"}),
    ],
    ids=["heartbeat", "label", "host name", "little endian", "another node"],
)
def test_nodes_whose_changes_do_not_matter_change_nothing(node: Node) -> None:
    made = compiler(WEB, slices("web", [remote(A)]))
    before = made.dataplane()
    update = told(made, node)
    assert not update
    assert (update.services, update.stale_entries, update.problems, update.resolved) == ((), (), (), ())
    assert made.dataplane() == before


def test_the_nodes_address_changes_what_serves_node_ports_and_nothing_of_the_services() -> None:
    made = compiler(service("web", ["10.96.0.1"], ServicePort(80, "http", node_port=30080), type="NodePort"))
    update = told(made, evolve(NODE, addresses=[NodeAddress("192.168.0.11"), NodeAddress("fd00:1::10")]))
    assert names(update) == {"nodeport-addresses": 2}
    assert update.services == ()


def test_a_refused_frontend_gets_an_element_when_its_address_serves_node_ports_and_loses_it_again() -> None:
    address = "203.0.113.10"
    made = compiler(service("refused", ["10.96.0.3"], external_ips=[address]), WEB, slices("web", [remote(A)]))
    there = evolve(NODE, addresses=[NodeAddress(address)])
    update = told(made, there)
    assert elements(update.after, "services") == [(("tcp", address, 80), Verdict("return"))]
    assert names(update) == {"services": 1, "nodeport-addresses": 3}
    assert elements(told(made, NODE).before, "services") == [(("tcp", address, 80), Verdict("return"))]


def test_the_zone_of_the_node_decides_about_endpoints_with_hints() -> None:
    made = compiler(WEB, slices("web", [remote(A, zone_hints=["one"]), remote(B, zone_hints=["two"])]))
    update = told(made, evolve(NODE, labels={"topology.kubernetes.io/zone": "one"}))
    assert update.services == (ServiceChange(WEB_REFERENCE, ServiceFate.CHANGED, (), (at(B),)),)


def test_a_node_without_its_object_says_so_until_it_comes() -> None:
    made = IncrementalCompiler(NODE.name, PODS)
    [problem] = made.problems
    assert problem.rule == "cluster/no-node-object"
    assert told(made, NODE).resolved == (problem,)
    assert made.problems == ()
    assert told(made, gone=[NODE]).problems == (problem,)
    assert IncrementalCompiler("", PODS).problems == ()


def test_a_service_cidr_changes_one_set() -> None:
    made = compiler(WEB, slices("web", [remote(A)]))
    update = told(made, ServiceCIDR("more", cidrs=["10.97.0.0/16"]))
    assert names(update) == {"service-cidrs": 2}  # 10.96.0.0/16 and 10.97.0.0/16 are 10.96.0.0/15
    assert (update.services, chains(update)) == ((), (set(), set()))


def test_udp_entries_of_a_service_that_is_gone_are_stale() -> None:
    dns = service("dns", ["10.96.0.53"], ServicePort(53, "dns", protocol="UDP", node_port=30053), type="NodePort")
    at_number = service("at", ["10.96.0.54"], ServicePort(30053, "dns", protocol="UDP"))
    made = compiler(dns, slices("dns", [remote(A)], EndpointPort(1053, "dns", "UDP")), at_number)
    update = told(made, gone=[dns])
    assert [(item.address, item.port, item.except_addresses) for item in update.stale_entries] == [
        (None, 30053, ("10.96.0.54",)),
        ("10.96.0.53", 53, ()),
    ]


def test_udp_entries_of_clients_who_sent_before_there_was_a_frontend_are_stale() -> None:
    made = compiler(NODE, WEB, slices("web", [remote(A)]), ServiceCIDR("known", cidrs=["10.97.0.0/16"]))
    port = ServicePort(53, "dns", protocol="UDP", node_port=30053)
    dns = service("dns", ["10.97.0.53"], port, type="NodePort", external_ips=["198.51.100.53"])
    came = told(made, dns, slices("dns", [remote(A)], EndpointPort(1053, "dns", "UDP")))
    # Whoever sent to the cluster IP was dropped, and is tracked nowhere.
    assert [(item.address, item.port, str(item.endpoint), item.except_addresses) for item in came.stale_entries] == [
        ("192.168.0.10", 30053, "192.168.0.10:30053", ()),
        ("198.51.100.53", 53, "198.51.100.53:53", ()),
    ]
    assert made.still_stale(came.stale_entries) == came.stale_entries
    more = told(made, slices("dns", [remote(A), remote(B)], EndpointPort(1053, "dns", "UDP")))
    assert more.stale_entries == ()
    told(made, gone=[dns])
    assert made.still_stale(came.stale_entries) == ()


def test_udp_entries_of_a_node_port_are_stale_where_another_frontend_comes_before_it() -> None:
    dns = service("dns", ["10.96.0.53"], ServicePort(53, "dns", protocol="UDP", node_port=30053), type="NodePort")
    made = compiler(dns, slices("dns", [remote(A)], EndpointPort(1053, "dns", "UDP")))
    at_number = service("at", ["10.96.0.54"], ServicePort(30053, "dns", protocol="UDP"), external_ips=["192.168.0.10"])
    came = told(made, at_number, slices("at", [remote(B)], EndpointPort(1053, "dns", "UDP")))
    assert [(item.address, str(item.endpoint)) for item in came.stale_entries] == [
        ("10.96.0.54", f"{A}:1053"),
        ("192.168.0.10", f"{A}:1053"),
    ]
    went = told(made, slices("at", [remote(B), remote(A)], EndpointPort(1053, "dns", "UDP")), gone=[at_number])
    assert [(item.address, str(item.endpoint)) for item in went.stale_entries] == [
        ("10.96.0.54", f"{B}:1053"),
        ("192.168.0.10", f"{B}:1053"),
    ]


def test_health_checks_count_addresses_that_are_ready_here_s50() -> None:
    checked = service(
        "web",
        ["10.96.0.1", "fd00:96::1"],
        ServicePort(80, "http"),
        ServicePort(443, "https"),
        type="LoadBalancer",
        external_traffic_policy="Local",
        health_check_node_port=31000,
    )
    ports = EndpointPort(8080, "http"), EndpointPort(8443, "https")
    made = compiler(checked, slices("web", [local(A), local(B), local("fd00:10:244::1"), remote(C)], *ports))
    given = made.health_checks
    assert given == {31000: HealthCheck(WEB_REFERENCE, 2)}
    told(made, slices("web", [local(A, terminating=True), local(B, ready=False, terminating=True)], *ports))
    # The IPv6 slice is as it was.
    assert made.health_checks == {31000: HealthCheck(WEB_REFERENCE, 1)}
    told(made, evolve(checked, external_traffic_policy="Cluster"))
    assert made.health_checks == {}
    assert given == {31000: HealthCheck(WEB_REFERENCE, 2)}


def test_of_two_services_with_one_health_check_port_the_oldest_answers() -> None:
    fields = {"type": "LoadBalancer", "external_traffic_policy": "Local", "health_check_node_port": 31000}
    older = service("old", ["10.96.0.3"], **fields, creation_timestamp="2024-01-01T00:00:00Z")
    newer = service("new", ["10.96.0.4"], **fields, creation_timestamp="2025-01-01T00:00:00Z")
    made = compiler(newer, older)
    assert made.health_checks[31000].service == older.reference
    told(made, gone=[older])
    assert made.health_checks[31000].service == newer.reference


def test_changes_that_make_no_sense_are_refused_before_anything_changes() -> None:
    made = compiler(WEB)
    before = made.dataplane()
    for wrong in (
        Change(ObjectReference("Pod", "web", "default"), None),
        Change(ObjectReference("Service", "other", "default"), WEB),
    ):
        with pytest.raises(ValueError, match="web"):
            made.update([Change(WEB.reference, None), wrong])
    assert made.dataplane() == before


def test_settings_that_make_no_sense_are_refused_at_once() -> None:
    with pytest.raises(SettingsError):
        IncrementalCompiler(NODE.name, ClusterSettings(cluster_cidrs=["everywhere"]))


def test_without_any_object_there_is_what_a_compilation_of_nothing_has() -> None:
    compilation = compile_cluster(Cluster(), node=NODE.name, settings=PODS)
    made = IncrementalCompiler(NODE.name, PODS)
    assert (made.ruleset(), made.dataplane()) == (compilation.ruleset, compilation.dataplane)
    assert made.problems == compilation.problems
    assert not made.update([])


def test_only_sets_that_change_hold_elements_but_all_are_declared() -> None:
    made = compiler(WEB, slices("web", [remote(A)]))
    update = told(made, slices("web", [remote(A), remote(B)]))
    for ruleset in (update.before, update.after):
        for table, whole in zip(ruleset.tables, made.ruleset().tables, strict=True):
            assert [item.name for item in table.sets] == [item.name for item in whole.sets]
    assert AddChain in {type(item) for item in transaction(update.before, update.after).commands}
