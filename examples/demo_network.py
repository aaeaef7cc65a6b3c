"""A worker node, its pods and the world outside, made of throw-away network namespaces.

::

    shoppers --- [ worker-1 ] --- outside          shoppers: pods that ask, each with an address of its own
                      |                            pods:     all endpoints of the manifests, those of worker-2 too
                     pods

Nothing of it has a name in the system: the kernel removes a namespace once nobody holds it, so it all vanishes with
this process, however that ends.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import selectors
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

_CLONE_NEWNET = 0x40000000
_OWN_NAMESPACE = "/proc/thread-self/ns/net"
_IP_PKTINFO = 8  # linux/in.h; Python has no name for it before 3.12
_LIBC = ctypes.CDLL(None, use_errno=True)
_EVERYWHERE = {4: "0.0.0.0/0", 6: "::/0"}
_PATIENCE_SECONDS = 5.0

Sockets = tuple[str, int]


class Namespace:
    """A network namespace, held by a descriptor; a thread is in it only inside `entered`."""

    def __init__(self) -> None:
        with _coming_back():
            _checked(_LIBC.unshare(_CLONE_NEWNET), "unshare")
            self._descriptor = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
            for name, value in (
                ("ipv4/conf/all/rp_filter", 0),
                ("ipv4/conf/default/rp_filter", 0),
                ("ipv6/conf/all/disable_ipv6", 0),
                ("ipv6/conf/default/disable_ipv6", 0),
            ):
                Path("/proc/sys/net", name).write_text(str(value))

    @property
    def path(self) -> str:
        """Where `ip link ... netns` finds it."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Put the calling thread, and what it starts, into the namespace."""
        with _coming_back():
            _checked(_LIBC.setns(self._descriptor, _CLONE_NEWNET), "setns")
            yield

    def run(self, *command: str, text: str) -> None:
        """Give a program `text` to read; RuntimeError if it fails."""
        with self.entered():
            result = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if result.returncode != 0:
            raise RuntimeError(f"{' '.join(command)} failed: {result.stderr.strip()}")

    def ip(self, *lines: str) -> None:
        """Run lines of `ip`."""
        self.run("ip", "-batch", "-", text="\n".join(lines) + "\n")


class Network:
    """The four namespaces, cabled, addressed and routed, with servers on all endpoints."""

    def __init__(
        self,
        node_addresses: Iterable[str],
        shoppers: Iterable[str],
        visitors: Iterable[str],
        endpoints: Iterable[Sockets],
    ) -> None:
        listening = sorted(set(endpoints))
        inhabitants = {
            "shoppers": sorted(shoppers),
            "pods": sorted({address for address, _ in listening}),
            "outside": sorted(visitors),
        }
        self.node = Namespace()
        self.namespaces = {name: Namespace() for name in inhabitants}
        with self.node.entered():
            for name in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"):
                Path("/proc/sys/net", name).write_text("1")
        self.node.ip("link set lo up")
        for name, addresses in inhabitants.items():
            self._connect(name, addresses)
        own = {_version(address): address for address in node_addresses}
        self.node.ip(
            *(f"address add {_host(address)} dev outside" for address in own.values()),
            *(f"route add {_EVERYWHERE[version]} dev outside src {address}" for version, address in own.items()),
        )
        self._server = Server(self.namespaces["pods"], {port for _, port in listening})
        for address in inhabitants["pods"]:
            self._wait_for(inhabitants["shoppers"], next(item for item in listening if item[0] == address))

    def close(self) -> None:
        """Stop the servers."""
        self._server.close()

    def load(self, ruleset: str) -> float:
        """Load a ruleset into the node and return how many seconds it took."""
        started = time.monotonic()
        self.node.run("nft", "-f", "-", text=ruleset)
        return time.monotonic() - started

    def _connect(self, name: str, addresses: list[str]) -> None:
        """A cable to the node, whose end there is called as the namespace; everything is one hop away."""
        far = self.namespaces[name]
        self.node.ip(
            f"link add {name} type veth peer name eth0 netns {far.path}",
            f"link set {name} up",
            f"address add 169.254.1.1/32 scope link dev {name}",
            f"address add fe80::1/64 nodad dev {name}",
            *(f"route add {_host(address, length_only=True)} dev {name}" for address in addresses),
        )
        far.ip(
            "link set lo up",
            "link set eth0 up",
            *(f"address add {_host(address)} dev eth0" for address in addresses),
            "route add default via 169.254.1.1 dev eth0 onlink",
            "route add default via fe80::1 dev eth0",
        )

    def _wait_for(self, sources: Iterable[str], endpoint: Sockets) -> None:
        """Wait until an endpoint answers without any Service: interfaces start in the background."""
        source = next(source for source in sources if _version(source) == _version(endpoint[0]))
        deadline = time.monotonic() + _PATIENCE_SECONDS
        while True:
            try:
                with Conversation(self.namespaces["shoppers"], source, endpoint, "TCP", timeout=0.2) as conversation:
                    conversation.ask()
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
            else:
                return


