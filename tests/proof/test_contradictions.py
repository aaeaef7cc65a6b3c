"""The proof and the evaluator never contradict each other, whatever may be supposed of the node's addresses."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, note, settings

from svcc.auditing.difference import Comparison
from svcc.auditing.proof import compare_rulesets, prove
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.model.cluster import ClusterSettings, DetectLocalMode
from svcc.model.service import ServicePort
from svcc.trace.evaluator import Evaluator
from tests.declare import NODE, compiled, local, remote, service, slices
from tests.kube_proxy import DISTINCT_LAYOUTS, kube_proxy_ruleset, layout_of
from tests.kube_proxy.differences import as_kube_proxy_reads
from tests.strategies.scenarios import Scenario, scenarios

OWN = [address.address for address in NODE.addresses]
POD_INTERFACE = ClusterSettings(detect_local_mode=DetectLocalMode.BRIDGE_INTERFACE, pod_bridge_interface="cni0")
ENDPOINT, CONTAINER = "10.244.1.9", "172.17.0.2"
DOCKER = f"""table ip docker {{
	chain raw {{
		type filter hook prerouting priority raw; policy accept;
		ip daddr {CONTAINER} iifname != "docker0" drop
	}}
	chain sending {{
		type nat hook output priority -100; policy accept;
		fib daddr type local tcp dport 8080 dnat to {CONTAINER}:80
	}}
}}
"""


def against(text: str, declared: Compilation) -> Comparison:
    return prove(Evaluator(text, local_addresses=OWN), declared.dataplane, local_addresses_complete=False)


def of_rule(rule: str, *elements: str) -> Evaluator:
    """A table that has a rule in prerouting."""
    chain = f"chain c {{ type filter hook prerouting priority 0; policy accept; {rule} }}"
    return Evaluator(f"table inet t {{ {' '.join(elements)} {chain} }}\n", local_addresses=OWN)


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
def test_an_endpoint_that_reaches_itself_is_not_supposed_to_be_the_node(layout: str) -> None:
    # Where the client has the endpoint's address and that was the node's own, the packet would stay on the node.
    made = compiled(
        service(
            "web",
            ["10.96.0.10"],
            ServicePort(80, "http", node_port=30080),
            type="NodePort",
            external_traffic_policy="Local",
        ),
        slices("web", [remote(ENDPOINT), local("10.244.1.2")]),
        settings=POD_INTERFACE,
    )
    comparison = against(kube_proxy_ruleset(made.dataplane, layout=layout), made)
    assert comparison.contradictions == ()
    assert comparison.unattainable == ()
    # Difference 4 of `tests.kube_proxy`.
    sources = {(each.packet.source, each.local_addresses) for each in comparison.differences}
    assert sources == ({(ENDPOINT, ())} if layout_of(layout).chain_per_endpoint else set())


def test_a_container_that_docker_publishes_is_not_supposed_to_be_the_node() -> None:
    rules = [Evaluator(DOCKER.replace("8080", port), local_addresses=OWN) for port in ("8080", "8081")]
    comparison = compare_rulesets(*rules)
    assert comparison.contradictions == ()
    assert comparison.differences
    assert all(CONTAINER not in each.local_addresses for each in comparison.differences)


def test_a_container_whose_address_is_the_nodes_own_is_asked_for_again_behind_lo() -> None:
    rules = [Evaluator(DOCKER.replace("8080", port), local_addresses=[*OWN, CONTAINER]) for port in ("8080", "8081")]
    comparison = compare_rulesets(*rules, local_addresses_complete=True)
    assert comparison.contradictions == ()
    # Of the second ruleset.
    found = {(each.packet.destination_port, each.found.outcomes[0].verdict) for each in comparison.differences}
    assert found == {(8080, "accept"), (8081, "drop")}


@pytest.mark.parametrize(
    "rule",
    [
        "meta l4proto . ip daddr . th dport != @nothing drop",
        "meta l4proto 33 drop",
        "meta l4proto 33 th dport 80 drop",
        "meta l4proto { 33, 136 } th sport 40000 drop",
        "meta l4proto != { tcp, udp, sctp } th dport 80 drop",
        "meta l4proto 20-40 th dport != 0 drop",
        "meta l4proto 33 th dport 0 drop",
        "dccp dport 80 drop",
    ],
)
def test_protocols_whose_packets_are_shown_without_ports_have_them_in_both(rule: str) -> None:
    nothing = "set nothing { type inet_proto . ipv4_addr . inet_service; }"
    comparison = compare_rulesets(of_rule("", nothing), of_rule(rule, nothing))
    assert comparison.contradictions == ()
    assert comparison.differences or all("not shown with ports" in each for each in comparison.unattainable)
    assert comparison.differences or comparison.unattainable


def test_of_a_protocol_that_is_shown_without_ports_the_outcomes_are_those_of_what_is_shown() -> None:
    # A mark that is a hash of ports is another one where there are none.
    marked = "meta mark set jhash th sport mod 64 seed 0x1 offset 1"
    here, there = of_rule(marked), of_rule(f"{marked}\nmeta l4proto {{ 33, 136 }} drop")
    comparison = compare_rulesets(here, there, local_addresses_complete=True)
    assert comparison.contradictions == ()
    assert comparison.differences
    for difference in comparison.differences:
        assert difference.packet.source_port is None
        for evaluator, side in ((here, difference.expected), (there, difference.found)):
            assert evaluator.evaluate(difference.packet).outcomes == side.outcomes


@pytest.mark.parametrize(
    "rule",
    [
        "th dport 0-65535 meta l4proto 33 drop",
        "meta l4proto 136 th dport vmap { 0-65535 : drop }",
        "meta l4proto 33 meta mark set jhash th sport mod 2 seed 0x1 offset 1 meta mark { 1, 2 } drop",
    ],
)
def test_what_only_a_packet_with_ports_meets_is_no_difference_of_one_without(rule: str) -> None:
    comparison = compare_rulesets(of_rule(""), of_rule(rule))
    assert comparison.contradictions == ()
    assert comparison.differences == ()
    assert all("not shown with ports" in each for each in comparison.unattainable)
    assert comparison.unattainable


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=scenarios())
def test_random_clusters_in_the_shape_of_kube_proxy_hold_none(layout: str, drawn: Scenario) -> None:
    scenario = as_kube_proxy_reads(drawn)
    script = kube_proxy_ruleset(scenario.cluster, scenario.node, scenario.settings, layout)
    note(script)
    declared = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    own = [address for family in declared.dataplane.families for address in family.node_addresses]
    evaluator = Evaluator(script, local_addresses=own)
    comparison = prove(evaluator, declared.dataplane, local_addresses_complete=False)
    assert comparison.contradictions == ()
    assert comparison.unattainable == ()
    for difference in comparison.differences:
        assert difference.expected.outcomes != difference.found.outcomes
        reasons = [reason for outcome in difference.found.outcomes for reason in outcome.reasons]
        assert reasons or not difference.undecided
