"""Several proxies on one node: who owns a frontend, and who else touches the mark."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from svcc.auditing.finding import FindingKind
from svcc.auditing.owners import Owner
from svcc.fields import Severity
from tests.audit.inspecting import inspected, kinds, kube_proxy_text, only, svcc_text

OWN_TRANSLATION = """
table ip mine {{
    chain pre {{ type nat hook prerouting priority {priority}; {rule} }}
}}
"""


@pytest.mark.parametrize(
    ("priority", "words"),
    [
        (-101, "table ip mine comes first and wins"),
        (-99, "table ip svcc comes first and wins"),
        (-100, "nobody can tell which comes first"),
    ],
)
def test_of_two_owners_of_a_frontend_the_first_by_priority_wins(priority: int, words: str) -> None:
    own = OWN_TRANSLATION.format(priority=priority, rule="ip daddr 10.96.0.1 tcp dport 80 dnat to 10.9.9.9:80")
    finding = only(inspected(svcc_text() + own), FindingKind.FRONTEND_OWNED_TWICE)
    assert finding.severity is Severity.ERROR
    assert "tcp 10.96.0.1 port 80 is translated by table ip svcc and table ip mine" in finding.message
    assert words in finding.message
    assert [each.rule for each in finding.rules if each.table == "mine"] == [
        "ip daddr 10.96.0.1 tcp dport 80 dnat to 10.9.9.9:80"
    ]


@pytest.mark.parametrize(
    "rule",
    [
        "ip daddr 10.96.0.1 tcp dport vmap { 80 : jump there }",
        "meta l4proto tcp ip daddr 10.96.0.1 dnat to th dport map { 80 : 10.9.9.9 }",
        "dnat ip to ip daddr . meta l4proto . th dport map { 10.96.0.1 . tcp . 80 : 10.9.9.9 }",
    ],
)
def test_a_frontend_is_found_in_maps_and_on_the_way_to_them(rule: str) -> None:
    own = OWN_TRANSLATION.format(priority=-99, rule=rule).replace(
        "chain pre", "chain there { dnat to 10.9.9.9 }\n chain pre"
    )
    finding = only(inspected(svcc_text() + own), FindingKind.FRONTEND_OWNED_TWICE)
    assert finding.details == ("tcp 10.96.0.1 port 80 (default/web:http)",)


@pytest.mark.parametrize(
    "rule", ["ip daddr 10.96.0.1 tcp dport 81 dnat to 10.9.9.9", "ip daddr 10.96.0.1 tcp dport 80 accept"]
)
def test_a_translation_of_something_else_is_no_second_owner(rule: str) -> None:
    assert inspected(svcc_text() + OWN_TRANSLATION.format(priority=-100, rule=rule)).findings == ()


@pytest.mark.parametrize(("port", "shared"), [(30080, True), (30079, False)])
def test_a_published_port_of_a_container_that_is_a_node_port_has_two_owners(port: int, shared: bool) -> None:
    docker = f"""
