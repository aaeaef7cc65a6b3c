"""What a dump says by its structure: silence about right rulesets, and a finding for each thing that is wrong."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc import _native
from svcc.auditing.finding import Finding, FindingKind
from svcc.auditing.inspection import Inspection, inspect
from svcc.auditing.owners import Owner
from svcc.compiler.compilation import compile_cluster
from svcc.fields import Severity
from svcc.manifest.load import load
from svcc.model.service import Protocol
from svcc.nft.text import table_text
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet
from tests.declare import compiled, local, remote, service, slices
from tests.kube_proxy import DISTINCT_LAYOUTS, LAYOUTS, kube_proxy_ruleset
from tests.kube_proxy.differences import as_kube_proxy_reads
from tests.kube_proxy.record import DATA, NODE, ROOT
from tests.kube_proxy.record import SETTINGS as SHOP_SETTINGS
from tests.strategies.ruleset_packets import RulesetPacket
from tests.strategies.ruleset_values import Ruleset
from tests.strategies.rulesets import packets_for, rulesets
from tests.strategies.scenarios import Scenario, scenarios

TEST_DATA = ROOT / "tests" / "data"
DUMPS = sorted(
    each for each in TEST_DATA.rglob("*") if each.suffix in {".json", ".nft", ".txt"} and each.parent.name != "schemas"
)
RELEASES = {"1.29": "1.29 to 1.32", "1.33": "1.33 to 1.35", "1.36": "1.36", "1.37": "1.37"}


def inspected(document: str | bytes) -> Inspection:
    data = document.encode() if isinstance(document, str) else document
    return inspect(_native.Program(data, data.lstrip()[:1] in {b"{", b"["}, [], False))


def read(path: Path) -> Inspection | None:
    """None of a dump that no reader takes."""
    try:
        return inspected(path.read_bytes())
    except ValueError:
        return None


def only(found: Inspection, kind: FindingKind) -> Finding:
    """The one finding of a kind."""
    [finding] = [each for each in found.findings if each.kind is kind]
    return finding


def kinds(found: Inspection) -> set[FindingKind]:
    return {each.kind for each in found.findings}


def svcc_text() -> str:
    """One Service on TCP port 80 of 10.96.0.1 with two endpoints."""
    web = service("web", ["10.96.0.1"])
    result = compiled(web, slices("web", [local("10.244.0.1"), remote("10.244.1.1")]))
    return "".join(piece for table in result.ruleset.tables for piece in table_text(table))


def with_element(text: str, name: str, element: str) -> str:
    """The text with an element in a map of table ip svcc."""
    return f"{text}\ntable ip svcc {{ map {name} {{ }} }}\nadd element ip svcc {name} {{ {element} }}\n"


def kube_proxy_text(layout: str = "1.37", *, leftovers: int = 0) -> str:
    cluster = load([str(ROOT / "examples" / "shop")]).cluster
    return kube_proxy_ruleset(cluster, NODE, SHOP_SETTINGS, layout, leftovers=leftovers)


# Right rulesets


@settings(max_examples=60)
@given(scenario=scenarios())
def test_nothing_is_found_in_what_svcc_compiles(scenario: Scenario) -> None:
    result = compile_cluster(scenario.cluster, node=scenario.node, settings=scenario.settings)
    text = "".join(piece for table in result.ruleset.tables for piece in table_text(table))
    found = inspected(text)
    assert found.findings == ()
    assert {each.owner for each in found.owners} <= {Owner.SVCC}


@pytest.mark.parametrize("layout", LAYOUTS)
@settings(max_examples=20)
@given(scenario=scenarios())
def test_nothing_but_empty_leftovers_is_found_in_the_tables_of_kube_proxy(layout: str, scenario: Scenario) -> None:
    scenario = as_kube_proxy_reads(scenario)
    text = kube_proxy_ruleset(scenario.cluster, scenario.node, scenario.settings, layout, leftovers=2)
    found = inspected(text)
    assert {(each.kind, each.severity) for each in found.findings} == {(FindingKind.CHAIN_DEAD, Severity.INFO)}
    assert all("4 empty chains" in each.message for each in found.findings)


@pytest.mark.parametrize("path", sorted(DATA.glob("*/*.*")), ids=lambda path: f"{path.parent.name}-{path.name}")
def test_the_layout_of_kube_proxy_is_recognised_in_every_listing(path: Path) -> None:
    found = inspected(path.read_bytes())
    assert {(each.owner, each.layout) for each in found.owners} == {(Owner.KUBE_PROXY, RELEASES[path.parent.name])}
    assert {each.severity for each in found.findings} == {Severity.INFO}


@pytest.mark.parametrize(
    "path", sorted((ROOT / "tests" / "golden").glob("*/ruleset.nft")), ids=lambda path: path.parent.name
)
def test_golden_rulesets_are_of_the_current_layout_and_quiet(path: Path) -> None:
    found = inspected(path.read_bytes())
    assert {(each.owner, each.layout) for each in found.owners} == {(Owner.SVCC, "current")}
    assert found.findings == ()


@pytest.mark.parametrize("version", ["1.0.6", "1.1.3", "1.1.7"])
def test_what_nft_lists_of_svccs_tables_is_quiet(version: str) -> None:
    found = inspected((TEST_DATA / "dumps" / f"affinity-{version}.json").read_bytes())
    assert {each.layout for each in found.owners} == {"current"}
    assert found.findings == ()


@pytest.mark.parametrize("path", sorted((TEST_DATA / "listings").glob("firewalls-*")), ids=lambda path: path.name)
def test_firewalls_beside_kube_proxy_are_recognised_and_quiet(path: Path) -> None:
    found = inspected(path.read_bytes())
    assert [each.owner for each in found.owners[:4]] == [
        Owner.DOCKER,
        Owner.FIREWALLD,
        Owner.LIBVIRT,
        Owner.KUBE_PROXY,
    ]
    foreign = {"docker-bridges", "firewalld", "libvirt_network"}
    assert not [each for each in found.findings if any(rule.table in foreign for rule in each.rules)]
    assert {each.severity for each in found.findings} <= {Severity.INFO}


@pytest.mark.parametrize("path", DUMPS, ids=lambda path: str(path.relative_to(TEST_DATA)))
def test_every_finding_about_a_recorded_dump_names_what_is_in_it(path: Path) -> None:
    found = read(path)
    if found is None:
        assert "0.9.8" in path.name
        return
    text = path.read_text()
    for finding in found.findings:
        assert finding.rules
        assert finding.hint
        assert "\n" not in finding.message
        assert not finding.message.endswith(".")
        for rule in finding.rules:
            assert found.owner_of_table(rule.family, rule.table) is not None
            assert rule.chain in text


# Owners


def test_tables_of_iptables_are_shared_and_their_tenants_are_named() -> None:
    found = inspected((TEST_DATA / "listings" / "iptables-nft.nft").read_bytes())
    nat = found.owner_of_table("ip", "nat")
    assert nat is not None
    assert nat.owner is Owner.IPTABLES
    assert [each.owner for each in nat.tenants] == [Owner.KUBE_PROXY_IPTABLES, Owner.KUBELET]
    assert nat.tenants[0].hooked
    assert found.owner_of_table("ip", "nothing") is None


def test_a_proxy_of_iptables_that_is_alone_is_no_leftover() -> None:
    found = inspected((TEST_DATA / "listings" / "iptables-nft.nft").read_bytes())
    assert FindingKind.OTHER_PROXY_LEFTOVERS not in kinds(found)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (("priority -110", "priority -120"), "a hook"),
        (("mixed-addresses", "other-addresses"), "a set"),
        (("chain refuse {", "chain renamed {"), "a chain"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_table_of_svcc_with_another_layout_is_of_another_version(change: tuple[str, str], what: str) -> None:
    text = svcc_text()
    assert change[0] in text, what
    found = inspected(text.replace(*change))
    assert {each.owner for each in found.owners} == {Owner.OLDER_SVCC}
    assert FindingKind.OLDER_SVCC in kinds(found)


# Neighbours

IPTABLES_MODE = """
table ip nat {{
    chain KUBE-SERVICES {{ {services} }}
    chain KUBE-SVC-A {{ {endpoint} }}
    chain KUBE-KUBELET-CANARY {{ }}
    chain PREROUTING {{ type nat hook prerouting priority -100; {hook} }}
}}
"""


def test_hooked_rules_of_kube_proxys_iptables_mode_are_an_error() -> None:
    left = IPTABLES_MODE.format(
        services="ip daddr 10.96.0.9 tcp dport 80 jump KUBE-SVC-A",
        endpoint="meta l4proto tcp dnat to 10.244.0.9:80",
        hook="jump KUBE-SERVICES",
    )
    finding = only(inspected(svcc_text() + left), FindingKind.OTHER_PROXY_LEFTOVERS)
    assert finding.severity is Severity.ERROR
    assert "packets still meet them" in finding.message
    assert "kube-proxy --cleanup" in finding.hint
    assert [(each.table, each.chain) for each in finding.rules] == [("nat", "KUBE-SERVICES")]


@pytest.mark.parametrize(
    ("endpoint", "words"), [("meta l4proto tcp dnat to 10.244.0.9:80", "nothing leads to them"), ("", "harmless")]
)
def test_leftovers_that_no_packet_meets_are_only_mentioned(endpoint: str, words: str) -> None:
    left = IPTABLES_MODE.format(services="", endpoint=endpoint, hook="")
    finding = only(inspected(kube_proxy_text() + left), FindingKind.OTHER_PROXY_LEFTOVERS)
    assert finding.severity is Severity.INFO
    assert words in finding.message


def test_the_chains_of_the_kubelet_are_nobodys_leftovers() -> None:
    kubelet = """
