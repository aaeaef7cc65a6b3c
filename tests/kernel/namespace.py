"""Network namespaces without names: nothing to clean up, and nothing two test processes could both want."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

_CLONE_NEWNET = 0x40000000
_THIS_THREAD = "/proc/thread-self/ns/net"
# linux/sockios.h, linux/if.h and linux/ipv6_route.h
_GET_FLAGS, _RUNNING = 0x8913, 0x40
_LOCAL_ROUTE = 0x80000000
_PATIENCE_SECONDS = 10
_LIBC = ctypes.CDLL(None, use_errno=True)


class NetworkNamespace:
    """A network namespace of its own, kept alive by a descriptor only.

    The kernel removes it, with its interfaces and rules, once it is closed and no socket is left in it; that also
    happens when the process is killed. Membership is a property of the thread: inside `entered` the calling thread,
    the sockets it opens, and the threads and programs it starts belong to the namespace; all other threads do not.
    """

    def __init__(self) -> None:
        with _returning():
            _checked(_LIBC.unshare(_CLONE_NEWNET), "unshare")
            self._descriptor = os.open(_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)

    @property
    def path(self) -> str:
        """A path by which iproute2 (`netns PATH`) finds the namespace while this process lives."""
        return f"/proc/{os.getpid()}/fd/{self._descriptor}"

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Put the calling thread into the namespace for the length of the block."""
        with _returning():
            _checked(_LIBC.setns(self._descriptor, _CLONE_NEWNET), "setns")
            yield

    def run(self, *command: str, text: str | None = None) -> subprocess.CompletedProcess[str]:
        """Run a program inside; what it printed and its exit status are left to the caller to judge."""
        with self.entered():
            return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    def ip(self, *lines: str, family: int = 4) -> None:
        """Run lines of `ip` as one batch; RuntimeError with ip's message when one is refused.

        `family` is for lines that name no address; all others say their family themselves.
        """
        flags = ("-6",) if family == 6 else ()
        result = self.run("ip", *flags, "-batch", "-", text="".join(f"{line}\n" for line in lines))
        if result.returncode != 0:
            raise RuntimeError(f"ip refused: {result.stderr.strip()}\nbatch:\n" + "\n".join(lines))

    def sysctl(self, **values: int) -> None:
        """Set kernel parameters below /proc/sys/net, with `__` for each slash: `ipv4__ip_forward=1`."""
        with self.entered():
            for name, value in values.items():
                Path("/proc/sys/net", *name.split("__")).write_text(str(value))

    def wait_until_running(self, interface: str) -> None:
        """Wait for an interface that is up to pass frames, which the kernel arranges in the background."""
        request = struct.pack("16s24x", interface.encode())
        with self.entered(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
            _wait_until(lambda: bool(fcntl.ioctl(asking, _GET_FLAGS, request)[16] & _RUNNING), f"{interface} runs")

    def wait_until_local(self, address: str) -> None:
        """Wait for an IPv6 address of the namespace to be routed to itself, which also happens in the background."""
        start = socket.inet_pton(socket.AF_INET6, address).hex() + " 80 "
        routes = Path("/proc/thread-self/net/ipv6_route")
        with self.entered():
            _wait_until(
                lambda: any(
                    line.startswith(start) and int(line.split()[8], 16) & _LOCAL_ROUTE
                    for line in routes.read_text().splitlines()
                ),
                f"{address} is local",
            )

    def close(self) -> None:
        """Let go of the namespace."""
        os.close(self._descriptor)


@contextlib.contextmanager
def _returning() -> Iterator[None]:
    """Bring the calling thread back to the namespace it is in now."""
    home = os.open(_THIS_THREAD, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield
    finally:
        try:
            _checked(_LIBC.setns(home, _CLONE_NEWNET), "setns")
        finally:
            os.close(home)


def _wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_PATIENCE_SECONDS} seconds until {what}")
        time.sleep(0.001)


def _checked(status: int, call: str) -> None:
    if status != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
