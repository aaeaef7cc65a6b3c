"""One svcc at a time changes the tables of a node.

The lock is a name among the abstract unix sockets, which are one set for each network namespace, as tables are. The
kernel lets go of it with the process, however that ends.
"""

from __future__ import annotations

import contextlib
import errno
import socket
import struct
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from svcc.apply.confirmation import is_awaited
from svcc.errors import TargetError
from svcc.fields import printable

__all__ = ["NodeLock", "ending"]

_NAME: Final = "\0svcc"
_CREDENTIALS = struct.Struct("=iII")
_PATIENCE_SECONDS: Final = 1
_LONGEST_COMMAND: Final = 80


class NodeLock:
    """The lock of the network namespace in which it is acquired; a context manager."""

    def __init__(self) -> None:
        self._socket: socket.socket | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            TargetError: another process has it, which is named.
        """
        taking = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        try:
            taking.bind(_NAME)
            # Who listens can be asked for its process id.
            taking.listen(16)
        except OSError as error:
            taking.close()
            if error.errno != errno.EADDRINUSE:
                raise TargetError(f"the lock of this node cannot be taken: {error.strerror}") from None
            raise _refusal(_holder()) from None
        self._socket = taking

    def release(self) -> None:
        """Let go of the lock; nothing happens where it is not held."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def __enter__(self) -> Self:
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _holder() -> int | None:
    """The process that has the lock; None if it has let go of it, or is in a process namespace that hides it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as asking:
        asking.settimeout(_PATIENCE_SECONDS)
        try:
            asking.connect(_NAME)
            found = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
    process, _user, _group = _CREDENTIALS.unpack(found)
    return int(process) or None


def _refusal(holder: int | None) -> TargetError:
    described = _described(holder) if holder else ""
    if is_awaited():
        # The guard has the lock, too, as a child of whoever made the change, who may have ended.
        gone = holder is not None and not Path(f"/proc/{holder}").exists()
        return TargetError(
            "a change of this node waits to be confirmed"
            + (f"; its command{described} has ended" if gone else f"; another svcc is changing this node{described}"),
            hint="svcc apply --confirm keeps it; otherwise it is rolled back when its time is over",
        )
    return TargetError(
        f"another svcc is changing this node{described}",
        hint="wait for it, or stop it" + (f": {ending(holder)}" if holder else ""),
    )


def ending(process: int, processes: Path = Path("/proc")) -> str:
    """The command that ends a process for good: systemd starts a service again that is killed."""
    with contextlib.suppress(OSError, IndexError):
        # A process that a person has started in a service's control group has another parent.
        parent = (processes / str(process) / "stat").read_text(errors="replace").rpartition(")")[2].split()[1]
        for line in (
            (processes / str(process) / "cgroup").read_text(errors="replace").splitlines() if parent == "1" else ()
        ):
            unit = line.rpartition("/")[2]
            if unit.endswith(".service"):
                return f"systemctl stop {printable(unit)}"
    return f"kill {process}"


def _described(process: int) -> str:
    words = f": process {process}"
    with contextlib.suppress(OSError):
        command = Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
        if command:
            shown = command if len(command) <= _LONGEST_COMMAND else f"{command[: _LONGEST_COMMAND - 1]}…"
            words += f" ({printable(shown)})"
    return words
