"""What outcomes come to: in a word, as a document, as text, and against what is expected."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from svcc import InputError, Protocol
from svcc.report.trace import outcome_text, percentage, trace_lines, trace_summary
from svcc.report.trace_document import trace_document
from svcc.trace.evaluator import Evaluation, Outcome, Step
from svcc.trace.expectation import Expectation
from svcc.trace.packet import Packet

PACKET = Packet(Protocol.TCP, "10.244.1.9", "10.96.0.10", None, 80)
HALF = Fraction(1, 2)


def outcome(verdict: str = "accept", share: Fraction = Fraction(1), **fields: Any) -> Outcome:
    values: dict[str, Any] = {
        "probability": share,
        "verdict": verdict,
        "address": None,
        "port": None,
        "masquerade": False,
        "source": None,
        "reject_with": None,
        "mark": 0,
        "reasons": (),
        "steps": (),
    }
    return Outcome(**{**values, **fields})


def endpoint(address: str = "10.244.1.5", share: Fraction = Fraction(1), **fields: Any) -> Outcome:
    return outcome(share=share, address=address, **{"port": 8080, **fields})


REJECT = outcome("reject", reject_with="icmp port-unreachable")
UNKNOWN = outcome("unknown", reasons=("the set x is not in the dump",))


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        ([endpoint()], "dnat"),
        ([endpoint(share=HALF), endpoint("10.244.2.5", HALF)], "dnat"),
        ([outcome(port=8080)], "dnat"),
        ([outcome(destination_choice="redirect")], "dnat"),
        ([outcome()], "accept"),
        ([outcome("drop")], "drop"),
        ([REJECT], "reject"),
        ([UNKNOWN], "unknown"),
        ([endpoint(share=HALF), outcome("drop", HALF)], "mixed"),
        ([endpoint(share=HALF), outcome("unknown", HALF)], "unknown"),
    ],
)
def test_the_verdict_of_a_document_claims_no_more_than_is_so(outcomes: list[Outcome], verdict: str) -> None:
    assert trace_document(PACKET, Evaluation(tuple(outcomes)))["verdict"] == verdict


def test_a_document_lists_endpoints_with_their_chances() -> None:
    evaluation = Evaluation(
        (endpoint(share=HALF), endpoint("10.244.2.5", Fraction(1, 4)), outcome("drop", Fraction(1, 4)))
    )
    assert trace_document(PACKET, evaluation) == {
        "verdict": "mixed",
        "endpoints": [
            {"address": "10.244.1.5", "port": 8080, "probability": 0.5, "share": "1/2", "masquerade": False},
            {"address": "10.244.2.5", "port": 8080, "probability": 0.25, "share": "1/4", "masquerade": False},
        ],
        "probabilities": {"dnat": 0.75, "drop": 0.25},
        "reject_with": None,
        "reason": None,
    }


def test_an_endpoint_that_is_reached_by_several_ways_is_listed_once() -> None:
    evaluation = Evaluation((endpoint(share=HALF, mark=1), endpoint(share=HALF)))
    (found,) = trace_document(PACKET, evaluation)["endpoints"]
    assert found["probability"] == 1.0


def test_reasons_and_rejections_are_in_the_document() -> None:
    assert trace_document(PACKET, Evaluation((REJECT,)))["reject_with"] == "icmp port-unreachable"
    assert trace_document(PACKET, Evaluation((UNKNOWN,)))["reason"] == "the set x is not in the dump"
    masqueraded = trace_document(PACKET, Evaluation((outcome(masquerade=True),)))
    assert (masqueraded["verdict"], masqueraded["masquerade"]) == ("accept", True)


def test_steps_are_in_the_document_when_they_are_wanted() -> None:
    step = Step("prerouting", "ip", "svcc", "services", 7, "drop", "dropped")
    document = trace_document(PACKET, Evaluation((outcome("drop", steps=(step,)),)), steps=True)
    assert document["outcomes"][0]["steps"] == [
        {
            "hook": "prerouting",
            "family": "ip",
            "table": "svcc",
            "chain": "services",
            "handle": 7,
            "rule": "drop",
            "note": "dropped",
        }
    ]


@pytest.mark.parametrize(
    ("expected", "outcomes", "holds"),
    [
        (["10.244.1.5:8080"], [endpoint()], True),
        (["10.244.1.5"], [endpoint()], True),
        (["10.244.1.5:8081"], [endpoint()], False),
        (["10.244.1.6"], [endpoint()], False),
        (["10.244.1.5"], [endpoint(share=HALF), endpoint("10.244.2.5", HALF)], False),
        (["10.244.1.5", "10.244.2.5", "10.244.3.5"], [endpoint(share=HALF), endpoint("10.244.2.5", HALF)], True),
        (["[fd00::5]:80", "fd00:0::6"], [endpoint("fd00::5", HALF, port=80), endpoint("fd00::6", HALF)], True),
        (["drop"], [outcome("drop")], True),
        (["reject"], [outcome("drop")], False),
        (["reject"], [REJECT], True),
        (["accept"], [outcome()], True),
        (["accept"], [endpoint()], False),
        (["10.96.0.10:80"], [outcome()], True),
        (["drop", "reject", "accept", "10.96.0.10"], [UNKNOWN], False),
        (["10.96.0.10", "10.96.0.10:80", "accept"], [outcome(destination_choice="redirect")], False),
        (["drop", "10.244.1.5"], [endpoint(share=HALF), outcome("drop", HALF)], True),
        (["drop"], [endpoint(share=HALF), outcome("drop", HALF)], False),
    ],
)
def test_an_expectation_holds_if_every_outcome_is_among_it(
    expected: list[str], outcomes: list[Outcome], holds: bool
) -> None:
    unexpected = Expectation.of(expected).unexpected(Evaluation(tuple(outcomes)), PACKET)
    assert (unexpected == ()) is holds


@pytest.mark.parametrize(
    ("expected", "source", "outcomes", "holds"),
    [
        ([], "kept", [endpoint()], True),
        ([], "kept", [outcome()], True),
        ([], "kept", [endpoint(source=PACKET.source)], True),
        ([], "kept", [endpoint(masquerade=True)], False),
        ([], "kept", [endpoint(source="192.0.2.7")], False),
        ([], "kept", [endpoint(source_choice="192.0.2.7-192.0.2.9")], False),
        ([], "kept", [endpoint(share=HALF), endpoint("10.244.2.5", HALF, masquerade=True)], False),
        ([], "masqueraded", [endpoint(masquerade=True)], True),
        ([], "masqueraded", [endpoint()], False),
        ([], "masqueraded", [endpoint(source="192.0.2.7")], False),
        ([], "192.0.2.7", [endpoint(source="192.0.2.7")], True),
        ([], "192.0.2.7", [endpoint(source="192.0.2.8")], False),
        ([], "192.0.2.7", [endpoint(masquerade=True)], False),
        ([], PACKET.source, [endpoint()], True),
        ([], "kept", [outcome("drop")], False),
        ([], "kept", [UNKNOWN], False),
        (["10.244.1.5"], "kept", [endpoint()], True),
        (["10.244.1.5"], "masqueraded", [endpoint()], False),
        (["10.244.1.6"], "kept", [endpoint()], False),
        (["10.244.1.5", "drop"], "kept", [endpoint(share=HALF), outcome("drop", HALF)], True),
        (["drop"], "kept", [endpoint()], False),
    ],
)
def test_what_goes_on_must_have_the_source_that_is_expected(
    expected: list[str], source: str, outcomes: list[Outcome], holds: bool
) -> None:
    unexpected = Expectation.of(expected, source).unexpected(Evaluation(tuple(outcomes)), PACKET)
    assert (unexpected == ()) is holds


@pytest.mark.parametrize("text", ["", "masquerade", "10.244.1", "10.244.1.5:80"])
def test_what_cannot_be_a_source_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match="cannot be expected as the source"):
        Expectation.of([], text)


@pytest.mark.parametrize("text", ["", "dnat", "unknown", "Drop", "10.244.1", "10.244.1.5:0", "10.244.1.5:65536", ":80"])
def test_what_cannot_be_expected_is_an_error(text: str) -> None:
    with pytest.raises(InputError, match="cannot be expected"):
        Expectation.of([text])


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (Fraction(1), "100%"),
        (Fraction(1, 2), "50%"),
        (Fraction(1, 8), "12.5%"),
        (Fraction(1, 16), "6.25%"),
        (Fraction(1, 3), "33.33% (1/3)"),
        (Fraction(1, 70000), "0.00% (1/70000)"),
    ],
)
def test_percentages_are_exact_or_say_that_they_are_not(share: Fraction, text: str) -> None:
    assert percentage(share) == text


@pytest.mark.parametrize(
    ("found", "text"),
    [
        (endpoint(), "goes to 10.244.1.5:8080, client address kept"),
        (endpoint(masquerade=True), "goes to 10.244.1.5:8080, masqueraded"),
        (endpoint(source="192.0.2.1"), "goes to 10.244.1.5:8080, from 192.0.2.1"),
        (outcome(), "untouched, goes to 10.96.0.10:80"),
        (outcome(destination_choice="10.0.0.1-10.0.0.9"), "goes to one of 10.0.0.1-10.0.0.9, client address kept"),
        (outcome("drop"), "dropped"),
        (REJECT, "rejected with icmp port-unreachable"),
        (UNKNOWN, "unknown"),
    ],
)
def test_an_outcome_is_told_in_a_few_words(found: Outcome, text: str) -> None:
    assert outcome_text(found, PACKET) == text


def test_many_packets_are_told_a_line_each() -> None:
    evaluation = Evaluation((endpoint(share=HALF), outcome("drop", HALF)))
    assert trace_summary(PACKET, evaluation) == (
        "tcp 10.244.1.9 > 10.96.0.10:80: 50% goes to 10.244.1.5:8080, client address kept; 50% dropped\n"
    )


def test_ways_of_the_same_rules_are_shown_once_and_names_cannot_steer_the_terminal() -> None:
    def step(rule: str, note: str) -> Step:
        return Step("prerouting", "ip", "svcc", "services", None, rule, note)

    first = endpoint(share=HALF, steps=(step("dnat to x", "drew \x1b[0"),))
    second = endpoint("10.244.2.5", Fraction(1, 4), steps=(step("dnat to x", "drew 1"),))
    third = outcome("drop", Fraction(1, 4), steps=(step("drop", "dropped"),))
    lines = "".join(trace_lines(PACKET, Evaluation((first, second, third)), None))
    assert "\x1b" not in lines
    assert lines.count("dnat to x") == 1
    assert "WAY TO 10.244.1.5:8080, client address kept, and 1 more alike" in lines
    assert "OTHER WAY TO dropped" in lines
