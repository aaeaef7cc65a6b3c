"""What can become of a packet that a node was given."""

from __future__ import annotations

from typing import Literal

from attrs import field, frozen

Place = Literal["pod", "outside", "local"]
"""Where a packet ended up: out of the pod interface, out of the outside interface, or in the node's own stack."""


@frozen
class Delivered:
    """The packet got through with a rewritten destination or source.

    `port` is None for ICMP. `source_port_changed` says that the port (the identifier, for ICMP echo) is not the one
    that was sent; a masquerade normally changes it, and so does NAT when two connections would else clash.
    """

    address: str
    port: int | None
    source_address: str
    source_port_changed: bool
    where: Place
    source_port: int = field(default=0, eq=False)
    """The port the receiver sees; not compared, since masquerading draws it at random."""
    refused: bool = field(default=False, eq=False)
    """The node's own stack took the packet and answered it with a refusal: nothing listens there."""


@frozen
class Untouched:
    """The packet got through with the destination and the source it was sent with."""

    where: Place
    refused: bool = field(default=False, eq=False)
    """As for `Delivered`."""


@frozen
class Rejected:
    """The packet got nowhere and the sender was told so.

    `reason` is nft's word for the ICMP or ICMPv6 code, such as ``port-unreachable``; ``tcp-reset`` for a TCP reset.
    """

    reason: str
    from_address: str


@frozen
class Dropped:
    """The packet got nowhere and nobody was told, but for the node's own process whose send failed with `error`."""

    error: str | None = field(default=None, eq=False)
    """``EPERM`` when the packet was sent by the node itself and its rules dropped it."""


Outcome = Delivered | Untouched | Rejected | Dropped
