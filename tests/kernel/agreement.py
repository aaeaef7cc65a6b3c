"""Comparing what the plain model says of a packet with what the kernel did to it."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from tests.kernel.outcomes import Delivered, Dropped, Outcome, Rejected, Untouched
from tests.kernel.packets import Packet as SentPacket
from tests.oracle import Packet, Result
from tests.oracle.packet import Delivery, Drop, Reject
from tests.oracle.packet import Untouched as LeftAlone


def sent(packet: Packet) -> SentPacket:
    """The model's packet as the harness sends it."""
    entry = "output" if packet.hook == "output" else "pod" if packet.interface == "cni0" else "outside"
    port = None if packet.protocol == "ICMP" else packet.destination_port
    return SentPacket(
        protocol=packet.protocol,
        source=packet.source,
        destination=packet.destination,
        destination_port=port,
        entry=entry,  # type: ignore[arg-type]
    )


def agrees(packet: Packet, outcome: Outcome, expected: Mapping[Result, Fraction]) -> bool:
    """Whether the outcome is one of the expected results."""
    match outcome:
        case Untouched():
            # To be delivered where it was going anyway looks the same.
            as_sent = Delivery(packet.destination, packet.destination_port, masquerade=False)
            return LeftAlone() in expected or as_sent in expected
        case Rejected(reason="port-unreachable"):
            return Reject() in expected
        case Dropped():
            return Drop() in expected
        case Delivered(address=address, port=port, where=where):
            # Masquerading may pick the very address that was the source already, but hardly the same port.
            masqueraded = outcome.source_address != packet.source or outcome.source_port_changed
            deliveries = [each for each in expected if isinstance(each, Delivery)]
            found = [each for each in deliveries if (each.address, each.port) == (address, port)]
            # What stays on the node passes no postrouting, so nothing can be masqueraded there.
            return any(each.masquerade is masqueraded or (where == "local" and not masqueraded) for each in found)
        case _:
            return False
