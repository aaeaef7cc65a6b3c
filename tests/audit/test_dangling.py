"""Chains that nothing leads to, sets that nobody asks, and elements that lead nowhere."""

from __future__ import annotations

import pytest

from svcc.auditing.finding import FindingKind
from svcc.fields import Severity
from tests.audit.inspecting import inspected, kube_proxy_text, only, svcc_text, with_element


def test_a_pick_chain_that_no_frontend_leads_to_is_only_mentioned() -> None:
    finding = only(inspected(svcc_text() + "table ip svcc { chain pick-7 { drop } }"), FindingKind.CHAIN_DEAD)
    assert finding.severity is Severity.INFO
    assert [each.chain for each in finding.rules] == ["pick-7"]


def test_only_the_first_of_dead_chains_is_named_and_a_circle_is_named_whole() -> None:
    found = inspected("table ip t { chain b { accept } chain a { jump b } }")
    assert [each.chain for each in only(found, FindingKind.CHAIN_DEAD).rules] == ["a"]
    found = inspected("table ip t { chain b { jump a } chain a { jump b } }")
    assert [each.chain for each in only(found, FindingKind.CHAIN_DEAD).rules] == ["b", "a"]


def test_chains_behind_maps_and_opaque_rules_are_not_dead() -> None:
    text = """table ip t {
        map m { type inet_service : verdict; elements = { 80 : goto a } }
        chain a { jump b } chain b { accept }
        chain in { type filter hook input priority 0; tcp dport vmap @m }
    }"""
    assert inspected(text).findings == ()


def test_sets_that_no_rule_asks_are_mentioned() -> None:
    finding = only(inspected("table ip t { set unused { type ipv4_addr; } }"), FindingKind.CHAIN_DEAD)
    assert finding.severity is Severity.INFO
    assert "unused" in finding.message


@pytest.mark.parametrize("layout", ["1.29", "1.33"])
def test_an_endpoint_chain_that_was_emptied_too_early_is_a_dangling_element(layout: str) -> None:
    text = kube_proxy_text(layout)
    rule = "\t\tmeta l4proto tcp dnat to 10.244.2.12:8080\n"
    hairpin = '\t\tip saddr 10.244.2.12 jump mark-for-masquerade comment "masquerade hairpin traffic"\n'
    assert rule in text
    assert hairpin in text
    finding = only(inspected(text.replace(rule, "").replace(hairpin, "")), FindingKind.MAP_ELEMENT_DANGLING)
    assert finding.severity is Severity.WARNING
    assert "endpoint-MTWY3M6S-shop/web/tcp/http__10.244.2.12/8080, which has no rules" in finding.message
    assert "MTWY3M6S" not in finding.subject
    assert finding.rules[0].chain == "service-KHN6ECMT-shop/web/tcp/http"
    assert finding.rules[0].element == "2"


def test_an_element_that_leads_to_no_chain_of_the_dump_is_dangling() -> None:
    text = with_element(svcc_text(), "services", "tcp . 10.96.0.8 . 80 : goto pick-9")
    finding = only(inspected(text), FindingKind.MAP_ELEMENT_DANGLING)
    assert "services: tcp . 10.96.0.8 . 80" in finding.message
    assert "leads to pick-9, which is missing" in finding.message
    assert finding.rules[0].element == "services: tcp . 10.96.0.8 . 80"
    assert finding.rules[0].chain == "services"


def test_a_number_that_leads_to_no_chain_is_dangling() -> None:
    elements = ", ".join(f"tcp . 10.96.0.{number} . 80 : 0:9" for number in (8, 7))
    finding = only(
        inspected(with_element(svcc_text(), "balanced-services", elements)), FindingKind.MAP_ELEMENT_DANGLING
    )
    assert "balanced-services: tcp . 10.96.0.7 . 80 (and 1 more element)" in finding.message
    assert "leads to 0:9 of picks, which is missing" in finding.message
    assert finding.rules[0].chain == "services"


@pytest.mark.parametrize(
    ("name", "element", "words"),
    [
        ("endpoints-tcp", "10.96.0.1 . 80 . 2 : 10.244.0.7 . 80", "no rule ever draws its slot"),
        ("endpoints-tcp", "10.96.0.1 . 80 . 1000000000 : 10.244.0.7 . 80", "no rule ever draws its slot"),
        ("endpoints-tcp", "10.96.0.1 . 81 . 0 : 10.244.0.7 . 80", "its frontend is none that the table serves"),
        ("endpoints-udp", "10.96.0.1 . 80 . 0 : 10.244.0.7 . 80", "its frontend is none that the table serves"),
        ("nodeport-endpoints-tcp", "30000 . 0 : 10.244.0.7 . 80", "its frontend is none that the table serves"),
        ("source-ranged", "tcp . 10.96.0.7 . 80", "its frontend is none that the table serves"),
        ("masquerade-nodeports", "tcp . 30000 : jump mark-always", "its frontend is none that the table serves"),
    ],
)
def test_an_element_of_svccs_maps_that_no_packet_can_meet_is_dangling(name: str, element: str, words: str) -> None:
    finding = only(inspected(with_element(svcc_text(), name, element)), FindingKind.MAP_ELEMENT_DANGLING)
    assert words in finding.message
    assert finding.rules[0].element == f"{name}: {element.partition(' : ')[0]}"


def test_elements_of_one_frontend_are_one_finding() -> None:
    elements = ", ".join(f"10.96.0.9 . 80 . {slot} : 10.244.0.7 . 80" for slot in range(9))
    finding = only(inspected(with_element(svcc_text(), "endpoints-tcp", elements)), FindingKind.MAP_ELEMENT_DANGLING)
    assert "and 8 more of the same frontend" in finding.message


def test_a_dormant_proxy_serves_nobody() -> None:
    text = svcc_text().replace("table ip svcc {", "table ip svcc {\n flags dormant", 1)
    finding = only(inspected(text), FindingKind.CHAIN_DEAD)
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("table ip svcc is dormant")
