"""First packets and whole connections of pods to Services, through a node between two network namespaces."""

from __future__ import annotations

import ctypes
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from attrs import frozen

from bench.clusters import ENDPOINTS, POD_CIDR, cluster_ip, endpoint_address
from tests.kernel.conntrack import ConntrackTable
from tests.kernel.namespace import NetworkNamespace
from tests.kernel.packets import Packet, encoded
from tests.kernel.taps import Cable, Fence, mac
from tests.kernel.topology import FAR_INTERFACE, FAR_MACS, NODE_MACS, Topology

__all__ = ["Connection", "Frames", "Server", "Street", "connections", "connects"]

_CLIENT = "10.255.{}.{}"
"""Pods that are no endpoints: the last addresses of the pods' range."""
_CHUNK = 256
"""Frames between two fences, well below what the queue of a CPU holds."""
_PORT, _ENDPOINT_PORT = 80, 8080
_FIRST_SOURCE_PORT, _SOURCE_PORTS = 10_000, 50_000
_LISTEN = """
import socket
with socket.socket() as listening:
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
    listening.bind(("0.0.0.0", {port}))
    listening.listen(4096)
    print("listening", flush=True)
    while True:
        listening.accept()[0].close()
"""
_LIBC = ctypes.CDLL(None, use_errno=True)


@frozen
class Connection:
    """Who connects to which Service, or past it to its first endpoint."""

    client: str
    client_port: int
    service: int
    directly: bool = False

    @property
    def destination(self) -> tuple[str, int]:
        """Where the client sends to."""
        if self.directly:
            return endpoint_address(self.service, 0), _ENDPOINT_PORT
        return cluster_ip(self.service), _PORT

    def packet(self) -> Packet:
        """The first packet."""
        address, port = self.destination
        source, source_port = self.client, self.client_port
        return Packet(
            protocol="TCP", source=source, destination=address, destination_port=port, source_port=source_port
        )


