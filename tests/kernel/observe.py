"""What the kernel does with packets under any ruleset, in words that a prediction can be compared with.

Observed is the first packet of a connection, from the moment it arrives at an interface of the node or is sent by the
node itself, until it leaves through an interface, reaches the node's own protocol stack, or is gone:

* whether it got through, and with which destination and source address, and which destination port;
* with which ICMP error or TCP reset the sender was refused, provided no rule stops the answer on its way;
* for random choices, what came of many equal packets, and how often.

Not observed: the mark and connection mark a packet ends with, counters, what a set holds afterwards, which rule it was,
and whether a source was rewritten to what it was before. Masquerading and source translation look alike; only the
address tells them apart. Whether a packet was dropped by a rule or by the kernel (no route, no address to masquerade
to) looks alike, too. Nothing is said about later packets of a connection.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Literal

from attrs import frozen

from tests.kernel.network import Node
from tests.kernel.outcomes import Delivered, Dropped, Outcome, Place, Rejected, Untouched
from tests.kernel.packets import Packet, is_ipv6
from tests.strategies.ruleset_packets import RulesetPacket
from tests.strategies.ruleset_values import Ruleset

_RESETS = {"tcp-reset": "tcp reset", "sctp-abort": "sctp abort"}


@frozen
class Observed:
    """What became of a packet.

    `address`, `port` and `source` are those it came out with, and None where they are as sent. `where` is None for what
    did not get through. `reject_with` is as nft writes it: ``icmp port-unreachable``, ``icmpv6 no-route``,
    ``tcp reset``.
    """

    verdict: Literal["accept", "drop", "reject"]
    address: str | None = None
    port: int | None = None
    source: str | None = None
    where: Place | None = None
    reject_with: str = ""


def as_sent(packet: RulesetPacket) -> Packet:
    """The packet in the words of the harness."""
    return Packet(
        protocol=packet.protocol,
        source=packet.source,
        source_port=packet.source_port,
        destination=packet.destination,
        destination_port=packet.destination_port,
        entry=packet.entry,
        mark=packet.mark,
    )


def observed(packet: Packet, outcome: Outcome) -> Observed:
    """An outcome in words that fit a prediction."""
    match outcome:
        case Untouched(where=where):
            return Observed("accept", where=where)
        case Delivered(address=address, port=port, source_address=source, where=where):
            moved = (address, port) != (packet.destination, packet.destination_port)
            return Observed(
                "accept",
                address if moved else None,
                port if moved else None,
                source if source != packet.source else None,
                where,
            )
        case Rejected(reason=reason):
            icmp = "icmpv6" if is_ipv6(packet) else "icmp"
            return Observed("reject", reject_with=_RESETS.get(reason, f"{icmp} {reason}"))
        case Dropped():
            return Observed("drop")


def load(node: Node, ruleset: Ruleset) -> None:
    """Load a ruleset with nothing left from before; NftError if nft refuses it."""
    node.load(f"flush ruleset\n{ruleset.text}")
    node.conntrack_flush()


def observe(
    node: Node, packets: Sequence[RulesetPacket], *, times: int = 1, forget: Iterable[tuple[str, str, str]] = ()
) -> list[Counter[Observed]]:
    """Send each packet so many times, each time as a new connection, and count what came of it.

    `forget` names sets (family, table, name) that are emptied before each packet, so that none depends on another.
    """
    offered = [as_sent(packet) for packet in packets for _ in range(times)]
    forgotten = tuple(forget)
    outcomes: list[Outcome] = []
    if forgotten:
        for packet in offered:
            node.flush_sets(forgotten)
            outcomes.append(node.send(packet))
    else:
        outcomes = node.send_many(offered)
    seen = [observed(packet, outcome) for packet, outcome in zip(offered, outcomes, strict=True)]
    return [Counter(seen[start : start + times]) for start in range(0, len(seen), times)]
