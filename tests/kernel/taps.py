"""Where packets are put in and watched: the far ends of the node's cables, and its own protocol stack.

None of it depends on rules, on conntrack or on a listening socket, so it also sees what rules do not mention.
"""

from __future__ import annotations

import ctypes
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from tests.kernel.namespace import NetworkNamespace
from tests.kernel.packets import Observation, decoded, decoded_transport, unpacked

_ALL_PROTOCOLS = 0x0003
_FENCE_PROTOCOL = 0x88B5
"""An EtherType that IEEE 802 leaves to local experiments: no protocol stack takes it."""
_FENCE_FRAME = struct.Struct("!6s6sHI46x")
_FENCE_PATIENCE_SECONDS = 10.0
# Linux's numbers that Python has no names for.
_FORCE_RECEIVE_BUFFER = 33
_SOL_PACKET, _IGNORE_OUTGOING = 263, 23
_RECEIVE_BUFFER = 64 << 20
_LARGEST = 2048
_ETHERNET = 14
_NUMBERS = {
    socket.AF_INET: (socket.IPPROTO_TCP, socket.IPPROTO_UDP, 132, socket.IPPROTO_ICMP),
    socket.AF_INET6: (socket.IPPROTO_TCP, socket.IPPROTO_UDP, 132, socket.IPPROTO_ICMPV6),
}
_LIBC = ctypes.CDLL(None, use_errno=True)


def mac(text: str) -> bytes:
    """Read a MAC address."""
    return bytes.fromhex(text.replace(":", ""))


class Cable:
    """The far end of a veth pair: what is sent here arrives at the node, what the node sends is seen here."""

    def __init__(self, namespace: NetworkNamespace, interface: str, *, own_mac: str, node_mac: str) -> None:
        with namespace.entered():
            self._socket = _packet_socket(interface, _ALL_PROTOCOLS)
        self._header = {
            version: mac(node_mac) + mac(own_mac) + struct.pack("!H", protocol)
            for version, protocol in ((4, 0x0800), (6, 0x86DD))
        }

    def inject(self, data: bytes) -> None:
        """Let a packet, from its IP header on, arrive at the node."""
        self._socket.send(self._header[data[0] >> 4] + data)

    def inject_frame(self, frame: bytes) -> None:
        """Let an Ethernet frame arrive at the node."""
        self._socket.send(frame)

    def observed(self) -> Iterator[Observation]:
        """Take out what has been seen since the last call."""
        for frame in _received(self._socket):
            if frame[12:14] in {b"\x08\x00", b"\x86\xdd"}:
                observation = decoded(frame[_ETHERNET:])
                if observation is not None:
                    yield observation

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


class Stack:
    """The node's own protocol stack: sends with any source address, and sees all that is delivered locally.

    Raw sockets get a copy of each packet that has passed the input hook, whether or not anything listens.
    """

    def __init__(self, namespace: NetworkNamespace) -> None:
        self._receivers: list[tuple[socket.socket, int]] = []
        with namespace.entered():
            self._senders = {
                4: socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW),
                6: socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW),
            }
            for family, numbers in _NUMBERS.items():
                for number in numbers:
                    receiver = socket.socket(family, socket.SOCK_RAW | socket.SOCK_NONBLOCK, number)
                    receiver.setsockopt(socket.SOL_SOCKET, _FORCE_RECEIVE_BUFFER, _RECEIVE_BUFFER)
                    if family == socket.AF_INET6:
                        receiver.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_RECVPKTINFO, 1)
                    self._receivers.append((receiver, number))

    def send(self, data: bytes, destination: str, mark: int = 0) -> None:
        """Send a packet, from its IP header on, through the output hook; PermissionError when rules drop it."""
        sender = self._senders[data[0] >> 4]
        # As bytes, since Python takes numbers above 2**31 for too large.
        sender.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, struct.pack("=I", mark))
        sender.sendto(data, (destination, 0))

    def observed(self) -> Iterator[Observation]:
        """Take out what has been delivered locally since the last call."""
        for receiver, number in self._receivers:
            if receiver.family == socket.AF_INET:
                observations = (decoded(data) for data in _received(receiver))
            else:
                # IPv6 raw sockets leave out the IP header and tell its addresses apart from the data.
                observations = (
                    decoded_transport(number, source, destination, data)
                    for data, source, destination in _received_with_addresses(receiver)
                )
            yield from (observation for observation in observations if observation is not None)

    def close(self) -> None:
        """Close the sockets."""
        for sender in self._senders.values():
            sender.close()
        for receiver, _number in self._receivers:
            receiver.close()


class Fence:
    """Tells when all packets injected so far have been handled, however they ended.

    Whatever a virtual interface sends is put at the end of one queue per CPU, for all namespaces. A frame that comes
    out of the queue is therefore behind everything that was queued before it. What a packet causes (its forwarding, an
    ICMP error, a reset) is queued while the packet is handled, so each further frame is behind one generation more.
    """

    _GENERATIONS = 4
    """Arrival, local delivery over loopback, answer over loopback, and one to spare."""

    def __init__(self, cable: Cable, namespace: NetworkNamespace, interface: str) -> None:
        self._cable = cable
        with namespace.entered():
            self._socket = _packet_socket(interface, _FENCE_PROTOCOL)
        self._socket.settimeout(_FENCE_PATIENCE_SECONDS)
        self._count = 0

    @contextmanager
    def one_cpu(self) -> Iterator[None]:
        """Keep the calling thread on the CPU it is on, since order is kept per CPU only."""
        allowed = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {_LIBC.sched_getcpu()})
        try:
            yield
        finally:
            os.sched_setaffinity(0, allowed)

    def wait(self) -> None:
        """Return once everything this thread injected inside `one_cpu` is done; TimeoutError after ten seconds."""
        for _ in range(self._GENERATIONS):
            self._count = (self._count + 1) & 0xFFFFFFFF
            frame = _FENCE_FRAME.pack(b"\xff" * 6, b"\x02" + b"\0" * 5, _FENCE_PROTOCOL, self._count)
            self._cable.inject_frame(frame)
            while self._socket.recv(_LARGEST) != frame:
                pass

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def _packet_socket(interface: str, protocol: int) -> socket.socket:
    # Made for no protocol at first: else it would collect the frames of all interfaces until it is bound.
    opened = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    opened.setsockopt(socket.SOL_SOCKET, _FORCE_RECEIVE_BUFFER, _RECEIVE_BUFFER)
    opened.setsockopt(_SOL_PACKET, _IGNORE_OUTGOING, 1)
    opened.bind((interface, protocol))
    return opened


def _received(receiver: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            yield receiver.recv(_LARGEST, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return


def _received_with_addresses(receiver: socket.socket) -> Iterator[tuple[bytes, str, str]]:
    while True:
        try:
            data, ancillary, _flags, sender = receiver.recvmsg(_LARGEST, 64, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        information = next(value for _level, kind, value in ancillary if kind == socket.IPV6_PKTINFO)
        yield data, sender[0].split("%")[0], unpacked(information[:16])
