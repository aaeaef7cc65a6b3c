"""Name servers that people run, BIND and Knot, started on loopback with generated zones, without any privilege."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import dns.tsig
import dns.zone
import pytest
from attrs import frozen

from svcc.dns.contract import DnsZone
from svcc.dns.zone import zone_lines

__all__ = ["SERVERS", "Server", "TsigKey", "bind", "knot", "listed", "wait_until_served"]

ADDRESS = "127.0.0.1"
START_SECONDS = 30
ANSWER_SECONDS = 10


@frozen
class TsigKey:
    """A shared secret (RFC 8945) in base64; who holds a server's may update, and only they may transfer."""

    name: str = "update."
    secret: str = base64.b64encode(b"what the tests share with a server").decode()
    algorithm: str = "hmac-sha256"

    @property
    def of_dnspython(self) -> dns.tsig.Key:
        return dns.tsig.Key(self.name, self.secret, self.algorithm)


@frozen
class Server:
    """A server that runs: where it listens, and its files; `process` may be killed to see what happens then."""

    program: str
    port: int
    folder: Path
    process: subprocess.Popen[bytes]
    key: TsigKey | None = None
    address: str = ADDRESS
    zones: tuple[str, ...] = ()

    def ask(self, name: str, record_type: str) -> dns.message.Message:
        """The answer to one question, over TCP if it does not fit into a datagram."""
        question = dns.message.make_query(name, record_type, flags=dns.flags.Flag(0))
        answer, _over_tcp = dns.query.udp_with_fallback(question, self.address, ANSWER_SECONDS, self.port)
        return answer

    def transfer(self, zone: str) -> dns.zone.Zone:
        """The whole zone by AXFR (RFC 5936), its names absolute."""
        found = dns.zone.Zone(zone, relativize=False)
        key = self.key.of_dnspython if self.key else None
        question = dns.message.make_query(zone, "AXFR")
        if key:
            question.use_tsig(key)
        dns.query.inbound_xfr(self.address, found, question, port=self.port, timeout=ANSWER_SECONDS)
        return found

    def log(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def listed(zone: dns.zone.Zone) -> set[tuple[str, int, str]]:
    """The records of a zone: name, time to live, type and data."""
    return {
        (name.to_text(), ttl, f"{dns.rdatatype.to_text(data.rdtype)} {data.to_text()}")
        for name, ttl, data in zone.iterate_rdatas()
    }


@contextlib.contextmanager
def bind(folder: Path, zones: Sequence[DnsZone], *, key: TsigKey | None = None) -> Iterator[Server]:
    """BIND's named with these zones; a server with a key takes updates signed by it."""
    with _running("named", "bind9", folder, zones, key, _bind_configuration, ["-g", "-n", "1", "-c"]) as server:
        yield server


@contextlib.contextmanager
def knot(folder: Path, zones: Sequence[DnsZone], *, key: TsigKey | None = None) -> Iterator[Server]:
    """Knot DNS with these zones; a server with a key takes updates signed by it."""
    with _running("knotd", "knot", folder, zones, key, _knot_configuration, ["-c"]) as server:
        yield server


SERVERS: dict[str, Callable[..., contextlib.AbstractContextManager[Server]]] = {"bind": bind, "knot": knot}


@contextlib.contextmanager
def _running(
    program: str,
    package: str,
    folder: Path,
    zones: Sequence[DnsZone],
    key: TsigKey | None,
    configuration: Callable[[Path, int, Sequence[DnsZone], TsigKey | None], str],
    arguments: list[str],
) -> Iterator[Server]:
    path = shutil.which(program, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if path is None:
        pytest.skip(f"there is no {program}: install the package {package}")
    folder.mkdir(parents=True, exist_ok=True)
    for zone in zones:
        (folder / f"{zone.name}zone").write_text("".join(zone_lines(zone)))
    port = _free_port()
    configured = folder / "configuration"
    configured.write_text(configuration(folder, port, zones, key))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([path, *arguments, str(configured)], stdout=log, stderr=log, cwd=folder)
    server = Server(program, port, folder, process, key, zones=tuple(zone.name for zone in zones))
    try:
        wait_until_served(server)
        yield server
    finally:
        process.terminate()
        try:
            process.wait(START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free_port() -> int:
    """A port that is free for UDP and TCP."""
    while True:
        with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            stream.bind((ADDRESS, 0))
            port = int(stream.getsockname()[1])
            try:
                datagrams.bind((ADDRESS, port))
            except OSError:
                continue
            return port


def wait_until_served(server: Server) -> None:
    """Wait until every zone is answered for, or fail with what the server said."""
    end = time.monotonic() + START_SECONDS
    for zone in server.zones:
        while not _serves(server, zone):
            if server.process.poll() is not None or time.monotonic() > end:
                pytest.fail(f"{server.program} does not serve {zone}:\n{server.log()}")
            time.sleep(0.02)


def _serves(server: Server, zone: str) -> bool:
    question = dns.message.make_query(zone, "SOA")
    try:
        # Over TCP, where it is known at once that nobody listens yet; a datagram would wait for its answer in vain.
        answer = dns.query.tcp(question, server.address, ANSWER_SECONDS, server.port)
    except (OSError, EOFError, dns.exception.DNSException):
        return False
    return answer.rcode() == dns.rcode.NOERROR and bool(answer.answer)


def _bind_configuration(folder: Path, port: int, zones: Sequence[DnsZone], key: TsigKey | None) -> str:
    lines = []
    allowed = "any;"
    update = ""
    if key is not None:
        allowed = f'key "{key.name}";'
        update = f"allow-update {{ {allowed} }};"
        lines.append(f'key "{key.name}" {{ algorithm {key.algorithm}; secret "{key.secret}"; }};')
    lines.append(
        f'options {{ directory "{folder}"; pid-file "{folder}/pid"; lock-file none; session-keyfile "{folder}/session";'
        f" listen-on port {port} {{ {ADDRESS}; }}; listen-on-v6 {{ none; }}; recursion no; notify no;"
        f" dnssec-validation no; empty-zones-enable no; allow-transfer {{ {allowed} }}; }};"
    )
    lines.append("controls { };")
    lines += [
        f'zone "{zone.name}" {{ type primary; file "{folder}/{zone.name}zone"; check-names fail; {update} }};'
        for zone in zones
    ]
    return "\n".join(lines) + "\n"


def _knot_configuration(folder: Path, port: int, zones: Sequence[DnsZone], key: TsigKey | None) -> str:
    lines = [
        f'server:\n  rundir: "{folder}"\n  listen: {ADDRESS}@{port}\n  udp-workers: 1\n  tcp-workers: 1',
        # Its half a second is too short for dnspython on a busy machine.
        "  tcp-io-timeout: 10000",
        f'database:\n  storage: "{folder}"\n  journal-db-max-size: 64M',
        "log:\n  - target: stderr\n    any: info",
    ]
    if key is not None:
        lines.append(f"key:\n  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {key.secret}")
    allowed = f"[transfer, update]\n    key: {key.name}" if key else "transfer"
    lines.append(f"acl:\n  - id: holder\n    action: {allowed}")
    lines.append("zone:")
    lines += [
        f'  - domain: {zone.name}\n    storage: "{folder}"\n    file: "{zone.name}zone"\n    acl: holder\n'
        "    semantic-checks: on\n    zonefile-sync: -1"
        for zone in zones
    ]
    return "\n".join(lines) + "\n"
