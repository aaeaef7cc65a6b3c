"""Proofs that were begun before the declaration was known: the same comes of them, whatever was supposed."""

from __future__ import annotations

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings

from svcc.addresses import IPFamily
from svcc.auditing.audit import ReadRuleset
from svcc.auditing.early import EarlyProof
from svcc.auditing.proof import begin, prove, supposition
from svcc.compiler.compilation import compile_cluster
from svcc.dataplane.build import NodeAndServices, build_dataplane, node_and_services
from svcc.errors import InputError
from svcc.model.cluster import Cluster
from svcc.trace.evaluator import Evaluator
from tests.audit.cluster import CLUSTER, COMPILATION
from tests.declare import NODE, PODS, SERVICE_CIDRS, service
from tests.strategies.scenarios import Scenario, scenarios

EVALUATOR = Evaluator(COMPILATION)
DATAPLANE = build_dataplane(CLUSTER, NODE.name, PODS).dataplane
ADDRESSES = [address for family in DATAPLANE.families for address in family.node_addresses]
KNOWN = EVALUATOR.on_node(ADDRESSES)
WITHOUT_SLICES = Cluster(CLUSTER.services, (), CLUSTER.nodes, CLUSTER.service_cidrs)
SUPPOSED = node_and_services(WITHOUT_SLICES, NODE.name, PODS)
WRONG = {
    "nothing": evolve(SUPPOSED, services={}, service_cidrs={}),
    "another address": evolve(SUPPOSED, services={**SUPPOSED.services, IPFamily.IPV4: ("192.0.2.1",)}),
    "the Service's address is the node's": evolve(SUPPOSED, node_addresses=("10.96.0.10",)),
    "no range": evolve(SUPPOSED, service_cidrs=dict.fromkeys(IPFamily, ())),
    "another byte order": evolve(SUPPOSED, big_endian=True),
}


@settings(max_examples=50, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenario=scenarios())
def test_what_is_supposed_is_what_the_dataplane_will_have(scenario: Scenario) -> None:
    cluster = scenario.cluster
    early = Cluster(cluster.services, (), cluster.nodes, cluster.service_cidrs)
    supposed = node_and_services(early, scenario.node, scenario.settings)
    dataplane = build_dataplane(cluster, scenario.node, scenario.settings).dataplane
    assert supposed.big_endian == dataplane.big_endian
    assert supposed.node_addresses == tuple(each for family in dataplane.families for each in family.node_addresses)
    for family in dataplane.families:
        frontends = {each.address for plan in family.service_ports for each in plan.frontends if each.address}
        assert set(supposed.services[family.family]) == {*frontends, *family.cluster_ips}
        assert supposed.service_cidrs[family.family] == family.service_cidrs


def test_a_ruleset_that_is_right_says_which_addresses_are_whose() -> None:
    assert supposition(EVALUATOR).agrees(supposition(EVALUATOR, SUPPOSED))


@pytest.mark.parametrize("supposed", WRONG.values(), ids=WRONG)
def test_suppositions_that_differ_do_not_agree(supposed: NodeAndServices) -> None:
    assert not supposition(EVALUATOR).agrees(supposition(EVALUATOR, supposed))


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(scenario=scenarios())
def test_a_proof_that_was_begun_ends_as_any_other(scenario: Scenario) -> None:
    made = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    addresses = [each for family in made.dataplane.families for each in family.node_addresses]
    evaluator = Evaluator(made, local_addresses=addresses, big_endian=made.dataplane.big_endian)
    begun = begin(evaluator, node_and_services(scenario.cluster, scenario.node, scenario.settings))
    expected = prove(evaluator, made.dataplane, local_addresses_complete=False)
    assert prove(evaluator, made.dataplane, local_addresses_complete=False, begun=begun) == expected
    presumed = begin(evaluator, supposition(evaluator))
    assert prove(evaluator, made.dataplane, local_addresses_complete=False, begun=presumed) == expected


@pytest.mark.parametrize("supposed", [SUPPOSED, *WRONG.values()], ids=["right", *WRONG])
def test_what_was_supposed_makes_no_difference_to_a_proof(supposed: NodeAndServices) -> None:
    more = Cluster.of(
        [NODE, SERVICE_CIDRS, *CLUSTER.services, service("more", ["10.96.0.77"]), *CLUSTER.endpoint_slices]
    )
    for cluster in (CLUSTER, more):
        dataplane = build_dataplane(cluster, NODE.name, PODS).dataplane
        expected = prove(KNOWN, dataplane, local_addresses_complete=False)
        begun = begin(EVALUATOR, supposed)
        assert prove(KNOWN, dataplane, local_addresses_complete=False, begun=begun) == expected


def test_what_was_begun_of_another_ruleset_is_not_used() -> None:
    other = begin(Evaluator("table ip t { chain c { type filter hook prerouting priority 0; drop; } }"), SUPPOSED)
    assert prove(KNOWN, DATAPLANE, local_addresses_complete=False, begun=other).is_equal


def test_what_was_begun_is_used_once() -> None:
    begun = begin(EVALUATOR, SUPPOSED)
    first, second = (prove(KNOWN, DATAPLANE, local_addresses_complete=False, begun=begun) for _ in range(2))
    assert first == second
    assert first.is_equal


def test_what_rests_on_a_supposition_that_is_withdrawn_is_not_used() -> None:
    supposed = supposition(EVALUATOR)
    supposed.withdraw()
    begun = begin(EVALUATOR, supposed)
    assert prove(KNOWN, DATAPLANE, local_addresses_complete=False, begun=begun).is_equal


@pytest.mark.parametrize("supposed", [None, SUPPOSED, *WRONG.values()], ids=["nothing is told", "right", *WRONG])
def test_an_early_proof_is_begun_anew_where_the_ruleset_was_wrong(supposed: NodeAndServices | None) -> None:
    expected = prove(KNOWN, DATAPLANE, local_addresses_complete=False)
    with EarlyProof(lambda: ReadRuleset(b"", EVALUATOR)) as early:
        presumed = early.begun
        if supposed is not None:
            early.learn(supposed)
        begun = early.begun.result()
        assert (begun is presumed.result()) == (supposed is None or supposed == SUPPOSED)
        assert prove(KNOWN, DATAPLANE, local_addresses_complete=False, begun=begun) == expected


def test_an_early_proof_that_nobody_waits_for_ends_with_what_it_is_for() -> None:
    def fail() -> ReadRuleset:
        raise InputError("the dump cannot be read")

    with EarlyProof(lambda: ReadRuleset(b"", EVALUATOR)) as early:
        early.learn(SUPPOSED)
    # Finished or not begun at all, but nobody works on it any more.
    assert all(each.done() for each in (early.ruleset, early.begun))
    with EarlyProof(fail) as early:
        for each in (early.ruleset, early.begun):
            with pytest.raises(InputError, match="cannot be read"):
                each.result()
