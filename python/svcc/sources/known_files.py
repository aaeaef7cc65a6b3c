"""The files that a source knows, by name and by directory, and whether they may have changed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from typing import Final

from attrs import define

__all__ = ["KnownFile", "KnownFiles", "signature_of"]

_DOUBTFUL: Final = 1.0
"""Seconds in which a file may be written twice and look the same: time stamps are as coarse as the kernel's clock."""

Signature = tuple[int, int, int, int, int]


def signature_of(name: str) -> Signature | None:
    """What tells one state of a file, or of what a link leads to, from another; None if it cannot be looked at."""
    try:
        status = os.stat(name)  # noqa: PTH116  (names are kept as the user wrote them)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


@define
class KnownFile:
    """A file as it was when it was read last; `doubt_until` is when looking at it can be trusted again."""

    is_link: bool
    signature: Signature | None = None
    doubt_until: float | None = None

    def looks_changed(self, signature: Signature | None, now: float) -> bool:
        """Whether it must be read again."""
        if signature != self.signature:
            return True
        return self.doubt_until is not None and now >= self.doubt_until

    def was_read(self, signature: Signature | None, now: float) -> None:
        """It is read, in the state that it had before reading began."""
        repeated = signature == self.signature and self.doubt_until is not None and now >= self.doubt_until
        is_fresh = signature is not None and abs(time.time_ns() - signature[-1]) < _DOUBTFUL * 1e9
        self.doubt_until = now + _DOUBTFUL if is_fresh and not repeated else None
        self.signature = signature


class KnownFiles:
    """Files by name. Those below a directory are found without looking at any others."""

    def __init__(self) -> None:
        self._files: dict[str, KnownFile] = {}
        self._children: dict[str, dict[str, None]] = {}
        self._links: dict[str, None] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._files

    def get(self, name: str) -> KnownFile | None:
        """The file of this name."""
        return self._files.get(name)

    def is_directory(self, name: str) -> bool:
        """Whether there are known files below it."""
        return name in self._children

    @property
    def links(self) -> Iterator[str]:
        """Names of links, which no watch can see through."""
        return iter(tuple(self._links))

    def add(self, name: str, *, is_link: bool) -> KnownFile:
        """The file, known from now on; it is not read yet."""
        known = self._files.get(name)
        if known is None:
            known = self._files[name] = KnownFile(is_link)
            self._attach(name)
        known.is_link = is_link
        if is_link:
            self._links[name] = None
        else:
            self._links.pop(name, None)
        return known

    def remove(self, name: str) -> None:
        """Forget a file."""
        if self._files.pop(name, None) is not None:
            self._links.pop(name, None)
            self._detach(name)

    def below(self, directory: str) -> Iterator[str]:
        """All files below a directory."""
        waiting = [directory]
        while waiting:
            for child in self._children.get(waiting.pop(), ()):
                if child in self._files:
                    yield child
                if child in self._children:
                    waiting.append(child)

    def _attach(self, name: str) -> None:
        while (parent := os.path.dirname(name)) != name:  # noqa: PTH120
            siblings = self._children.get(parent)
            if siblings is not None:
                siblings[name] = None
                return
            self._children[parent] = {name: None}
            name = parent

    def _detach(self, name: str) -> None:
        while name not in self._children and (parent := os.path.dirname(name)) != name:  # noqa: PTH120
            siblings = self._children[parent]
            del siblings[name]
            if siblings:
                return
            del self._children[parent]
            name = parent
