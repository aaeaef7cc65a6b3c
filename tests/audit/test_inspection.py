"""What a dump says by its structure: silence about right rulesets, and a finding for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from svcc.auditing.finding import FindingKind
from svcc.auditing.owners import Owner
from svcc.compiler.compilation import compile_cluster
from svcc.fields import Severity
from svcc.manifest.load import load
from svcc.nft.text import table_text
from tests.audit.inspecting import (
    DUMPS,
    TEST_DATA,
    inspected,
    kinds,
    kube_proxy_text,
    only,
    read,
    svcc_text,
)
from tests.audit.test_shadowed_rules import rules_of
from tests.kube_proxy import DISTINCT_LAYOUTS, LAYOUTS, kube_proxy_ruleset
from tests.kube_proxy.differences import as_kube_proxy_reads
from tests.kube_proxy.record import DATA, NODE, ROOT
from tests.kube_proxy.record import SETTINGS as SHOP_SETTINGS
from tests.strategies.ruleset_values import Ruleset
from tests.strategies.rulesets import rulesets
from tests.strategies.scenarios import Scenario, scenarios

RELEASES = {"1.29": "1.29 to 1.32", "1.33": "1.33 to 1.35", "1.36": "1.36", "1.37": "1.37"}


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
    text, tables = path.read_text(), {(owner.family, owner.table) for owner in found.owners}
    for finding in found.findings:
        assert finding.rules
        assert finding.hint
        assert "\n" not in finding.message
        assert not finding.message.endswith(".")
        for rule in finding.rules:
            assert (rule.family, rule.table) in tables
            assert rule.chain in text


# Owners


def test_tables_of_iptables_are_shared_and_their_tenants_are_named() -> None:
    found = inspected((TEST_DATA / "listings" / "iptables-nft.nft").read_bytes())
    [nat] = [each for each in found.owners if (each.family, each.table) == ("ip", "nat")]
    assert nat.owner is Owner.IPTABLES
    assert [each.owner for each in nat.tenants] == [Owner.KUBE_PROXY_IPTABLES, Owner.KUBELET]
    assert nat.tenants[0].hooked


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


# Chains, sets and elements


# Rules


# Tables


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