@dataclass(frozen=True)
class Answer:
    """Who answered, and whom it took for the client."""

    server: str
    client: str


class Conversation:
    """A TCP connection or UDP socket; entering it connects, OSError says why that is impossible."""

    def __init__(self, namespace: Namespace, source: str, target: Sockets, protocol: str, *, timeout: float) -> None:
        family = socket.AF_INET6 if _version(target[0]) == 6 else socket.AF_INET
        with namespace.entered():
            self._socket = socket.socket(family, socket.SOCK_DGRAM if protocol == "UDP" else socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            self._socket.bind((source, 0))
            self._socket.connect(target)
        except BaseException:
            self._socket.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def ask(self) -> Answer:
        """Ask who is there; OSError if nobody answers."""
        self._socket.send(b"who is there?")
        answer = self._socket.recv(1024)
        if not answer:
            raise ConnectionResetError("the connection was closed")
        return Answer(*json.loads(answer))


class Server:
    """Answers on some ports of every address of a namespace, TCP and UDP, from a thread of its own."""

    def __init__(self, namespace: Namespace, ports: Iterable[int]) -> None:
        self._selector = selectors.DefaultSelector()
        self._stop, stopped = socket.socketpair()
        self._selector.register(stopped, selectors.EVENT_READ, lambda _: None)
        self._stopped = stopped
        with namespace.entered():
            for port in ports:
                listener = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
                self._selector.register(listener, selectors.EVENT_READ, self._accept)
                receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
                receiver.setsockopt(socket.IPPROTO_IP, _IP_PKTINFO, 1)
                receiver.bind(("0.0.0.0", port))
                self._selector.register(receiver, selectors.EVENT_READ, _answer_datagram)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop answering and close all sockets."""
        self._stop.send(b"!")
        self._thread.join()
        for key in list(self._selector.get_map().values()):
            if isinstance(key.fileobj, socket.socket):
                key.fileobj.close()
        self._selector.close()
        self._stop.close()

    def _serve(self) -> None:
        while True:
            for key, _ in self._selector.select():
                if key.fileobj is self._stopped:
                    return
                key.data(key.fileobj)

    def _accept(self, listener: socket.socket) -> None:
        connection, _ = listener.accept()
        self._selector.register(connection, selectors.EVENT_READ, self._answer)

    def _answer(self, connection: socket.socket) -> None:
        with contextlib.suppress(ConnectionError):
            if connection.recv(1024):
                connection.send(_told(connection.getsockname()[0], connection.getpeername()[0]))
                return
        self._selector.unregister(connection)
        connection.close()


def obstacle() -> str | None:
    """What is missing for a network of namespaces here; None if nothing is."""
    missing = [program for program in ("nft", "ip") if shutil.which(program) is None]
    if missing:
        return f"not found in PATH: {' and '.join(missing)} (packages nftables and iproute2)"
    try:
        namespace = Namespace()
    except OSError as error:
        return f"it takes root or user namespaces to make and configure network namespaces ({error})"
    for command in (("nft", "-f", "-"), ("ip", "-batch", "-")):
        text = "add table inet probe\n" if command[0] == "nft" else "link add probe type veth peer name eborp\n"
        try:
            namespace.run(*command, text=text)
        except RuntimeError as error:
            return str(error)
    return None


def _answer_datagram(receiver: socket.socket) -> None:
    _, ancillary, _, client = receiver.recvmsg(1024, 128)
    interface_and_addresses = ancillary[0][2]
    own = socket.inet_ntoa(interface_and_addresses[8:12])
    # The answer leaves from the address that was asked, whatever other addresses the interface has.
    information = bytes(4) + interface_and_addresses[8:12] + bytes(4)
    receiver.sendmsg([_told(own, client[0])], [(socket.IPPROTO_IP, _IP_PKTINFO, information)], 0, client)


def _told(server: str, client: str) -> bytes:
    return json.dumps([server.removeprefix("::ffff:"), client.removeprefix("::ffff:")]).encode()


def _version(address: str) -> int:
    return 6 if ":" in address else 4


def _host(address: str, *, length_only: bool = False) -> str:
    if _version(address) == 4:
        return f"{address}/32"
    return f"{address}/128" if length_only else f"{address}/128 nodad"


@contextlib.contextmanager
def _coming_back() -> Iterator[None]:
    home = os.open(_OWN_NAMESPACE, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        # Whoever may not leave may not come back either, and did not go.
        if not os.path.samestat(os.fstat(home), Path(_OWN_NAMESPACE).stat()):
            _checked(_LIBC.setns(home, _CLONE_NEWNET), "setns")
        os.close(home)


def _checked(status: int, call: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
