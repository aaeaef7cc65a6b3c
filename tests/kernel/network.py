"""A node of a cluster in network namespaces of its own, to load rules into and to send packets through.

::

    with Node() as node:
        node.load(ruleset)
        outcome = node.send(Packet(protocol="TCP", source="203.0.113.7", destination="10.96.0.1", destination_port=80))
"""

from __future__ import annotations

import errno
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Self, TypeVar

from svcc.apply.nft import Nft, open_nft
from tests.kernel.conntrack import ConntrackTable, TrackedConnection
from tests.kernel.fates import Fate
from tests.kernel.nft_versions import SYSTEM, Program
from tests.kernel.outcomes import Outcome, Place
from tests.kernel.packets import Entry, Observation, Packet, encoded
from tests.kernel.servers import Answer, AnswerServer, Conversation, serve_everything
from tests.kernel.taps import Cable, Fence, Stack
from tests.kernel.topology import FAR_INTERFACE, FAR_MACS, NODE_MACS, SIDES, Side, Topology

_Result = TypeVar("_Result")

_CHUNK = 256
"""Packets between two fences: well below the 1000 packets that the queue of a CPU holds."""
_FIRST_PORT, _LAST_PORT = 20000, 60999
_MOST_CONNECTIONS = 100_000
"""Connections after which conntrack is flushed: less than half of what the kernel tracks by default."""


class NftError(RuntimeError):
    """The nft program refused a script or a command, or crashed; the message is nft's own and says how it ended."""


