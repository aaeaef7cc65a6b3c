"""A stream of watch events, such as ``kubectl get services -A -o json --watch --output-watch-events`` prints.

Documents are JSON, one after the other, indented or on one line each: watch events, objects, lists. kubectl watches
one kind at a time, so a stream is what several of them write into one pipe. Lists and plain objects add to what there
is, and only ``DELETED`` takes away: nobody can tell whether a list that comes later is of the same namespaces. An
object that is refused stays as it was. A ``kubectl`` that is started again lists again, and what was deleted in
between is not said: for that, start svcc again, too.
"""

from __future__ import annotations

import os
import select
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator
from typing import BinaryIO, Final

from attrs import evolve

from svcc.errors import InputError
from svcc.fields import FieldPath, Problem, ProblemKind, Severity, Source, printable
from svcc.incremental.contract import Change
from svcc.manifest.declared import declared, declared_reference, kind_read
from svcc.manifest.documents import STANDARD_INPUT_NAME, Document, Limits, read_json_piece
from svcc.manifest.kube_proxy import KubeProxySettings
from svcc.manifest.parsed import problem_at
from svcc.manifest.selection import Selection
from svcc.model.cluster import ClusterObject
from svcc.sources.completeness import Completeness, ListProgress
from svcc.sources.contract import Batch, SourceClosedError, SourceLostError
from svcc.sources.selected import SelectedObjects
from svcc.sources.settings import settings_problems
from svcc.sources.splitter import JsonSplitter, Piece
from svcc.sources.told import ToldProblems, kept_as_it_was
from svcc.validate.admission import DEFAULT_NAMESPACE

__all__ = ["StreamSource"]

_READ_AT_ONCE: Final = 1 << 20
_BYTES_OF_A_BATCH: Final = 4 << 20
"""A batch is what can be read without waiting, but not without end."""
_INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


