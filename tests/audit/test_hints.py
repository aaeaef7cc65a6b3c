"""Hints that know more than the kind of a finding: they name what is to be done about this one."""

from __future__ import annotations

import pytest
from attrs import evolve

from svcc.auditing.audit import audit, audit_against
from svcc.auditing.baseline import Baseline, BaselineEntry
from svcc.auditing.classify import classify
from svcc.auditing.classify_declared import Declared
from svcc.auditing.finding import AuditReport, Finding, FindingKind, Verdict
from svcc.auditing.hints import undecided_hint
from svcc.fields import Severity
from svcc.model.cluster import ClusterSettings
from svcc.report.audit_words import rule_lines, verdict_sentence
from tests.audit.cluster import CASE, CLUSTER, COMPILATION, FORWARD, OUTSIDE, SCRIPT, TO_WEB, WEB
from tests.audit.differing import LOCAL_ADDRESSES, difference, spoilt
from tests.declare import NODE, PODS
from tests.kube_proxy import kube_proxy_ruleset

K = FindingKind
NOTRACK = "table ip raw { chain pre { type filter hook prerouting priority raw; ip daddr 10.96.0.10 notrack } }\n"
LED_AWAY = (
    "table ip cache { chain pre { type nat hook prerouting priority -110;"
    " ip daddr 10.96.0.10 tcp dport 80 dnat to 169.254.20.10:80 } }\n"
)


def audited(text: str, baseline: Baseline | None = None) -> AuditReport:
    return audit(text, CLUSTER, node=NODE.name, settings=PODS, baseline=baseline)


def of_kind(report: AuditReport, kind: FindingKind) -> list[Finding]:
    return [finding for finding in report.findings if finding.kind is kind]


def test_chains_of_one_priority_are_to_be_given_others() -> None:
    marks, drops = (
        FORWARD.format(rule).replace("ip filter", f"ip {name}")
        for name, rule in [
            ("marks", "meta mark set meta mark | 1"),
            ("drops", "ip daddr 10.244.1.20 meta mark & 1 == 1 drop"),
        ]
    )
    found = of_kind(audited(SCRIPT + marks + drops), K.NOT_DECIDABLE)
    assert found
    assert {finding.hint for finding in found} == {
        "give the chain of the other table another priority (such as filter + 10), so that their order is certain"
    }


@pytest.mark.parametrize(
    ("reason", "hint"),
    [
        ("whether `limit rate over 5/second` holds is not in the dump: `...`", "if the limit is meant"),
        ("`xt match` is not understood", "newer nft"),
        ("whether table ip x is dormant is not in the dump", "newer nft"),
        ("something new", "see to the rule"),
    ],
)
def test_what_to_do_depends_on_why_nothing_can_be_decided(reason: str, hint: str) -> None:
    assert hint in undecided_hint(reason)


def test_a_rule_that_keeps_conntrack_away_is_to_blame_for_a_missing_service() -> None:
    finding = CASE.only(SCRIPT + NOTRACK, TO_WEB)
    assert finding.kind is K.SERVICE_MISSING
    assert [(place.table, place.chain) for place in finding.rules] == [("raw", "pre")]
    assert "notrack" in finding.hint


def test_what_another_table_leads_away_is_not_told_as_missing_endpoints_too() -> None:
    [finding] = CASE.findings(SCRIPT + LED_AWAY, TO_WEB, has_endpoint=lambda _owner, _endpoint: True)
    assert (finding.kind, finding.subject) == (K.FOREIGN_TRANSLATION, "table ip cache chain pre")


def test_without_ranges_of_pods_the_hint_asks_for_them() -> None:
    report = audit(SCRIPT, CLUSTER, node=NODE.name, settings=ClusterSettings())
    [finding, *_] = of_kind(report, K.MASQUERADE_WRONG)
    assert finding.hint.startswith("tell who is a pod, if the node's rules know it: --cluster-cidr")
    assert all("--cluster-cidr" not in each.hint for each in audited(spoilt(SCRIPT, (WEB, ""))).findings)


