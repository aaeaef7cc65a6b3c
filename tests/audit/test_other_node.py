"""Rules of the wrong node are known as such, and told as one finding; so are addresses that nobody told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from attrs import evolve

from svcc.auditing.audit import audit
from svcc.auditing.finding import AuditReport, Finding, FindingKind, Verdict
from svcc.compiler.compilation import compile  # noqa: A004
from svcc.fields import Severity
from svcc.manifest.load import load
from svcc.model.cluster import Cluster, ClusterSettings
from tests.audit.cluster import CLUSTER, OBJECTS, SCRIPT
from tests.audit.differing import spoilt
from tests.declare import NODE, PODS, SERVICE_CIDRS
from tests.kube_proxy import kube_proxy_ruleset

K = FindingKind
SHOP = load([str(Path(__file__).parents[2] / "examples" / "shop")]).cluster
SETTINGS = ClusterSettings(cluster_cidrs=["10.244.0.0/16", "fd00:244::/32"])


def shop_script(node: str) -> str:
    return compile(SHOP, node=node, settings=SETTINGS).script


def wrong(report: AuditReport) -> list[Finding]:
    return [each for each in report.findings if each.severity is not Severity.INFO]


@pytest.mark.parametrize(("mine", "other"), [("worker-1", "worker-2"), ("worker-2", "worker-1")])
def test_rules_of_another_node_are_one_finding(mine: str, other: str) -> None:
    [finding] = wrong(audit(shop_script(other), SHOP, node=mine, settings=SETTINGS))
    assert (finding.kind, finding.subject) == (K.OTHER_NODE, f"rules of node {other}")
    assert f"look like the rules of node {other}: there, every packet fares as declared" in finding.message
    assert finding.witness is not None
    assert finding.regions > 10


def test_rules_of_another_node_that_are_spoilt_there_too_are_told_beside_what_is_wrong() -> None:
    text = spoilt(shop_script("worker-2"), ('tcp . 10.96.0.20 . 80 comment "shop/cart:http"', "tcp . 10.96.0.99 . 80"))
    found = wrong(audit(text, SHOP, node="worker-1", settings=SETTINGS))
    assert K.OTHER_NODE in {each.kind for each in found}
    assert K.SERVICE_STALE in {each.kind for each in found}


def test_rules_of_kube_proxy_on_another_node_are_known_by_the_addresses_of_its_node_ports() -> None:
    objects = Cluster.of([evolve(NODE, name="node-b", addresses=[]), NODE, SERVICE_CIDRS, *OBJECTS])
    text = kube_proxy_ruleset(objects, NODE.name, PODS, "1.37")
    assert NODE.addresses[0].address in text
    found = wrong(audit(text, objects, node="node-b", settings=PODS))
    assert K.OTHER_NODE in {each.kind for each in found}


def test_right_rules_with_one_mistake_are_not_those_of_another_node() -> None:
    text = spoilt(shop_script("worker-1"), ('tcp . 10.96.0.20 . 80 comment "shop/cart:http"', "tcp . 10.96.0.99 . 80"))
    found = wrong(audit(text, SHOP, node="worker-1", settings=SETTINGS))
    assert found
    assert K.OTHER_NODE not in {each.kind for each in found}


def test_an_empty_ruleset_is_nobodys() -> None:
    report = audit(json.dumps({"nftables": [{"metainfo": {"json_schema_version": 1}}]}), SHOP, node="worker-1")
    kinds = {each.kind for each in wrong(report)}
    assert K.SERVICE_MISSING in kinds
    assert K.OTHER_NODE not in kinds


def test_without_the_nodes_addresses_its_right_rules_are_a_question_about_them() -> None:
    report = audit(SCRIPT, Cluster.of([SERVICE_CIDRS, *OBJECTS]), node=NODE.name, settings=PODS)
    [question] = wrong(report)
    assert (question.kind, question.severity) == (K.NOT_DECIDABLE, Severity.WARNING)
    assert question.message.startswith("the node's addresses were not told")
    assert "--local-address" in question.hint
    assert report.verdict is Verdict.NOT_PROVED


def test_with_the_nodes_addresses_given_otherwise_its_rules_are_proved() -> None:
    settings = evolve(PODS, local_addresses=[address.address for address in NODE.addresses])
    text = compile(Cluster.of([SERVICE_CIDRS, *OBJECTS]), node=NODE.name, settings=settings).script
    report = audit(text, Cluster.of([SERVICE_CIDRS, *OBJECTS]), node=NODE.name, settings=settings)
    assert wrong(report) == []


def test_node_ports_at_loopback_are_wrong_even_if_the_nodes_addresses_are_not_told() -> None:
    text = spoilt(SCRIPT, ("ip daddr @nodeport-addresses goto nodeports", "fib daddr type local goto nodeports"))
    report = audit(text, Cluster.of([SERVICE_CIDRS, *OBJECTS]), node=NODE.name, settings=PODS)
    assert K.NODE_PORT_EXPOSED in {each.kind for each in wrong(report)}


def test_a_node_that_is_declared_differently_is_still_audited_as_itself() -> None:
    assert wrong(audit(SCRIPT, CLUSTER, node=NODE.name, settings=PODS)) == []