class StreamSource:
    """A `svcc.sources.contract.Source` that reads from a file descriptor, most often standard input.

    Objects without a namespace belong to the one of `selection`, else to `default_namespace`. A document may be as
    large as `Limits.file_bytes`, an object in it as `Limits.object_characters`; more is not kept. `clock` counts
    seconds and never goes back.
    """

    def __init__(
        self,
        stream: BinaryIO,
        *,
        name: str = STANDARD_INPUT_NAME,
        selection: Selection = Selection(),  # noqa: B008  (frozen)
        default_namespace: str | None = None,
        completeness: Completeness = Completeness(),  # noqa: B008  (frozen)
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._stream = stream
        self._namespace = selection.namespace or default_namespace or DEFAULT_NAMESPACE
        self._quiet = completeness.quiet
        self._limits = limits
        self._clock = clock
        self._splitter = JsonSplitter(limits.file_bytes)
        self._objects = SelectedObjects(selection)
        self._told = ToldProblems()
        self._progress = ListProgress(completeness)
        self._kube_proxy: KubeProxySettings | None = None
        self._is_listed = False
        self._told_plain = False
        self._has_ended = False
        self._closed = threading.Event()
        self._waker = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._waker)
        self._poll = select.poll()
        self._poll.register(stream.fileno(), select.POLLIN)
        self._poll.register(self._waker, select.POLLIN)

    @property
    def awaited(self) -> tuple[str, ...]:
        """The kinds of which nothing has come yet."""
        return () if self._is_listed else self._progress.missing

    def list(self) -> Batch:
        """All objects; see `svcc.sources.contract.Source` and `Completeness`.

        Raises:
            InputError: the stream ended, or cannot be read, before it was complete.
            SourceClosedError: `close` was called.
        """
        last = self._clock()
        while not self._progress.is_told and not self._has_ended:
            remaining: float | None = None
            if not self._progress.missing and self._splitter.is_between:
                remaining = last + self._quiet - self._clock()
                if remaining <= 0:
                    break
            data = self._read(remaining)
            if self._closed.is_set():
                raise SourceClosedError(f"{self.name} was closed before its list was complete")
            if data is not None:
                self._take(data)
                last = self._clock()
        if self._progress.missing:
            raise self._incomplete()
        self._is_listed = True
        self._objects.drain()
        changes = tuple(map(Change.to, self._objects.seen()))
        problems, _ = self._told.drain()
        return Batch(changes, problems, replaces_all=True, kube_proxy=self._kube_proxy)

    def changes(self) -> Iterator[Batch]:
        """What comes after the list; see `svcc.sources.contract.Source`.

        Raises:
            SourceLostError: the stream cannot be read any more.
        """
        while not self._has_ended:
            data = self._read(None)
            if self._closed.is_set():
                return
            taken = 0
            while data is not None:
                self._take(data)
                taken += len(data)
                data = self._read(0) if data and taken < _BYTES_OF_A_BATCH else None
                if self._closed.is_set():
                    return
            batch = Batch(self._objects.drain(), *self._told.drain())
            if batch:
                yield batch

    def close(self) -> None:
        """End `list` and `changes`, from any thread; the stream itself stays open."""
        self._closed.set()
        os.eventfd_write(self._waker, 1)

    def _read(self, timeout: float | None) -> bytes | None:
        """What there is, nothing at all at the end, and None if nothing came in `timeout` seconds, or when closed."""
        ready = self._poll.poll(None if timeout is None else timeout * 1000)
        if self._closed.is_set() or not ready:
            return None
        try:
            return os.read(self._stream.fileno(), _READ_AT_ONCE)
        except BlockingIOError:
            return None
        except OSError as error:
            raise SourceLostError(f"cannot read {self.name}: {error.strerror or error}") from error

    def _take(self, data: bytes) -> None:
        if data:
            self._take_pieces(self._splitter.feed(data))
        else:
            self._has_ended = True
            self._take_pieces(self._splitter.finish())

    def _take_pieces(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.fault is not None:
                self._told.once(self._garbage(piece))
                continue
            documents, problems = read_json_piece(piece.data, self.name, piece.line, self._limits)
            for problem in problems:
                self._told.once(problem)
            for document in documents:
                self._apply(document)

    def _apply(self, document: Document) -> None:
        kind = kind_read(document.value)
        if document.watch_event == "BOOKMARK":
            if kind is not None and _ends_the_list(document):
                self._progress.end(kind)
            return
        if kind is not None:
            self._progress.see(kind)
        reference = declared_reference(document, self._namespace)
        if document.watch_event == "DELETED":
            if reference is not None and reference.name:
                self._objects.put(reference, None)
                self._told.hold(reference, ())
            return
        found = declared(document, self._namespace)
        if isinstance(found.item, KubeProxySettings):
            self._configure(found.item)
        if reference is None or not reference.name:
            for problem in found.problems:
                self._told.once(problem)
            return
        if isinstance(found.item, ClusterObject):
            # The finder of lines keeps the whole text, which nobody needs who has no file to look into.
            self._objects.put(reference, evolve(found.item, source=Source(self.name, document.source.line)))
            self._told.hold(reference, found.problems)
        else:
            is_known = reference in self._objects
            self._told.hold(reference, kept_as_it_was(found.problems) if is_known else found.problems)
        if document.watch_event is None and self._is_listed and not self._told_plain:
            self._told_plain = True
            self._told.once(self._plain_object(document))

    def _configure(self, settings: KubeProxySettings) -> None:
        if self._is_listed:
            self._told.hold("settings", settings_problems(self._kube_proxy, settings))
        else:
            self._kube_proxy = settings

    def _incomplete(self) -> InputError:
        missing = " and ".join(self._progress.missing)
        if not self._splitter.offset:
            return InputError(f"{self.name} is empty", hint="a command in front of the pipe probably failed")
        message = f"{self.name} ended before there was any {missing}: the list is not complete"
        return InputError(message, hint="a command in front of the pipe probably failed, or does not ask for them")

    def _garbage(self, piece: Piece) -> Problem:
        excerpt = printable(piece.data.decode(errors="backslashreplace"))
        return problem_at("json-syntax", self.name, piece.line, f"{piece.fault} (byte {piece.offset}): {excerpt}")

    def _plain_object(self, document: Document) -> Problem:
        return Problem(
            "source/no-watch-events",
            ProblemKind.NOTICE,
            FieldPath(),
            "objects come without watch events, so nothing says when one is deleted",
            source=Source(self.name, document.source.line),
            severity=Severity.WARNING,
            hint="kubectl get --watch --output-watch-events prints them",
        )


def _ends_the_list(document: Document) -> bool:
    metadata = document.value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and annotations.get(_INITIAL_EVENTS_END) == "true"
