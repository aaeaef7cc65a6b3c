"""Descriptors: how many there may be, and which are left to others."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import socket
from typing import Final

__all__ = ["out_of_the_way", "raise_descriptor_limit"]

_SELECTABLE: Final = 1024
_LEFT_TO_OTHERS: Final = 512


def raise_descriptor_limit() -> None:
    """Allow this process as many descriptors as it may allow itself: each health check port takes one or more.

    systemd keeps the limit at 1024 for the sake of programs that use select(2), and asks all others to do this.
    """
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def out_of_the_way(listening: socket.socket) -> socket.socket:
    """The same socket under a number that select(2) cannot have; the one that is given is closed.

    libnftables does use select(2), which overflows where a number is 1024 or more, and thousands of sockets that stay
    open would leave it no other. Where the limit allows no such numbers, some low ones are left to it.

    Raises:
        OSError: there are no more descriptors.
    """
    with listening:
        try:
            number = fcntl.fcntl(listening.fileno(), fcntl.F_DUPFD_CLOEXEC, _SELECTABLE)
        except OSError as error:
            if error.errno != errno.EINVAL:
                raise
            if listening.fileno() >= _LEFT_TO_OTHERS:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE)) from None
            number = listening.detach()
        return socket.socket(fileno=number)