table ip nat {{
    chain DOCKER {{ iifname != "docker0" tcp dport {port} dnat to 172.17.0.2:80 }}
    chain PREROUTING {{ type nat hook prerouting priority -100; fib daddr type local jump DOCKER }}
    chain OUTPUT {{ type nat hook output priority -100; ip daddr != 127.0.0.0/8 fib daddr type local jump DOCKER }}
}}
"""
    found = inspected(kube_proxy_text() + docker)
    assert [each.owner for each in found.owners[-1].tenants] == [Owner.DOCKER]
    assert (FindingKind.FRONTEND_OWNED_TWICE in kinds(found)) is shared
    if shared:
        finding = only(found, FindingKind.FRONTEND_OWNED_TWICE)
        assert finding.details == ("tcp port 30080 of the node (IPv4)",)
        assert {each.chain for each in finding.rules if each.table == "nat"} == {"DOCKER"}


def test_a_dormant_table_owns_nothing() -> None:
    own = OWN_TRANSLATION.format(priority=-101, rule="ip daddr 10.96.0.1 tcp dport 80 dnat to 10.9.9.9:80")
    found = inspected(svcc_text() + own.replace("{\n", "{\n flags dormant\n", 1))
    assert FindingKind.FRONTEND_OWNED_TWICE not in kinds(found)


def test_a_translation_of_unknown_frontends_at_the_same_priority_is_mentioned() -> None:
    own = OWN_TRANSLATION.format(priority=-100, rule="ip saddr 10.1.0.0/16 dnat to 10.9.9.9")
    finding = only(inspected(svcc_text() + own), FindingKind.FOREIGN_TRANSLATION)
    assert finding.severity is Severity.INFO
    assert finding.rules[0].rule == "ip saddr 10.1.0.0/16 dnat to 10.9.9.9"
    apart = OWN_TRANSLATION.format(priority=-99, rule="ip saddr 10.1.0.0/16 dnat to 10.9.9.9")
    assert inspected(svcc_text() + apart).findings == ()


MARKING = "table inet marker {{ chain c {{ type filter hook {hook} priority {priority}; {rule} }} }}"


@pytest.mark.parametrize(
    ("rule", "hook", "priority", "severity", "words"),
    [
        ("meta mark set meta mark or 0x4001", "prerouting", -150, Severity.WARNING, "sets bits 0x4000"),
        ("meta mark set 0xffff", "forward", 0, Severity.WARNING, "sets bits 0x4000"),
        ("meta mark set 0x1", "forward", 0, Severity.WARNING, "clears bits 0x4000"),
        ("meta mark set meta mark and 0xff", "postrouting", -150, Severity.WARNING, "clears bits 0x4000"),
        ("meta mark set ct mark", "prerouting", -150, Severity.INFO, "may set bits 0x4000"),
        ("meta mark 0x1 accept", "forward", 0, Severity.INFO, "asks for bits 0x4000"),
        ("meta mark and 0x4000 == 0x4000 drop", "forward", 0, Severity.INFO, "asks for bits 0x4000"),
    ],
)
@pytest.mark.parametrize("proxy", [svcc_text, kube_proxy_text])
def test_whoever_touches_the_masquerade_bit_is_named(
    proxy: Callable[[], str], rule: str, hook: str, priority: int, severity: Severity, words: str
) -> None:
    finding = only(
        inspected(proxy() + MARKING.format(rule=rule, hook=hook, priority=priority)), FindingKind.FOREIGN_MARK
    )
    assert finding.severity is severity
    assert words in finding.message
    assert finding.rules[0].table == "marker"
    assert finding.rules[0].chain == "c"


@pytest.mark.parametrize(
    ("rule", "hook", "priority"),
    [
        ("meta mark set meta mark or 0x8000", "prerouting", -150),
        ("meta mark set meta mark and 0xfff1ffff", "forward", 0),
        ("meta mark set 0x1", "prerouting", -150),
        ("meta mark set 0x4000", "postrouting", 150),
        ("meta mark and 0x1 == 0x1 drop", "forward", 0),
    ],
)
def test_other_bits_and_other_times_are_nobodys_business(rule: str, hook: str, priority: int) -> None:
    found = inspected(svcc_text() + MARKING.format(rule=rule, hook=hook, priority=priority))
    assert FindingKind.FOREIGN_MARK not in kinds(found)


def test_a_chain_of_the_program_that_nothing_leads_to_is_a_warning() -> None:
    text = svcc_text()
    table, rest = text.split("chain nat-prerouting", 1)
    cut = rest.replace("jump services", "accept", 2)
    finding = only(inspected(f"{table}chain nat-prerouting{cut}"), FindingKind.CHAIN_DEAD)
    assert finding.severity is Severity.WARNING
    assert "nothing leads to services" in finding.message
    assert finding.subject == "table ip svcc program"
