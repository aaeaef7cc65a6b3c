"""The declared function and the oracle owe the same to every packet, with the same chances."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import pytest
from attrs import astuple
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from svcc.addresses import IPFamily
from svcc.auditing.declaration import Demand, FamilyDeclaration, declarations
from svcc.dataplane.build import build_dataplane
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.service import SessionAffinity
from tests.oracle import Delivery, Drop, Packet, Reject, Result, ServicePortName, Untouched, decide
from tests.oracle.endpoints import endpoints_of
from tests.oracle.evaluator import as_seen, traced
from tests.oracle.frontends import ip_frontends, node_ports
from tests.oracle.node import node_named
from tests.strategies.scenarios import Scenario, packets, remembered_endpoints, scenarios

PACKETS_A_CLUSTER = 40
PATIENT = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Scenario, list[Packet]]:
    scenario = draw(scenarios())
    return scenario, draw(st.lists(packets(scenario), min_size=PACKETS_A_CLUSTER, max_size=PACKETS_A_CLUSTER))


def declared_for(scenario: Scenario) -> dict[IPFamily, FamilyDeclaration]:
    built = build_dataplane(scenario.cluster, scenario.node, scenario.settings)
    return {each.family: each for each in declarations(built.dataplane)}


def demands_for(
    scenario: Scenario, offered: list[Packet], *, complete: bool = True, remembered: bool = False
) -> list[Mapping[Demand, Fraction]]:
    """What is owed to each packet, in their order, whatever their families."""
    found: list[Mapping[Demand, Fraction]] = [{}] * len(offered)
    for family, declaration in declared_for(scenario).items():
        places = [place for place, packet in enumerate(offered) if packet.family is family]
        answers = declaration.demands(
            [traced(offered[place]) for place in places],
            local_addresses=scenario.facts.local_addresses,
            local_addresses_complete=complete,
            remembered=remembered,
        )
        for place, answer in zip(places, answers, strict=True):
            found[place] = answer
    return found


def results(demands: Mapping[Demand, Fraction]) -> dict[Result, Fraction]:
    """Demands in the words of the oracle."""
    found: dict[Result, Fraction] = {}
    for demand, chance in demands.items():
        [result] = wanted(demand)
        found[result] = found.get(result, Fraction(0)) + chance
    return found


def wanted(demand: Demand) -> set[Result]:
    match demand.wanted:
        case "free":
            return {Untouched()}
        case "drop":
            return {Drop()}
        case "reject":
            return {Reject()}
        case "delivered" | "remembered":
            refusals: dict[str, Result] = {"drop": Drop(), "reject": Reject()}
            deliveries: set[Result] = {
                Delivery(to.address, to.port, masquerade) for to, masquerade in demand.deliveries
            }
            return deliveries | {refusals[word] for word in demand.refusals}
        case "anything":
            raise AssertionError("new connections are declared")


def decided(scenario: Scenario, packet: Packet) -> dict[Result, Fraction]:
    found = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts)
    return as_seen(found, packet, scenario.facts)


@PATIENT
@given(journey=journeys(), complete=st.booleans())
def test_every_packet_is_owed_what_the_oracle_decides(journey: tuple[Scenario, list[Packet]], complete: bool) -> None:
    scenario, offered = journey
    for packet, demands in zip(offered, demands_for(scenario, offered, complete=complete), strict=True):
        assert results(demands) == decided(scenario, packet), packet


@PATIENT
@given(data=st.data())
def test_remembered_clients_may_go_wherever_the_oracle_lets_a_record_send_them(data: st.DataObject) -> None:
    scenario, offered = data.draw(journeys())
    fresh = demands_for(scenario, offered)
    for packet, demands, first in zip(offered, demands_for(scenario, offered, remembered=True), fresh, strict=True):
        [*all_of_them] = demands
        if all(demand.wanted != "remembered" for demand in all_of_them):
            assert demands == first, packet
            continue
        [demand] = all_of_them
        affinity = data.draw(remembered_endpoints(scenario, packet))
        decision = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts, affinity)
        assert as_seen(decision, packet, scenario.facts).keys() <= wanted(demand), packet
        assert wanted(demand) == reachable_by_records(scenario, packet), packet


def reachable_by_records(scenario: Scenario, packet: Packet) -> set[Result]:
    """Whatever the oracle decides for some record of some endpoint of the packet's family."""
    node = node_named(scenario.cluster, scenario.node)
    found: set[Result] = set()
    for service in scenario.cluster.services:
        for port in service.ports:
            name = ServicePortName.of(service, port)
            for each in endpoints_of(scenario.cluster, scenario.settings, node, service, port, packet.family):
                affinity = {(packet.source, name): (each.address, each.port)}
                decision = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts, affinity)
                if len(decision) == 1:
                    found |= as_seen(decision, packet, scenario.facts).keys()
    return found


@PATIENT
@given(journey=journeys())
def test_demands_name_the_frontend_that_decides_and_how_long_clients_are_remembered(
    journey: tuple[Scenario, list[Packet]],
) -> None:
    scenario, offered = journey
    declared = declared_for(scenario)
    for packet, demands in zip(offered, demands_for(scenario, offered), strict=True):
        for demand in demands:
            if demand.wanted == "delivered":
                assert demand.frontend >= 0
            if demand.frontend < 0:
                assert demand.remember_milliseconds is None
                continue
            found = declared[packet.family].frontends[demand.frontend]
            if found.frontend.address is None:
                by_port = node_ports(scenario.cluster, scenario.settings, packet.family)
                expected = by_port[found.plan.name.protocol, packet.destination_port]
            else:
                by_address = ip_frontends(scenario.cluster, scenario.settings, packet.family)
                expected = by_address[packet.destination, found.plan.name.protocol, packet.destination_port]
            assert found.plan.name == astuple(ServicePortName.of(expected.service, expected.port))
            sticky = expected.service.session_affinity is SessionAffinity.CLIENT_IP
            seconds = expected.service.session_affinity_timeout_seconds
            if demand.wanted == "delivered":
                assert demand.remember_milliseconds == (seconds * 1000 if sticky else None)


def test_packets_of_the_other_family_are_refused() -> None:
    dataplane = build_dataplane(Cluster(), "", ClusterSettings()).dataplane
    [ipv4, _] = declarations(dataplane)
    with pytest.raises(ValueError, match="version"):
        ipv4.demands([traced(Packet("TCP", "fd00::1", 4000, "fd00::2", 80))], local_addresses=())
