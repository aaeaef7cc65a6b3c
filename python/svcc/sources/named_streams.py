"""Which of a user's names are streams, and opening those: pipes, descriptors, character devices and sockets."""

from __future__ import annotations

import os
import re
import socket
import stat
from collections.abc import Iterable
from typing import BinaryIO, Final

from attrs import frozen

from svcc.errors import InputError
from svcc.manifest.documents import STANDARD_INPUT_NAME

__all__ = ["NamedStream", "is_stream", "open_streams"]

_STANDARD_INPUT: Final = "-"
_DESCRIPTOR: Final = re.compile(r"/(?:dev|proc/self)/fd/(?P<number>[0-9]{1,9})|/dev/(?P<stdin>stdin)")


@frozen
class NamedStream:
    """A stream that is open, and its name for messages."""

    name: str
    file: BinaryIO


def is_stream(name: str) -> bool:
    """Whether a name is ``-``, a descriptor, a named pipe, a character device or a socket, and so is read only once."""
    if name == _STANDARD_INPUT or _DESCRIPTOR.fullmatch(name):
        return True
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116  (names are kept as the user wrote them)
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def open_streams(names: Iterable[str], stdin: BinaryIO) -> list[NamedStream]:
    """Open streams without waiting for whoever writes; one that is named twice is opened once.

    Raises:
        InputError: one cannot be opened.
    """
    found: dict[tuple[int, int], NamedStream] = {}
    for name in names:
        stream = NamedStream(STANDARD_INPUT_NAME, stdin) if name == _STANDARD_INPUT else _opened(name)
        status = os.fstat(stream.file.fileno())
        first = found.setdefault((status.st_dev, status.st_ino), stream)
        if first is not stream and stream.file is not stdin:
            stream.file.close()
    return list(found.values())


def _opened(name: str) -> NamedStream:
    try:
        descriptor = _descriptor(name)
    except OSError as error:
        hint = None
        if _DESCRIPTOR.fullmatch(name):
            hint = "sudo closes descriptors: put it in front of the shell that opens them, or use a named pipe"
        raise InputError(f"cannot read {name}: {error.strerror or error}", hint=hint) from error
    return NamedStream(name, os.fdopen(descriptor, "rb", buffering=0))


def _descriptor(name: str) -> int:
    """A descriptor of our own; a named pipe need not have a writer yet, and a socket is connected to."""
    match = _DESCRIPTOR.fullmatch(name)
    if match is not None:
        # Not opened by its name, which the kernel refuses for sockets.
        return os.dup(int(match["number"] or 0))
    if stat.S_ISSOCK(os.stat(name).st_mode):  # noqa: PTH116
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as connection:
            connection.connect(name)
            return connection.detach()
    return os.open(name, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
