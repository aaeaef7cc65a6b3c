"""Rules that no packet gets to, since those before take them all."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from svcc.auditing.finding import FindingKind
from svcc.auditing.inspection import Inspection
from svcc.fields import Severity
from svcc.model.service import Protocol
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet
from tests.audit.inspecting import inspected, kinds, only, svcc_text
from tests.strategies.ruleset_packets import RulesetPacket
from tests.strategies.ruleset_values import Ruleset
from tests.strategies.rulesets import packets_for, rulesets


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


@pytest.mark.parametrize(
    ("family", "answer", "takes_all"),
    [
        ("ip", "reject", True),
        ("ip", "reject with icmp type port-unreachable", True),
        ("ip6", "reject with icmpv6 type no-route", True),
        ("inet", "reject", True),
        ("inet", "reject with icmpx type admin-prohibited", True),
        ("inet", "reject with icmp type port-unreachable", False),
        ("inet", "reject with icmpv6 type reject-route", False),
    ],
)
def test_an_answer_in_the_words_of_one_version_of_ip_takes_its_packets_alone(
    family: str, answer: str, *, takes_all: bool
) -> None:
    text = f"table {family} t {{ chain c {{ type filter hook input priority 0; {answer}; tcp dport 80 accept }} }}"
    assert (FindingKind.RULE_SHADOWED in kinds(inspected(text))) is takes_all


@pytest.mark.parametrize(
    ("reset", "later", "is_shadowed"),
    [
        ("reject with tcp reset", "tcp dport 80 accept", True),
        ("reject with tcp reset", "tcp flags syn accept", True),
        ("reject with tcp reset", "meta l4proto tcp accept", True),
        ("reject with tcp reset", "ip protocol tcp accept", True),
        ("reject with tcp reset", "tcp dport { 80, 443 } ip saddr 10.0.0.1 accept", True),
        ("reject with tcp reset", "reject with tcp reset", True),
        ("ip saddr 10.0.0.1 reject with tcp reset", "ip saddr 10.0.0.1 tcp dport 80 accept", True),
        ("meta l4proto tcp reject with tcp reset", "meta l4proto tcp tcp dport 80 accept", True),
        ("tcp dport 80 reject with tcp reset", "tcp dport 80 accept", True),
        ("reject with tcp reset", "udp dport 80 accept", False),
        ("reject with tcp reset", "th dport 80 accept", False),
        ("reject with tcp reset", "meta l4proto { tcp, udp } accept", False),
        ("reject with tcp reset", "meta l4proto != tcp accept", False),
        ("reject with tcp reset", "accept", False),
        ("reject with tcp reset", "reject", False),
        ("ip saddr 10.0.0.1 reject with tcp reset", "ip saddr 10.0.0.1 udp dport 80 accept", False),
        ("ip saddr 10.0.0.1 reject with tcp reset", "tcp dport 80 accept", False),
    ],
)
def test_a_reset_takes_tcp_alone(reset: str, later: str, *, is_shadowed: bool) -> None:
    assert (FindingKind.RULE_SHADOWED in kinds(rules_of(reset, later))) is is_shadowed


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
