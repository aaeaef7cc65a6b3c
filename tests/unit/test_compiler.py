"""The compiler's promises: a constant program, stable output, few changes for small causes, harmless names."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence

import pytest
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from svcc.compiler.compilation import compile_cluster
from svcc.compiler.picks import Pick, pick_of
from svcc.compiler.ruleset import build_ruleset
from svcc.dataplane.build import build_dataplane
from svcc.dataplane.contract import ServicePortName
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.node import Node, NodeAddress
from svcc.model.service import Protocol, Service, ServicePort
from svcc.nft.names import comment_text, identifier
from svcc.nft.objects import Set, Table
from svcc.nft.statements import Verdict

SETTINGS = ClusterSettings(cluster_cidrs=["10.244.0.0/16"])


def service(number: int, endpoints: int, **fields: object) -> list[ClusterObject]:
    """A Service with its slice."""
    name = f"web-{number}"
    port = ServicePort(80, "http", node_port=fields.pop("node_port", 0))  # type: ignore[arg-type]
    declared = Service(name, cluster_ips=[f"10.96.{number >> 8}.{number & 255}"], ports=[port], **fields)  # type: ignore[arg-type]
    pods = [Endpoint([f"10.244.{n >> 8}.{n & 255}"], node_name="a" if n % 3 else "b") for n in range(endpoints)]
    ports = [EndpointPort(8080, "http")]
    return [declared, EndpointSlice(f"{name}-x", service_name=name, endpoints=pods, ports=ports)]


def table(objects: Sequence[ClusterObject], settings: ClusterSettings = SETTINGS) -> Table:
    return compile_cluster(Cluster.of(objects), node="a", settings=settings).ruleset.tables[0]


def chain_names(found: Table) -> set[str]:
    return {chain.name for chain in found.chains}


def elements(found: Table, name: str) -> set[tuple[object, object]]:
    return set(next(item for item in found.sets if item.name == name).elements)


def every_kind(number: int, endpoints: int) -> list[ClusterObject]:
    policy = "Local" if number % 2 else "Cluster"
    kind = "NodePort" if number % 3 else "ClusterIP"
    node_port = 30000 + number if kind == "NodePort" else 0
    more = {"external_traffic_policy": policy} if kind == "NodePort" else {}
    return service(number, endpoints, type=kind, node_port=node_port, internal_traffic_policy=policy, **more)


def test_the_number_of_chains_does_not_depend_on_the_number_of_services() -> None:
    few = chain_names(table([item for n in range(12) for item in every_kind(n, 5)]))
    many = chain_names(table([item for n in range(600) for item in every_kind(n, 5)]))
    assert many == few


def test_the_number_of_chains_is_bounded_by_the_endpoint_counts_in_use() -> None:
    counts = [1, 2, 3, 7, 50]
    objects = [item for n in range(300) for item in every_kind(n, counts[n % len(counts)])]
    names = chain_names(table(objects))
    picks = {name for name in names if name.startswith("pick-")}
    # Four kinds of pick (frontend or node port, cluster or local set) for each distinct number of endpoints.
    distinct = len(set(counts) | {sum(1 for n in range(count) if n % 3) for count in counts})
    assert len(picks) <= 4 * distinct
    assert len(names - picks) == len(chain_names(table([])))


def test_a_sticky_service_port_owns_a_few_chains_and_no_other_does() -> None:
    plain = len(chain_names(table(service(1, 4))))
    for count in (1, 2, 3):
        objects = [item for n in range(count) for item in service(n, 4, session_affinity="ClientIP")]
        assert len(chain_names(table(objects))) <= plain + 2 * count


def test_the_same_input_in_any_order_gives_identical_output() -> None:
    objects = [item for n in range(30) for item in every_kind(n, 5)]
    expected = compile_cluster(Cluster.of(objects), node="a", settings=SETTINGS).script
    for seed in range(3):
        shuffled = random.Random(seed).sample(objects, len(objects))
        assert compile_cluster(Cluster.of(shuffled), node="a", settings=SETTINGS).script == expected


@pytest.mark.parametrize("count", [10, 100, 500])
def test_removing_one_endpoint_changes_few_elements(count: int) -> None:
    full = service(1, count)
    before = elements(table(full), "endpoints-tcp")
    declared, slices = full
    assert isinstance(slices, EndpointSlice)
    changed = []
    for gone in range(0, count, max(1, count // 25)):
        rest = [endpoint for index, endpoint in enumerate(slices.endpoints) if index != gone]
        fewer = EndpointSlice(slices.name, service_name=slices.service_name, endpoints=rest, ports=slices.ports)
        after = elements(table([declared, fewer]), "endpoints-tcp")
        changed.append(len(before - after))
    # A removal frees one slot, and filling it moves about ln N endpoints; sorted slots would move half of all.
    assert sum(changed) / len(changed) < 8


def test_every_slot_of_a_pick_has_an_endpoint() -> None:
    found = table([item for n in range(60) for item in every_kind(n, n % 9)])
    chains = dict(elements(found, "picks"))
    picked = set()
    for base, endpoints in (("services", "endpoints-tcp"), ("nodeports", "nodeport-endpoints-tcp")):
        slots = {key for key, _ in elements(found, endpoints)}
        for name in (f"balanced-{base}", f"balanced-outside-{base}"):
            for key, number in elements(found, name):
                verdict = chains[number]
                assert isinstance(verdict, Verdict)
                pick = re.fullmatch(r"pick(-nodeport)?(-local)?-(\d+)", verdict.target or "")
                assert pick
                assert bool(pick[1]) is (base == "nodeports")
                first = 1_000_000_000 if pick[2] else 0
                assert all((*key[1:], first + n) in slots for n in range(int(pick[3])))  # type: ignore[index]
                picked.add(pick[0])
    assert len(picked) > 8
    assert len(chains) == len(picked)


def test_every_pick_has_a_number_of_its_own() -> None:
    name = ServicePortName("shop", "web", "http", Protocol.TCP)
    numbers = {
        Pick(by_node_port, local, count, key).number
        for by_node_port in (False, True)
        for local in (False, True)
        for key in ("", "source-address", "flow")
        for count in (1, 2, 255, 65_535, 65_536, 65_537, 2**28 - 1)
    }
    assert len(numbers) == 2 * 2 * 3 * 7
    assert not numbers & {None, 0, 2**32 - 1}
    shared = [Pick(by_node_port, True, 7, key) for by_node_port in (False, True) for key in ("", "flow")]
    assert [pick_of(pick.chain) for pick in shared] == shared
    assert pick_of(Pick(False, False, 3, "", (name,)).chain) is None
    assert all(0 < number < 2**32 for number in numbers if number is not None)
    assert Pick(False, False, 3).number == 3
    assert Pick(False, False, 3, "", (name,)).number is None


def test_a_refused_frontend_is_left_alone_only_where_its_address_may_serve_node_ports() -> None:
    refused = service(1, 0)
    elsewhere = table(refused, evolve(SETTINGS, nodeport_addresses=["192.168.0.0/24"]))
    assert not elements(elsewhere, "services")
    assert len(elements(elsewhere, "refused-services")) == 1
    settings = evolve(SETTINGS, nodeport_addresses=["10.96.0.1/32"])
    assert elements(table(refused, settings), "services") == {(("tcp", "10.96.0.1", 80), Verdict("return"))}


def test_sets_are_the_same_whatever_is_declared() -> None:
    def shape(found: Table) -> list[tuple[object, ...]]:
        return [(item.name, item.key, item.data, item.interval, item.dynamic) for item in found.sets]

    everything = table([item for n in range(40) for item in every_kind(n, 3)])
    assert shape(table([], ClusterSettings(nodeport_addresses=["10.0.0.0/8"]))) == shape(everything)


@pytest.mark.parametrize("addresses", [["127.0.0.1"], ["127.0.0.1", "192.168.0.10"]])
def test_loopback_serves_no_node_ports_even_where_a_node_calls_it_its_own_s43(addresses: list[str]) -> None:
    node = Node("a", addresses=[NodeAddress(each) for each in addresses])
    found = table([node, *service(1, 2, type="NodePort", node_port=30001)])
    assert ("127.0.0.1",) not in {key for key, _ in elements(found, "nodeport-addresses")}
    found = table(service(1, 2, type="NodePort", node_port=30001), evolve(SETTINGS, local_addresses=addresses))
    assert elements(found, "nodeport-addresses") == {((each,), None) for each in addresses[1:]}


def test_no_set_is_declared_by_a_plain_type() -> None:
    script = compile_cluster(Cluster.of(service(1, 3)), node="a").script
    assert "\ttype " not in script.replace("\ttype nat hook", "").replace("\ttype filter hook", "")
    assert not re.search(r"(vmap|map|==|!=) \{", script)


def test_affinity_records_survive_a_reload_because_their_map_is_never_deleted() -> None:
    script = compile_cluster(Cluster.of(service(1, 3, session_affinity="ClientIP")), node="a").script
    assert "flush map ip svcc endpoints-tcp" in script
    assert not re.search(r"(delete|flush) (map|set) ip6? svcc affinity", script)


def test_a_service_port_keeps_its_affinity_number_whatever_comes_and_goes() -> None:
    def updates(objects: list[ClusterObject]) -> set[str]:
        script = compile_cluster(Cluster.of(objects), node="a").script
        return set(re.findall(r"update @affinity .*", script))

    alone = service(5, 3, session_affinity="ClientIP")
    crowd = [item for n in range(5) for item in service(n, 3, session_affinity="ClientIP")]
    assert updates(alone) <= updates([*crowd, *alone])


@given(st.text(max_size=400))
def test_a_comment_can_hold_no_syntax_and_never_exceeds_128_bytes(text: str) -> None:
    comment = comment_text(text)
    assert len(comment.encode()) < 128
    assert comment.isprintable()
    assert not set(comment) & {'"', "\\", "\n"}


@given(st.lists(st.text(max_size=200), min_size=1, max_size=4))
def test_an_identifier_is_one_word_that_the_kernel_takes(parts: list[str]) -> None:
    name = identifier("sticky", *parts)
    assert re.fullmatch(r"[a-z][A-Za-z0-9_./-]{0,253}", name)


@given(st.lists(st.text(max_size=80), min_size=2, max_size=2, unique=True))
def test_different_names_give_different_identifiers(names: list[str]) -> None:
    assert identifier("sticky", names[0]) != identifier("sticky", names[1])


def test_the_dataplane_alone_decides_the_ruleset() -> None:
    cluster = Cluster.of(service(1, 3))
    dataplane = build_dataplane(cluster, "a", SETTINGS).dataplane
    assert build_ruleset(dataplane) == compile_cluster(cluster, node="a", settings=SETTINGS).ruleset


def test_every_set_is_used_by_a_rule() -> None:
    declared = [
        *service(1, 3, session_affinity="ClientIP", type="NodePort", node_port=30001),
        *service(2, 3, type="NodePort", node_port=30002),
    ]
    settings = ClusterSettings(cluster_cidrs=["10.244.0.0/16"], nodeport_addresses=["192.168.0.0/16"])
    found = compile_cluster(Cluster.of(declared), node="a", settings=settings)
    unused = {item.name for item in found.ruleset.tables[0].sets if f"@{item.name}" not in found.script}
    # The settings choose between nodeport-addresses and nodeport-prefixes, and only TCP has affinity here.
    assert unused == {"nodeport-addresses", "sticky-endpoints-udp", "sticky-endpoints-sctp"}


def test_an_address_that_is_external_too_is_masqueraded_by_frontend_and_all_others_by_address() -> None:
    ports = [ServicePort(81, "http")]
    mixed = Service("web-2", cluster_ips=["10.96.0.2"], external_ips=["10.96.0.1"], ports=ports)
    found = table([*service(1, 2), mixed, service(2, 2)[1]])
    assert elements(found, "mixed-addresses") == {(("10.96.0.1",), None)}
    by_frontend = {key for key, _ in elements(found, "masquerade-frontends")}
    assert by_frontend == {("tcp", "10.96.0.1", 80), ("tcp", "10.96.0.1", 81)}


def test_a_set_is_a_map_when_it_holds_data_or_verdicts() -> None:
    assert [Set("s", ()).is_map, Set("v", (), is_verdict_map=True).is_map] == [False, True]
