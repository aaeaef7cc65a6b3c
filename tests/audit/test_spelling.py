"""A baseline made of one form of a dump holds for the other: text and JSON have the same fingerprints."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from svcc.auditing.audit import audit
from svcc.auditing.finding import Finding, FindingKind
from svcc.auditing.spelling import unspelt
from tests.audit.cluster import CLUSTER
from tests.declare import NODE, PODS

K = FindingKind
DUMPS = Path(__file__).parents[1] / "data" / "dumps"


HOW_MANY = {"filter": 6, "newer": 5, "services": 5}
"""Findings of each dump; all Services that lack a proxy are one."""


@cache
def found(name: str) -> dict[str, Finding]:
    report = audit((DUMPS / name).read_bytes(), CLUSTER, node=NODE.name, settings=PODS)
    return {each.fingerprint: each for each in report.findings}


@pytest.mark.parametrize("version", ["1.0.6", "1.1.3", "1.1.7"])
@pytest.mark.parametrize("name", ["filter", "newer", "services"])
def test_the_same_rules_as_text_and_as_json_have_the_same_fingerprints(name: str, version: str) -> None:
    text, json = found(f"{name}.nft"), found(f"{name}-{version}.json")
    if version == "1.0.6" and name != "services":
        # Its JSON lacks `last`, tunnels and whether tables are dormant: these are other rules.
        shared = [each.kind for each in text.values() if each.fingerprint in json]
        assert shared.count(K.FOREIGN_DROP) == [each.kind for each in text.values()].count(K.FOREIGN_DROP)
        return
    assert text.keys() == json.keys()
    assert len(text) == HOW_MANY[name]


@pytest.mark.parametrize(
    ("text", "json"),
    [
        ("tcp dport 22 accept", "tcp dport == 22 accept"),
        ("ip saddr != { 10.0.0.4, 10.0.0.9 } drop", "ip saddr != { 10.0.0.9, 10.0.0.4 } drop"),
        ("reject", "reject with icmp port-unreachable"),
        ("reject", "reject with icmpx port-unreachable"),
        ("tcp dport 80 dnat to 10.0.0.1:80", "tcp dport == 80 dnat ip to 10.0.0.1:80"),
        ("quota over 100 mbytes drop", '{"quota":{"val":100,"val_unit":"mbytes","inv":true}} drop'),
        ("ct count over 10 drop", '{"ct count":{"val":10,"inv":true}} drop'),
        ("last accept", '{"last":null} accept'),
        ("meta mark & 0x000000ff == 0x00000001 drop", "meta mark & 0x000000ff == 0x00000001 drop"),
    ],
)
def test_spellings_of_a_rule_share_their_words(text: str, json: str) -> None:
    assert unspelt(text) == unspelt(json)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("tcp dport 22 accept", "tcp dport 23 accept"),
        ("ip saddr 10.0.0.1 drop", "ip daddr 10.0.0.1 drop"),
        ("ip6 saddr fd00::/8 drop", "ip6 saddr fd00::/16 drop"),
        ("reject with icmp host-unreachable", "reject with icmp port-unreachable"),
        ("ip saddr != 10.0.0.1 drop", "ip saddr 10.0.0.1 drop"),
        ("the chains a, b have the same priority at b", "the chains a, b, b have the same priority at b"),
    ],
)
def test_other_rules_have_other_words(one: str, other: str) -> None:
    assert unspelt(one) != unspelt(other)
