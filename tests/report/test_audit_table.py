"""Audit reports as tables for people."""

from __future__ import annotations

import re
from fractions import Fraction

from attrs import evolve

from svcc.auditing.finding import AuditReport, Verdict, Witness
from svcc.fields import Severity
from svcc.model.service import Protocol
from svcc.report.audit import render
from svcc.trace.evaluator import Outcome
from svcc.trace.packet import Packet
from tests.report.reading import rendered
from tests.report.samples import findings, fleet, not_proved, with_findings


def test_the_overview_has_one_line_for_each_finding() -> None:
    lines = rendered([with_findings()], "table").splitlines()
    assert lines[0] == "AUDIT of worker-1 (dumps/worker-1.json)"
    assert lines[2].split() == ["SEVERITY", "FINDING", "SUBJECT", "CLIENTS", "SHARE", "ID"]
    assert [line.split()[:2] for line in lines[3:8]] == [
        ["error", "service-missing"],
        ["error", "foreign-drop"],
        ["warning", "endpoint-stale"],
        ["warning", "not-decidable"],
        ["info", "chain-dead"],
    ]
    assert lines[8] == ""


def test_much_information_of_one_kind_is_told_by_a_few_and_their_number() -> None:
    report = with_findings()
    [info] = [each for each in report.findings if each.severity is Severity.INFO]
    wrong = [each for each in report.findings if each.severity is not Severity.INFO]
    many = [evolve(info, subject=f"chain number-{number}") for number in range(9)]
    text = rendered([evolve(report, findings=(*wrong, *many))], "table")
    assert [number for number in range(9) if f"chain number-{number}" in text] == [0, 1, 2]
    assert len(re.findall(r"^info +chain-dead +6 more *$", text, re.MULTILINE)) == 1
    assert "INFO chain-dead: 6 more like these" in text
    errors = [evolve(wrong[0], subject=f"port number-{number}") for number in range(9)]
    assert "port number-8" in rendered([evolve(report, findings=tuple(errors))], "table")


def test_a_finding_is_told_with_packet_sides_rule_manifest_and_hint() -> None:
    text = rendered([with_findings()], "table")
    start = text.index("ERROR service-missing")
    assert text[start : text.index("\n\n", start)].splitlines() == [
        "ERROR service-missing: shop/cart:http is declared at 10.96.0.20:80, and nothing on the node serves it",
        "  Detail:    cluster IP 10.96.0.20, port 80",
        "  Packet:    tcp 10.244.1.9:40000 > 10.96.0.20:80, arriving at the node",
        "  If local:  192.168.0.10 must be the node's own",
        "  Expected:  50% goes to 10.244.2.21:8080, client address kept  (missing)",
        "             50% goes to 10.244.2.22:8080, client address kept  (missing)",
        "  Found:     100% dropped  (not expected)",
        "  Rule:      table ip svcc: services: tcp . 10.96.0.20 . 80",
        "  Manifest:  shop/cart.yaml:9",
        "  Hint:      Load the ruleset again: svcc compile -f shop --node worker-1 | nft -f -",
        "  Extent:    clients from outside, pods, the node itself; 100% of new connections; 12 regions of packets",
        "  Id:        4e2dd2bb52219b6a",
    ]


def test_the_last_line_is_the_verdict() -> None:
    last = rendered([with_findings()], "table").splitlines()[-1]
    assert last == (
        "VERDICT of worker-1: findings: 2 errors, 2 warnings, 1 info; 1 suppressed; 4182 regions of packets examined"
    )
    assert rendered([not_proved()], "table").splitlines()[-1] == (
        "VERDICT of worker-3: not proved: nothing wrong was found, and not everything could be decided (1 warning); "
        "4182 regions of packets examined"
    )
    assert rendered(fleet(), "table").splitlines()[-1] == "VERDICT of 3 nodes: 1 with findings, 1 not proved, 1 proved"


def test_chances_that_differ_say_so() -> None:
    packet = Packet(Protocol.TCP, "10.0.0.1", "10.0.0.2", 1, 80)
    few = tuple(
        Outcome(chance, "accept", address)
        for chance, address in ((Fraction(1, 4), "1.1.1.1"), (Fraction(3, 4), "1.1.1.2"))
    )
    even = tuple(evolve(outcome, probability=Fraction(1, 2)) for outcome in few)
    finding = evolve(findings()[0], witness=Witness(packet, even, few))
    text = rendered([AuditReport("n", "", Verdict.FINDINGS, findings=(finding,))], "table")
    assert "25% goes to 1.1.1.1:80, client address kept  (another chance)" in text


def test_many_outcomes_are_told_in_few_lines_that_add_up() -> None:
    packet = Packet(Protocol.TCP, "10.0.0.1", "10.0.0.2", 1, 80)
    many = tuple(Outcome(Fraction(1, 100), "accept", f"10.1.0.{number}") for number in range(100))
    finding = evolve(findings()[0], witness=Witness(packet, many, many[:1]))
    text = rendered([AuditReport("n", "", Verdict.FINDINGS, findings=(finding,))], "table")
    assert text.count("10.1.0.") == 9
    assert "92% 92 other outcomes" in text


def test_sentences_are_wrapped_to_the_width_and_names_are_not_broken() -> None:
    text = "".join(render([with_findings()], "table", width=60))
    told = text[text.index("ERROR service-missing") : text.index("VERDICT")].splitlines()
    assert max(len(line) for line in told) <= 60
    assert told[:3] == [
        "ERROR service-missing: shop/cart:http is declared at",
        "  10.96.0.20:80, and nothing on the node serves it",
        "  Detail:    cluster IP 10.96.0.20, port 80",
    ]


def test_colour_paints_words_that_are_there_without_it() -> None:
    plain = rendered(fleet(), "table")
    painted = "".join(render(fleet(), "table", color=True))
    assert "\x1b[" not in plain
    assert "\x1b[31;1mERROR\x1b[0m" in painted
    assert re.sub(r"\x1b\[[0-9;]*m", "", painted) == plain
