"""Many packets at once, as buffers.

A packed packet is 48 bytes in network byte order, as `PACKET` packs them: version (4 or 6), protocol number, hook (0
for prerouting, 1 for output), input interface (0 for none given, else its place in a list, from 1), source port,
destination port, mark, random number, source address and destination address (16 bytes each, of IPv4 the first four).

The random number is the one the kernel would draw for ``numgen random``: of N values it picks the one at
``random * N >> 32``. A second draw of the same packet takes a number made of it.
"""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Iterable, Sequence
from enum import IntEnum, IntFlag

from attrs import frozen

from svcc.addresses import IPFamily, address_bytes, family_of
from svcc.model.service import Protocol
from svcc.trace.packet import PROTOCOL_NUMBERS, Packet

__all__ = ["PACKET", "Batch", "BatchFlag", "BatchVerdict", "pack"]

PACKET = struct.Struct("!BBBBHHII16s16s")


class BatchVerdict(IntEnum):
    """What becomes of a packet."""

    ACCEPT = 0
    """It goes on as it is."""
    DNAT = 1
    """It goes on to a new destination."""
    DROP = 2
    REJECT = 3
    UNKNOWN = 4
    """The evaluator cannot decide; `Evaluator.evaluate` says why."""


class BatchFlag(IntFlag):
    """What else becomes of it."""

    MASQUERADE = 1
    """The source becomes an address of the node."""
    SNAT = 2
    """The source becomes what a rule says."""
    DRAWN = 4
    """With another random number the outcome could be another."""
    CHOSEN_BY_KERNEL = 8
    """The new destination is left to the kernel; address and port say nothing."""


@frozen
class Batch:
    """The outcomes of a batch, one place for each packet in every view.

    Attributes:
        verdicts: `BatchVerdict`, a byte each.
        flags: sums of `BatchFlag`, a byte each.
        addresses: the destination in the end, 16 bytes each, of IPv4 the first four.
        ports: the port of the destination in the end, numbers of 16 bits.
        marks: the mark in the end, numbers of 32 bits; 0 if it is not known.
    """

    verdicts: memoryview
    flags: memoryview
    addresses: memoryview
    ports: memoryview
    marks: memoryview

    def __len__(self) -> int:
        """The number of packets."""
        return len(self.verdicts)

    def destination(self, index: int, family: IPFamily) -> tuple[str, int]:
        """Address and port where a packet goes in the end."""
        width = 4 if family is IPFamily.IPV4 else 16
        return str(ipaddress.ip_address(bytes(self.addresses[16 * index :][:width]))), self.ports[index]


def pack(packets: Iterable[Packet], *, randoms: Iterable[int] = (), interfaces: Sequence[str] = ()) -> bytes:
    """Packets as a buffer for `Evaluator.evaluate_many`.

    `randoms` are the random numbers of 32 bits the packets bring along, 0 where they run out.

    Raises:
        ValueError: a packet has no source port, is not the first of its connection, has an output interface, or its
            input interface is not in `interfaces`: what a packed packet cannot say.
    """
    places = {name: place for place, name in enumerate(interfaces, start=1)}
    drawn = iter(randoms)
    packed = bytearray()
    for packet in packets:
        if packet.state != "new" or packet.output_interface is not None:
            raise ValueError("a packed packet is the first of its connection and has no output interface")
        is_service_protocol = isinstance(packet.protocol, Protocol)
        if is_service_protocol and packet.source_port is None:
            raise ValueError("a packed packet needs a source port")
        if packet.input_interface is not None and packet.input_interface not in places:
            raise ValueError(f"{packet.input_interface!r} is none of the interfaces")
        packed += PACKET.pack(
            4 if family_of(packet.source) is IPFamily.IPV4 else 6,
            PROTOCOL_NUMBERS[packet.protocol] if isinstance(packet.protocol, Protocol) else packet.protocol,
            packet.hook == "output",
            0 if packet.input_interface is None else places[packet.input_interface],
            packet.source_port or 0,
            packet.destination_port or 0,
            packet.mark,
            next(drawn, 0),
            address_bytes(packet.source),
            address_bytes(packet.destination),
        )
    return bytes(packed)
