"""Proofs of session affinity: what a ruleset remembers of a client decides its next connections, and no one else's."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

import pytest
from attrs import evolve
from hypothesis import HealthCheck, assume, given, settings

from svcc.auditing.classify import classify
from svcc.auditing.classify_declared import Declared
from svcc.auditing.difference import Comparison
from svcc.auditing.finding import FindingKind
from svcc.auditing.proof import prove
from svcc.compiler.compilation import Compilation, compile_cluster
from svcc.model.service import ServicePort, SessionAffinity
from svcc.nft.text import table_text
from svcc.trace.evaluator import Evaluator
from tests.declare import NODE, compiled, local, service, slices
from tests.kube_proxy import DISTINCT_LAYOUTS, kube_proxy_ruleset, layout_of
from tests.strategies.scenarios import Scenario, scenarios

PATIENT = settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
OWN = [address.address for address in NODE.addresses]
STICKY = compiled(
    service(
        "web",
        ["10.96.0.10"],
        ServicePort(80, "http", node_port=30080),
        type="NodePort",
        session_affinity=SessionAffinity.CLIENT_IP,
    ),
    slices("web", [local("10.244.1.10"), local("10.244.1.11"), local("10.244.1.12")]),
)
ENDPOINTS = {"10.244.1.10", "10.244.1.11", "10.244.1.12"}


def svcc_text(made: Compilation = STICKY) -> str:
    return "".join(piece for table in made.ruleset.tables for piece in table_text(table))


def kube_proxy_text(layout: str = "1.37") -> str:
    return kube_proxy_ruleset(STICKY.dataplane, layout=layout)


def against(text: str, declared: Compilation = STICKY) -> Comparison:
    return prove(Evaluator(text, local_addresses=OWN), declared.dataplane)


def changed(text: str, pattern: str, new: str | Callable[[re.Match[str]], str], count: int = 0) -> str:
    """The text with what matches replaced, which must be somewhere."""
    replaced, found = re.subn(pattern, new, text, count=count, flags=re.MULTILINE)
    assert found
    return replaced


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
def test_records_of_kube_proxy_are_proved_to_keep_clients(layout: str) -> None:
    comparison = against(kube_proxy_text(layout))
    assert comparison.is_equal
    assert not comparison.unattainable


@PATIENT
@given(scenario=scenarios())
def test_clusters_whose_services_are_all_sticky_are_proved(scenario: Scenario) -> None:
    assume(scenario.cluster.services)
    services = tuple(evolve(each, session_affinity=SessionAffinity.CLIENT_IP) for each in scenario.cluster.services)
    cluster = evolve(scenario.cluster, services=services)
    made = compile_cluster(cluster, node=scenario.node, settings=scenario.settings)
    evaluator = Evaluator(made, local_addresses=scenario.facts.local_addresses, big_endian=made.dataplane.big_endian)
    comparison = prove(evaluator, made.dataplane, local_addresses_complete=True)
    assert comparison.is_equal, comparison
    assert not comparison.unattainable


@pytest.mark.parametrize(
    ("pattern", "new"),
    [
        pytest.param(r"(update @affinity \{ ct original ip saddr \. numgen inc mod 1 offset )\d+", r"\g<1>7", id="key"),
        pytest.param(r"(th dport mod 4294901759 seed )0x1\b", r"\g<1>0x2", id="number"),
        pytest.param(r"ct original ip saddr", "ct original ip daddr", id="destination"),
        pytest.param(r"^.*@sticky-endpoints-tcp\n", "", id="never asked"),
    ],
)
def test_a_client_that_is_remembered_in_vain_is_shown_by_its_second_connection(pattern: str, new: str) -> None:
    comparison = against(changed(svcc_text(), pattern, new))
    assert not comparison.contradictions
    assert comparison.differences
    for difference in comparison.differences:
        assert difference.remembered
        assert not difference.any_of
        assert not difference.undecided
        (expected,) = difference.expected.outcomes
        assert f"a client that was sent to {expected.address}:8080 before" in difference.words
        assert {each.address for each in difference.found.outcomes} == ENDPOINTS
        assert {each.probability for each in difference.found.outcomes} == {Fraction(1, 3)}
    frontends = {(each.packet.hook, each.packet.destination_port) for each in comparison.differences}
    assert frontends == {(hook, port) for hook in ("prerouting", "output") for port in (80, 30080)}


def test_a_record_that_one_frontend_does_not_share_is_told_at_the_other() -> None:
    text = svcc_text()
    offset = re.search(r"ct original ip saddr \. numgen inc mod 1 offset (\d+)", text)
    assert offset is not None
    own = "chain sticky-nodeport-default/web/tcp/http {"
    start = text.index(own)
    comparison = against(text[:start] + text[start:].replace(offset[1], "7", 2))
    assert {each.packet.destination_port for each in comparison.differences} == {30080}


def test_a_draw_in_the_key_keeps_some_clients_only() -> None:
    text = changed(kube_proxy_text(), r"ip saddr (@affinity-\S+__10\.244\.1\.11)", r"numgen random mod 2 0 ip saddr \1")
    comparison = against(text)
    assert comparison.differences
    for difference in comparison.differences:
        (expected,) = difference.expected.outcomes
        assert expected.address == "10.244.1.11"
        chances = {each.address: each.probability for each in difference.found.outcomes}
        assert chances == {"10.244.1.10": Fraction(1, 6), "10.244.1.11": Fraction(2, 3), "10.244.1.12": Fraction(1, 6)}


def test_records_without_the_client_catch_clients_that_are_new() -> None:
    text = changed(kube_proxy_text(), r"ip saddr @affinity", "ip daddr @affinity")
    text = changed(text, r"(update @affinity\S+ \{ ip )saddr", r"\1daddr")
    comparison = against(text)
    caught = [each for each in comparison.differences if "a new client" in each.words]
    assert {each.packet.hook for each in caught} == {"prerouting"}
    for difference in caught:
        assert {each.address for each in difference.expected.outcomes} == ENDPOINTS
        assert len(difference.found.outcomes) == 1


def test_clients_nobody_would_try_are_proved_to_be_kept_too() -> None:
    """All clients of a prefix draw anew each time; the rest of them stay."""
    text = changed(
        kube_proxy_text(),
        r"^(\s*)(ip saddr @affinity)(?s:(.*?))(numgen random mod 3 vmap \{[^}]*\})",
        r"\1ip saddr 203.0.113.128/25 \4\n\1\2\3\4",
        count=1,
    )
    comparison = against(text)
    assert comparison.differences
    for difference in comparison.differences:
        assert difference.remembered
        assert difference.packet.source.startswith("203.0.113.")
        assert {each.address for each in difference.found.outcomes} == ENDPOINTS
        assert "from 203.0.113.128/25" in difference.words


def test_what_happens_to_the_second_connection_is_told() -> None:
    text = changed(svcc_text(), r"(update @affinity \{ ct original ip saddr \. numgen inc mod 1 offset )\d+", r"\g<1>7")
    findings = classify(against(text).differences, Declared(STICKY.dataplane))
    (lost,) = [each for each in findings if each.kind is FindingKind.AFFINITY_LOST]
    assert len(findings) == 1
    assert lost.message == (
        "default/web:http: clients do not stay with their endpoint as sessionAffinity asks: the next connection of a"
        " client of 10.244.1.10:8080 goes to 10.244.1.11:8080, 10.244.1.12:8080 with a chance of 2/3"
    )
    assert set(lost.clients) == {"external", "pod", "node"}


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
def test_clients_of_endpoints_that_are_refused_may_be_remembered_or_not(layout: str) -> None:
    # The second endpoint is another Service's frontend, which refuses what comes for it without being translated (S28).
    made = compiled(
        service("web", ["10.96.0.10"], session_affinity=SessionAffinity.CLIENT_IP),
        service("empty", ["10.96.0.11"], ServicePort(8080, "http")),
        slices("web", [local("10.244.1.10"), local("10.96.0.11")]),
    )
    comparison = against(kube_proxy_ruleset(made.dataplane, layout=layout), made)
    assert not comparison.contradictions
    differing = [each for each in comparison.differences if each.expected.outcomes == each.found.outcomes]
    assert differing == []
    if not layout_of(layout).refuses_before_translation:
        assert comparison.is_equal
    assert against(svcc_text(made), made).is_equal
