"""From what a user names with ``-f`` to the source it means."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import BinaryIO

from svcc.errors import SettingsError
from svcc.manifest.selection import Selection
from svcc.sources.completeness import Completeness
from svcc.sources.contract import Source
from svcc.sources.directory import DirectorySource
from svcc.sources.named_streams import is_stream, open_streams
from svcc.sources.stream import StreamSource

__all__ = ["open_source"]


def open_source(
    filenames: Sequence[str],
    *,
    stdin: BinaryIO,
    namespace: str | None = None,
    selector: str | None = None,
    completeness: Completeness = Completeness(),  # noqa: B008  (frozen)
) -> Source:
    """The source of files and directories, or of streams; options as in `svcc.manifest.load.load`.

    Raises:
        SettingsError: `selector` is no label selector, or streams are to be mixed with files.
        InputError: a stream cannot be opened.
    """
    selection = Selection.of(namespace, selector)
    streams = list(filter(is_stream, filenames))
    if not streams:
        return DirectorySource(filenames, selection=selection)
    if files := [name for name in filenames if name not in streams]:
        message = f"streams ({', '.join(streams)}) cannot be followed together with files ({', '.join(files)})"
        raise SettingsError(message, hint="a stream may be a file's content, too: -f <(cat FILE; sleep infinity)")
    opened = open_streams(streams, stdin)
    source = StreamSource(
        *(stream.file for stream in opened),
        names=[stream.name for stream in opened],
        selection=selection,
        completeness=completeness,
    )
    for stream in opened:
        if stream.file is not stdin:
            weakref.finalize(source, stream.file.close)
    return source
