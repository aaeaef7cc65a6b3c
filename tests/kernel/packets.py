"""First packets of connections, as bytes: built for sending, and read again after the node has handled them.

Each packet carries a token of 32 bits in a place that no NAT rewrites and that an ICMP error quotes: the sequence
number of TCP, the initiate tag of SCTP, the payload of UDP and of ICMP echo. Answers are matched to requests by it.
"""

from __future__ import annotations

import enum
import socket
import struct
from functools import lru_cache
from typing import Literal

from attrs import field, frozen

Entry = Literal["outside", "pod", "output"]
"""How a packet gets into the node: in through an interface, or sent by the node itself."""

_NUMBERS = {"TCP": socket.IPPROTO_TCP, "UDP": socket.IPPROTO_UDP, "SCTP": 132}
_TCP, _UDP, _SCTP = _NUMBERS.values()
_ICMP, _ICMPV6 = socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6
_MAGIC = b"svcc"
_SYN, _RST, _ACK = 0x02, 0x04, 0x10
_SCTP_INIT, _SCTP_ABORT = 1, 6
_ECHO = {_ICMP: (8, 0), _ICMPV6: (128, 129)}
_TCP_FIXED, _SCTP_TAG_END, _PORTS_AND_TOKEN, _ICMP_FIXED = 20, 20, 8, 8
_ERRORS = {
    (_ICMP, 3, 0): "net-unreachable",
    (_ICMP, 3, 1): "host-unreachable",
    (_ICMP, 3, 2): "prot-unreachable",
    (_ICMP, 3, 3): "port-unreachable",
    (_ICMP, 3, 9): "net-prohibited",
    (_ICMP, 3, 10): "host-prohibited",
    (_ICMP, 3, 13): "admin-prohibited",
    (_ICMPV6, 1, 0): "no-route",
    (_ICMPV6, 1, 1): "admin-prohibited",
    (_ICMPV6, 1, 3): "addr-unreachable",
    (_ICMPV6, 1, 4): "port-unreachable",
    (_ICMPV6, 1, 5): "policy-fail",
    (_ICMPV6, 1, 6): "reject-route",
}
_ERROR_TYPES = {_ICMP: {3, 11, 12}, _ICMPV6: {1, 2, 3, 4}}


@frozen(kw_only=True)
class Packet:
    """The first packet of a new connection: a TCP SYN, a UDP datagram, an SCTP INIT or an ICMP echo request.

    `source` may be any address; it is not checked against the entry. `source_port` None lets the node choose one that
    it has not used yet. For ICMP the source port is the echo identifier and `destination_port` must be None. `mark` is
    the packet mark it sets out with; only what the node itself sends has one.
    """

    protocol: str = field()
    source: str
    destination: str
    destination_port: int | None = field(default=None)
    source_port: int | None = None
    entry: Entry = "outside"
    mark: int = 0

    @protocol.validator
    def _known(self, _attribute: object, value: str) -> None:
        if value not in {*_NUMBERS, "ICMP"}:
            raise ValueError(f"no such protocol: {value!r}")

    @destination_port.validator
    def _port_fits_protocol(self, _attribute: object, value: int | None) -> None:
        if (value is None) != (self.protocol == "ICMP"):
            raise ValueError(f"destination_port is {value!r} for {self.protocol}")

    def __attrs_post_init__(self) -> None:
        if (":" in self.source) != (":" in self.destination):
            raise ValueError(f"two families: {self.source} and {self.destination}")
        if self.mark and self.entry != "output":
            raise ValueError("marks do not travel: only the node's own packets can have one from the start")


class Kind(enum.Enum):
    """What an observed packet is, seen from the request that it carries the token of."""

    REQUEST = "the request itself"
    ERROR = "an ICMP error that quotes it"
    REFUSAL = "a TCP reset or SCTP abort that answers it"
    OTHER_ANSWER = "another answer to it"


@frozen
class Observation:
    """A packet that was seen and carries a token."""

    kind: Kind
    token: int
    source: str
    source_port: int
    destination: str
    destination_port: int | None
    reason: str = ""


def is_ipv6(packet: Packet) -> bool:
    """Whether the packet is one of IPv6."""
    return ":" in packet.source


def encoded(packet: Packet, source_port: int, token: int) -> bytes:
    """The packet from its IP header on, all checksums right (conntrack ignores packets with wrong ones)."""
    version6 = is_ipv6(packet)
    source, destination = packed(packet.source), packed(packet.destination)
    number = _NUMBERS.get(packet.protocol, _ICMPV6 if version6 else _ICMP)
    payload = _transport(number, source_port, packet.destination_port or 0, token)
    if number == _SCTP:
        payload = payload[:8] + struct.pack("<I", crc32c(payload)) + payload[12:]
    else:
        place = {_TCP: 16, _UDP: 6, _ICMP: 2, _ICMPV6: 2}[number]
        pseudo = b"" if number == _ICMP else source + destination + struct.pack("!IxxxB", len(payload), number)
        # A UDP checksum of zero would mean "none".
        checksum = internet_checksum(pseudo + payload) or 0xFFFF
        payload = payload[:place] + struct.pack("!H", checksum) + payload[place + 2 :]
    if version6:
        return struct.pack("!IHBB", 6 << 28, len(payload), number, 64) + source + destination + payload
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), token & 0xFFFF, 0, 64, number, 0)
    checksum = internet_checksum(header + source + destination)
    return header[:10] + struct.pack("!H", checksum) + source + destination + payload


