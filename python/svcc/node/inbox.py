"""What threads and signals hand to the loop, which sleeps until there is something."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Inbox"]

Item = TypeVar("Item")


class Inbox(Generic[Item]):
    """A queue that a selector can wait for."""

    def __init__(self) -> None:
        self._items: deque[Item] = deque()
        self._reader, self._writer = socket.socketpair()
        for end in (self._reader, self._writer):
            end.settimeout(0)

    def fileno(self) -> int:
        """The descriptor that becomes readable with the first item."""
        return self._reader.fileno()

    @property
    def wakeup_descriptor(self) -> int:
        """For `signal.set_wakeup_fd`, so that a signal ends the sleep, too."""
        return self._writer.fileno()

    def put(self, item: Item) -> None:
        """Hand something over, from whatever thread."""
        self._items.append(item)
        # A pipe that is full wakes the loop as well as one more byte would; a closed one has no loop any more.
        with contextlib.suppress(OSError):
            self._writer.send(b"\0")

    def take(self) -> list[Item]:
        """All that has been handed over, oldest first."""
        with contextlib.suppress(BlockingIOError):
            while self._reader.recv(4096):
                pass
        found = []
        while self._items:
            found.append(self._items.popleft())
        return found

    def close(self) -> None:
        """Close the descriptors; what comes after that is kept, and nobody is woken."""
        self._reader.close()
        self._writer.close()
