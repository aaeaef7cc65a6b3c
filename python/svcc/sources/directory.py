"""Files and directories of manifests that are watched: the objects are those that `svcc.manifest.load.load` reads.

What differs is what becomes of faults, since a node must not lose what it serves because somebody is editing a file:

- An object that is refused stays as it was. A file that is broken, half-written, empty or unreadable keeps all that it
  declared and does not declare any more. One that is so at the start is told apart, for nobody knows what it declared
  before (`Batch.unread`).
- A name of the user's that is gone keeps what it declared until it is back; so does a directory in whose place an
  empty one has come, as when a file system is unmounted. A file below a directory that is deleted, and a directory
  there, takes its objects away.

Links are looked at a few times a second, because changes of what they lead to cannot be watched: a mounted ConfigMap
is a directory of links whose targets are exchanged all at once.
"""

from __future__ import annotations

import os
import stat
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final

from attrs import evolve

from svcc.errors import InputError
from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity, Source
from svcc.incremental.contract import Change
from svcc.manifest.documents import Limits, read_bytes
from svcc.manifest.files import find_files, is_manifest_name, manifests_below, read_file, unreadable
from svcc.manifest.kube_proxy import KubeProxySettings
from svcc.manifest.selection import Selection
from svcc.sources.contract import Batch, SourceClosedError
from svcc.sources.declarations import Declarations, FileDeclarations, declarations_in
from svcc.sources.known_files import KnownFiles, signature_of
from svcc.sources.root import GONE, Root, identity_of, is_gone, root_of
from svcc.sources.selected import SelectedObjects
from svcc.sources.settings import settings_problems
from svcc.sources.told import KEPT, ToldProblems
from svcc.sources.watch import Watch, WatchError, open_watch
from svcc.validate.admission import DEFAULT_NAMESPACE

__all__ = ["DirectorySource"]

_TICK: Final = 0.25
"""Seconds between two looks at links and at the user's own names."""
_UNWATCHED_TICK: Final = 1.0
"""Seconds between two looks at everything, where nothing can be watched."""