def _transport(number: int, source_port: int, destination_port: int, token: int) -> bytes:
    if number == _TCP:
        return struct.pack("!HHIIBBHHH", source_port, destination_port, token, 0, 5 << 4, _SYN, 64240, 0, 0)
    if number == _UDP:
        return struct.pack("!HHHH4sI", source_port, destination_port, 16, 0, _MAGIC, token)
    if number == _SCTP:
        # RFC 9260, 3.3.2: an INIT has verification tag 0, and is alone in its packet.
        header = struct.pack("!HHII", source_port, destination_port, 0, 0)
        return header + struct.pack("!BBHIIHHI", _SCTP_INIT, 0, 20, token, 65536, 1, 1, token)
    return struct.pack("!BBHHH4sI", _ECHO[number][0], 0, 0, source_port, 1, _MAGIC, token)


def decoded(data: bytes) -> Observation | None:
    """What a packet, from its IP header on, says about a request; None when it has no token."""
    if len(data) < 20:
        return None
    if data[0] >> 4 == 4:
        length = (data[0] & 0xF) * 4
        return decoded_transport(data[9], unpacked(data[12:16]), unpacked(data[16:20]), data[length:])
    return decoded_transport(data[6], unpacked(data[8:24]), unpacked(data[24:40]), data[40:])


def decoded_transport(number: int, source: str, destination: str, data: bytes) -> Observation | None:
    """As `decoded`, from the transport header on, with the rest given."""
    if len(data) < _PORTS_AND_TOKEN:
        return None
    if number in _ECHO:
        return _decoded_icmp(number, source, destination, data)
    source_port, destination_port = struct.unpack_from("!HH", data)
    found = _kind_and_token(number, data)
    if found is None:
        return None
    return Observation(found[0], found[1], source, source_port, destination, destination_port)


def _kind_and_token(number: int, data: bytes) -> tuple[Kind, int] | None:
    if number == _TCP:
        sequence, acknowledged = struct.unpack_from("!II", data.ljust(12, b"\0"), 4)
        # An ICMP error may quote no more than eight bytes of what was a SYN.
        flags = data[13] if len(data) >= _TCP_FIXED else _SYN
        if flags & (_SYN | _ACK | _RST) == _SYN:
            return Kind.REQUEST, sequence
        return (Kind.REFUSAL if flags & _RST else Kind.OTHER_ANSWER), (acknowledged - 1) & 0xFFFFFFFF
    if number == _UDP and data[8:12] == _MAGIC:
        return Kind.REQUEST, int.from_bytes(data[12:16], "big")
    if number == _SCTP and len(data) >= _SCTP_TAG_END:
        if data[12] == _SCTP_INIT:
            return Kind.REQUEST, int.from_bytes(data[16:20], "big")
        kind = Kind.REFUSAL if data[12] == _SCTP_ABORT else Kind.OTHER_ANSWER
        return kind, int.from_bytes(data[4:8], "big")
    return None


def _decoded_icmp(number: int, source: str, destination: str, data: bytes) -> Observation | None:
    if data[0] in _ERROR_TYPES[number]:
        quoted = decoded(data[_ICMP_FIXED:])
        if quoted is None or quoted.kind is not Kind.REQUEST:
            return None
        reason = _ERRORS.get((number, data[0], data[1]), f"type-{data[0]}-code-{data[1]}")
        return Observation(Kind.ERROR, quoted.token, source, 0, destination, None, reason)
    if data[0] not in _ECHO[number] or data[8:12] != _MAGIC:
        return None
    kind = Kind.REQUEST if data[0] == _ECHO[number][0] else Kind.OTHER_ANSWER
    identifier = int.from_bytes(data[4:6], "big")
    return Observation(kind, int.from_bytes(data[12:16], "big"), source, identifier, destination, None)


@lru_cache(maxsize=65536)
def packed(address: str) -> bytes:
    """The bytes of an address."""
    return socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)


@lru_cache(maxsize=65536)
def unpacked(data: bytes) -> str:
    """The canonical text of an address."""
    return socket.inet_ntop(socket.AF_INET if len(data) == 4 else socket.AF_INET6, data)


def internet_checksum(data: bytes) -> int:
    """RFC 1071."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF


def crc32c(data: bytes) -> int:
    """The Castagnoli CRC of SCTP (RFC 9260, appendix A)."""
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _crc32c_table()[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@lru_cache(maxsize=1)
def _crc32c_table() -> tuple[int, ...]:
    table = []
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82F63B78 if crc & 1 else 0)
        table.append(crc)
    return tuple(table)
