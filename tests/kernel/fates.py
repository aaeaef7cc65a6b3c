"""From what was seen of a packet to what became of it."""

from __future__ import annotations

from attrs import define, field

from tests.kernel.outcomes import Delivered, Dropped, Outcome, Place, Rejected, Untouched
from tests.kernel.packets import Kind, Observation, Packet


@define
class Fate:
    """What has been seen of one packet."""

    packet: Packet
    source_port: int
    passed: list[tuple[Place, Observation]] = field(factory=list)
    error: Observation | None = None
    refusal: Observation | None = None
    send_error: str | None = None

    def note(self, place: Place, observation: Observation) -> None:
        """Take in one observation."""
        if observation.kind is Kind.REQUEST:
            self.passed.append((place, observation))
        elif observation.kind is Kind.ERROR:
            self.error = observation
        elif observation.kind is Kind.REFUSAL:
            self.refusal = observation

    def outcome(self) -> Outcome:
        """Judge; AssertionError if the packet was seen in two places, which no rule can cause."""
        if self.passed:
            if len(self.passed) > 1:
                raise AssertionError(f"{self.packet} came out more than once: {self.passed}")
            return self._passed_outcome(*self.passed[0])
        if self.error is not None:
            return Rejected(self.error.reason, self.error.source)
        if self.refusal is not None:
            return Rejected("tcp-reset" if self.packet.protocol == "TCP" else "sctp-abort", self.refusal.source)
        return Dropped(self.send_error)

    def _passed_outcome(self, place: Place, seen: Observation) -> Outcome:
        packet = self.packet
        refused = self.error is not None or self.refusal is not None
        as_received = (seen.source, seen.source_port, seen.destination, seen.destination_port)
        if as_received == (packet.source, self.source_port, packet.destination, packet.destination_port):
            return Untouched(place, refused=refused)
        return Delivered(
            seen.destination,
            seen.destination_port,
            seen.source,
            seen.source_port != self.source_port,
            place,
            source_port=seen.source_port,
            refused=refused,
        )