class Node:
    """A node with an interface to the outside, one to its pods, routes to both, and nothing that filters.

    `addresses` are the node's own, on the outside interface; `pod_addresses` are those on the pod interface, which is
    what traffic to pods is masqueraded to. At most one of each family; a family may be missing. `pod_prefixes` are
    routed to the pod interface, all else to the outside. `route_localnet` is the kernel's parameter, IPv4 only.
    """

    def __init__(
        self,
        addresses: Sequence[str] = ("192.168.0.10", "fd00:1::10"),
        *,
        pod_addresses: Sequence[str] = ("10.244.0.1", "fd00:10:244::1"),
        pod_prefixes: Sequence[str] = ("10.244.0.0/16", "fd00:10:244::/48"),
        outside_interface: str = "eth0",
        pod_interface: str = "cni0",
        route_localnet: bool = False,
    ) -> None:
        self.addresses = tuple(addresses)
        self.pod_addresses = tuple(pod_addresses)
        self.pod_prefixes = tuple(pod_prefixes)
        self.outside_interface = outside_interface
        self.pod_interface = pod_interface
        self._route_localnet = route_localnet
        self._servers: ExitStack | None = None
        self._session: Nft | None = None
        self._used: set[tuple[str, str, int]] = set()
        self._next_port = _FIRST_PORT
        # Nodes start with different tokens, lest one takes another's late packet for its own.
        self._token = secrets.randbits(32)

    def __enter__(self) -> Self:
        """Set everything up."""
        with ExitStack() as resources:
            self._topology = Topology(
                {"outside": self.outside_interface, "pod": self.pod_interface},
                {"outside": self.addresses, "pod": self.pod_addresses},
                self.pod_prefixes,
                route_localnet=self._route_localnet,
            )
            resources.callback(self._topology.close)
            namespace = self._topology.node
            self._cables: dict[Side, Cable] = {}
            for side in SIDES:
                self._cables[side] = Cable(
                    self._topology.far[side], FAR_INTERFACE, own_mac=FAR_MACS[side], node_mac=NODE_MACS[side]
                )
                resources.callback(self._cables[side].close)
            self._stack = Stack(namespace)
            resources.callback(self._stack.close)
            self._fence = Fence(self._cables["pod"], namespace, self.pod_interface)
            resources.callback(self._fence.close)
            self._conntrack = self.run(ConntrackTable)
            resources.callback(self._conntrack.close)
            self._resources = resources.pop_all()
        return self

    def __exit__(self, *_exception: object) -> None:
        """Take everything down."""
        if self._servers is not None:
            self._servers.close()
        if self._session is not None:
            self._session.close()
        self._resources.close()

    def run(self, call: Callable[[], _Result]) -> _Result:
        """Call something with the calling thread inside the node's namespace."""
        with self._topology.node.entered():
            return call()

    def load(self, script: str, nft: Program = SYSTEM) -> None:
        """Load a script with `nft -f -`; `NftError` when nft refuses it."""
        self._nft(nft, ("-f", "-"), script)

    def nft(self, *arguments: str, nft: Program = SYSTEM) -> str:
        """Run nft with arguments inside the node and return what it prints; `NftError` when it fails."""
        return self._nft(nft, arguments, None)

    def flush_sets(self, sets: Iterable[tuple[str, str, str]]) -> None:
        """Empty sets (family, table, name) in one transaction, hundreds of times a second.

        With the library where there is one: a process for each time would take longer than all packets sent between.
        """
        if self._session is None:
            self._session = self.run(open_nft)
        session, script = self._session, "".join(f"flush set {' '.join(each)}\n" for each in sets)
        self.run(lambda: session.run(script))

    def _nft(self, nft: Program, arguments: tuple[str, ...], text: str | None) -> str:
        result = self._topology.node.run(*nft.command, *arguments, text=text)
        if result.returncode != 0:
            ending = f"signal {-result.returncode}" if result.returncode < 0 else f"status {result.returncode}"
            raise NftError(f"nft {nft.version_text} ended with {ending}: {result.stderr.strip()}")
        return result.stdout

    def reset(self) -> None:
        """Remove all rules and forget all connections, to use the node once more; addresses stay."""
        self.nft("flush", "ruleset")
        self.conntrack_flush()

    def address_add(self, address: str, interface: str | None = None) -> None:
        """Give the node an address; on the outside interface if none is named."""
        self._topology.add_address(address, interface or self.outside_interface)

    def address_del(self, address: str, interface: str | None = None) -> None:
        """Take an address away again."""
        self._topology.delete_address(address, interface or self.outside_interface)

    def conntrack_flush(self) -> None:
        """Forget all connections of the node."""
        self._conntrack.flush()
        self._used.clear()

    def connections(self) -> list[TrackedConnection]:
        """List what conntrack holds; empty as long as no rule makes the kernel track anything."""
        return self._conntrack.connections()

    def send(self, packet: Packet, *, fresh: bool = True) -> Outcome:
        """Send one packet and tell what became of it (`send_many`)."""
        return self.send_many([packet], fresh=fresh)[0]

    def send_many(self, packets: Iterable[Packet], *, fresh: bool = True) -> list[Outcome]:
        """Send packets in order and tell what became of each.

        Each is the first packet of a new connection: before a (protocol, source, source port) is used again, conntrack
        is flushed (sets and maps of the rules are not). With `fresh` False it never is, and a packet may belong to a
        connection that an earlier one opened. Nothing here waits for silence: that a packet is gone is known as soon
        as a frame sent after it has been handled.
        """
        self._topology.set_answering(answering=False)
        outcomes: list[Outcome] = []
        chunk: list[Fate] = []
        for packet in packets:
            key, port = self._unused(packet)
            exhausted = key in self._used or len(self._used) >= _MOST_CONNECTIONS
            if len(chunk) >= _CHUNK or (fresh and exhausted):
                outcomes += self._exchange(chunk)
                chunk = []
            if fresh and exhausted:
                self.conntrack_flush()
            self._used.add(key)
            chunk.append(Fate(packet, port))
        return outcomes + self._exchange(chunk)

    def _unused(self, packet: Packet) -> tuple[tuple[str, str, int], int]:
        if packet.source_port is not None:
            return (packet.protocol, packet.source, packet.source_port), packet.source_port
        port = self._next_port
        self._next_port = port + 1 if port < _LAST_PORT else _FIRST_PORT
        return (packet.protocol, packet.source, port), port

    def _exchange(self, chunk: list[Fate]) -> list[Outcome]:
        """Send what does not share a connection, and look where it came out."""
        if not chunk:
            return []
        pending: dict[int, Fate] = {}
        with self._fence.one_cpu():
            for _ in self._observed():
                pass
            for fate in chunk:
                # Zero is no valid initiate tag of SCTP.
                self._token = self._token % 0xFFFFFFFF + 1
                pending[self._token] = fate
                self._put_in(fate, self._token)
            self._fence.wait()
            for place, observation in self._observed():
                if observation.token in pending:
                    pending[observation.token].note(place, observation)
        return [fate.outcome() for fate in pending.values()]

    def _put_in(self, fate: Fate, token: int) -> None:
        packet = fate.packet
        data = encoded(packet, fate.source_port, token)
        if packet.entry != "output":
            self._cables[packet.entry].inject(data)
            return
        try:
            self._stack.send(data, packet.destination, packet.mark)
        except OSError as error:
            # Anything else means that the packet never got as far as the rules.
            if error.errno != errno.EPERM:
                raise
            fate.send_error = "EPERM"

    def _observed(self) -> Iterator[tuple[Place, Observation]]:
        for side, cable in self._cables.items():
            for observation in cable.observed():
                yield side, observation
        for observation in self._stack.observed():
            yield "local", observation

    @contextmanager
    def conversation(
        self,
        destination: str,
        port: int,
        *,
        source: str | None = None,
        source_port: int = 0,
        entry: Entry = "outside",
        protocol: str = "TCP",
        timeout: float = 1.5,
    ) -> Iterator[Conversation]:
        """Open a real TCP or UDP connection, to be asked who answers, more than once if wanted.

        `source` may be any address, and must be given unless the node itself connects (entry ``output``).
        ConnectionRefusedError or TimeoutError (after `timeout` seconds) when nobody is reached. Refusing IPv6 TCP takes
        a second: the first ICMPv6 error is back while the connecting call still holds the socket, and the kernel
        ignores it then, so it is the retransmitted SYN that gets refused.
        """
        if source is None and entry != "output":
            raise ValueError("who connects? only the node itself can leave the source to its kernel")
        self._answer_everywhere()
        self._topology.set_answering(answering=True)
        namespace = self._topology.node if entry == "output" else self._topology.far[entry]
        opened = Conversation(namespace, (source, source_port), (destination, port), protocol, timeout)
        try:
            yield opened
        finally:
            opened.close()

    def connect(
        self,
        destination: str,
        port: int,
        *,
        source: str | None = None,
        source_port: int = 0,
        entry: Entry = "outside",
        protocol: str = "TCP",
        timeout: float = 1.5,
    ) -> Answer:
        """Connect, ask who answers, and close (`conversation`)."""
        with self.conversation(
            destination, port, source=source, source_port=source_port, entry=entry, protocol=protocol, timeout=timeout
        ) as opened:
            return opened.ask()

    @contextmanager
    def listening(self, address: str, port: int, protocol: str = "TCP") -> Iterator[None]:
        """Let a process of the node itself (a pod in the host's network) answer at an address and port."""
        server = AnswerServer(self._topology.node)
        try:
            server.listen(address, port, protocol)
            server.start()
            yield
        finally:
            server.close()

    def _answer_everywhere(self) -> None:
        if self._servers is None:
            with ExitStack() as servers:
                for namespace in self._topology.far.values():
                    servers.callback(serve_everything(namespace).close)
                self._servers = servers.pop_all()
