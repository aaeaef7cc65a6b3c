"""BIND and Knot as primaries that take updates signed with a key, on a loopback port, out of a folder of their own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from attrs import define, field

import dns.exception
import dns.message
import dns.query
import dns.rcode

from svcc.dns.nameserver import NameServer
from svcc.dns.tsig_key import TsigKey, tsig_key_of_text

__all__ = ["KEY_TEXT", "PROGRAMS", "READ_ONLY_KEY_TEXT", "UpdateServer", "running"]

PROGRAMS = {"bind": "named", "knot": "knotd"}
KEY_TEXT = 'key "push" {\n\talgorithm hmac-sha256;\n\tsecret "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=";\n};\n'
READ_ONLY_KEY_TEXT = 'key "look" {\n\talgorithm hmac-sha512;\n\tsecret "bG9va2luZyBpcyBmcmVlLCBjaGFuZ2luZyBpcyBub3Q=";\n};\n'
_KEYS = [tsig_key_of_text(text, "tests") for text in (KEY_TEXT, READ_ONLY_KEY_TEXT)]
_SECRETS = ["MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=", "bG9va2luZyBpcyBmcmVlLCBjaGFuZ2luZyBpcyBub3Q="]
_SECONDS_TO_START = 20

_BIND = """\
options {{
  directory "{folder}"; pid-file none; session-keyfile none; lock-file none;
  listen-on port {port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};
  recursion no; dnssec-validation no; notify no; empty-zones-enable no; querylog no;
  allow-transfer {{ key push; key look; }};
}};
controls {{ }};
{keys}
{zones}
"""
_BIND_ZONE = 'zone "{name}" {{ type primary; file "{name}zone"; allow-update {{ key push; }}; }};\n'
_KNOT = """\
server:
  rundir: "{folder}"
  listen: 127.0.0.1@{port}
  automatic-acl: off
log:
  - target: stderr
    any: info
database:
  storage: "{folder}"
key:
{keys}
acl:
  - id: push
    key: push.
    action: [transfer, update]
  - id: look
    key: look.
    action: transfer
template:
  - id: default
    storage: "{folder}"
    file: "%s.zone"
    acl: [push, look]
zone:
{zones}
"""


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@define
class UpdateServer:
    """A server; `zones` are names with a final dot. It may be killed and started again, and then has what it had."""

    kind: str
    folder: Path
    zones: Sequence[str]
    port: int = field(factory=_free_port)
    process: subprocess.Popen[bytes] | None = None

    def write(self, *, serial: int, lines: Sequence[str]) -> None:
        """The configuration, and zones that hold what a zone must, and `lines` in the first."""
        if self.kind == "bind":
            keys = f"{KEY_TEXT}{READ_ONLY_KEY_TEXT}"
            zones = "".join(_BIND_ZONE.format(name=name) for name in self.zones)
            text = _BIND.format(folder=self.folder, port=self.port, keys=keys, zones=zones)
        else:
            keys = "".join(
                f"  - id: {key.name}\n    algorithm: {key.algorithm}\n    secret: {secret}\n"
                for key, secret in zip(_KEYS, _SECRETS, strict=True)
            )
            zones = "".join(f"  - domain: {name}\n" for name in self.zones)
            text = _KNOT.format(folder=self.folder, port=self.port, keys=keys, zones=zones)
        (self.folder / "server.conf").write_text(text)
        for index, name in enumerate(self.zones):
            soa = f"@ 3600 SOA ns.dns.cluster.local. hostmaster.cluster.local. {serial} 7200 1800 86400 5"
            own = ["@ 3600 NS ns.dns.cluster.local.", *(["ns.dns 3600 A 127.0.0.1"] if name == "cluster.local." else [])]
            more = lines if index == 0 else []
            (self.folder / f"{name}zone").write_text("\n".join([f"$ORIGIN {name}", soa, *own, *more, ""]))

    def start(self) -> None:
        """Start the server and wait until it answers for its zones."""
        options = {"bind": ["-g", "-n", "1", "-c"], "knot": ["-c"]}[self.kind]
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [str(_program(self.kind)), *options, str(self.folder / "server.conf")], stdout=log, stderr=log
            )
        until = time.monotonic() + _SECONDS_TO_START
        while not all(self._answers(zone) for zone in self.zones):
            if self.process.poll() is not None or time.monotonic() > until:
                raise RuntimeError((self.folder / "server.log").read_text())
            time.sleep(0.05)

    def _answers(self, zone: str) -> bool:
        try:
            answer = dns.query.udp(dns.message.make_query(zone, "SOA"), "127.0.0.1", timeout=0.5, port=self.port)
        except (dns.exception.DNSException, OSError):
            return False
        return answer.rcode() == dns.rcode.NOERROR and bool(answer.answer)

    def kill(self) -> None:
        """End the process without giving it time for anything."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def client(self, key: TsigKey = _KEYS[0], *, port: int | None = None, timeout_seconds: float = 10) -> NameServer:
        """What svcc talks to this server through."""
        return NameServer("127.0.0.1", self.port if port is None else port, key, timeout_seconds)


def _program(kind: str) -> Path | None:
    found = shutil.which(PROGRAMS[kind], path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/sbin")
    return Path(found) if found else None


def is_installed(kind: str) -> bool:
    return _program(kind) is not None


@contextmanager
def running(
    kind: str, folder: Path, zones: Sequence[str], *, serial: int = 1, lines: Sequence[str] = ()
) -> Iterator[UpdateServer]:
    """A server with zones that have little in them."""
    server = UpdateServer(kind, folder, zones)
    server.write(serial=serial, lines=lines)
    server.start()
    try:
        yield server
    finally:
        server.kill()
