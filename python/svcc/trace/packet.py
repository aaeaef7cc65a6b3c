"""A packet and how it comes to the node."""

from __future__ import annotations

from typing import Any, Literal

from attrs import Attribute, field, frozen

from svcc.addresses import canonical_address, family_of
from svcc.model.service import Protocol

__all__ = ["PROTOCOL_NUMBERS", "ConnectionState", "Hook", "Packet"]

Hook = Literal["prerouting", "output"]
ConnectionState = Literal["new", "established", "related", "invalid"]

PROTOCOL_NUMBERS = {Protocol.TCP: 6, Protocol.UDP: 17, Protocol.SCTP: 132}

_HOOKS = ("prerouting", "output")
_STATES = ("new", "established", "related", "invalid")


def _address(text: str) -> str:
    canonical = canonical_address(text)
    if canonical is None:
        raise ValueError(f"{text!r} is no IP address")
    return canonical


def _protocol(value: Protocol | str | int) -> Protocol | int:
    if isinstance(value, int):
        return value
    try:
        return Protocol(value.upper())
    except ValueError:
        raise ValueError(
            f"protocol must be one of {', '.join(Protocol)} or the number of another one, not {value!r}"
        ) from None


def _port(_packet: Packet, attribute: Attribute[Any], port: int | None) -> None:
    if port is not None and not 0 <= port <= 65535:
        raise ValueError(f"{attribute.name} must be from 0 to 65535, not {port}")


@frozen
class Packet:
    """A packet, and what the node knows about it.

    Attributes:
        protocol: TCP, UDP or SCTP; any other protocol by its number, such as 1 for ICMP.
        source: the address it comes from.
        destination: the address it goes to, of the same family.
        source_port: None is any port a client would take; then choices that hash the port are told by their share of
            the ports that Linux gives to clients, 32768 to 60999.
        destination_port: needed for TCP, UDP and SCTP, and for no other protocol.
        hook: ``prerouting`` for packets that come to the node, from a pod or from outside; ``output`` for those that
            the node sends itself.
        input_interface: where it comes in; None is any interface but ``lo``.
        output_interface: where it leaves if it leaves the node; None is any interface but ``lo``.
        mark: the mark it carries from the start.
        state: the state of its connection; address translation is asked only for ``new``, the first packet.

    Raises:
        ValueError: the values make no packet.
    """

    protocol: Protocol | int = field(converter=_protocol)
    source: str = field(converter=_address)
    destination: str = field(converter=_address)
    source_port: int | None = field(default=None, validator=_port)
    destination_port: int | None = field(default=None, validator=_port)
    hook: Hook = "prerouting"
    input_interface: str | None = None
    output_interface: str | None = None
    mark: int = 0
    state: ConnectionState = "new"

    def __attrs_post_init__(self) -> None:
        if family_of(self.source) is not family_of(self.destination):
            raise ValueError(f"{self.source} and {self.destination} are of different families")
        if isinstance(self.protocol, Protocol):
            if self.destination_port is None:
                raise ValueError(f"a {self.protocol} packet needs a destination port")
        elif not 0 <= self.protocol <= 255:
            raise ValueError(f"protocol must be from 0 to 255, not {self.protocol}")
        elif self.destination_port is not None or self.source_port is not None:
            raise ValueError(f"protocol {self.protocol} has no ports here; say TCP, UDP or SCTP by name")
        if self.hook not in _HOOKS:
            raise ValueError(f"hook must be one of {', '.join(_HOOKS)}, not {self.hook!r}")
        if self.state not in _STATES:
            raise ValueError(f"state must be one of {', '.join(_STATES)}, not {self.state!r}")
        if not 0 <= self.mark < 2**32:
            raise ValueError(f"mark must be a number of 32 bits, not {self.mark}")
