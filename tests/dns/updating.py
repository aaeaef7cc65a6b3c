"""Servers that take updates, clients of theirs, and what may happen to a connection between the two."""

from __future__ import annotations

import base64
import contextlib
import select
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.update
from attrs import define, evolve, field

from svcc.dns.contract import DnsRecords, DnsSettings, DnsZone, Record
from svcc.dns.nameserver import NameServer
from svcc.dns.push import PushReport, push
from svcc.dns.records import dns_records
from svcc.dns.tsig_key import TsigKey
from svcc.manifest.load import load
from svcc.model.service import Service, ServicePort
from tests.cli.command import ROOT
from tests.dns.servers import SERVERS, Server, listed, wait_until_served
from tests.dns.servers import TsigKey as SharedKey

KINDS = sorted(SERVERS)
KEY = SharedKey()
ZONE = "cluster.local."
REVERSE_ZONE = "96.10.in-addr.arpa."
UPDATE = 5  # the opcode (RFC 2136)
PASS, REFUSE_BEFORE, LOSE_ANSWER = "pass", "close before the server sees it", "lose the answer"


def shop() -> DnsRecords:
    return dns_records(load([str(ROOT / "examples" / "shop")]))


def declared(count: int, *, settings: DnsSettings | None = None) -> DnsRecords:
    """The records of so many Services with a named port, in ten namespaces."""
    services = [
        Service(
            f"web-{index}",
            f"team-{index % 10}",
            cluster_ips=[f"10.96.{index // 250}.{index % 250 + 1}"],
            ports=[ServicePort(80, "http")],
        )
        for index in range(count)
    ]
    return dns_records(services, settings)


def emptied(zones: Sequence[DnsZone]) -> list[DnsZone]:
    return [evolve(zone, records=()) for zone in zones]


@contextlib.contextmanager
def updatable(kind: str, folder: Path, zones: Sequence[DnsZone]) -> Iterator[Server]:
    """A server that has these zones and takes updates that `KEY` signs."""
    with SERVERS[kind](folder, zones, key=KEY) as server:
        yield server


def client(server: Server, key: SharedKey = KEY, *, port: int | None = None, seconds: float = 20) -> NameServer:
    signing = TsigKey(key.name, key.algorithm, base64.b64decode(key.secret))
    return NameServer(server.address, port or server.port, signing, seconds)


def pushed(
    records: DnsRecords,
    server: NameServer,
    *,
    dry_run: bool = False,
    delete_foreign: bool = False,
    single_message: bool = False,
) -> PushReport:
    return push(
        records.zones,
        server,
        cluster_zone=records.zones[0].name,
        dry_run=dry_run,
        delete_foreign=delete_foreign,
        single_message=single_message,
    )


def expected(zone: DnsZone) -> set[tuple[str, int, str]]:
    """The records of a zone in the form of `listed`, without its SOA, whose serial is the server's."""
    records = [*zone.authority, *zone.records]
    return {(record.name, record.ttl, f"{record.type} {record.data}") for record in records if record.type != "SOA"}


def served(server: Server, zone: str) -> set[tuple[str, int, str]]:
    return {item for item in listed(server.transfer(zone)) if not item[2].startswith("SOA ")}


def serial(server: Server, zone: str) -> int:
    return int(server.transfer(zone).get_soa().serial)


def by_hand(server: Server, zone: str, *records: Record) -> None:
    """Add records as somebody else does."""
    update = dns.update.UpdateMessage(zone, keyring=KEY.of_dnspython)
    for record in records:
        update.add(record.name, record.ttl, record.type, record.data)
    answer = dns.query.tcp(update, server.address, timeout=20, port=server.port)
    assert answer.rcode() == dns.rcode.NOERROR


@contextlib.contextmanager
def restarted(server: Server, *, replacing: dict[str, str] | None = None) -> Iterator[Server]:
    """The same server again, on the same port and files, after its process was killed; its configuration may differ."""
    server.process.kill()
    server.process.wait()
    configuration = server.folder / "configuration"
    text = configuration.read_text()
    for old, new in (replacing or {}).items():
        assert old in text
        text = text.replace(old, new)
    configuration.write_text(text)
    with (server.folder / "log").open("ab") as log:
        process = subprocess.Popen(server.process.args, stdout=log, stderr=log, cwd=server.folder)
    again = evolve(server, process=process)
    try:
        wait_until_served(again)
        yield again
    finally:
        process.kill()
        process.wait()


@define
class Way:
    """A connection to a server on which updates may get lost; `decide` gets the number of each, from 1 on."""

    server: Server
    decide: Callable[[int], str]
    updates: int = 0
    listener: socket.socket = field(factory=lambda: socket.create_server(("127.0.0.1", 0)))

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def run(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                with near, contextlib.suppress(OSError, EOFError):
                    self._exchange(near)

    def _exchange(self, near: socket.socket) -> None:
        near.settimeout(20)
        length = _read(near, 2)
        frame = _read(near, int.from_bytes(length))
        action = PASS
        if frame[2] >> 3 & 15 == UPDATE:
            self.updates += 1
            action = self.decide(self.updates)
        if action == REFUSE_BEFORE:
            return
        with socket.create_connection((self.server.address, self.server.port), 20) as far:
            far.sendall(length + frame)
            if action == LOSE_ANSWER:
                _read(far, 2)
                return
            while True:
                ready, _, _ = select.select([near, far], [], [], 20)
                for end in ready:
                    data = end.recv(1 << 16)
                    if not data:
                        return
                    (far if end is near else near).sendall(data)


def _read(connection: socket.socket, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = connection.recv(length - len(data))
        if not more:
            raise EOFError
        data += more
    return data


@contextlib.contextmanager
def way(server: Server, decide: Callable[[int], str] = lambda _number: PASS) -> Iterator[Way]:
    """A way to the server that is open until the end of the block."""
    found = Way(server, decide)
    thread = threading.Thread(target=found.run, daemon=True)
    thread.start()
    try:
        yield found
    finally:
        found.listener.shutdown(socket.SHUT_RDWR)
        found.listener.close()
        thread.join()
