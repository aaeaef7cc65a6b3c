"""Streams of watch events, such as ``kubectl get services -A -o json --watch --output-watch-events`` prints.

Documents are JSON, one after the other, indented or on one line each: watch events, objects, lists. kubectl watches
one kind at a time, so there are several streams, each of which is split on its own: what several processes write into
one pipe may be torn wherever a write is longer than PIPE_BUF (pipe(7)), which is 4 KiB. All streams speak of the same
objects, and the last word counts. Lists and plain objects add to what there is, and only ``DELETED`` takes away:
nobody can tell whether a list that comes later is of the same namespaces. An object that is refused stays as it was.

A stream that ends takes the source with it, since nothing would say what changes there. A ``kubectl`` that is started
again lists again, and does not say what was deleted in between: for that, start svcc again, too.
"""

from __future__ import annotations

import os
import select
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
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
from svcc.sources.completeness import Completeness, Listing, ListProgress
from svcc.sources.contract import Batch, SourceClosedError, SourceEndedError, SourceLostError
from svcc.sources.selected import SelectedObjects
from svcc.sources.settings import settings_problems
from svcc.sources.splitter import JsonSplitter, Piece
from svcc.sources.told import ToldProblems, kept_as_it_was
from svcc.validate.admission import DEFAULT_NAMESPACE

__all__ = ["StreamSource"]

_READ_AT_ONCE: Final = 1 << 20
_BYTES_OF_A_BATCH: Final = 4 << 20
"""A batch is what can be read without waiting, but not without end."""
_LONGEST_WAIT: Final = 86_400.0
"""In seconds; poll(2) takes no more than 24 days, and whoever waits longer asks again."""
_INITIAL_EVENTS_END: Final = "k8s.io/initial-events-end"


class _Input:
    """One of the streams, and how far it has been read."""

    def __init__(self, name: str, descriptor: int, document_bytes: int) -> None:
        self.name = name
        self.descriptor = descriptor
        self.splitter = JsonSplitter(document_bytes)
        self.progress = ListProgress()
        self.has_said = False
        """Whether a document has come."""
        self.has_ended = False
        self.told_plain = False


