"""The evaluator on rulesets in kube-proxy's shape: generated ones, and what three versions of nft listed of one."""

from __future__ import annotations

from itertools import product

import pytest
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from svcc.manifest.load import load
from svcc.model.service import Protocol
from svcc.trace.evaluator import Evaluation, Evaluator
from svcc.trace.packet import Packet as TracedPacket
from tests.kube_proxy import DISTINCT_LAYOUTS, kube_proxy_ruleset
from tests.kube_proxy.differences import as_kube_proxy_reads, differs_on_purpose
from tests.kube_proxy.record import DATA, ROOT
from tests.oracle import Packet, decide
from tests.oracle.evaluator import as_seen, evaluated
from tests.strategies.scenarios import Scenario, packets, scenarios

VERSIONS = ("1.0.6", "1.1.3", "1.1.7")
PACKETS_A_CLUSTER = 30
LOCAL = ("192.168.0.11", "fd00:1::11")


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Scenario, list[Packet]]:
    scenario = as_kube_proxy_reads(draw(scenarios()))
    return scenario, draw(st.lists(packets(scenario), min_size=PACKETS_A_CLUSTER, max_size=PACKETS_A_CLUSTER))


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large], deadline=None)
@given(journey=journeys())
def test_every_layout_has_the_models_chances(layout: str, journey: tuple[Scenario, list[Packet]]) -> None:
    scenario, offered = journey
    text = kube_proxy_ruleset(scenario.cluster, scenario.node, scenario.settings, layout, leftovers=1)
    evaluator = Evaluator(text, local_addresses=scenario.facts.local_addresses)
    for packet in offered:
        expected = decide(scenario.cluster, scenario.node, scenario.settings, packet, scenario.facts)
        if differs_on_purpose(scenario, packet, expected, layout):
            continue
        found = evaluated(evaluator, packet)
        if as_seen(found, packet, scenario.facts) != as_seen(expected, packet, scenario.facts):
            note(text)
            raise AssertionError(f"{packet}\nevaluator: {found}\nmodel: {expected}")


def shop_packets() -> list[TracedPacket]:
    """Packets to every address and port of the shop, and to ports that nobody serves, from everywhere."""
    cluster = load([str(ROOT / "examples" / "shop")]).cluster
    addresses = {*LOCAL, "10.96.0.250", "127.0.0.1"}
    ports = {81}
    for service in cluster.services:
        addresses.update(each for each in service.cluster_ips if each != "None")
        addresses.update(ingress.ip for ingress in service.load_balancer_ingress if ingress.ip)
        addresses.update(service.external_ips)
        ports.update(number for port in service.ports for number in (port.port, port.node_port) if number)
    sources = {
        False: (("10.244.1.11", "prerouting"), ("203.0.113.7", "prerouting"), (LOCAL[0], "output")),
        True: (("fd00:244:1::11", "prerouting"), ("2001:db8:1::7", "prerouting"), (LOCAL[1], "output")),
    }
    return [
        TracedPacket(protocol, source, address, 40000, port, hook=hook)  # type: ignore[arg-type]
        for address, port, protocol in product(sorted(addresses), sorted(ports), (Protocol.TCP, Protocol.UDP))
        for source, hook in sources[":" in address]
    ]


def without_steps(evaluation: Evaluation) -> list[object]:
    return [(each.probability, each.verdict, each.address, each.port, each.masquerade) for each in evaluation.outcomes]


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
def test_the_listings_of_all_versions_in_both_forms_say_the_same(layout: str) -> None:
    dumps = {
        f"{version}.{form}": Evaluator((DATA / layout / f"{version}.{form}").read_bytes(), local_addresses=LOCAL)
        for version, form in product(VERSIONS, ("txt", "json"))
    }
    offered = shop_packets()
    first, *others = dumps
    decided = 0
    for packet in offered:
        expected = dumps[first].evaluate(packet)
        assert expected.is_known, (packet, expected)
        decided += any(outcome.address or outcome.verdict != "accept" for outcome in expected.outcomes)
        for other in others:
            found = dumps[other].evaluate(packet)
            assert without_steps(found) == without_steps(expected), (other, packet)
    assert decided > len(offered) / 20
