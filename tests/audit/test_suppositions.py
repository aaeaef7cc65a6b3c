"""What shows only at addresses that nobody told is a question, unless it opens something."""

from __future__ import annotations

from fractions import Fraction

from svcc.auditing.finding import Finding, FindingKind, Witness
from svcc.auditing.suppositions import without_suppositions
from svcc.fields import Severity
from svcc.trace.evaluator import Outcome
from svcc.trace.packet import Packet

K = FindingKind
PACKET = Packet("TCP", "203.0.113.7", "192.168.0.99", 40000, 30001)
ACCEPT = (Outcome(Fraction(1), "accept"),)


def finding(kind: FindingKind, subject: str, *supposed: str) -> Finding:
    witness = Witness(PACKET, ACCEPT, ACCEPT, supposed)
    return Finding(kind, Severity.ERROR, f"{subject} fares otherwise", subject, witness=witness, regions=2)


def test_service_that_is_missing_at_an_address_nobody_told_is_not_decidable() -> None:
    [question] = without_suppositions(
        [finding(K.SERVICE_MISSING, subject, "192.168.0.99") for subject in ("shop/web:http", "shop/cart:http")]
    )
    assert question.kind is K.NOT_DECIDABLE
    assert "192.168.0.99" in question.message
    assert question.details == ("shop/web:http fares otherwise", "shop/cart:http fares otherwise")
    assert question.regions == 4
    assert "--local-address" in question.hint


def test_what_is_open_at_an_address_nobody_told_is_a_finding() -> None:
    exposed = finding(K.NODE_PORT_BEYOND_ADDRESSES, "shop/web:http", "192.168.0.99")
    assert without_suppositions([exposed]) == (exposed,)


def test_a_cause_that_shows_at_known_addresses_is_told_once() -> None:
    known = finding(K.SERVICE_MISSING, "shop/web:http")
    assert without_suppositions([finding(K.NOT_REJECTED, "shop/web:http", "192.168.0.99"), known]) == (known,)
