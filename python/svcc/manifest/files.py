"""Finding the manifests in a directory, and reading files with an error that names them."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import PurePath
from typing import BinaryIO, Final

from svcc.errors import InputError

__all__ = ["find_files", "is_manifest_name", "manifests_below", "read_at_most", "read_file", "unreadable"]

_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})
_PIECE: Final = 1 << 20


def find_files(name: str) -> list[str]:
    """The file itself, or, of a directory, the manifests in it and below it: sorted, without hidden ones.

    Links to directories are followed, each directory once. Raises `InputError` when `name` does not exist or when no
    manifest is in the directory.
    """
    try:
        is_directory = stat.S_ISDIR(os.stat(name).st_mode)  # noqa: PTH116  (the name is kept as the user wrote it)
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error
    if not is_directory:
        return [name]
    found = [found for found, _ in manifests_below(name, _refuse)]
    if not found:
        raise InputError(f"{name}: no .yaml, .yml or .json file in this directory")
    return found


def read_file(name: str, most: int) -> bytes:
    """The content of a file, at most one byte more than `most`; raises `InputError` naming the file."""
    try:
        with open(name, "rb") as stream:  # noqa: PTH123  (the name is kept as the user wrote it)
            if os.fstat(stream.fileno()).st_size <= most and stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                return stream.read()
            return read_at_most(stream, most)
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error


def read_at_most(stream: BinaryIO, most: int) -> bytes:
    """What a pipe or a terminal has to say, but not without end: at most one byte more than `most`."""
    pieces: list[bytes] = []
    missing = most + 1
    while missing and (piece := stream.read(min(missing, _PIECE))):
        pieces.append(piece)
        missing -= len(piece)
    return b"".join(pieces)


def is_manifest_name(name: str) -> bool:
    """Whether a file of this name (without directories) is taken for a manifest where a directory is read."""
    return not name.startswith(".") and PurePath(name).suffix in _SUFFIXES


def manifests_below(
    directory: str,
    refuse: Callable[[str, OSError], None],
    enter: Callable[[str], None] = lambda _: None,
) -> Iterator[tuple[str, bool]]:
    """The manifests in a directory and below it, sorted, and whether each is a link; see `find_files`.

    `refuse` is told of directories that cannot be read, which are then left out; `enter` of all that are, with links
    to directories among them.
    """
    return _in_directory(directory, set(), refuse, enter)


def _in_directory(
    directory: str,
    visited: set[tuple[int, int]],
    refuse: Callable[[str, OSError], None],
    enter: Callable[[str], None],
) -> Iterator[tuple[str, bool]]:
    try:
        status = os.stat(directory)  # noqa: PTH116
        if (status.st_dev, status.st_ino) in visited:
            return
        visited.add((status.st_dev, status.st_ino))
        entries = sorted(os.scandir(directory), key=lambda entry: entry.name)
    except OSError as error:
        refuse(directory, error)
        return
    enter(directory)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if _is_directory(entry):
            yield from _in_directory(entry.path, visited, refuse, enter)
        elif is_manifest_name(entry.name) and (entry.is_symlink() or entry.is_file()):
            yield entry.path, entry.is_symlink()


def _is_directory(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link that leads back to itself: reading it says so.
        return False


def _refuse(name: str, error: OSError) -> None:
    raise unreadable(name, error) from error


def unreadable(name: str, error: OSError | ValueError) -> InputError:
    """What is said of a file or a directory that cannot be read."""
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return InputError(f"cannot read {name}: {reason}")
