"""Whole audits: compiled clusters are proved, and each way to spoil their rules is found."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from svcc.auditing.audit import audit
from svcc.auditing.finding import AuditReport, Equality, Finding, FindingKind, Verdict
from svcc.compiler.compilation import compile  # noqa: A004
from svcc.errors import InputError
from svcc.fields import Severity
from svcc.manifest.load import load
from svcc.model.cluster import Cluster, ClusterObject, ClusterSettings
from svcc.trace.evaluator import Evaluator
from tests.audit.cluster import CLUSTER, COMPILATION, FORWARD, OBJECTS, SCRIPT, WEB
from tests.audit.differing import spoilt
from tests.declare import NODE, PODS, SERVICE_CIDRS, compiled, local, remote, service, slices
from tests.kube_proxy import kube_proxy_ruleset

K = FindingKind
SHOP = Path(__file__).parents[2] / "examples" / "shop"
ADDRESSES = [address.address for address in NODE.addresses]


@cache
def audited(text: str) -> AuditReport:
    """The audit of a ruleset where the cluster of the tests is declared."""
    return audit(text, CLUSTER, node=NODE.name, settings=PODS, dump="node.nft")


def wrong(report: AuditReport) -> list[Finding]:
    """The findings that are worse than information."""
    return [each for each in report.findings if each.severity is not Severity.INFO]


def kinds(text: str) -> list[FindingKind]:
    return [each.kind for each in wrong(audited(text))]


def test_what_svcc_compiled_is_proved() -> None:
    report = audited(SCRIPT)
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED
    assert report.equality is Equality.DISTRIBUTION
    assert (report.node, report.dump) == (NODE.name, "node.nft")
    assert report.scope.regions > 50
    assert any("10.244.0.0/16" in each for each in report.scope.assumptions)
    assert any("conntrack" in each for each in report.scope.not_covered)


def test_a_compilation_is_a_ruleset_too() -> None:
    assert audit(COMPILATION, CLUSTER, node=NODE.name, settings=PODS).verdict is Verdict.PROVED


@pytest.mark.parametrize("node", ["worker-1", "worker-2"])
def test_the_shop_of_the_examples_is_proved(node: str) -> None:
    settings = ClusterSettings(cluster_cidrs=["10.244.0.0/16", "fd00:244::/32"])
    loaded = load([str(SHOP)])
    text = compile(loaded, node=node, settings=settings).script
    report = audit(text, loaded, node=node, settings=settings)
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


def test_the_surprises_of_what_was_declared_are_information() -> None:
    report = audited(SCRIPT)
    assert {each.kind for each in report.findings} >= {
        K.SOURCE_RANGE_BYPASSED_BY_NODE_PORT,
        K.CLUSTER_IP_FROM_OUTSIDE,
    }


def test_where_every_packet_fares_as_declared_the_form_of_rules_is_information() -> None:
    text = spoilt(SCRIPT, ("hook forward priority 0", "hook forward priority 1"))
    report = audited(text)
    assert report.verdict is Verdict.PROVED
    assert {each.severity for each in report.findings if each.kind is K.OLDER_SVCC} == {Severity.INFO}
    broken = audited(spoilt(text, (WEB, "")))
    assert {each.severity for each in broken.findings if each.kind is K.OLDER_SVCC} == {Severity.WARNING}


SPOILT: dict[str, tuple[tuple[tuple[str, str], ...], list[FindingKind]]] = {
    "a frontend without an element": (((WEB, ""),), [K.SERVICE_MISSING]),
    "a slot without an endpoint": (
        (("10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080,", ""),),
        [K.ENDPOINT_MISSING],
    ),
    "an endpoint of yesterday": (
        (("10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080", "10.96.0.10 . 80 . 1 : 10.244.2.99 . 8080"),),
        [K.ENDPOINT_MISSING, K.ENDPOINT_STALE],
    ),
    "another Service's endpoint": (
        (("10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080", "10.96.0.10 . 80 . 1 : 10.244.1.6 . 8080"),),
        [K.ENDPOINT_MISSING, K.ENDPOINT_FOREIGN],
    ),
    "a wrong port": (
        (("10.96.0.10 . 80 . 1 : 10.244.2.5 . 8080", "10.96.0.10 . 80 . 1 : 10.244.2.5 . 9090"),),
        [K.WRONG_PORT],
    ),
    "no masquerade from outside": ((("tcp . 198.51.100.1 . 80 : jump mark-always,", ""),), [K.MASQUERADE_MISSING]),
    "a Local policy that masquerades": (
        (("tcp . 198.51.100.20 . 80 : jump mark-node-traffic", "tcp . 198.51.100.20 . 80 : jump mark-always"),),
        [K.MASQUERADE_WRONG],
    ),
    "no hairpin": ((("10.244.1.5 . 10.244.1.5,", ""),), [K.HAIRPIN_NOT_MASQUERADED]),
    "source ranges that nobody checks": ((("tcp . 198.51.100.1 . 80,", ""),), [K.SOURCE_RANGE_BYPASSED]),
    "unserved ports let through": (
        (("\t\tct state new jump refuse-cluster-ips\n", ""),),
        [K.NOT_REJECTED, K.NOT_DROPPED],
    ),
    "clients that nobody remembers": (
        (("tcp . 10.96.0.12 . 80 : goto remember-default/sticky/tcp/http,", ""),),
        [K.AFFINITY_LOST],
    ),
    "a stale Service": (
        (
            (WEB, f'{WEB} tcp . 10.96.0.77 . 80 comment "default/old:http" : 0:2,'),
            (
                "10.96.0.10 . 80 . 0 :",
                "10.96.0.77 . 80 . 0 : 10.244.9.9 . 1, 10.96.0.77 . 80 . 1 : 10.244.9.9 . 1, 10.96.0.10 . 80 . 0 :",
            ),
        ),
        [K.SERVICE_STALE],
    ),
    "node ports on all addresses of the node": (
        (("ip daddr @nodeport-addresses goto nodeports", "fib daddr type local goto nodeports"),),
        [K.NODE_PORT_BEYOND_ADDRESSES, K.NODE_PORT_EXPOSED],  # the latter at loopback
    ),
}


@pytest.mark.parametrize("case", SPOILT)
def test_each_way_to_spoil_a_ruleset_is_found_for_what_it_is(case: str) -> None:
    changes, expected = SPOILT[case]
    found = [kind for kind in kinds(spoilt(SCRIPT, *changes)) if kind not in STRUCTURAL]
    assert set(found) == set(expected)


STRUCTURAL = frozenset({K.CHAIN_DEAD, K.MAP_ELEMENT_DANGLING, K.RULE_SHADOWED, K.RULE_UNREACHABLE})


@pytest.mark.parametrize("case", SPOILT)
def test_every_witness_shows_what_the_evaluator_says_of_its_packet(case: str) -> None:
    text = spoilt(SCRIPT, *SPOILT[case][0])
    witnesses = [each.witness for each in audited(text).findings if each.witness is not None]
    assert witnesses
    for witness in witnesses:
        evaluator = Evaluator(text, local_addresses=[*ADDRESSES, *witness.local_addresses])
        outcomes = evaluator.evaluate(witness.packet).outcomes
        if all(each.steps for each in witness.found):
            assert witness.found == outcomes


@pytest.mark.parametrize(
    ("case", "clients"),
    [
        ("a frontend without an element", ("external", "pod", "node")),
        ("no masquerade from outside", ("external", "node")),
        ("source ranges that nobody checks", ("external", "pod", "node")),
        ("a Local policy that masquerades", ("external", "pod", "node")),
        ("no hairpin", ("pod", "node")),
    ],
)
def test_a_finding_says_who_sees_it(case: str, clients: tuple[str, ...]) -> None:
    [finding] = [each for each in wrong(audited(spoilt(SCRIPT, *SPOILT[case][0]))) if each.kind in SPOILT[case][1]]
    assert finding.clients == clients


def test_a_firewall_in_the_way_of_all_services_is_one_finding() -> None:
    [finding] = wrong(audited(SCRIPT + FORWARD.format("ip daddr 10.244.0.0/16 drop")))
    assert (finding.kind, finding.subject) == (K.FOREIGN_DROP, "table ip filter chain FORWARD")
    assert "3 Service ports" in finding.message
    assert finding.clients == ("external", "pod")


def test_an_empty_ruleset_lacks_a_service_proxy() -> None:
    report = audited("table ip other { }\n")
    (missing,) = (each for each in report.findings if each.severity is Severity.ERROR)
    assert missing.kind is K.SERVICE_MISSING
    assert missing.subject == "service proxy"


@pytest.mark.parametrize("layout", ["1.36", "1.37"])
def test_the_rules_of_kube_proxy_are_proved(layout: str) -> None:
    objects: list[ClusterObject] = [
        service("web", ["10.96.0.10"]),
        *slices("web", [local("10.244.1.5"), remote("10.244.2.5")]),
    ]
    cluster = Cluster.of([NODE, SERVICE_CIDRS, *objects])
    text = kube_proxy_ruleset(cluster, NODE.name, PODS, layout)
    report = audit(text, cluster, node=NODE.name, settings=PODS)
    assert wrong(report) == []
    assert report.verdict is Verdict.PROVED


def test_what_cannot_be_understood_is_not_proved() -> None:
    found = SCRIPT + FORWARD.format("ip daddr 10.244.2.5 limit rate 5/second drop")
    report = audited(found)
    assert report.verdict is Verdict.NOT_PROVED
    assert {each.kind for each in wrong(report)} == {K.NOT_DECIDABLE}
    assert report.equality is None


@pytest.mark.parametrize("cut", [lambda text: text[: len(text) // 2], lambda _text: "hello\n", lambda _text: "{"])
def test_a_dump_that_cannot_be_read_is_an_error(cut: Callable[[str], str]) -> None:
    with pytest.raises(InputError, match="the dump cannot be read"):
        audited(cut(SCRIPT))


def test_what_is_proved_of_remembered_clients_and_what_was_tried_is_told_where_clients_are_remembered() -> None:
    assert any("Session affinity" in each for each in audited(SCRIPT).scope.assumptions)
    objects: list[ClusterObject] = [NODE, SERVICE_CIDRS]
    assert not any("affinity" in each for each in audit("table ip t { }\n", objects).scope.assumptions)


def test_a_cluster_without_services_is_proved_on_an_empty_node() -> None:
    objects: list[ClusterObject] = [NODE]
    assert audit("table ip t { }\n", objects).verdict is Verdict.PROVED


def test_the_same_input_gives_the_same_report() -> None:
    assert compiled(*OBJECTS).script == SCRIPT
    text = spoilt(SCRIPT, (WEB, ""))
    assert audit(text, CLUSTER, node=NODE.name, settings=PODS, dump="node.nft") == audited(text)


def test_rules_that_no_packet_meets_are_told_where_they_are_asked_for() -> None:
    text = FORWARD.format("tcp dport vmap { 81 : goto never }; } chain never { tcp dport 82 drop")
    assert K.RULE_UNREACHABLE not in {each.kind for each in audit(text, [NODE]).findings}
    report = audit(text, [NODE], unreachable=True)
    [finding] = [each for each in report.findings if each.kind is K.RULE_UNREACHABLE]
    assert finding.subject == "chain never of table ip filter"
    assert report.verdict is Verdict.PROVED
