"""A change that is kept only if somebody confirms it in time.

A child process of its own session holds what was there before, and rolls back by itself: when nobody has confirmed in
time, or when the process that changes the rules ends before it has said that it is done. It needs neither the terminal
nor its parent, so it also rolls back when a change has cut the very connection that it was made through. Should the
child be killed, its parent rolls back; should both be killed at once, the change stays.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
import time
from typing import Final

from svcc.apply.nft import open_nft
from svcc.apply.rollback import Memory, rollback_script
from svcc.apply.session import Nft, NftError
from svcc.errors import TargetError

__all__ = ["KEPT", "Guard", "answered", "is_awaited", "roll_back"]

_NAME: Final = "\0svcc-confirm"
_CREDENTIALS = struct.Struct("=iII")
_DONE: Final = b"d"
KEPT: Final = "the change is kept"
_ROLLED_BACK: Final = "the change is rolled back"
_PATIENCE_SECONDS: Final = 600


def roll_back(nft: Nft, memory: Memory) -> str:
    """Take the kernel back to what is remembered; what came of it, in words."""
    try:
        script = rollback_script(nft, memory)
        if script:
            nft.run(script)
    except NftError as error:
        return f"rolling back failed: {error.message}"
    return _ROLLED_BACK


class Guard:
    """The parent's side of a child that rolls back.

    Args:
        memory: what to go back to.
        seconds: how long to wait for a confirmation once the change is made.
    """

    def __init__(self, memory: Memory, seconds: float) -> None:
        self._memory = memory
        ready, self._ready = os.pipe()
        self._result, result = os.pipe()
        listening = _listening()
        self.process = os.fork()
        if self.process == 0:
            os.close(self._ready)
            os.close(self._result)
            _child(memory, seconds, listening, ready, result)
        listening.close()
        os.close(ready)
        os.close(result)

    @property
    def result_descriptor(self) -> int:
        """Becomes readable when the child has come to an end."""
        return self._result

    def done(self) -> None:
        """The change is made: from now on there is time to confirm it."""
        with contextlib.suppress(BrokenPipeError):
            os.write(self._ready, _DONE)

    def result(self, nft: Nft) -> str:
        """Wait for what the child says came of it; where it was killed, roll back here."""
        told = b""
        while part := os.read(self._result, 4096):
            told += part
        os.waitpid(self.process, 0)
        return told.decode() if told else roll_back(nft, self._memory)

    def abandon(self, nft: Nft) -> str:
        """The change has failed on its way: go back at once."""
        os.close(self._ready)
        return self.result(nft)


def answered(answer: str) -> str:
    """Send ``confirm`` or ``reject`` to the child that waits in this network namespace; what came of it.

    Raises:
        TargetError: none waits, or it does not answer.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as asking:
        asking.settimeout(_PATIENCE_SECONDS)
        try:
            asking.connect(_NAME)
        except OSError:
            raise TargetError(
                "no change waits to be confirmed on this node", hint="it may have been rolled back already"
            ) from None
        try:
            asking.sendall(answer.encode())
            asking.shutdown(socket.SHUT_WR)
            told = asking.recv(4096)
        except OSError:
            told = b""
    if not told:
        raise TargetError(
            "the change that waits to be confirmed gives no answer",
            hint="it takes one from root and from whoever made it, and but one",
        )
    return told.decode()


def is_awaited() -> bool:
    """Whether a change waits to be confirmed in this network namespace."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as asking:
        # What says nothing is no answer.
        return asking.connect_ex(_NAME) == 0


def _listening() -> socket.socket:
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        found.bind(_NAME)
        found.listen(4)
    except OSError as error:
        found.close()
        raise TargetError(f"a change already waits to be confirmed on this node: {error.strerror}") from None
    return found


def _child(memory: Memory, seconds: float, listening: socket.socket, ready: int, result: int) -> None:
    """The child: never returns."""
    code = 1
    try:
        os.setsid()
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        nft = open_nft()
        asker, words = None, ""
        if os.read(ready, 1) == _DONE:
            asker, words = _awaited(listening, time.monotonic() + seconds)
        told = words or roll_back(nft, memory)
        # Whoever would read it may be gone.
        with contextlib.suppress(OSError):
            os.write(result, told.encode())
        if asker is not None:
            with contextlib.suppress(OSError):
                asker.sendall(told.encode())
        code = 0
    finally:
        os._exit(code)


def _awaited(listening: socket.socket, deadline: float) -> tuple[socket.socket | None, str]:
    """Who has answered, and `KEPT` if that was to confirm; nobody and nothing when it is too late."""
    while (left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([listening], [], [], left)
        if not readable:
            break
        asker, _address = listening.accept()
        asker.settimeout(1)
        try:
            credentials = asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            _process, user, _group = _CREDENTIALS.unpack(credentials)
            answer = asker.recv(64)
        except OSError:
            asker.close()
            continue
        if user in {0, os.geteuid()} and answer == b"confirm":
            return asker, KEPT
        if user in {0, os.geteuid()} and answer == b"reject":
            return asker, ""
        asker.close()
    return None, ""