def test_where_only_an_address_nobody_declared_shows_it_the_hint_asks_for_addresses() -> None:
    unknown = evolve(
        COMPILATION.dataplane,
        families=tuple(evolve(each, node_addresses=()) for each in COMPILATION.dataplane.families),
    )
    shown = difference(f"tcp {OUTSIDE} > 192.168.7.7:30080", COMPILATION, SCRIPT.replace("192.168.7.7", "192.168.7.8"))
    shown = evolve(shown, local_addresses=("192.168.7.7",), expected=difference(TO_WEB, COMPILATION, SCRIPT).expected)
    [finding] = classify([shown], Declared(unknown))
    assert finding.hint.startswith("tell the node's addresses")


def test_remote_endpoints_that_reach_themselves_are_one_piece_of_information_on_kube_proxys_nodes() -> None:
    text = kube_proxy_ruleset(CLUSTER, NODE.name, PODS, "1.29")
    report = audited(text)
    [finding] = of_kind(report, K.MASQUERADE_WRONG)
    assert (finding.severity, finding.subject) == (Severity.INFO, "endpoints of other nodes")
    assert finding.hint.startswith("nothing: kube-proxy before 1.36")
    assert report.verdict is Verdict.PROVED
    assert report.equality is None


def test_local_endpoints_that_lose_the_clients_address_are_still_a_warning() -> None:
    found = spoilt(SCRIPT, ("10.244.1.5 . 10.244.1.5,", "10.244.1.5 . 10.244.1.5,\n\t\t\t10.244.3.9 . 10.244.2.5,"))
    assert [(each.kind, each.severity) for each in CASE.findings(found, TO_WEB)] == [
        (K.MASQUERADE_WRONG, Severity.WARNING)
    ]


def test_a_baseline_proves_nothing_equal_that_differs() -> None:
    text = spoilt(SCRIPT, (WEB, ""))
    accepted = Baseline(
        tuple(
            BaselineEntry(each.fingerprint, each.kind, each.subject, "known")
            for each in audited(text).findings
            if each.severity is not Severity.INFO
        )
    )
    report = audited(text, accepted)
    assert report.suppressed
    assert (report.verdict, report.equality) == (Verdict.PROVED, None)
    assert verdict_sentence(report).startswith("proved but for what the baseline accepts (")


def test_clients_of_whom_nothing_is_remembered_show_a_finding_best() -> None:
    found = spoilt(SCRIPT, ("10.244.1.5 . 10.244.1.5,", ""))
    first = difference("tcp 10.244.1.5 > 10.96.0.10:80", COMPILATION, found)
    remembered = evolve(first, remembered=True, packet=evolve(first.packet, source_port=1))
    [finding] = CASE.of(remembered, first)
    assert finding.witness is not None
    assert finding.witness.packet == first.packet


def test_one_cause_has_one_fingerprint_whether_nft_writes_text_or_json() -> None:
    as_text = FORWARD.format("ip daddr 10.244.2.5 drop")
    as_json = FORWARD.format("ip daddr == 10.244.2.5 drop")
    prints = {of_kind(audited(SCRIPT + rules), K.FOREIGN_DROP)[0].fingerprint for rules in (as_text, as_json)}
    assert len(prints) == 1


def test_packets_that_neither_ruleset_delivers_are_one_finding() -> None:
    report = audit_against(
        spoilt(SCRIPT, ("\t\tct state new jump refuse-cluster-ips\n", "")), SCRIPT, local_addresses=LOCAL_ADDRESSES
    )
    assert {each.subject for each in report.findings} == {"packets that go on untouched"}
    assert len(report.findings) <= 2
    assert any("bear no mark" in each for each in report.scope.assumptions)
    assert any("remembers" in each for each in report.scope.assumptions)


def test_a_rule_to_blame_is_told_once_with_its_element_if_it_is_one() -> None:
    [finding] = of_kind(audited(spoilt(SCRIPT, ("10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080,", ""))), K.ENDPOINT_MISSING)
    lines = rule_lines((*finding.rules, *finding.rules))
    assert len(lines) == len(set(lines))
    assert all("(" not in line.partition("vmap")[2] for line in lines)
    assert any(line.endswith("(balanced-services: tcp . 10.96.0.10 . 80)") for line in rule_lines(finding.rules))
