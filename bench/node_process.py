"""`svcc node` as a process in a network namespace, fed with watch events, and what the kernel says of its commits."""

from __future__ import annotations

import json
import os
import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

from bench.clusters import POD_CIDR
from bench.contenders import NODE
from tests.kernel.namespace import NetworkNamespace

__all__ = ["NodeProcess", "event"]

_LISTED_KINDS = {
    "Service": "v1",
    "EndpointSlice": "discovery.k8s.io/v1",
    "Node": "v1",
    "ServiceCIDR": "networking.k8s.io/v1",
}
_PATIENCE_SECONDS = 600
_COMMIT_PATIENCE_SECONDS = 30
_READ_SIZE = 1 << 20
# linux/netfilter/nfnetlink.h, linux/netfilter/nf_tables.h
_NETLINK_NETFILTER, _TABLES_GROUP = 12, 7
_RECEIVE_BUFFER_FORCE = 33
"""SO_RCVBUFFORCE of asm-generic/socket.h."""
_SOL_NETLINK, _JOIN = 270, 1
_NEW_ELEMENTS, _DELETED_ELEMENTS, _NEW_GENERATION = (10 << 8 | number for number in (12, 14, 15))
_TABLE_ATTRIBUTE_AT = 20


def event(kind: str, item: dict[str, Any]) -> bytes:
    """A watch event: ADDED, MODIFIED, DELETED or BOOKMARK."""
    return json.dumps({"type": kind, "object": item}, separators=(",", ":")).encode() + b"\n"


class NodeProcess:
    """A running `svcc node`, which has listed all objects and installed their rules when this is entered."""

    def __init__(self, items: Iterable[dict[str, Any]], folder: Path) -> None:
        self._items = items
        self._folder = folder

    def __enter__(self) -> Self:
        """Start it, list the objects, and wait for the first synchronization."""
        self._namespace = NetworkNamespace()
        self._namespace.ip("link set lo up")
        arguments = [sys.executable, "-m", "svcc", "node", "-q", "-f", "-", "--node", NODE, "--cluster-cidr", POD_CIDR]
        # Each change is to go into the kernel alone.
        arguments += ["--list-quiet", "60s", "--min-sync-period", "1ms", "--keep-scripts", str(self._folder)]
        arguments += ["--runtime-directory", str(self._folder)]
        # As for systemd: it says when the first synchronization is done.
        ready = self._folder / "ready"
        with self._namespace.entered(), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified:
            notified.bind(str(ready))
            notified.settimeout(_PATIENCE_SECONDS)
            start = time.perf_counter()
            environment = {**os.environ, "NOTIFY_SOCKET": str(ready)}
            self._process = subprocess.Popen(arguments, stdin=subprocess.PIPE, env=environment)
            self._write(event("ADDED", item) for item in self._items)
            self._write(event("BOOKMARK", _end_of_list(kind, version)) for kind, version in _LISTED_KINDS.items())
            while b"READY=1" not in notified.recv(_READ_SIZE):
                pass
            self.start_seconds = time.perf_counter() - start
            self.start_processor_seconds = self.processor_seconds()
            self._commits = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _NETLINK_NETFILTER)
            # Changes come faster than what they leave behind may go, so that thousands of elements may go at once.
            self._commits.setsockopt(socket.SOL_SOCKET, _RECEIVE_BUFFER_FORCE, 16 << 20)
            self._commits.bind((0, 0))
            self._commits.setsockopt(_SOL_NETLINK, _JOIN, _TABLES_GROUP)
            self._commits.settimeout(_COMMIT_PATIENCE_SECONDS)
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop it, and let go of its namespace and rules."""
        self._process.kill()
        self._process.communicate()
        self._commits.close()
        self._namespace.close()

    def changed(self, *events: bytes) -> tuple[float, float]:
        """Tell it of a change, until the kernel has committed it: seconds on the clock, and of its processor.

        TimeoutError if there is no commit.
        """
        processor_start = self.processor_seconds()
        start = time.perf_counter()
        self._write([b"".join(events)])
        while not self._is_committed():
            pass
        return time.perf_counter() - start, self.processor_seconds() - processor_start

    def megabytes(self, what: str) -> int:
        """What `/proc/PID/status` says: VmRSS is the memory now, VmHWM the most that there was."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) for line in lines if line.startswith(what)) // 1024

    def processor_seconds(self) -> float:
        """What its threads have used of the processor."""
        threads = Path(f"/proc/{self._process.pid}/task").glob("*/schedstat")
        return sum(int(each.read_text().split()[0]) for each in threads) / 1e9

    def _write(self, pieces: Iterable[bytes]) -> None:
        assert self._process.stdin is not None
        self._process.stdin.writelines(pieces)
        self._process.stdin.flush()

    def _is_committed(self) -> bool:
        """Whether the next transaction is a change of what is served, and not the tidying up after an earlier one."""
        serves = False
        while True:
            for kind, data in _messages(self._commits.recv(_READ_SIZE)):
                if kind == _NEW_GENERATION:
                    return serves
                # What leads from a number to its chain comes before those that are to have it.
                serves |= kind == _NEW_ELEMENTS and _set_name(data) != b"picks"
                serves |= kind == _DELETED_ELEMENTS and _set_name(data) in {b"services", b"balanced-services"}


def _end_of_list(kind: str, version: str) -> dict[str, Any]:
    annotations = {"k8s.io/initial-events-end": "true"}
    return {"apiVersion": version, "kind": kind, "metadata": {"annotations": annotations, "resourceVersion": "1"}}


def _messages(data: bytes) -> Iterator[tuple[int, bytes]]:
    while data:
        length, kind = struct.unpack_from("=IH", data)
        yield kind, data[:length]
        data = data[(length + 3) & ~3 :]


def _set_name(message: bytes) -> bytes:
    """The second attribute of a message about elements, behind the table's name."""
    table_length = struct.unpack_from("=H", message, _TABLE_ATTRIBUTE_AT)[0]
    start = _TABLE_ATTRIBUTE_AT + ((table_length + 3) & ~3)
    length = struct.unpack_from("=H", message, start)[0]
    return message[start + 4 : start + length].rstrip(b"\0")
