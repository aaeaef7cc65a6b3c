"""What a change of manifests does, told as values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import pytest
from attrs import evolve
from hypothesis import given

from svcc import Maglev, NodeChange, ServicePortChange, diff
from svcc.changes.build import diff_clusters
from svcc.changes.contract import BrokenConnections, Clients, Fate, FieldChange, Measure
from svcc.changes.sweep import sweep
from svcc.compiler.balancing import maglev_of
from svcc.dataplane.contract import Decision
from svcc.errors import InputError
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import Endpoint
from svcc.model.node import Node
from svcc.model.service import LoadBalancerIngress, Service, ServicePort
from svcc.select import EndpointAddress
from tests.declare import NODE, PODS, local, remote, service, slices
from tests.strategies.scenarios import Scenario, scenarios

A, B, C, D = (f"10.244.1.{n}" for n in range(1, 5))
MAGLEV = {"svcc.dev/load-balancing": "maglev"}
Declared = Service | Iterable[ClusterObject]


def compared(before: Sequence[Declared], after: Sequence[Declared], settings: ClusterSettings = PODS) -> NodeChange:
    sides: list[list[ClusterObject]] = []
    for side in (before, after):
        flat: list[ClusterObject] = [NODE]
        for item in side:
            flat.extend([item] if isinstance(item, Service) else item)
        sides.append(flat)
    return diff(*sides, node=NODE.name, settings=settings)


def only(change: NodeChange) -> ServicePortChange:
    [found] = change.service_ports
    return found


def web(**fields: Any) -> Service:
    return service("web", ["10.96.0.1"], **fields)


def at(*addresses: str | Endpoint, name: str = "web") -> list[ClusterObject]:
    return list(slices(name, [remote(item) if isinstance(item, str) else item for item in addresses]))


def port(address: str) -> EndpointAddress:
    return EndpointAddress(address, 8080)


@given(scenario=scenarios())
def test_between_a_cluster_and_itself_nothing_changes(scenario: Scenario) -> None:
    change = diff_clusters(
        scenario.cluster, scenario.cluster, node=scenario.node, settings=(scenario.settings, scenario.settings)
    )
    assert not change
    assert change == NodeChange(scenario.node, problems=change.problems)


@given(before=scenarios(), after=scenarios())
def test_whatever_changes_the_ruleset_is_told_and_the_reverse_change_is_its_mirror(
    before: Scenario, after: Scenario
) -> None:
    there = diff_clusters(before.cluster, after.cluster, node=before.node, settings=(before.settings, after.settings))
    back = diff_clusters(after.cluster, before.cluster, node=before.node, settings=(after.settings, before.settings))
    if there.transaction and not there.service_ports and not there.surroundings:
        # Cluster IPs of Services of which nothing else is left belong to nobody's frontends, and comments to nobody.
        about_frontends = {
            f"{kind}{base}" for kind in ("", "balanced-", "refused-") for base in ("services", "nodeports")
        }
        assert {item.name for item in there.sets} <= {"cluster-ips", "mixed-addresses", *about_frontends}
    assert there.elements == back.elements
    assert there.rules == back.rules
    mirrored = {Fate.ADDED: Fate.REMOVED, Fate.REMOVED: Fate.ADDED, Fate.CHANGED: Fate.CHANGED}
    # Only connections that break have no mirror image.
    assert {(item.name, item.family, item.fate) for item in there.service_ports if item.frontends} == {
        (item.name, item.family, mirrored[item.fate]) for item in back.service_ports if item.frontends
    }


def replaced(declared: Iterable[Any], others: Iterable[Any]) -> tuple[Any, ...]:
    return tuple({(item.namespace, item.name): item for item in (*declared, *others)}.values())


@given(before=scenarios(), after=scenarios())
def test_a_sweep_says_of_each_node_what_a_comparison_says(before: Scenario, after: Scenario) -> None:
    # One Service and one slice are declared otherwise, or come: most of the cluster stays out of a sweep's reach.
    clusters = (
        before.cluster,
        evolve(
            before.cluster,
            services=replaced(before.cluster.services, after.cluster.services[:1]),
            endpoint_slices=replaced(before.cluster.endpoint_slices, after.cluster.endpoint_slices[:1]),
        ),
    )
    settings = before.settings, before.settings
    swept = {change.node: change for change in sweep(*clusters, settings).changes}
    for node in sorted({node.name for node in before.cluster.nodes}):
        alone = diff_clusters(*clusters, node=node, settings=settings)
        assert swept.get(node, NodeChange(node)) == NodeChange(
            node, alone.service_ports, alone.surroundings, alone.stale_udp
        )


def test_nothing_is_told_of_another_order_other_files_or_other_nodes() -> None:
    before: list[Declared] = [web(), at(A, B), service("other", ["10.96.0.2"]), at(C, name="other")]
    assert not compared(before, before[::-1])
    assert not compared([*before, [Node("node-z")]], before)


def test_an_endpoint_that_goes_takes_its_share_and_its_connections() -> None:
    change = only(compared([web(), at(A, B, C)], [web(), at(A, B)]))
    assert change.fate is Fate.CHANGED
    [group] = change.endpoints
    assert (group.added, group.removed) == ((), (port(C),))
    [move] = change.moves
    assert (move.share, move.measure, move.clients) == (Fraction(1, 3), Measure.DISTRIBUTION, Clients.ALL)
    assert (move.slots_before, move.slots_after) == (3, 2)
    assert change.broken == (BrokenConnections(port(C), terminating=False),)
    assert change.frontends == ()


def test_an_endpoint_that_comes_gets_its_share() -> None:
    change = only(compared([web(), at(A)], [web(), at(A, B, C)]))
    assert change.moves[0].share == Fraction(2, 3)
    assert change.broken == ()


def test_an_endpoint_that_is_terminating_ends_connections_later() -> None:
    leaving = remote(B, ready=False, terminating=True)
    change = only(compared([web(), at(A, B)], [web(), at(A, leaving)]))
    assert change.broken == (BrokenConnections(port(B), terminating=True),)
    assert not compared([web(), at(A, leaving)], [web(), at(A, leaving)])


def test_an_endpoint_that_is_not_ready_gets_no_connections_and_keeps_those_it_has() -> None:
    change = only(compared([web(), at(A, B)], [web(), at(A, remote(B, ready=False))]))
    assert change.moves[0].share == Fraction(1, 2)
    assert change.broken == ()


def test_connections_survive_the_service_where_other_slices_list_the_endpoint() -> None:
    kept, gone = (only(compared([web(), at(A)], after)) for after in ([at(A, name="other")], [at(B, name="other")]))
    assert kept.fate is gone.fate is Fate.REMOVED
    assert kept.broken == ()
    assert gone.broken == (BrokenConnections(port(A), terminating=False),)


def test_the_last_endpoint_and_the_first() -> None:
    there, back = compared([web(), at(A)], [web()]), compared([web()], [web(), at(A)])
    [down], [up] = only(there).moves, only(back).moves
    assert (down.before, down.after, down.share) == (Decision.CLUSTER, Decision.REJECT, Fraction(1))
    assert (up.before, up.after, up.share) == (Decision.REJECT, Decision.CLUSTER, Fraction(1))
    [frontend] = only(there).frontends
    assert frontend.fate is Fate.CHANGED
    assert frontend.frontend.inside is Decision.REJECT


def test_a_policy_moves_clients_from_outside_only() -> None:
    vip = {"type": "LoadBalancer", "load_balancer_ingress": [LoadBalancerIngress("198.18.0.1")]}
    endpoints = at(local(A), B, C)
    change = only(compared([web(**vip), endpoints], [web(**vip, external_traffic_policy="Local"), endpoints]))
    [move] = change.moves
    assert (move.clients, move.before, move.after) == (Clients.OUTSIDE, Decision.CLUSTER, Decision.LOCAL)
    assert move.share == Fraction(2, 3)
    assert [address for _, address, _ in move.frontends] == ["198.18.0.1"]
    assert change.broken == ()


def test_a_node_without_local_endpoints_would_drop_what_comes_from_outside() -> None:
    vip = {"type": "LoadBalancer", "load_balancer_ingress": [LoadBalancerIngress("198.18.0.1")]}
    change = only(compared([web(**vip), at(B)], [web(**vip, external_traffic_policy="Local"), at(B)]))
    assert [(move.clients, move.after, move.share) for move in change.moves] == [
        (Clients.OUTSIDE, Decision.DROP, Fraction(1))
    ]


def test_source_ranges_and_masquerading_are_told() -> None:
    vip = {"type": "LoadBalancer", "load_balancer_ingress": [LoadBalancerIngress("198.18.0.1")]}
    narrow = web(**vip, load_balancer_source_ranges=["192.0.2.0/24"])
    [frontend] = only(compared([web(**vip), at(A)], [narrow, at(A)])).frontends
    assert (frontend.before, frontend.after) != (None, None)
    assert frontend.frontend.allowed_sources == ("192.0.2.0/24",)
    changed = diff(
        [NODE, web(), *at(A)],
        [NODE, web(), *at(A)],
        settings=PODS,
        settings_after=evolve(PODS, masquerade_all=True),
    )
    assert [item.frontend.masquerade.value for item in only(changed).frontends] == ["always"]
    assert only(changed).moves == ()


def test_a_frontend_that_changes_hands_is_told_on_both_sides_and_moves() -> None:
    vip = {"external_ips": ["198.18.0.3"]}
    first, second = service("a", ["10.96.0.1"], **vip), service("b", ["10.96.0.2"])
    plain, taking = service("a", ["10.96.0.1"]), service("b", ["10.96.0.2"], **vip)
    endpoints = [*at(A, name="a"), *at(B, name="b")]
    old, new = compared([first, second, endpoints], [plain, taking, endpoints]).service_ports
    assert [(item.fate, item.other and item.other.service) for item in old.frontends] == [(Fate.REMOVED, "b")]
    assert [(item.fate, item.other and item.other.service) for item in new.frontends] == [(Fate.ADDED, "a")]
    assert old.moves == ()
    assert [(move.share, move.frontends[0][1]) for move in new.moves] == [(Fraction(1), "198.18.0.3")]


def test_maglev_moves_exactly_the_slots_that_differ() -> None:
    service_ = web(annotations=MAGLEV)
    change = only(compared([service_, at(A, B, C, D)], [service_, at(A, B, C)]))
    [move] = change.moves
    tables = []
    for plan in (change.before, change.after):
        assert plan is not None
        found = maglev_of(plan, Decision.CLUSTER)
        assert isinstance(found, Maglev)
        tables.append([found.endpoints[index] for index in found.table])
    moved = sum(one != other for one, other in zip(*tables, strict=True))
    assert move.measure is Measure.TABLES
    assert move.slots_moved == moved
    assert abs(move.share - Fraction(moved, len(tables[0]))) < Fraction(len(tables[0]), 2**32)
    assert Fraction(1, 4) <= move.share < Fraction(1, 3)


def test_another_table_size_moves_nearly_everybody() -> None:
    pinned = {**MAGLEV, "svcc.dev/table-size": "4093"}
    change = only(compared([web(annotations=MAGLEV), at(A, B, C)], [web(annotations=pinned), at(A, B, C)]))
    [move] = change.moves
    assert move.slots_before != move.slots_after
    assert move.share > Fraction(1, 2)
    assert change.settings == (FieldChange("table size", "", "4093"),)


def test_another_hash_key_is_a_draw_from_scratch() -> None:
    by_flow = {**MAGLEV, "svcc.dev/hash-key": "flow"}
    [move] = only(compared([web(annotations=MAGLEV), at(A, B)], [web(annotations=by_flow), at(A, B)])).moves
    assert move.measure is Measure.INDEPENDENT
    assert abs(move.share - Fraction(1, 2)) < Fraction(1, 100)


def test_weights_move_what_they_shift() -> None:
    change = only(compared([web(), at(A, B)], [web(), at(A, remote(B, weight=3))]))
    assert change.moves[0].share == Fraction(1, 4)
    assert change.endpoints[0].reweighted == ((port(B), 1, 3),)


def test_another_algorithm_without_another_distribution_moves_nothing() -> None:
    turns = web(annotations={"svcc.dev/load-balancing": "round-robin"})
    change = only(compared([web(), at(A, B)], [turns, at(A, B)]))
    assert change.settings == (FieldChange("load balancing", "random", "round-robin"),)
    assert change.moves == ()


def test_records_of_affinity_fall_away_with_their_endpoint_or_altogether() -> None:
    sticky = web(session_affinity="ClientIP")
    gone = only(compared([sticky, at(A, B)], [sticky, at(A)]))
    assert (gone.forgotten, gone.forgets_all) == ((port(B),), False)
    off = only(compared([sticky, at(A, B)], [web(), at(A, B)]))
    assert (off.forgotten, off.forgets_all) == ((port(A), port(B)), True)
    assert off.settings == (FieldChange("session affinity", "10800 s", ""),)
    assert only(compared([web(), at(A)], [sticky, at(A)])).forgotten == ()


@given(before=scenarios(), after=scenarios())
def test_a_share_is_what_the_distributions_of_a_cold_look_say(before: Scenario, after: Scenario) -> None:
    settings = before.settings, after.settings
    for change in diff_clusters(before.cluster, after.cluster, node=before.node, settings=settings).service_ports:
        for move in change.moves:
            assert 0 < move.share <= 1
            assert move.slots_moved <= min(move.slots_before, move.slots_after)
            if change.before and change.after and move.measure is Measure.DISTRIBUTION and not change.frontends:
                old, new = (
                    Counter(dict(zip(plan.endpoints(decision), plan.weights(decision) or [1] * 99, strict=False)))
                    for plan, decision in ((change.before, move.before), (change.after, move.after))
                )
                overlap = sum(
                    min(Fraction(old[endpoint], old.total()), Fraction(new[endpoint], new.total())) for endpoint in old
                )
                assert abs(move.share - (1 - overlap)) <= Fraction(1, 100)


def test_what_is_touched_in_the_ruleset_is_counted_and_listed() -> None:
    change = compared([web(), at(A)], [web(), at(B)])
    assert (change.elements, change.rules) == (1, 0)
    [item] = change.sets
    assert (item.name, item.changed) == ("endpoints-tcp", ((("10.96.0.1", 80, 0), port(A), port(B)),))
    grown = compared([web(), at(A)], [web(), at(A, B)])
    assert {(item.name, item.fate) for item in grown.chains} == {("pick-1", Fate.REMOVED), ("pick-2", Fate.ADDED)}


def test_surroundings_are_told() -> None:
    change = diff([NODE], [NODE], settings=PODS, settings_after=evolve(PODS, service_cidrs=("10.97.0.0/16",)))
    assert change.surroundings == (FieldChange("IPv4 service CIDRs", "", "10.97.0.0/16"),)
    assert change


def test_a_sweep_names_nodes_that_come_and_go_and_those_that_change() -> None:
    def cluster(*objects: ClusterObject) -> Cluster:
        return Cluster.of(objects)

    endpoints = [Endpoint([A], node_name="node-a"), Endpoint([B], node_name="node-b")]
    vip: dict[str, Any] = {"type": "LoadBalancer", "load_balancer_ingress": [LoadBalancerIngress("198.18.0.1")]}
    local_only = web(**vip, external_traffic_policy="Local")
    before = cluster(NODE, Node("node-b"), Node("node-c"), local_only, *slices("web", endpoints))
    after = cluster(NODE, Node("node-b"), Node("node-d"), local_only, *slices("web", endpoints[:1]))
    found = sweep(before, after, (PODS, PODS))
    assert (found.nodes, found.came, found.went) == (("node-a", "node-b"), ("node-d",), ("node-c",))
    moves = {change.node: {move.after for move in only(change).moves} for change in found.changes}
    assert Decision.DROP in moves["node-b"]
    assert Decision.DROP not in moves["node-a"]


def test_a_node_must_be_chosen_where_there_are_several() -> None:
    with pytest.raises(InputError, match="2 nodes"):
        diff([], [NODE, Node("node-b")])
    assert diff([NODE], [NODE]).node == NODE.name


def test_an_object_with_errors_is_left_out_and_told() -> None:
    change = diff([NODE, web()], [NODE, service("web", ["not an address"], ServicePort(80, "http"))])
    assert [item.fate for item in change.service_ports] == [Fate.REMOVED]
    assert change.problems
