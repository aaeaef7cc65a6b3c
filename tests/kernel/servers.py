"""Real sockets: servers that tell who they are, and clients that ask them.

A question is any data; the answer is one line of JSON with both ends as the server sees them. A TCP server answers
each piece of data it receives, so a connection can be asked again later. Who serves may want to hear of datagrams.
"""

from __future__ import annotations

import json
import selectors
import socket
import struct
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress

from attrs import frozen

from tests.kernel.namespace import NetworkNamespace
from tests.kernel.packets import unpacked

Address = tuple[str, int]
Hear = Callable[[bytes, Address, Address], None]
"""Told of a question by datagram before it is answered: what was asked, by whose address, and who seems to ask."""

_KINDS = {"TCP": socket.SOCK_STREAM, "UDP": socket.SOCK_DGRAM}
_IPV6_TRANSPARENT = 75
_RECEIVE_ORIGINAL = {socket.AF_INET: (socket.SOL_IP, 20), socket.AF_INET6: (socket.IPPROTO_IPV6, 74)}
_EVERYTHING_PORT = 9
_ACCEPT_EVERYTHING = f"""
table inet everything {{
  chain prerouting {{
    type filter hook prerouting priority mangle
    meta l4proto {{ tcp, udp }} tproxy to :{_EVERYTHING_PORT}
  }}
}}
"""


@frozen
class Answer:
    """Who answered (`address`, `port`), and from where the question came in the answerer's eyes."""

    address: str
    port: int
    source_address: str
    source_port: int


class AnswerServer:
    """Answers on sockets of one namespace, from a thread of its own that lives until `close`."""

    def __init__(self, namespace: NetworkNamespace, hear: Hear | None = None) -> None:
        self._namespace = namespace
        self._hear = hear
        self._resources = ExitStack()
        self._selector = selectors.DefaultSelector()
        self._wake, self._woken = socket.socketpair()
        self._selector.register(self._woken, selectors.EVENT_READ)
        self._thread: threading.Thread | None = None
        self._failure: BaseException | None = None

    def listen(self, address: str, port: int, protocol: str, *, transparent: bool = False) -> None:
        """Open a socket; `transparent` ones take and keep destinations that no interface owns."""
        with self._namespace.entered():
            opened = _socket(address, protocol, transparent=transparent)
        self._resources.callback(opened.close)
        if opened.family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        opened.bind((address, port))
        if protocol == "UDP":
            opened.setsockopt(*_RECEIVE_ORIGINAL[opened.family], 1)
        else:
            opened.listen(128)
        opened.setblocking(False)
        self._selector.register(opened, selectors.EVENT_READ, protocol)

    def start(self) -> None:
        """Begin to answer."""
        with self._namespace.entered():
            # A thread stays in the namespace of the thread that starts it.
            self._thread = threading.Thread(target=self._serve, name="answers", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """Stop, and raise what the thread died of, if it did."""
        self._wake.send(b"x")
        if self._thread is not None:
            self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._wake.close()
        self._resources.close()
        if self._failure is not None:
            raise self._failure

    def _serve(self) -> None:
        try:
            while True:
                for key, _events in self._selector.select():
                    if key.fileobj is self._woken:
                        return
                    self._handle(key)
        except Exception as error:  # noqa: BLE001 - raised by close, in the thread of the test
            self._failure = error

    def _handle(self, key: selectors.SelectorKey) -> None:
        ready = key.fileobj
        if not isinstance(ready, socket.socket):
            raise TypeError(ready)
        if key.data == "TCP":
            connection, _peer = ready.accept()
            self._selector.register(connection, selectors.EVENT_READ, "connection")
        elif key.data == "UDP":
            self._answer_datagram(ready)
        else:
            self._answer_connection(ready)

    def _answer_connection(self, connection: socket.socket) -> None:
        # The client may be gone at any time.
        with suppress(ConnectionError):
            if connection.recv(4096):
                connection.send(_answer(connection.getsockname(), connection.getpeername()))
                return
        self._selector.unregister(connection)
        connection.close()

    def _answer_datagram(self, receiver: socket.socket) -> None:
        data, ancillary, _flags, peer = receiver.recvmsg(4096, 128)
        own = _original_destination(next(value for _level, _kind, value in ancillary))
        if self._hear is not None:
            self._hear(data, own, peer[:2])
        with _socket(own[0], "UDP", transparent=True) as sender:
            sender.bind(own)
            sender.sendto(_answer(own, peer), peer)


class Conversation:
    """A client's connected TCP or UDP socket.

    A source address may be any; without one the kernel chooses, as for most programs.
    """

    def __init__(
        self, namespace: NetworkNamespace, local: tuple[str | None, int], remote: Address, protocol: str, timeout: float
    ) -> None:
        with namespace.entered():
            self._socket = _socket(remote[0], protocol, transparent=local[0] is not None)
        try:
            self._socket.settimeout(timeout)
            self._socket.bind((local[0] or ("::" if ":" in remote[0] else "0.0.0.0"), local[1]))
            self._socket.connect(remote)
        except BaseException:
            self._socket.close()
            raise

    def ask(self, question: bytes = b"?") -> Answer:
        """Ask who is there; ConnectionRefusedError, ConnectionResetError or TimeoutError if nobody is."""
        # A rule that stops a UDP sender of the same namespace fails the sending. Waiting on tells refusal from silence.
        with suppress(PermissionError):
            self._socket.send(question)
        return self.wait()

    def wait(self) -> Answer:
        """Wait for the answer to what was asked, for as long again; errors as of `ask`."""
        data = self._socket.recv(4096)
        if not data:
            raise ConnectionResetError("the other end closed the connection")
        return Answer(*json.loads(data))

    @property
    def source(self) -> Address:
        """The client's own address and port."""
        address, port = self._socket.getsockname()[:2]
        return address, port

    def close(self) -> None:
        """Close the socket."""
        self._socket.close()


def serve_everything(namespace: NetworkNamespace, hear: Hear | None = None) -> AnswerServer:
    """Answer on every address and port of TCP and UDP that arrives in the namespace from outside of it."""
    result = namespace.run("nft", "-f", "-", text=_ACCEPT_EVERYTHING)
    if result.returncode != 0:
        raise RuntimeError(result.stderr)
    server = AnswerServer(namespace, hear)
    for address in ("0.0.0.0", "::"):
        for protocol in _KINDS:
            server.listen(address, _EVERYTHING_PORT, protocol, transparent=True)
    server.start()
    return server


def _socket(address: str, protocol: str, *, transparent: bool) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    opened = socket.socket(family, _KINDS[protocol])
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if transparent and family == socket.AF_INET6:
        opened.setsockopt(socket.IPPROTO_IPV6, _IPV6_TRANSPARENT, 1)
    elif transparent:
        opened.setsockopt(socket.SOL_IP, socket.IP_TRANSPARENT, 1)
    return opened


def _original_destination(data: bytes) -> Address:
    family = struct.unpack_from("=H", data)[0]
    port = int.from_bytes(data[2:4], "big")
    return unpacked(data[4:8] if family == socket.AF_INET else data[8:24]), port


def _answer(own: tuple[str, int], peer: tuple[str, int]) -> bytes:
    return json.dumps([*own[:2], *peer[:2]]).encode() + b"\n"