class DirectorySource:
    """A `svcc.sources.contract.Source` of files and directories, which are named as for `svcc.manifest.load.load`.

    Objects without a namespace belong to the one of `selection`, else to ``default``. Every `rescan_seconds`
    all files are looked at (not read), in case that changes of theirs were lost. `clock` counts seconds and never goes
    back.
    """

    def __init__(
        self,
        filenames: Sequence[str],
        *,
        selection: Selection = Selection(),  # noqa: B008  (frozen)
        limits: Limits = Limits(),  # noqa: B008  (frozen)
        rescan_seconds: float = 30.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = ", ".join(filenames)
        self._filenames = tuple(filenames)
        self._namespace = selection.namespace or DEFAULT_NAMESPACE
        self._limits = limits
        self._rescan_seconds = rescan_seconds
        self._clock = clock
        self._closed = threading.Event()
        self._roots: list[Root] = []
        self._known = KnownFiles()
        self._declarations = Declarations()
        self._objects = SelectedObjects(selection)
        self._told = ToldProblems()
        self._kube_proxy: KubeProxySettings | None = None
        self._watch: Watch | None = None
        self._must_watch_anew = True
        self._is_listed = False
        self._refused_directories: set[str] = set()
        self._unread: dict[str, None] = {}
        self._next_rescan = 0.0

    @property
    def awaited(self) -> tuple[str, ...]:
        """Nothing: files are there or are not."""
        return ()

    def list(self) -> Batch:
        """All objects; see `svcc.sources.contract.Source`.

        Raises:
            InputError: a file or directory cannot be read, or there are no manifests in it.
            TargetError: files cannot be watched, because the library for it is not installed.
            SourceClosedError: `close` was called.
        """
        self._roots = [root_of(name, index) for index, name in enumerate(self._filenames)]
        self._watch_anew()
        for root in self._roots:
            if root.is_directory:
                self._scan(root, root.name)
            for name in find_files(root.name):
                self._read_new(root, name)
        self._is_listed = True
        self._next_rescan = self._clock() + self._rescan_seconds
        self._kube_proxy = self._declarations.settings
        self._objects.drain()
        problems = self._told.drain().problems
        changes = tuple(map(Change.to, self._objects.seen()))
        return Batch(
            changes, problems, replaces_all=True, kube_proxy=self._kube_proxy, unread=tuple(self._unread) or None
        )

    def changes(self) -> Iterator[Batch]:
        """What changes after the list; see `svcc.sources.contract.Source`. It never ends by itself."""
        told_unread = tuple(self._unread)
        while not self._closed.is_set():
            paths = self._wait()
            if self._closed.is_set():
                break
            self._look_at_roots(paths)
            for path in sorted(paths):
                self._look_at(path)
            for name in self._known.links:
                if self._root_of(name).is_there:
                    self._check(name)
            for root in self._roots:
                for link in root.turned_links():
                    root.links.pop(link)
                    self._must_watch_anew = True
                    self._scan(root, root.name)
            if self._must_watch_anew:
                self._watch_anew()
                self._rescan()
            elif self._clock() >= self._next_rescan:
                self._must_watch_anew = self._watch is None
                self._rescan()
            self._told.hold("settings", settings_problems(self._kube_proxy, self._declarations.settings))
            unread = tuple(self._unread)
            news = self._told.drain()
            unread_now = unread if unread != told_unread else None
            batch = Batch(self._objects.drain(), news.problems, news.resolved, unread=unread_now, over=news.over)
            told_unread = unread
            if batch:
                yield batch
        self._unwatch()

    def close(self) -> None:
        """End `list` and `changes`, from any thread."""
        self._closed.set()

    def _wait(self) -> frozenset[str]:
        if self._watch is None:
            self._closed.wait(_TICK)
            return frozenset()
        try:
            return self._watch.wait(_TICK, self._closed)
        except WatchError as error:
            self._unwatch()
            self._told.hold("watch", (_notice("not-watched", f"files cannot be watched: {error}"),))
            return frozenset()

    def _unwatch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def _watch_anew(self) -> None:
        """Begin to watch, or begin again after directories have come that no watch has seen."""
        self._unwatch()
        self._must_watch_anew = False
        for root in self._roots:
            if root.is_directory:
                root.identity = identity_of(root.name)
        directories = [root.absolute for root in self._roots if root.is_directory and root.identity is not None]
        if not directories:
            return
        try:
            self._watch = open_watch(directories)
        except WatchError as error:
            hint = f"they are looked at every {_UNWATCHED_TICK:g} seconds instead; see sysctl fs.inotify"
            self._told.hold("watch", (_notice("not-watched", f"files cannot be watched: {error}", hint=hint),))
        else:
            self._told.hold("watch", ())

    def _rescan(self) -> None:
        seconds = self._rescan_seconds if self._watch is not None else min(_UNWATCHED_TICK, self._rescan_seconds)
        self._next_rescan = self._clock() + seconds
        for root in self._roots:
            if root.is_directory and identity_of(root.name) is not None and root.identity is not None:
                self._scan(root, root.name)

    def _look_at_roots(self, paths: Collection[str]) -> None:
        for root in self._roots:
            if not root.is_directory:
                self._look_at_file(root)
                continue
            identity = identity_of(root.name)
            if identity is not None and identity == root.identity and root.absolute not in paths:
                continue
            # An event of the directory itself may mean that it is another one with the same number.
            refused: dict[str, OSError] = {}
            found = any(True for _ in manifests_below(root.name, refused.__setitem__)) and identity is not None
            if not found:
                root.identity = None
                self._hold_root(root, (_missing(root.name, refused.get(root.name), is_there=identity is not None),))
                continue
            root.identity = identity
            self._hold_root(root, ())
            self._must_watch_anew = True
            self._scan(root, root.name)

    def _look_at_file(self, root: Root) -> None:
        if identity_of(root.name) is None and not os.path.lexists(root.name):
            self._hold_root(root, (_kept_notice("gone", f"{root.name} is gone"),))
        else:
            self._hold_root(root, ())
            self._check(root.name)

    def _look_at(self, path: str) -> None:
        """Something has happened at a path below a directory that is watched."""
        for root in self._roots:
            name = root.named(path) if root.is_directory and root.identity is not None else None
            if name is None or name == root.name:
                continue
            if name in self._known and os.path.isdir(name):  # noqa: PTH112
                self._forget(name)
            # Where links lead to directories, a file may have several names, of which only the first one counts.
            if root.links and name not in self._known:
                self._scan(root, root.name)
            elif self._known.is_directory(name) or os.path.isdir(name):  # noqa: PTH112
                self._scan(root, name)
            if name in self._known:
                self._read(name)
            elif not root.links and is_manifest_name(os.path.basename(name)) and os.path.isfile(name):  # noqa: PTH113, PTH119
                self._read_new(root, name)

    def _scan(self, root: Root, directory: str) -> None:
        """Compare what is below a directory with what is known, without reading what looks as it did."""
        if root.links and directory != root.name:
            directory = root.name
        refused: dict[str, OSError] = {}

        def enter(entered: str) -> None:
            if entered != root.name and entered not in root.links and os.path.islink(entered):  # noqa: PTH114
                root.links[entered] = identity_of(entered)
                self._must_watch_anew = self._must_watch_anew or self._is_listed

        found = dict(manifests_below(directory, refused.__setitem__, enter))
        if root.name in refused and is_gone(root.name):
            # It is gone since it was looked at, which takes nothing away, and will be told the next time.
            return
        self._refuse(directory, {name: error for name, error in refused.items() if error.errno not in GONE})
        unknown = tuple(os.path.join(name, "") for name in self._refused_directories)  # noqa: PTH118
        for name in tuple(self._known.below(directory)):
            if name not in found and not name.startswith(unknown):
                self._forget(name)
        for name, is_link in found.items():
            if name in self._known:
                self._known.add(name, is_link=is_link)
                self._check(name)
            elif self._is_listed:
                self._read_new(root, name)
        for link in [link for link in root.links if not os.path.islink(link)]:  # noqa: PTH114
            del root.links[link]

    def _refuse(self, directory: str, refused: Mapping[str, OSError]) -> None:
        """What is below these directories, which are `directory` or below it, cannot be known now."""
        for name, error in refused.items():
            if not self._is_listed:
                raise unreadable(name, error)
            self._refused_directories.add(name)
            self._told.hold(("directory", name), (_kept_notice("unreadable", unreadable(name, error).message),))
        prefix = os.path.join(directory, "")  # noqa: PTH118
        for name in tuple(self._refused_directories - refused.keys()):
            if name == directory or name.startswith(prefix):
                self._refused_directories.discard(name)
                self._told.hold(("directory", name), ())
                self._must_watch_anew = True

    def _check(self, name: str) -> None:
        known = self._known.get(name)
        if known is not None and known.looks_changed(signature_of(name), self._clock()):
            self._read(name)

    def _read_new(self, root: Root, name: str) -> None:
        if self._closed.is_set():
            raise SourceClosedError(f"{self.name} was closed before its list was complete")
        if name not in self._known and root is self._root_of(name):
            self._known.add(name, is_link=os.path.islink(name))  # noqa: PTH114
            self._read(name)

    def _root_of(self, name: str) -> Root:
        """The first of the user's names under which a file is found."""
        return next(root for root in self._roots if root.has(name))

    def _read(self, name: str) -> None:
        known = self._known.get(name)
        if known is None:
            return
        signature = signature_of(name)
        now = self._clock()
        try:
            data = _content(name, self._limits.file_bytes)
        except InputError as error:
            root = self._root_of(name)
            if not self._is_listed and not (root.is_directory and isinstance(error.__cause__, OSError)):
                raise
            known.was_read(signature, now)
            # Nobody deletes files in a directory that is gone itself.
            if root.is_directory and is_gone(name) and identity_of(root.name) == root.identity:
                self._forget(name)
            else:
                self._keep(name, "unreadable", error.message)
            return
        known.was_read(signature, now)
        earlier = self._declarations.of_file(name)
        if earlier.entries and not data.strip():
            self._keep(name, "empty-file", "the file is empty; delete it to take its objects away")
            return
        documents, problems = read_bytes(data, name, self._limits)
        said = declarations_in(documents, problems, self._namespace, earlier)
        if not data.strip() and (name in self._unread or not self._is_listed):
            # Whoever was about to write it had not come to it, as far as anybody knows.
            said = evolve(said, is_whole=False)
        self._put(name, said)

    def _keep(self, name: str, rule: str, said: str) -> None:
        """The file says nothing now, and what it said stays, if anybody knows what that was."""
        earlier = self._declarations.of_file(name)
        is_known = self._is_listed and name not in self._unread
        problem = _notice(rule, said, hint=KEPT if is_known else "", severity=Severity.ERROR, file=name)
        self._put(name, FileDeclarations(earlier.entries, (problem,), earlier.settings, is_whole=False))

    def _forget(self, name: str) -> None:
        self._known.remove(name)
        self._put(name, None)

    def _put(self, name: str, said: FileDeclarations | None) -> None:
        if said is None or said.is_whole:
            self._unread.pop(name, None)
        elif not self._is_listed:
            self._unread[name] = None
        touched = self._declarations.put(name, self._root_of(name).position(name), said)
        self._told.hold(("file", name), said.problems if said is not None else ())
        for reference in touched:
            self._objects.put(reference, self._declarations.item(reference))
            self._hold_twice(reference)

    def _hold_twice(self, reference: ObjectReference) -> None:
        self._told.hold(("twice", reference), self._declarations.declared_twice(reference))

    def _hold_root(self, root: Root, problems: Iterable[Problem]) -> None:
        self._told.hold(("root", root.index), problems)


def _content(name: str, most: int) -> bytes:
    """The content of a regular file; a pipe in its place would be waited for.

    Raises:
        InputError: it cannot be read.
    """
    try:
        mode = os.stat(name).st_mode  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise unreadable(name, error) from error
    if not stat.S_ISREG(mode):
        raise InputError(f"cannot read {name}: it is no regular file")
    return read_file(name, most)


def _missing(name: str, error: OSError | None, *, is_there: bool) -> Problem:
    """Of a directory that the user named, in which nothing is found."""
    if error is not None and error.errno not in GONE:
        return _kept_notice("unreadable", unreadable(name, error).message)
    return _kept_notice("gone", f"{name} {'came anew, and there are no manifests in it' if is_there else 'is gone'}")


def _kept_notice(rule: str, said: str) -> Problem:
    return _notice(rule, said, hint=KEPT, severity=Severity.ERROR)


def _notice(
    rule: str, said: str, *, hint: str = "", severity: Severity = Severity.WARNING, file: str | None = None
) -> Problem:
    source = Source(file, 1) if file is not None else None
    return Problem(f"source/{rule}", ProblemKind.NOTICE, FieldPath(), said, source=source, severity=severity, hint=hint)
