"""Explanations and the plain model of the semantics agree, whatever Hypothesis thinks of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction

from attrs import frozen
from hypothesis import given, note, settings
from hypothesis import strategies as st

from svcc.addresses import family_of, prefix_contains
from svcc.compiler.compilation import compile_cluster
from svcc.dataplane.contract import Decision
from svcc.explanation.build import explain_cluster
from svcc.explanation.contract import Clients, Explanation, Exposure, Route, ServicePortExplanation
from svcc.model.balancing import LoadBalancing
from svcc.trace.evaluator import Evaluator
from svcc.trace.packet import Packet as TracedPacket
from tests.oracle import Delivery, Drop, Packet, Reject, Result, decide
from tests.oracle.node import has_detector, is_node_traffic, is_pod_traffic, node_named, serves_node_ports
from tests.strategies.plan import OUTSIDE_CLIENTS
from tests.strategies.scenarios import Scenario, packets, scenarios

PACKETS_A_CLUSTER = 20


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Scenario, list[Packet]]:
    scenario = draw(scenarios())
    return scenario, draw(st.lists(packets(scenario), min_size=PACKETS_A_CLUSTER, max_size=PACKETS_A_CLUSTER))


@frozen
class Explained:
    """Every exposure of every Service, by protocol, address (None for node ports) and port."""

    exposures: Mapping[tuple[str, str, str | None, int], tuple[ServicePortExplanation, Exposure]]

    @classmethod
    def of(cls, scenario: Scenario) -> Explained:
        found: dict[tuple[str, str, str | None, int], tuple[ServicePortExplanation, Exposure]] = {}
        for service in scenario.cluster.services:
            explanation = explain_cluster(
                scenario.cluster,
                service.name,
                namespace=service.namespace,
                node=scenario.node,
                settings=scenario.settings,
            )
            for port in explanation.ports:
                for exposure in port.exposures:
                    is_node_port = exposure.kind == "node-port"
                    address = None if is_node_port else exposure.addresses[0]
                    key = (port.family.value, port.protocol.value, address, exposure.port)
                    assert key not in found, "two Services explain one frontend as theirs"
                    found[key] = (port, exposure)
        return cls(found)

    def at(self, scenario: Scenario, packet: Packet) -> tuple[ServicePortExplanation, Exposure] | None:
        family, protocol = packet.family.value, packet.protocol
        exact = self.exposures.get((family, protocol, packet.destination, packet.destination_port))
        node = node_named(scenario.cluster, scenario.node)
        if exact or not serves_node_ports(scenario.settings, node, scenario.facts, packet.destination):
            return exact
        return self.exposures.get((family, protocol, None, packet.destination_port))


def route_for(scenario: Scenario, packet: Packet, exposure: Exposure) -> Route:
    node = node_named(scenario.cluster, scenario.node)
    if has_detector(scenario.settings, node, packet.family) and is_pod_traffic(scenario.settings, node, packet):
        clients = Clients.PODS
    else:
        clients = Clients.NODE if is_node_traffic(scenario.facts, packet) else Clients.OTHERS
    (route,) = [route for route in exposure.routes if clients in route.clients]
    return route


def deliveries(
    scenario: Scenario, packet: Packet, found: tuple[ServicePortExplanation, Exposure]
) -> dict[Result, Fraction]:
    """What the explanation says becomes of a packet."""
    port, exposure = found
    sources = exposure.allowed_sources
    if sources is not None and not any(prefix_contains(prefix, packet.source) for prefix in sources):
        return {Drop(): Fraction(1)}
    route = route_for(scenario, packet, exposure)
    if route.decision is Decision.REJECT:
        return {Reject(): Fraction(1)}
    if route.decision is Decision.DROP:
        return {Drop(): Fraction(1)}
    local = route.decision is Decision.LOCAL
    used = [item for item in port.endpoints if (item.in_local_set if local else item.in_cluster_set)]
    results: dict[Result, Fraction] = {}
    weights = {id(item): item.weight for item in used}
    if not any(weights.values()):
        weights = dict.fromkeys(weights, 1)
    for item in used:
        if not weights[id(item)]:
            assert item.note
            continue
        assert item.port is not None
        reaches_itself = packet.source == item.address and item.node == scenario.node
        result = Delivery(item.address, item.port, route.masqueraded or reaches_itself)
        results[result] = Fraction(weights[id(item)], sum(weights.values()))
    return results


@given(journey=journeys())
@settings(max_examples=100)
def test_routes_and_endpoints_are_what_the_model_decides(journey: tuple[Scenario, list[Packet]]) -> None:
    scenario, sent = journey
    explained = Explained.of(scenario)
    for packet in sent:
        expected = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts)
        found = explained.at(scenario, packet)
        note(f"{packet}\nmodel: {expected}\nexplanation: {found}")
        delivered = {result: share for result, share in expected.items() if isinstance(result, Delivery)}
        if found is None:
            assert not delivered
            continue
        said = deliveries(scenario, packet, found)
        if found[0].balancing.algorithm is LoadBalancing.MAGLEV:
            # Who gets what is nothing that an explanation could say; but one of those it names gets all.
            ((result, _share),) = expected.items()
            assert result in said or not delivered
            continue
        # An endpoint that is a Service's address again is refused after the translation (S28): that is another's story.
        for result in set(said) - set(expected):
            assert isinstance(result, Delivery)
            assert set(expected) - set(delivered)
        assert {result: said[result] for result in expected if result in said} == {
            result: share for result, share in expected.items() if result in said
        }
        assert set(delivered) <= set(said)


@given(scenario=scenarios())
@settings(max_examples=100)
def test_every_endpoint_that_is_missing_from_a_set_that_is_used_has_a_reason(scenario: Scenario) -> None:
    for service in scenario.cluster.services:
        explanation: Explanation = explain_cluster(
            scenario.cluster,
            service.name,
            namespace=service.namespace,
            node=scenario.node,
            settings=scenario.settings,
        )
        for port in explanation.ports:
            # A headless Service has no sets.
            for item in port.endpoints if port.exposures else ():
                missing = (port.cluster_set_used and not item.in_cluster_set) or (
                    port.local_set_used and not item.in_local_set
                )
                assert bool(item.reasons) <= missing
                assert item.reasons or item.note or not missing


PLACE = re.compile(r"(?:\[([^\]]+)\]|([0-9.]+)):([0-9]+)")


@given(scenario=scenarios())
@settings(max_examples=100)
def test_what_is_said_to_be_rejected_or_dropped_for_everybody_is(scenario: Scenario) -> None:
    for service in scenario.cluster.services:
        explanation = explain_cluster(
            scenario.cluster,
            service.name,
            namespace=service.namespace,
            node=scenario.node,
            settings=scenario.settings,
        )
        for silence in explanation.silences:
            place = PLACE.fullmatch(silence.what)
            if place is None or silence.outcome not in {"rejected", "dropped"}:
                continue
            address, port = place[1] or place[2], int(place[3])
            if scenario.facts.is_local(address) and address in service.cluster_ips:
                continue  # A cluster IP that is an address of the node, too, is not refused (S38).
            note(f"{service}\n{silence}")
            client = OUTSIDE_CLIENTS[family_of(address)][0]
            found = set()
            for protocol in {item.protocol for item in service.ports}:
                packet = Packet(protocol.value, client, 40000, address, port, "prerouting", "eth0")
                found |= set(decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts))
            assert {"rejected": Reject(), "dropped": Drop()}[silence.outcome] in found


@given(journey=journeys())
@settings(max_examples=50)
def test_packets_do_pass_the_map_and_the_chain_that_a_route_names(journey: tuple[Scenario, list[Packet]]) -> None:
    scenario, sent = journey
    explained = Explained.of(scenario)
    compilation = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    evaluator = Evaluator(compilation, local_addresses=scenario.facts.local_addresses)
    for packet in sent:
        found = explained.at(scenario, packet)
        if found is None or Drop() in decide(
            scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts
        ):
            continue
        route = route_for(scenario, packet, found[1])
        evaluation = evaluator.evaluate(
            TracedPacket(
                packet.protocol,
                packet.source,
                packet.destination,
                packet.source_port,
                packet.destination_port,
                packet.hook,
                packet.interface,
            )
        )
        note(f"{packet}\n{route}\n{evaluation}")
        for outcome in evaluation.outcomes:
            steps = outcome.steps
            assert any(f"@{route.map_name}" in step.rule for step in steps)
            assert any(step.chain == route.chain for step in steps)