table ip filter {
    chain INPUT { type filter hook input priority 0; jump KUBE-FIREWALL }
    chain KUBE-FIREWALL { ip saddr != 127.0.0.0/8 ip daddr 127.0.0.0/8 ct status dnat drop }
    chain KUBE-KUBELET-CANARY { }
}
"""
    found = inspected(svcc_text() + kubelet)
    assert found.findings == ()
    assert [each.owner for each in found.owners[-1].tenants] == [Owner.KUBELET]


def test_svcc_and_kube_proxy_on_one_node_are_two_proxies_and_share_their_frontends() -> None:
    cluster = load([str(ROOT / "examples" / "shop")]).cluster
    result = compile_cluster(cluster, node=NODE, settings=SHOP_SETTINGS)
    text = "".join(piece for table in result.ruleset.tables for piece in table_text(table))
    found = inspected(text + kube_proxy_text("1.33"))
    leftovers = only(found, FindingKind.OTHER_PROXY_LEFTOVERS)
    assert leftovers.severity is Severity.ERROR
    assert "kube-proxy in nftables mode (of Kubernetes 1.33 to 1.35)" in leftovers.message
    shared = [each for each in found.findings if each.kind is FindingKind.FRONTEND_OWNED_TWICE]
    assert {each.subject for each in shared} == {
        "table ip svcc and table ip kube-proxy",
        "table ip6 svcc and table ip6 kube-proxy",
    }
    assert all("nobody can tell which comes first" in each.message for each in shared)
    details = [line for each in shared for line in each.details]
    assert "tcp 10.96.0.10 port 80 (shop/web:http)" in details
    assert "tcp port 30080 of the node (IPv4) (shop/web:http)" in details
    elements = {rule.element for each in shared for rule in each.rules}
    assert "balanced-services: tcp . 10.96.0.10 . 80" in elements
    assert "service-ips: 10.96.0.10 . tcp . 80" in elements


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


# Chains, sets and elements


def test_a_chain_of_the_program_that_nothing_leads_to_is_a_warning() -> None:
    text = svcc_text()
    table, rest = text.split("chain nat-prerouting", 1)
    cut = rest.replace("jump services", "accept", 2)
    finding = only(inspected(f"{table}chain nat-prerouting{cut}"), FindingKind.CHAIN_DEAD)
    assert finding.severity is Severity.WARNING
    assert "nothing leads to services" in finding.message
    assert finding.subject == "table ip svcc program"


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


# Rules


def rules_of(*rules: str, kind: str = "filter hook input priority 0") -> Inspection:
    return inspected(f"table ip t {{ chain c {{ type {kind}; {'; '.join(rules)} }} chain d {{ accept }} }}")


@pytest.mark.parametrize(
    ("rules", "words"),
    [
        (("accept", "tcp dport 80 drop"), "'tcp dport 80 drop' in chain c"),
        (("counter drop", "ip saddr 10.0.0.1 drop"), "it would do the same"),
        (("tcp dport 80 accept", "tcp dport 80 drop"), "it would act differently"),
        (("tcp dport 80 accept", "ip saddr 10.0.0.1 tcp dport 80 drop"), "'tcp dport 80 accept' stands before it"),
        (("goto d", "ip saddr 10.0.0.1 drop"), "'goto d' stands before it"),
        (("reject", "drop"), "'reject' stands before it"),
        (("ip saddr @s drop", "ip saddr @s tcp dport 1 accept"), "'ip saddr @s drop' stands before it"),
    ],
)
def test_a_rule_behind_one_that_takes_all_its_packets_is_shadowed(rules: tuple[str, ...], words: str) -> None:
    text = f"""table ip t {{
        set s {{ type ipv4_addr; elements = {{ 10.0.0.1 }} }}
        chain c {{ type filter hook input priority 0; ip saddr @s counter; jump d; {"; ".join(rules)} }}
        chain d {{ ct state new accept }}
    }}"""
    finding = only(inspected(text), FindingKind.RULE_SHADOWED)
    assert words in finding.message
    assert finding.severity is Severity.INFO
    assert [each.chain for each in finding.rules] == ["c", "c"]


@pytest.mark.parametrize(
    "rules",
    [
        ("tcp dport 80 accept", "tcp dport 81 drop"),
        ("tcp dport 80 ip saddr 10.0.0.1 accept", "tcp dport 80 drop"),
        ("jump d", "drop"),
        ("tcp dport 80 jump d", "tcp dport 80 drop"),
        ("limit rate 1/second accept", "limit rate 1/second drop"),
        ("limit rate 1/second accept", "drop"),
        ("numgen random mod 2 0 accept", "numgen random mod 2 0 drop"),
        ("meta mark 1 accept", "meta mark set 1", "meta mark 1 drop"),
        ("ip saddr @growing accept", "add @growing { ip saddr }", "ip saddr @growing drop"),
        ("tcp dport vmap { 80 : accept }", "tcp dport 80 drop"),
        ("frag more-fragments 1 drop", "hbh hdrlength 1 drop"),
    ],
)
def test_a_rule_that_some_packets_get_to_is_not_shadowed(rules: tuple[str, ...]) -> None:
    text = f"""table ip t {{
        set growing {{ type ipv4_addr; flags dynamic; }}
        chain c {{ type filter hook input priority 0; ip saddr @growing counter; jump d; {"; ".join(rules)} }}
        chain d {{ ct state new accept }}
    }}"""
    assert FindingKind.RULE_SHADOWED not in kinds(inspected(text))


def test_a_shadowed_rule_of_a_proxy_that_would_act_differently_is_a_warning() -> None:
    text = svcc_text().replace("chain services {", "chain services {\n accept", 1)
    finding = only(inspected(text), FindingKind.RULE_SHADOWED)
    assert finding.severity is Severity.WARNING
    assert "'accept' stands before it" in finding.message
    assert finding.rules[-1].rule == "accept"


@st.composite
def journeys(draw: st.DrawFn) -> tuple[Ruleset, list[RulesetPacket]]:
    ruleset = draw(rulesets())
    return ruleset, draw(st.lists(packets_for(ruleset), min_size=8, max_size=8))


@settings(max_examples=200)
@given(journey=journeys())
def test_no_packet_gets_to_what_is_called_dead_or_shadowed(journey: tuple[Ruleset, list[RulesetPacket]]) -> None:
    ruleset, packets = journey
    found = inspected(ruleset.text)
    dead = [each for finding in found.findings if finding.kind is FindingKind.CHAIN_DEAD for each in finding.rules]
    shadowed = [
        (each.family, each.table, each.chain, each.rule)
        for finding in found.findings
        if finding.kind is FindingKind.RULE_SHADOWED
        for each in finding.rules[:-1]
    ]
    # Two rules of a chain with the same words cannot be told apart without handles.
    written: list[tuple[str, str, str, str]] = [
        (table.family, table.name, chain.name, rule.text)
        for table in ruleset.tables
        for chain in table.chains
        for rule in chain.rules
    ]
    shadowed = [each for each in shadowed if written.count(each) == 1]
    evaluator = Evaluator(ruleset.text)
    for packet in packets:
        traced = Packet(
            packet.protocol,
            packet.source,
            packet.destination,
            packet.source_port,
            packet.destination_port,
            hook="output" if packet.entry == "output" else "prerouting",
            mark=packet.mark,
        )
        for outcome in evaluator.evaluate(traced).outcomes:
            assert not rules_met(outcome) & set(shadowed)
            looked_at = {(step.family, step.table, step.chain) for step in outcome.steps}
            assert not looked_at & {(each.family, each.table, each.chain) for each in dead}


def rules_met(outcome: Outcome) -> set[tuple[str, str, str, str]]:
    """The rules that did something to a packet; to be found in a set is nothing yet.

    What a rule asks behind that may not hold, and where it says ``!=`` it is over.
    """
    done = (step for step in outcome.steps if not re.search(r" is in \S+$", step.note))
    return {(step.family, step.table, step.chain, step.rule) for step in done}


@pytest.mark.parametrize(
    "rules",
    [
        ("ip daddr != @known accept", "ip daddr != @known tcp dport 80 accept"),
        ("tcp dport 81 accept", "ip daddr @known tcp dport 81 drop"),
    ],
)
def test_a_rule_that_looks_into_a_set_and_no_further_is_shadowed_all_the_same(rules: tuple[str, str]) -> None:
    text = f"""table ip t {{
        set known {{ type ipv4_addr; flags timeout; timeout 1h; elements = {{ 10.96.0.10 timeout 2h }} }}
        chain c {{ type filter hook prerouting priority 0; {"; ".join(rules)} }}
    }}"""
    finding = only(inspected(text), FindingKind.RULE_SHADOWED)
    assert finding.rules[0].rule == rules[1]
    [outcome] = Evaluator(text).evaluate(Packet(Protocol.TCP, "10.244.1.1", "10.96.0.10", 1000, 80)).outcomes
    assert rules[1] in {step.rule for step in outcome.steps}
    assert rules_met(outcome) == set()


# Tables


def test_a_dormant_proxy_serves_nobody() -> None:
    text = svcc_text().replace("table ip svcc {", "table ip svcc {\n flags dormant", 1)
    finding = only(inspected(text), FindingKind.CHAIN_DEAD)
    assert finding.severity is Severity.WARNING
    assert finding.message.startswith("table ip svcc is dormant")


def test_where_a_dump_does_not_tell_whether_a_table_is_dormant_nothing_is_decided() -> None:
    found = inspected((TEST_DATA / "dumps" / "filter-1.0.6.json").read_bytes())
    finding = only(found, FindingKind.NOT_DECIDABLE)
    assert finding.severity is Severity.WARNING
    assert [(each.family, each.table) for each in finding.rules] == [("ip", "asleep")]


def test_address_translation_that_nothing_has_tracked_never_runs() -> None:
    text = """table ip t { chain pre { type nat hook prerouting priority -100; ip saddr 10.0.0.1 drop } }"""
    finding = only(inspected(text), FindingKind.RULE_UNREACHABLE)
    assert finding.rules[0].chain == "pre"
    tracked = text + " table ip u { chain in { type filter hook input priority 0; ct state invalid drop } }"
    assert inspected(tracked).findings == ()
    other_family = text + " table ip6 u { chain in { type filter hook input priority 0; ct state invalid drop } }"
    assert kinds(inspected(other_family)) == {FindingKind.RULE_UNREACHABLE}


def test_a_hash_without_a_seed_is_mentioned_and_one_with_a_seed_is_not() -> None:
    rule = "jhash ip saddr mod 2 {} vmap {{ 0 : accept, 1 : drop }}"
    finding = only(rules_of(rule.format("")), FindingKind.NOT_DECIDABLE)
    assert finding.severity is Severity.INFO
    assert "without a seed" in finding.message
    assert FindingKind.NOT_DECIDABLE not in kinds(rules_of(rule.format("seed 0x1")))
    assert FindingKind.NOT_DECIDABLE not in kinds(rules_of("symhash mod 2 vmap { 0 : accept, 1 : drop }"))


def test_rules_of_a_proxy_that_an_old_nft_could_not_print_ask_for_a_newer_one() -> None:
    listed = (TEST_DATA / "kube-proxy" / "1.33" / "1.0.6.json").read_text()
    broken = listed.replace('{"masquerade": {"flags": "fully-random"}}', '"something new"')
    assert broken != listed
    found = [each for each in inspected(broken).findings if each.kind is FindingKind.NOT_DECIDABLE]
    assert [each.subject for each in found] == ["table ip kube-proxy listing", "table ip6 kube-proxy listing"]
    assert "nft 1.0.6 printed 1 rule of table ip kube-proxy" in found[0].message


# Coverage


def test_rules_that_a_proof_never_saw_are_told_by_chain_and_not_twice() -> None:
    found = inspected(
        svcc_text()
        + "table ip mine { chain in { type filter hook input priority 0; accept; drop } chain dead { drop } }"
    )
    rows = [
        ("ip", "svcc", "services", None, "whatever"),
        ("ip", "mine", "in", None, "drop"),
        ("ip", "mine", "dead", None, "drop"),
        ("ip", "mine", "other", 4, "tcp dport 80 drop"),
        ("ip", "mine", "other", 5, "tcp dport 81 drop"),
    ]
    [finding] = found.unreachable(rows)
    assert finding.kind is FindingKind.RULE_UNREACHABLE
    assert finding.severity is Severity.INFO
    assert finding.message == "no packet gets to 'tcp dport 80 drop' and 1 more in chain other of table ip mine"
    assert [each.handle for each in finding.rules] == [4, 5]
    assert found.unreachable([]) == ()


def test_the_rules_of_one_service_of_kube_proxy_may_be_unreachable_and_those_of_its_program_may_not() -> None:
    found = inspected(kube_proxy_text())
    chain = "service-KHN6ECMT-shop/web/tcp/http"
    rows = [("ip", "kube-proxy", "services", 1, "a"), ("ip", "kube-proxy", chain, 2, "b")]
    assert [each.subject for each in found.unreachable(rows)] == [f"chain {chain} of table ip kube-proxy"]


# Any ruleset at all


@settings(max_examples=100)
@given(ruleset=rulesets())
def test_any_ruleset_can_be_inspected_and_findings_have_different_fingerprints(ruleset: Ruleset) -> None:
    found = inspected(ruleset.text)
    assert len(found.owners) == len(ruleset.tables)
    order = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}
    ranks = [(order[each.severity], each.kind, each.subject) for each in found.findings]
    assert ranks == sorted(ranks)
    assert len({each.fingerprint for each in found.findings}) == len(found.findings)


@pytest.mark.parametrize("layout", DISTINCT_LAYOUTS)
def test_fingerprints_do_not_depend_on_handles_or_on_who_lists(layout: str) -> None:
    texts = [
        (DATA / layout / f"{version}.{kind}").read_bytes() for version in ("1.0.6", "1.1.7") for kind in ("json", "txt")
    ]
    found = [{each.fingerprint for each in inspected(text).findings} for text in texts]
    assert all(each == found[0] for each in found)
    assert found[0]
