"""What is decided about, the first packet of a connection, and what can become of it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from attrs import field, frozen

from svcc.addresses import IPFamily, family_of, prefix_contains

Hook = Literal["prerouting", "output"]
PacketProtocol = Literal["TCP", "UDP", "SCTP", "ICMP"]

LOOPBACK = {IPFamily.IPV4: "127.0.0.0/8", IPFamily.IPV6: "::1/128"}


def is_loopback(address: str) -> bool:
    """Whether a canonical address is one of 127.0.0.0/8 or ::1 (S43)."""
    return prefix_contains(LOOPBACK[family_of(address)], address)


@frozen
class Packet:
    """The first packet of a new connection (S33), as it is before any address translation.

    Addresses are canonical and of one family. `hook` is where it enters: ``prerouting`` for what arrives at an
    interface, pods included, ``output`` for what a process of the host sends; only the former has an input `interface`.
    ``ICMP`` stands for an echo request of either family and has no ports (0).
    """

    protocol: PacketProtocol
    source: str
    source_port: int
    destination: str
    destination_port: int
    hook: Hook = "prerouting"
    interface: str | None = None

    @property
    def family(self) -> IPFamily:
        """The family whose table decides (S2)."""
        return family_of(self.destination)


def frozen_addresses(addresses: Iterable[str]) -> frozenset[str]:
    """The addresses as a frozen set."""
    return frozenset(addresses)


@frozen
class NodeFacts:
    """Circumstances of the node that no manifest states.

    `local_addresses` are the addresses the kernel of the node takes for its own; loopback always belongs to them.
    """

    local_addresses: frozenset[str] = field(default=frozenset(), converter=frozen_addresses)

    def is_local(self, address: str) -> bool:
        """Whether the kernel would deliver a packet to `address` on the node itself."""
        return address in self.local_addresses or is_loopback(address)


@frozen
class Delivery:
    """The packet goes to this endpoint, with the node's address as its source if `masquerade`."""

    address: str
    port: int
    masquerade: bool


@frozen
class Reject:
    """The sender is told: ICMP port unreachable, whatever the protocol (S37)."""


@frozen
class Drop:
    """The packet disappears silently (S37)."""


@frozen
class Untouched:
    """The proxy does nothing with the packet (S24)."""


Result = Delivery | Reject | Drop | Untouched
