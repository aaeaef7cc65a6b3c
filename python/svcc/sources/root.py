"""One name that the user gave: a file, or a directory with what is below it."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import PurePath
from typing import Final

from attrs import Factory, define

from svcc.sources.declarations import Position

__all__ = ["GONE", "Identity", "Root", "identity_of", "is_gone", "root_of"]

Identity = tuple[int, int]
GONE: Final = frozenset({errno.ENOENT, errno.ENOTDIR})
"""Errors that say that there is nothing of that name; others leave it open."""


def identity_of(name: str) -> Identity | None:
    """Which file or directory a name leads to now; None if to none."""
    try:
        status = os.stat(name)  # noqa: PTH116  (names are kept as the user wrote them)
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def is_gone(name: str) -> bool:
    """Whether nothing has this name, not even a link; False where nobody may look."""
    try:
        os.lstat(name)
    except OSError as error:
        return error.errno in GONE
    return False


@define
class Root:
    """A name as the user gave it.

    Attributes:
        name: without a slash at its end.
        index: which of the user's names it is.
        is_directory: whether it was a directory when we began.
        absolute: the directory as the watch names it.
        identity: the directory that is being watched; None if that is over.
        links: directories below it that are links, with what they lead to.
    """

    name: str
    index: int
    is_directory: bool
    absolute: str
    identity: Identity | None
    links: dict[str, Identity | None] = Factory(dict)

    @property
    def is_there(self) -> bool:
        """Whether what is below it can be told from what has vanished with it."""
        return not self.is_directory or self.identity is not None

    def has(self, name: str) -> bool:
        """Whether a name is this one, or below it."""
        return name == self.name or (self.is_directory and name.startswith(os.path.join(self.name, "")))  # noqa: PTH118

    def position(self, name: str) -> Position:
        """Where a file comes in the order of reading; files of a directory come by the names on the way to them."""
        return self.index, PurePath(name.removeprefix(self.name).strip(os.sep)).parts

    def named(self, path: str) -> str | None:
        """The name of an absolute path; None if it is not below, or hidden."""
        if path == self.absolute:
            return self.name
        prefix = os.path.join(self.absolute, "")  # noqa: PTH118
        if not path.startswith(prefix):
            return None
        below = path.removeprefix(prefix)
        if any(part.startswith(".") for part in PurePath(below).parts):
            return None
        return os.path.join(self.name, below)  # noqa: PTH118

    def turned_links(self) -> Iterator[str]:
        """Links to directories that lead elsewhere than when they were followed."""
        return (link for link, identity in tuple(self.links.items()) if identity_of(link) != identity)


def root_of(name: str, index: int) -> Root:
    """The root of a name that may or may not exist."""
    try:
        is_directory = stat.S_ISDIR(os.stat(name).st_mode)  # noqa: PTH116
    except (OSError, ValueError):
        is_directory = False
    if is_directory:
        name = os.path.dirname(os.path.join(name, "x"))  # noqa: PTH118, PTH120
    return Root(name, index, is_directory, os.path.abspath(name), identity_of(name))  # noqa: PTH100
