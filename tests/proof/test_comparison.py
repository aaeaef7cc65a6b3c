"""Proofs: what is equal is proved to be, what differs is shown by a packet that really is treated differently."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from svcc.auditing.difference import Comparison
from svcc.auditing.proof import compare_rulesets, prove, unreached
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.dataplane.build import build_dataplane
from svcc.model.cluster import Cluster
from svcc.model.service import Protocol, SessionAffinity
from svcc.nft.text import table_text
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Hook, Packet
from tests.declare import NODE, compiled, remote, service, slices
from tests.strategies.ruleset_plan import CLIENTS, NODE_ADDRESSES, SERVICES
from tests.strategies.ruleset_values import Chain, Collection, Rule, Ruleset, Table
from tests.strategies.rulesets import rulesets
from tests.strategies.scenarios import Scenario, scenarios

PATIENT = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
LOCAL = (*NODE_ADDRESSES[4], *NODE_ADDRESSES[6])


def evaluator_for(scenario: Scenario, cluster: Cluster) -> Evaluator:
    made = compile_cluster(cluster, node=scenario.node, settings=scenario.settings)
    return Evaluator(made, local_addresses=scenario.facts.local_addresses, big_endian=made.dataplane.big_endian)


def proved(evaluator: Evaluator, scenario: Scenario) -> Comparison:
    dataplane = build_dataplane(scenario.cluster, scenario.node, scenario.settings).dataplane
    return prove(evaluator, dataplane, local_addresses_complete=True)


def fates(outcomes: Sequence[Outcome], packet: Packet) -> dict[tuple[object, ...], Fraction]:
    """What becomes of a packet, with chances; a translation to where it was sent is none, and marks do not matter."""
    found: dict[tuple[object, ...], Fraction] = {}
    for each in outcomes:
        target = (each.address or packet.destination, each.port or packet.destination_port)
        moved = target if target != (packet.destination, packet.destination_port) else None
        source = (each.masquerade, each.source, each.source_port, each.source_choice)
        accepted = each.verdict == "accept"
        fate = (each.verdict, *((moved, each.destination_choice, *source) if accepted else ()))
        found[fate] = found.get(fate, Fraction(0)) + each.probability
    return found


@PATIENT
@given(scenario=scenarios())
def test_what_is_compiled_is_proved_to_do_what_was_declared(scenario: Scenario) -> None:
    comparison = proved(evaluator_for(scenario, scenario.cluster), scenario)
    assert comparison.is_equal
    assert not comparison.unattainable
    assert comparison.regions > 0


@PATIENT
@given(scenario=scenarios(), data=st.data())
def test_a_ruleset_of_another_cluster_differs_exactly_where_packets_show_it(
    scenario: Scenario, data: st.DataObject
) -> None:
    assume(scenario.cluster.endpoint_slices)
    gone = data.draw(st.sampled_from(scenario.cluster.endpoint_slices))
    rest = tuple(each for each in scenario.cluster.endpoint_slices if each is not gone)
    evaluator = evaluator_for(scenario, evolve(scenario.cluster, endpoint_slices=rest))
    comparison = proved(evaluator, scenario)
    assert not comparison.contradictions
    for difference in comparison.differences:
        if difference.undecided or difference.remembered:
            continue
        found = evaluator.evaluate(difference.packet).outcomes
        assert found == difference.found.outcomes
        if not difference.expected.outcomes:
            assert any(outcome.address for outcome in found)
        elif not difference.any_of:
            # But for what is remembered, which no outcome tells.
            sticky = any(each.session_affinity is SessionAffinity.CLIENT_IP for each in scenario.cluster.services)
            expected = fates(difference.expected.outcomes, difference.packet)
            assert sticky or fates(found, difference.packet) != expected


@PATIENT
@given(ruleset=rulesets(), data=st.data())
def test_a_ruleset_is_equal_to_itself_in_another_order(ruleset: Ruleset, data: st.DataObject) -> None:
    def shuffled(table: Table) -> Table:
        collections = tuple(
            evolve(
                each, elements=tuple(data.draw(st.permutations(each.elements))) if _is_plain(each) else each.elements
            )
            for each in table.collections
        )
        return evolve(table, collections=collections)

    other = evolve(ruleset, tables=tuple(shuffled(table) for table in ruleset.tables))
    comparison = compared(ruleset, other)
    # What nobody can know of one is not known of the other either.
    assert all(difference.undecided for difference in comparison.differences)
    assert not comparison.contradictions


def _is_plain(collection: Collection) -> bool:
    """Whether its elements are single values, so that the order cannot matter."""
    return not any(mark in element.text for element in collection.elements for mark in "-/*")


def compared(left: Ruleset, right: Ruleset) -> Comparison:
    here, there = (Evaluator(each.text, local_addresses=LOCAL) for each in (left, right))
    return compare_rulesets(here, there, local_addresses_complete=True)


@st.composite
def changed(draw: st.DrawFn) -> tuple[Ruleset, Ruleset]:
    """A ruleset, and the same without one of its rules."""
    ruleset = draw(rulesets())
    places = [(table, chain, rule) for table in ruleset.tables for chain in table.chains for rule in chain.rules]
    assume(places)
    table, chain, rule = draw(st.sampled_from(places))
    return ruleset, evolve(ruleset, tables=tuple(_without(each, table, chain, rule) for each in ruleset.tables))


def _without(table: Table, changed: Table, chain: Chain, gone: Rule) -> Table:
    if table is not changed:
        return table
    shorter = evolve(chain, rules=tuple(rule for rule in chain.rules if rule is not gone))
    return evolve(table, chains=tuple(shorter if each is chain else each for each in table.chains))


def small_universe(ruleset: Ruleset) -> Iterator[Packet]:
    """Some hundred packets around what the ruleset speaks of."""
    ports = {int(each.text) for each in ruleset.constants if each.kind == "port" and each.text.isdigit()} | {80}
    hooks: tuple[Hook, ...] = ("prerouting", "output")
    for version in (4, 6):
        sources = (*CLIENTS[version], NODE_ADDRESSES[version][0])
        destinations = (*SERVICES[version][:2], NODE_ADDRESSES[version][0])
        for source, destination, hook in itertools.product(sources, destinations, hooks):
            for port, protocol in itertools.product(sorted(ports)[:3], (Protocol.TCP, Protocol.UDP)):
                yield Packet(
                    protocol=protocol,
                    source=source,
                    destination=destination,
                    source_port=40000,
                    destination_port=port,
                    hook=hook,
                    input_interface="eth0" if hook == "prerouting" else None,
                    output_interface="cni0",
                )


@PATIENT
@given(pair=changed())
def test_rulesets_are_proved_equal_only_if_no_packet_tells_them_apart(pair: tuple[Ruleset, Ruleset]) -> None:
    left, right = pair
    comparison = compared(left, right)
    assert not comparison.contradictions
    assert not comparison.too_large
    here, there = (Evaluator(each.text, local_addresses=LOCAL) for each in pair)
    if comparison.is_equal:
        for packet in small_universe(left):
            one, other = here.evaluate(packet, steps=False), there.evaluate(packet, steps=False)
            if one.is_known and other.is_known:
                assert fates(one.outcomes, packet) == fates(other.outcomes, packet), packet
    elif not left.dynamic_sets:
        for difference in comparison.differences:
            if not difference.undecided:
                one, other = here.evaluate(difference.packet), there.evaluate(difference.packet)
                assert one.outcomes == difference.expected.outcomes
                assert other.outcomes == difference.found.outcomes
                one_fates = fates(one.outcomes, difference.packet) | {("answer",): _answers(one.outcomes)}
                other_fates = fates(other.outcomes, difference.packet) | {("answer",): _answers(other.outcomes)}
                assert one_fates != other_fates, difference.words


def _answers(outcomes: Sequence[Outcome]) -> Fraction:
    """A number that tells answers of refusals apart."""
    words = sorted((str(each.reject_with), each.probability) for each in outcomes)
    return Fraction(hash(tuple(words)))


WEB = service("web", ["10.96.0.10"])
ENDPOINTS = [remote("10.244.1.11"), remote("10.244.1.12"), remote("10.244.1.13")]
STICKY = service("web", ["10.96.0.10"], session_affinity=SessionAffinity.CLIENT_IP)


def against(found: Compilation, declared: Compilation, *more: str, support: bool = False) -> Comparison:
    """What svcc compiled for one declaration, beside another declaration; with more tables in the ruleset."""
    text = "".join([*(piece for table in found.ruleset.tables for piece in table_text(table)), *more])
    local = [address.address for address in NODE.addresses]
    evaluator = Evaluator(text, local_addresses=local)
    return prove(evaluator, declared.dataplane, support=support)


def test_a_missing_endpoint_is_one_difference_for_each_hook_with_the_frontend_that_has_it() -> None:
    declared = compiled(WEB, slices("web", ENDPOINTS))
    comparison = against(compiled(WEB, slices("web", ENDPOINTS[:2])), declared)
    assert [each.packet.hook for each in comparison.differences] == ["prerouting", "output"]
    for difference in comparison.differences:
        assert difference.frontend == 0
        assert {each.address for each in difference.expected.outcomes} == {"10.244.1.11", "10.244.1.12", "10.244.1.13"}
        assert {each.address for each in difference.found.outcomes} == {"10.244.1.11", "10.244.1.12"}
        assert (difference.packet.destination, difference.packet.destination_port) == ("10.96.0.10", 80)
        assert not difference.undecided
    assert "to 10.96.0.10, tcp port 80" in comparison.differences[0].words


def test_a_service_that_is_not_declared_is_a_difference_where_a_service_proxy_translates_it() -> None:
    comparison = against(compiled(WEB, slices("web", ENDPOINTS)), compiled())
    stale = [each for each in comparison.differences if any(outcome.address for outcome in each.found.outcomes)]
    assert {each.packet.destination for each in stale} == {"10.96.0.10"}
    assert all(each.frontend == -1 for each in stale)


def test_translations_by_others_are_no_differences() -> None:
    docker = """table ip nat {
        chain DOCKER {
            type nat hook prerouting priority dstnat; policy accept;
            ip daddr 192.168.0.10 tcp dport 8080 dnat to 172.17.0.2:80
        }
    }
    """
    declared = compiled(WEB, slices("web", ENDPOINTS))
    assert against(declared, declared, docker).is_equal


def test_a_firewall_in_the_way_of_a_service_is_a_difference() -> None:
    firewall = """table inet firewall {
        chain forward {
            type filter hook forward priority 10; policy accept;
            ip saddr 203.0.113.0/24 ip daddr 10.244.1.12 drop
        }
    }
    """
    declared = compiled(WEB, slices("web", ENDPOINTS))
    [difference] = against(declared, declared, firewall).differences
    assert difference.packet.source.startswith("203.0.113.")
    lost = [each for each in difference.found.outcomes if each.verdict == "drop"]
    assert [each.probability for each in lost] == [Fraction(1, 3)]


def test_weights_may_be_rounded_to_slots() -> None:
    weights = {"svcc.dev/weights": "10.244.1.11=20011, 10.244.1.12=9973, 10.244.1.13=1"}
    endpoint_slices = [evolve(each, annotations=weights) for each in slices("web", ENDPOINTS)]
    declared = compiled(WEB, endpoint_slices)
    comparison = against(declared, declared)
    assert comparison.is_equal
    assert comparison.equality == "distribution"


def test_a_hash_and_chance_are_equal_only_where_the_support_is_enough() -> None:
    hashed = evolve(WEB, annotations={"svcc.dev/load-balancing": "maglev"})
    declared = compiled(WEB, slices("web", ENDPOINTS))
    found = compiled(hashed, slices("web", ENDPOINTS))
    assert against(found, found).equality == "exact"
    assert against(found, declared).differences
    comparison = against(found, declared, support=True)
    assert comparison.is_equal
    assert comparison.equality == "support"
    fewer = against(compiled(hashed, slices("web", ENDPOINTS[:2])), declared, support=True)
    assert fewer.differences


def test_that_clients_are_not_remembered_is_a_difference_though_their_first_packets_fare_alike() -> None:
    declared = compiled(STICKY, slices("web", ENDPOINTS))
    assert against(declared, declared).is_equal
    differences = against(compiled(WEB, slices("web", ENDPOINTS)), declared).differences
    assert {each.frontend for each in differences} == {0}
    first_packets = [each for each in differences if not each.remembered]
    assert first_packets
    for each in first_packets:
        assert fates(each.expected.outcomes, each.packet) == fates(each.found.outcomes, each.packet)


def test_a_record_that_leads_to_an_endpoint_of_no_set_is_a_difference_for_remembered_clients() -> None:
    declared = compiled(STICKY, slices("web", ENDPOINTS))
    found = compiled(STICKY, slices("web", [*ENDPOINTS, remote("10.244.1.14")]))
    remembered = [each for each in against(found, declared).differences if each.remembered]
    assert remembered
    for each in remembered:
        assert each.any_of
        assert "10.244.1.14" in {outcome.address for outcome in each.found.outcomes}


def test_rulesets_of_different_nodes_are_not_compared() -> None:
    with pytest.raises(ValueError, match="not of one node"):
        compare_rulesets(Evaluator("", local_addresses=["192.168.0.1"]), Evaluator(""))


def test_differences_that_are_not_told_are_counted() -> None:
    declared = compiled(WEB, slices("web", ENDPOINTS))
    comparison = prove(Evaluator(""), declared.dataplane, told=0)
    assert comparison.untold > 0
    assert not comparison.is_equal


def test_a_proof_that_would_be_too_large_says_so() -> None:
    declared = compiled(WEB, slices("web", ENDPOINTS))
    assert prove(Evaluator(declared), declared.dataplane, limit=10).too_large


def test_rules_and_elements_that_no_packet_meets_are_told() -> None:
    found = unreached(
        Evaluator("""table ip filter {
            map ports {
                type inet_proto . inet_service : verdict
                elements = { tcp . 80 : accept, udp . 443 : drop }
            }
            chain input {
                type filter hook input priority 0; policy accept;
                meta l4proto tcp meta l4proto . th dport vmap @ports
                tcp dport 80 udp dport 80 drop
                ct state established drop
                meta mark 7 drop
            }
            chain lost {
                drop
            }
        }""")
    )
    assert found is not None
    assert [(rule.chain, rule.rule) for rule in found.rules] == [
        ("input", "tcp dport 80 udp dport 80 drop"),
        ("lost", "drop"),
    ]
    assert {each.set for each in found.elements} <= {"ports"}
    assert "tcp . 80" not in {each.element for each in found.elements}