def connections(count: int, services: Sequence[int], *, directly: bool) -> list[Connection]:
    """Connections to some of the Services, in an order that is the same each time; no two share a client's port."""
    made = []
    for number in range(count):
        client, port = divmod(number, _SOURCE_PORTS)
        address = _CLIENT.format(client // 250, client % 250 + 1)
        # Lest neighbours in memory follow each other.
        service = services[number * 2654435761 % 2**32 % len(services)]
        made.append(Connection(address, _FIRST_SOURCE_PORT + port, service, directly))
    return made


class _IoVector(ctypes.Structure):
    _fields_ = (("base", ctypes.c_void_p), ("length", ctypes.c_size_t))


class _Message(ctypes.Structure):
    """`struct mmsghdr`, with the padding behind the flags of its `struct msghdr`."""

    _fields_ = (
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.POINTER(_IoVector)),
        ("vector_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_uint64),
        ("sent", ctypes.c_uint32),
    )


class Frames:
    """First packets of connections as Ethernet frames, ready to be handed to the kernel in batches."""

    def __init__(self, offered: Sequence[Connection]) -> None:
        header = mac(NODE_MACS["pod"]) + mac(FAR_MACS["pod"]) + struct.pack("!H", 0x0800)
        self._data = [header + encoded(each.packet(), each.client_port, 1) for each in offered]
        self._vectors = (_IoVector * len(offered))()
        self._messages = (_Message * len(offered))()
        for number, data in enumerate(self._data):
            # The list keeps the bytes alive where they are.
            self._vectors[number] = _IoVector(ctypes.cast(ctypes.c_char_p(data), ctypes.c_void_p), len(data))
            self._messages[number].vectors = ctypes.pointer(self._vectors[number])
            self._messages[number].vector_count = 1

    def __len__(self) -> int:
        return len(self._data)

    def send(self, sender: socket.socket, start: int, end: int) -> None:
        """Hand over some of them; OSError if the kernel does not take all."""
        place = ctypes.byref(self._messages, start * ctypes.sizeof(_Message))
        sent = _LIBC.sendmmsg(sender.fileno(), place, end - start, 0)
        if sent != end - start:
            raise OSError(ctypes.get_errno(), f"sendmmsg took {sent} of {end - start} frames")


class Street:
    """A node whose pods all live in one other namespace; rules are loaded into `node`."""

    def __enter__(self) -> Self:
        """Set everything up."""
        with ExitStack() as resources:
            self._topology = Topology(
                {"outside": "eth0", "pod": "cni0"},
                {"outside": ["172.16.0.8"], "pod": ["10.255.255.254"]},
                [POD_CIDR],
                route_localnet=False,
            )
            resources.callback(self._topology.close)
            self.node, self.pods = self._topology.node, self._topology.far["pod"]
            with self.pods.entered():
                # Protocol 0: it sends only.
                self._sender = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                self._sender.bind((FAR_INTERFACE, 0))
            resources.callback(self._sender.close)
            far = self._topology.far["outside"]
            cable = Cable(far, FAR_INTERFACE, own_mac=FAR_MACS["outside"], node_mac=NODE_MACS["outside"])
            resources.callback(cable.close)
            self._fence = Fence(cable, self.node, "eth0")
            resources.callback(self._fence.close)
            with self.node.entered():
                self._conntrack = ConntrackTable()
            resources.callback(self._conntrack.close)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Take everything down."""
        self._resources.close()

    def answer(self, *, answering: bool) -> None:
        """Whether pods get what the node sends them, or it is only counted."""
        self._topology.set_answering(answering=answering)

    def forget(self) -> None:
        """Make all connections new ones once more."""
        self._conntrack.flush()

    def send(self, frames: Frames, count: int) -> tuple[float, float]:
        """Send so many of the frames; seconds on the clock, and seconds of the processor.

        Whatever a frame causes, up to its arrival at a pod, is done by the processor of whoever sends it, in his time.
        RuntimeError if not every frame gets to a pod.
        """
        before = _received(self.pods)
        with self._fence.one_cpu():
            self._fence.wait()
            start, processor_start = time.perf_counter(), time.thread_time()
            for first in range(0, count, _CHUNK):
                frames.send(self._sender, first, min(first + _CHUNK, count))
                self._fence.wait()
            seconds, processor = time.perf_counter() - start, time.thread_time() - processor_start
        arrived = _received(self.pods) - before
        if arrived < count:
            raise RuntimeError(f"{arrived} of {count} packets got to a pod")
        return seconds, processor

    def check_translations(self, offered: Sequence[Connection]) -> None:
        """RuntimeError unless each of these connections, just begun, goes to an endpoint of its Service."""
        wanted = {(each.client, each.client_port): each.service for each in offered}
        found = 0
        for each in self._conntrack.connections():
            service = wanted[each.original.source, each.original.source_port]
            endpoints = {endpoint_address(service, index) for index in range(ENDPOINTS)}
            answer = each.reply
            if answer.source not in endpoints or answer.source_port != _ENDPOINT_PORT:
                raise RuntimeError(f"a connection to Service {service} goes to {answer.source}:{answer.source_port}")
            if answer.destination != each.original.source:
                raise RuntimeError(f"a pod's connection is masqueraded as {answer.destination}")
            found += 1
        if found != len(wanted):
            raise RuntimeError(f"{found} of {len(wanted)} connections are tracked")


class Server:
    """A process of the pods that accepts connections to any of their addresses, and closes them."""

    def __init__(self, pods: NetworkNamespace) -> None:
        with pods.entered():
            program = _LISTEN.format(port=_ENDPOINT_PORT)
            self._process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline() != "listening\n":
            raise RuntimeError("the server does not listen")

    def close(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.communicate()


def connects(pods: NetworkNamespace, offered: Sequence[Connection]) -> tuple[float, float]:
    """Open and abort connections one after the other; seconds on the clock, and of the client's processor.

    The client's are those of all packets, of the server's answers, too: each is handled in the time of who caused it.
    """
    abort = struct.pack("ii", 1, 0)
    with pods.entered():
        start, processor_start = time.perf_counter(), time.thread_time()
        for each in offered:
            with socket.socket() as client:
                client.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort)
                client.settimeout(5)
                client.bind((each.client, each.client_port))
                client.connect(each.destination)
        return time.perf_counter() - start, time.thread_time() - processor_start


def _received(pods: NetworkNamespace) -> int:
    """How many IPv4 packets came to the pods' end of the cable."""
    with pods.entered():
        lines = Path("/proc/thread-self/net/dev").read_text().splitlines()
    return next(int(line.split()[2]) for line in lines if line.strip().startswith(f"{FAR_INTERFACE}:"))
