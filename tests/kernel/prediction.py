"""Judging what an evaluator predicts for a packet by what the kernel did."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from typing import Protocol

from attrs import frozen

from tests.kernel.network import Node
from tests.kernel.observe import Observed
from tests.strategies.ruleset_packets import RulesetPacket

LIKELY = Fraction(1, 5)
"""What is at least so likely must be seen in `SENDS` sends; it stays away once in half a million runs."""
SENDS = 60


class Predicted(Protocol):
    """One outcome that an evaluator thinks possible."""

    @property
    def probability(self) -> Fraction:
        """How likely it is; those of a packet add up to 1."""

    @property
    def verdict(self) -> str:
        """``accept``, ``drop``, ``reject`` or ``unknown``."""

    @property
    def address(self) -> str | None:
        """The destination it is translated to."""

    @property
    def port(self) -> int | None:
        """The destination port it is translated to."""

    @property
    def masquerade(self) -> bool:
        """Whether its source becomes the address of the interface it leaves by."""

    @property
    def source(self) -> str | None:
        """The source it is translated to."""

    @property
    def destination_choice(self) -> str | None:
        """``redirect`` if it is translated to the node's own address on the way."""

    @property
    def reject_with(self) -> str | None:
        """How it is refused."""


@frozen
class Surroundings:
    """What a prediction and its judgement need to know about the node."""

    local_addresses: tuple[str, ...]
    outside_addresses: tuple[str, ...]
    pod_addresses: tuple[str, ...]
    interfaces: dict[str, str]
    """By entry."""

    @classmethod
    def of(cls, node: Node) -> Surroundings:
        """Those of a node of the harness."""
        return cls(
            local_addresses=(*node.addresses, *node.pod_addresses, "127.0.0.1", "::1"),
            outside_addresses=node.addresses,
            pod_addresses=node.pod_addresses,
            interfaces={"outside": node.outside_interface, "pod": node.pod_interface},
        )

    def own_address(self, side: str, packet: RulesetPacket) -> str:
        """The node's address on one side, of the packet's family."""
        own = self.outside_addresses if side == "outside" else self.pod_addresses
        return next(each for each in own if (":" in each) == (":" in packet.source))

    def redirected_to(self, packet: RulesetPacket) -> str:
        """Where `redirect` leads: the address of the interface the packet came in by, or loopback."""
        if packet.entry == "output":
            return "::1" if ":" in packet.source else "127.0.0.1"
        return self.own_address(packet.entry, packet)


@frozen
class Expected:
    """A predicted outcome, reduced to what can be observed."""

    verdict: str
    address: str
    port: int
    source: str
    reject_with: str


def expected(packet: RulesetPacket, outcome: Predicted, around: Surroundings, where: str | None) -> Expected:
    """What would be observed of a predicted outcome if the packet came out at a place."""
    if outcome.verdict != "accept":
        version = "icmpv6" if ":" in packet.source else "icmp"
        reason = _named(outcome.reject_with or "", version) if outcome.verdict == "reject" else ""
        return Expected(outcome.verdict, "", 0, "", reason)
    address = outcome.address or packet.destination
    if outcome.destination_choice == "redirect":
        address = around.redirected_to(packet)
    source = outcome.source or packet.source
    if outcome.masquerade and where in {"outside", "pod"}:
        source = around.own_address(where, packet)
    return Expected("accept", address, outcome.port or packet.destination_port, source, "")


_ICMPX = {
    "icmp": {"no-route": "net-unreachable", "host-unreachable": "host-unreachable"},
    "icmpv6": {"no-route": "no-route", "host-unreachable": "addr-unreachable"},
}


def _named(reject_with: str, version: str) -> str:
    """What nft calls the same refusal within the version of IP; icmpx is whatever fits the packet."""
    kind, _, code = reject_with.partition(" ")
    code = code.removeprefix("type ")
    return f"{version} {_ICMPX[version].get(code, code)}" if kind == "icmpx" else f"{kind} {code}"


def as_expected(packet: RulesetPacket, seen: Observed) -> Expected:
    """An observation in the form of `expected`."""
    if seen.verdict != "accept":
        return Expected(seen.verdict, "", 0, "", seen.reject_with)
    address, port = seen.address or packet.destination, seen.port or packet.destination_port
    return Expected("accept", address, port, seen.source or packet.source, "")


def is_loopback_journey(packet: RulesetPacket, outcomes: Iterable[Predicted], around: Surroundings) -> bool:
    """Whether the node may talk to itself: such a packet passes output and, once more, prerouting and input.

    So does the answer to a packet from elsewhere that is refused and has one of the node's addresses as its source.
    """
    predicted = list(outcomes)
    if packet.entry != "output" and packet.source in around.local_addresses:
        return any(each.verdict == "reject" for each in predicted)
    targets = {packet.destination, *(each.address for each in predicted)}
    redirected = any(each.destination_choice == "redirect" for each in predicted)
    return packet.entry == "output" and (redirected or bool(targets & set(around.local_addresses)))


def disagreements(
    packet: RulesetPacket,
    outcomes: Iterable[Predicted],
    seen: Counter[Observed],
    around: Surroundings,
    *,
    must_show: bool,
) -> list[str]:
    """What contradicts the prediction; nothing if any outcome is unknown.

    Every observation must be among the outcomes. With `must_show`, every outcome that is at least `LIKELY` must have
    been observed; only reasonable after `SENDS` sends, or if there is but one outcome.
    """
    predicted = list(outcomes)
    if any(each.verdict == "unknown" for each in predicted):
        return []
    found = [
        f"the kernel did what was not predicted: {each}"
        for each in seen
        if as_expected(packet, each) not in {expected(packet, one, around, each.where) for one in predicted}
    ]
    if must_show:
        for one in predicted:
            likely = sum(
                (other.probability for other in predicted if _same(packet, one, other, around)), start=Fraction(0)
            )
            shown = any(as_expected(packet, each) == expected(packet, one, around, each.where) for each in seen)
            if likely >= LIKELY and not shown:
                found.append(f"the kernel never did what was predicted: {one}")
    return found


def _same(packet: RulesetPacket, one: Predicted, other: Predicted, around: Surroundings) -> bool:
    return expected(packet, one, around, "outside") == expected(packet, other, around, "outside")