class StreamSource:
    """A `svcc.sources.contract.Source` that reads from files, most often pipes and standard input.

    Objects without a namespace belong to the one of `selection`, else to ``default``. A document may be as
    large as `Limits.file_bytes`, an object in it as `Limits.object_characters`; more is not kept. `clock` counts
    seconds and never goes back. The files, for which `names` has a name each, stay open; they are the caller's.
    """

    def __init__(
        self,
        *files: BinaryIO,
        names: Sequence[str] = (STANDARD_INPUT_NAME,),
        selection: Selection = Selection(),  # noqa: B008  (frozen)
        completeness: Completeness = Completeness(),  # noqa: B008  (frozen)
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = ", ".join(names)
        self._files = files
        pairs = zip(names, files, strict=True)
        self._inputs = tuple(_Input(name, file.fileno(), limits.file_bytes) for name, file in pairs)
        self._open = {each.descriptor: each for each in self._inputs}
        self._listing = Listing(completeness, tuple(each.progress for each in self._inputs))
        self._namespace = selection.namespace or DEFAULT_NAMESPACE
        self._limits = limits
        self._clock = clock
        self._objects = SelectedObjects(selection)
        self._told = ToldProblems()
        self._first_fault: Problem | None = None
        self._kube_proxy: KubeProxySettings | None = None
        self._is_listed = False
        self._closed = threading.Event()
        self._waker = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        weakref.finalize(self, os.close, self._waker)
        self._poll = select.poll()
        for descriptor in (self._waker, *self._open):
            self._poll.register(descriptor, select.POLLIN)

    @property
    def awaited(self) -> tuple[str, ...]:
        """What `list` still waits for, in words for people; none once it is done. May be read from any thread."""
        if self._is_listed:
            return ()
        lacking = tuple(self._lacking())
        if lacking and self._first_fault is not None:
            return (*lacking, f"what can be read, unlike {_told_of(self._first_fault)}")
        return lacking or (f"a pause of {self._listing.wanted.quiet:g} s in what comes",)

    def list(self) -> Batch:
        """All objects; see `svcc.sources.contract.Source` and `Completeness`.

        Raises:
            InputError: a stream ended, or cannot be read, before the list was complete.
            SourceClosedError: `close` was called.
        """
        last = self._clock()
        while self._open and not self._listing.is_told:
            remaining: float | None = None
            if not any(self._lacking()):
                remaining = last + self._listing.wanted.quiet - self._clock()
                if remaining <= 0:
                    break
            read = self._read(remaining)
            if self._closed.is_set():
                raise SourceClosedError(f"{self.name} was closed before its list was complete")
            for each, data in read:
                self._take(each, data)
                last = self._clock()
        self._check_ends()
        self._is_listed = True
        self._objects.drain()
        changes = tuple(map(Change.to, self._objects.seen()))
        news = self._told.drain()
        return Batch(changes, news.problems, replaces_all=True, kube_proxy=self._kube_proxy, over=news.over)

    def changes(self) -> Iterator[Batch]:
        """What comes after the list; see `svcc.sources.contract.Source`.

        Raises:
            SourceEndedError: one of several streams has ended.
            SourceLostError: a stream cannot be read any more.
        """
        while len(self._open) == len(self._inputs):
            read = self._read(None)
            taken = 0
            while read and not self._closed.is_set():
                for each, data in read:
                    self._take(each, data)
                    taken += len(data)
                read = self._read(0) if self._open and taken < _BYTES_OF_A_BATCH else []
            if self._closed.is_set():
                return
            news = self._told.drain()
            batch = Batch(self._objects.drain(), news.problems, news.resolved, over=news.over)
            if batch:
                yield batch
        if self._open:
            raise SourceEndedError(f"{self._ended_names()} has ended; the rules stay as they are")

    def close(self) -> None:
        """End `list` and `changes`, from any thread; the streams' files stay open."""
        self._closed.set()
        os.eventfd_write(self._waker, 1)

    def _lacking(self) -> Iterator[str]:
        """What keeps the list from being complete after a pause."""
        for kind in self._listing.missing:
            yield f"{kind}s: none seen yet"
        for each in self._inputs:
            if not each.splitter.is_between:
                yield f"{each.name}: the end of a document"
            elif not (each.has_said or each.has_ended) and len(self._inputs) > 1:
                yield f"{each.name}: nothing has come from it yet"

    def _check_ends(self) -> None:
        """Refuse a list that may lack something, because what wrote it may have failed."""
        if missing := " and ".join(self._listing.missing):
            if not any(each.splitter.offset for each in self._inputs):
                raise InputError(f"{self.name} is empty", hint="a command in front of the pipe probably failed")
            message = f"{self.name} ended before there was any {missing}: the list is not complete"
            hint = "a command in front of the pipe probably failed, or does not ask for them"
            if self._first_fault is not None:
                hint = _told_of(self._first_fault)
                if self._first_fault.rule == "manifest/json-syntax":
                    hint += "; a stream is JSON, as kubectl prints it with -o json"
            raise InputError(message, hint=hint)
        if self._open and (ended := self._ended_names()):
            message = f"{ended} ended before the list of all streams was complete"
            raise SourceLostError(message, hint="the command behind it probably failed, or does not --watch")

    def _ended_names(self) -> str:
        return " and ".join(each.name for each in self._inputs if each.has_ended)

    def _read(self, timeout: float | None) -> Sequence[tuple[_Input, bytes]]:
        """What there is of each stream, nothing at its end; no stream if none came in `timeout` seconds, or closed."""
        found = []
        for descriptor, _events in self._poll.poll(None if timeout is None else min(timeout, _LONGEST_WAIT) * 1000):
            each = self._open.get(descriptor)
            if each is None or self._closed.is_set():
                continue
            try:
                data = os.read(descriptor, _READ_AT_ONCE)
            except BlockingIOError:
                continue
            except OSError as error:
                raise SourceLostError(f"cannot read {each.name}: {error.strerror or error}") from error
            found.append((each, data))
        return found

    def _take(self, each: _Input, data: bytes) -> None:
        if data:
            self._take_pieces(each, each.splitter.feed(data))
        else:
            each.has_ended = True
            self._poll.unregister(each.descriptor)
            del self._open[each.descriptor]
            self._take_pieces(each, each.splitter.finish())

    def _take_pieces(self, each: _Input, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            if piece.fault is not None:
                self._tell_fault(_garbage(each, piece))
                continue
            documents, problems = read_json_piece(piece.data, each.name, piece.line, self._limits)
            for problem in problems:
                self._tell_fault(problem)
            for document in documents:
                each.has_said = True
                self._apply(each, document)

    def _apply(self, each: _Input, document: Document) -> None:
        kind = kind_read(document.value)
        if document.watch_event == "BOOKMARK":
            if kind is not None and _ends_the_list(document):
                each.progress.end(kind)
            return
        if kind is not None:
            each.progress.see(kind)
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
                self._tell_fault(problem)
            return
        if isinstance(found.item, ClusterObject):
            # The finder of lines keeps the whole text, which nobody needs who has no file to look into.
            self._objects.put(reference, evolve(found.item, source=Source(each.name, document.source.line)))
            self._told.hold(reference, found.problems)
        else:
            is_known = reference in self._objects
            self._told.hold(reference, kept_as_it_was(found.problems) if is_known else found.problems)
        if document.watch_event is None and self._is_listed and not each.told_plain:
            each.told_plain = True
            self._told.once(_plain_object(each, document))

    def _tell_fault(self, problem: Problem) -> None:
        """Tell it with the next batch, and earlier where the list may never be complete because of it."""
        self._told.once(problem)
        if self._first_fault is None and problem.severity is Severity.ERROR:
            self._first_fault = problem

    def _configure(self, settings: KubeProxySettings) -> None:
        if self._is_listed:
            self._told.hold("settings", settings_problems(self._kube_proxy, settings))
        else:
            self._kube_proxy = settings


def _told_of(fault: Problem) -> str:
    return f"{fault.source}: {fault.message()}"


def _garbage(each: _Input, piece: Piece) -> Problem:
    excerpt = printable(piece.data.decode(errors="backslashreplace"))
    return problem_at("json-syntax", each.name, piece.line, f"{piece.fault} (byte {piece.offset}): {excerpt}")


def _plain_object(each: _Input, document: Document) -> Problem:
    return Problem(
        "source/no-watch-events",
        ProblemKind.NOTICE,
        FieldPath(),
        "objects come without watch events, so nothing says when one is deleted",
        source=Source(each.name, document.source.line),
        severity=Severity.WARNING,
        hint="kubectl get --watch --output-watch-events prints them",
    )


def _ends_the_list(document: Document) -> bool:
    metadata = document.value.get("metadata")
    annotations = metadata.get("annotations") if isinstance(metadata, dict) else None
    return isinstance(annotations, dict) and annotations.get(_INITIAL_EVENTS_END) == "true"
