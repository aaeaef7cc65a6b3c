"""Two rulesets compared with each other: what is told, and which packet is shown."""

from __future__ import annotations

from fractions import Fraction
from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from svcc.auditing.audit import audit_against
from svcc.auditing.classify_against import classify_against
from svcc.auditing.difference import Difference, Side
from svcc.auditing.finding import AuditReport, FindingKind, Verdict
from svcc.errors import SettingsError
from svcc.trace.evaluator import Outcome
from svcc.trace.packet import Packet
from tests.audit.cluster import FORWARD, SCRIPT, WEB
from tests.audit.differing import spoilt
from tests.declare import NODE

K = FindingKind
ADDRESSES = [address.address for address in NODE.addresses]
INPUT = "table ip filter {{ chain INPUT {{ type filter hook input priority 0; policy accept; {} }} }}\n"
CLIENT, OWN = "198.51.100.7", "192.168.0.10"
BELIEVABLE_FIRST = [
    (Packet("TCP", CLIENT, "10.96.0.10", 40000, 80), 0),
    (Packet("TCP", CLIENT, OWN, 40000, 80), 1),
    (Packet("TCP", OWN, CLIENT, 40000, 80, hook="output"), 2),
    (Packet(1, CLIENT, "10.96.0.10"), 0),
    (Packet("TCP", "127.0.0.1", "10.96.0.10", 40000, 80, hook="output"), 0),
    (Packet("TCP", CLIENT, "127.0.0.1", 40000, 80), 1),
    (Packet("TCP", "127.0.0.1", "127.0.0.1", 40000, 80), 2),
    (Packet("TCP", CLIENT, "0.0.0.2", 40000, 80), 3),
    (Packet("TCP", CLIENT, "10.96.0.10", 40000, 80, state="related"), 0),
    (Packet("TCP", "127.0.0.1", "10.96.0.10", 40000, 80, state="related"), 0),
]
"""Packets, and how many addresses must be supposed to be the node's for each."""


def test_two_rulesets_that_do_the_same_are_proved_equal() -> None:
    renamed = SCRIPT.replace("pick-2", "pick-two")
    report = audit_against(renamed, SCRIPT, local_addresses=ADDRESSES)
    assert (report.verdict, report.findings) == (Verdict.PROVED, ())


def test_what_the_second_ruleset_does_otherwise_is_told_by_destination() -> None:
    report = audit_against(spoilt(SCRIPT, (WEB, "")), SCRIPT, local_addresses=ADDRESSES)
    assert [(each.kind, each.subject) for each in report.findings] == [(K.BEHAVIOUR_DIFFERS, "10.96.0.10:80 tcp")]
    assert "are rejected; by the other ruleset they go to 10.244." in report.findings[0].message


def test_a_firewall_between_two_rulesets_is_one_finding() -> None:
    report = audit_against(SCRIPT + FORWARD.format("ip daddr 10.244.0.0/16 drop"), SCRIPT, local_addresses=ADDRESSES)
    assert [each.subject for each in report.findings] == ["table ip filter chain FORWARD"]


def shown(report: AuditReport, subject: str) -> Packet:
    [witness] = [each.witness for each in report.findings if each.subject == subject]
    assert witness is not None
    return witness.packet


def test_a_packet_that_comes_from_outside_is_not_shown_with_an_address_of_the_loopback_network() -> None:
    packet = shown(audit_against(SCRIPT + INPUT.format("tcp dport 22 drop"), SCRIPT), "table ip filter chain INPUT")
    assert (packet.state, packet.hook) == ("new", "prerouting")
    assert not ip_address(packet.destination).is_loopback


def test_where_no_first_packet_is_treated_differently_one_between_usual_addresses_is_shown() -> None:
    before, after = (f"ct state {states} accept; drop" for states in ("established,related", "established"))
    report = audit_against(SCRIPT + FORWARD.format(after), SCRIPT + FORWARD.format(before))
    packet = shown(report, "table ip filter chain FORWARD")
    assert (packet.state, packet.protocol) == ("related", "TCP")
    assert ip_address(packet.destination) not in ip_network("0.0.0.0/8")


@given(st.sets(st.sampled_from(range(len(BELIEVABLE_FIRST))), min_size=1).flatmap(lambda it: st.permutations([*it])))
def test_of_several_packets_the_most_believable_one_is_shown(places: list[int]) -> None:
    dropped, untouched = (Side((Outcome(Fraction(1), verdict),)) for verdict in ("drop", "accept"))
    differences = [
        Difference(packet, -1, dropped, untouched, False, 1, "", ("192.0.2.1",) * supposed)
        for packet, supposed in (BELIEVABLE_FIRST[place] for place in places)
    ]
    [finding] = classify_against(differences)
    assert finding.witness is not None
    assert finding.witness.packet == BELIEVABLE_FIRST[min(places)][0]


def test_an_address_that_is_none_is_refused() -> None:
    with pytest.raises(SettingsError, match="'here' is not an IP address"):
        audit_against(SCRIPT, SCRIPT, local_addresses=["here"])
