"""From what a user names with ``-f`` to the source it means."""

from __future__ import annotations

from collections.abc import Sequence
from typing import BinaryIO

from svcc.errors import SettingsError
from svcc.manifest.selection import Selection
from svcc.sources.completeness import Completeness
from svcc.sources.contract import Source
from svcc.sources.directory import DirectorySource
from svcc.sources.stream import StreamSource

__all__ = ["open_source"]

_STANDARD_INPUT = "-"


def open_source(
    filenames: Sequence[str],
    *,
    stdin: BinaryIO,
    namespace: str | None = None,
    selector: str | None = None,
    default_namespace: str | None = None,
    completeness: Completeness = Completeness(),  # noqa: B008  (frozen)
) -> Source:
    """The source of files and directories, or of the stream ``-``; options as in `svcc.manifest.load.load`.

    Raises:
        SettingsError: `selector` is no label selector, or the stream is to be mixed with files.
    """
    selection = Selection.of(namespace, selector)
    if _STANDARD_INPUT not in filenames:
        return DirectorySource(filenames, selection=selection, default_namespace=default_namespace)
    if set(filenames) != {_STANDARD_INPUT}:
        raise SettingsError("standard input (-) cannot be followed together with files")
    return StreamSource(stdin, selection=selection, default_namespace=default_namespace, completeness=completeness)
