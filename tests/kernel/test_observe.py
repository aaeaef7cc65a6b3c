"""What the observer says of rulesets whose meaning is plain, and how predictions are judged by it."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest
from attrs import evolve, frozen

from tests.kernel.network import Node
from tests.kernel.observe import Observed, observe
from tests.kernel.prediction import Surroundings, disagreements, is_loopback_journey
from tests.strategies.ruleset_packets import RulesetPacket

TCP = RulesetPacket("TCP", "203.0.113.7", 40000, "198.18.0.1", 80, "outside")
AROUND = Surroundings(("192.168.0.10",), ("192.168.0.10",), ("10.244.0.1",), {})
PREROUTING = "table ip t {{ chain c {{ type nat hook prerouting priority -100; {}; }}; }}"
POSTROUTING = "table ip t {{ chain c {{ type nat hook postrouting priority 100; {}; }}; }}"
INPUT = "table ip t {{ chain c {{ type nat hook input priority 100; {}; }}; }}"
FORWARD = "table ip t {{ chain c {{ type filter hook forward priority 0; {}; }}; }}"
OUTPUT = "table ip t {{ chain c {{ type filter hook output priority 0; {}; }}; }}"


@pytest.mark.kernel
@pytest.mark.parametrize(
    ("script", "changes", "seen"),
    [
        ("", {}, Observed("accept", where="outside")),
        ("", {"destination": "192.168.0.10"}, Observed("accept", where="local")),
        (PREROUTING.format("dnat to 10.244.0.2"), {}, Observed("accept", "10.244.0.2", 80, where="pod")),
        (
            PREROUTING.format("tcp dport 80 dnat to 10.244.0.2:8080"),
            {},
            Observed("accept", "10.244.0.2", 8080, where="pod"),
        ),
        (PREROUTING.format("redirect"), {}, Observed("accept", "192.168.0.10", 80, where="local")),
        (PREROUTING.format("redirect"), {"entry": "pod"}, Observed("accept", "10.244.0.1", 80, where="local")),
        (POSTROUTING.format("masquerade"), {}, Observed("accept", source="192.168.0.10", where="outside")),
        (POSTROUTING.format("snat to 198.51.100.1"), {}, Observed("accept", source="198.51.100.1", where="outside")),
        (
            INPUT.format("snat to 198.51.100.1"),
            {"destination": "192.168.0.10"},
            Observed("accept", source="198.51.100.1", where="local"),
        ),
        (FORWARD.format("drop"), {}, Observed("drop")),
        (FORWARD.format("reject"), {}, Observed("reject", reject_with="icmp port-unreachable")),
        (
            FORWARD.format("reject with icmp type admin-prohibited"),
            {"protocol": "UDP"},
            Observed("reject", reject_with="icmp admin-prohibited"),
        ),
        (FORWARD.format("meta l4proto tcp reject with tcp reset"), {}, Observed("reject", reject_with="tcp reset")),
        (
            OUTPUT.format("meta mark 0x10 drop"),
            {"entry": "output", "source": "192.168.0.10", "mark": 16},
            Observed("drop"),
        ),
        (
            OUTPUT.format("meta mark 0x10 drop"),
            {"entry": "output", "source": "192.168.0.10"},
            Observed("accept", where="outside"),
        ),
    ],
)
def test_each_fate_has_its_words(node: Node, script: str, changes: dict[str, object], seen: Observed) -> None:
    node.load(script)
    assert observe(node, [evolved(**changes)]) == [Counter([seen])]


def evolved(**changes: object) -> RulesetPacket:
    return evolve(TCP, **changes)  # type: ignore[arg-type]


@pytest.mark.kernel
def test_many_equal_packets_show_every_draw(node: Node) -> None:
    node.load(PREROUTING.format("dnat to numgen random mod 2 map { 0 : 10.244.0.2, 1 : 10.244.0.3 }"))
    (seen,) = observe(node, [TCP], times=60)
    assert seen.total() == 60
    assert {each.address for each in seen} == {"10.244.0.2", "10.244.0.3"}


@pytest.mark.kernel
def test_sets_that_packets_add_to_are_forgotten_if_asked(node: Node) -> None:
    rules = "ip saddr @s drop; add @s { ip saddr }"
    node.load(
        "table ip t { set s { type ipv4_addr; size 9; flags dynamic; }; "
        f"chain c {{ type filter hook prerouting priority 0; {rules}; }}; }}"
    )
    assert observe(node, [TCP] * 2, forget=[("ip", "t", "s")]) == [Counter([Observed("accept", where="outside")])] * 2
    assert observe(node, [TCP]) == [Counter([Observed("drop")])]


@pytest.mark.kernel
@pytest.mark.parametrize(("hook", "destination"), [("prerouting", "10.244.0.2"), ("output", "10.244.0.2")])
def test_destinations_are_translated_at_one_place_whatever_the_priority(
    node: Node, hook: str, destination: str
) -> None:
    """The kernel hooks translation in once for a family, at -100: priorities order `nat` chains among themselves."""
    script = """
    table ip t {{
      chain late {{ type nat hook {hook} priority 300; dnat to {destination}; }}
      chain early {{ type filter hook {hook} priority -101; ip daddr {destination} drop; }}
      chain between {{ type filter hook {hook} priority 0; ip daddr {destination} accept; drop; }}
    }}
    """
    node.load(script.format(hook=hook, destination=destination))
    entry, source = ("outside", TCP.source) if hook == "prerouting" else ("output", "192.168.0.10")
    (seen,) = observe(node, [evolved(entry=entry, source=source)])
    assert seen == Counter([Observed("accept", destination, 80, where="pod")])


@frozen
class Outcome:
    probability: Fraction
    verdict: str = "accept"
    address: str | None = None
    port: int | None = None
    masquerade: bool = False
    source: str | None = None
    destination_choice: str | None = None
    reject_with: str | None = None


HALF, ALL = Fraction(1, 2), Fraction(1)


@pytest.mark.parametrize(
    ("outcomes", "seen"),
    [
        ([Outcome(ALL)], Observed("accept", where="outside")),
        ([Outcome(ALL, address="10.244.0.2")], Observed("accept", "10.244.0.2", 80, where="pod")),
        ([Outcome(ALL, masquerade=True)], Observed("accept", source="192.168.0.10", where="outside")),
        ([Outcome(ALL, masquerade=True)], Observed("accept", source="10.244.0.1", where="pod")),
        ([Outcome(ALL, source="198.51.100.1")], Observed("accept", source="198.51.100.1", where="outside")),
        ([Outcome(ALL, destination_choice="redirect")], Observed("accept", "192.168.0.10", 80, where="local")),
        (
            [Outcome(ALL, "reject", reject_with="icmpx no-route")],
            Observed("reject", reject_with="icmp net-unreachable"),
        ),
        ([Outcome(ALL, "reject", reject_with="tcp reset")], Observed("reject", reject_with="tcp reset")),
        ([Outcome(ALL, "unknown")], Observed("drop")),
    ],
)
def test_a_right_prediction_is_not_contradicted(outcomes: list[Outcome], seen: Observed) -> None:
    assert disagreements(TCP, outcomes, Counter([seen]), AROUND, must_show=True) == []


@pytest.mark.parametrize(
    ("outcomes", "seen", "words"),
    [
        ([Outcome(ALL)], Observed("drop"), "not predicted"),
        ([Outcome(ALL, "drop")], Observed("accept", where="outside"), "not predicted"),
        ([Outcome(ALL)], Observed("accept", "10.244.0.2", 80, where="pod"), "not predicted"),
        ([Outcome(ALL, masquerade=True)], Observed("accept", where="outside"), "not predicted"),
        ([Outcome(ALL, masquerade=True)], Observed("accept", source="10.244.0.1", where="outside"), "not predicted"),
        (
            [Outcome(ALL, "reject", reject_with="icmp port-unreachable")],
            Observed("reject", reject_with="tcp reset"),
            "not predicted",
        ),
        ([Outcome(HALF), Outcome(HALF, "drop")], Observed("drop"), "never did"),
    ],
)
def test_a_wrong_prediction_is_contradicted(outcomes: list[Outcome], seen: Observed, words: str) -> None:
    found = disagreements(TCP, outcomes, Counter([seen]), AROUND, must_show=True)
    assert words in found[0]


def test_only_the_node_talks_to_itself() -> None:
    to_node = evolved(destination="192.168.0.10")
    assert not is_loopback_journey(to_node, [], AROUND)
    assert is_loopback_journey(evolved(destination="192.168.0.10", entry="output"), [], AROUND)
    assert is_loopback_journey(evolved(entry="output"), [Outcome(ALL, address="192.168.0.10")], AROUND)


def test_the_answer_to_an_address_of_the_node_never_leaves_it() -> None:
    refused = [Outcome(ALL, "reject", reject_with="icmp port-unreachable")]
    assert is_loopback_journey(evolved(source="192.168.0.10"), refused, AROUND)
    assert not is_loopback_journey(evolved(source="192.168.0.10"), [Outcome(ALL)], AROUND)
    assert not is_loopback_journey(evolved(source="192.168.0.11"), refused, AROUND)
