"""What files declare: each file for itself, and all of them together, where the later one wins."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from types import MappingProxyType

from attrs import evolve, frozen

from svcc.fields import ObjectReference, Problem, Severity, Source
from svcc.manifest.declared import declared, declared_reference, declared_twice
from svcc.manifest.documents import Document
from svcc.manifest.kube_proxy import KubeProxySettings
from svcc.model.cluster import ClusterObject
from svcc.sources.told import kept_as_it_was

__all__ = ["Declarations", "Entry", "FileDeclarations", "Position", "declarations_in"]

Position = tuple[int, tuple[str, ...]]
"""Where a file comes in the order in which files are read: which of the user's names, and the path below it."""


@frozen
class Entry:
    """What a file says of one object; no `item`: a watch event has deleted it."""

    item: ClusterObject | None
    is_event: bool = False


@frozen
class FileDeclarations:
    """What one file says, last, of each object, and what is wrong with it; `is_whole`: all of it could be read."""

    entries: Mapping[ObjectReference, Entry] = MappingProxyType({})
    problems: tuple[Problem, ...] = ()
    settings: KubeProxySettings | None = None
    is_whole: bool = True


def declarations_in(
    documents: Sequence[Document], text_problems: Iterable[Problem], namespace: str, earlier: FileDeclarations
) -> FileDeclarations:
    """What a file says, of which `earlier` is what it said before.

    An object that is refused stays as it was. Where a part of the text cannot be read, everything that the file said
    before and does not say any more stays, since it may be in that part.
    """
    problems = list(text_problems)
    entries: dict[ObjectReference, Entry] = {}
    settings: KubeProxySettings | None = None
    is_whole = all(problem.severity is not Severity.ERROR for problem in problems)
    if not is_whole and earlier.entries:
        problems = list(kept_as_it_was(problems))
    for document in documents:
        if document.watch_event == "BOOKMARK":
            continue
        reference = declared_reference(document, namespace)
        is_event = document.watch_event is not None
        if reference is not None and document.watch_event == "DELETED":
            entries[reference] = Entry(None, is_event)
            continue
        found = declared(document, namespace)
        said: Sequence[Problem] = found.problems
        if isinstance(found.item, ClusterObject):
            # The finder of lines keeps the whole text; for as long as the object lives that is too much.
            item = evolve(found.item, source=Source(document.source.file, document.source.line))
            before = entries.get(item.reference)
            if before is not None and before.item is not None and not is_event:
                problems.append(declared_twice(item, before.item))
            entries[item.reference] = Entry(item, is_event)
        elif isinstance(found.item, KubeProxySettings):
            settings = found.item
        elif reference is not None and reference.name:
            if reference not in entries and reference in earlier.entries:
                entries[reference] = earlier.entries[reference]
                said = kept_as_it_was(said)
        elif reference is not None or any(problem.rule == "manifest/type-missing" for problem in said):
            is_whole = False  # Which object was meant cannot be told.
        problems += said
    if not is_whole:
        entries = {**earlier.entries, **entries}
        settings = settings or earlier.settings
    return FileDeclarations(entries, tuple(problems), settings, is_whole)


class Declarations:
    """What all files say together; the cost of a file does not depend on how many others there are."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[Position, FileDeclarations]] = {}
        self._declaring: dict[ObjectReference, list[str]] = {}
        self._with_settings: set[str] = set()

    def of_file(self, name: str) -> FileDeclarations:
        """What a file says; nothing, if it is not known."""
        return self._files[name][1] if name in self._files else FileDeclarations()

    def put(self, name: str, position: Position, said: FileDeclarations | None) -> set[ObjectReference]:
        """The file says this now, or is gone (None); the objects that this may concern."""
        earlier = self.of_file(name)
        now = said if said is not None else FileDeclarations()
        for reference in earlier.entries.keys() - now.entries.keys():
            self._declaring[reference].remove(name)
            if not self._declaring[reference]:
                del self._declaring[reference]
        if said is None:
            self._files.pop(name, None)
        else:
            self._files[name] = (position, said)
        for reference in now.entries.keys() - earlier.entries.keys():
            names = self._declaring.setdefault(reference, [])
            names.append(name)
            if len(names) > 1:
                names.sort(key=self._position)
        if now.settings is None:
            self._with_settings.discard(name)
        else:
            self._with_settings.add(name)
        return earlier.entries.keys() | now.entries.keys()

    def item(self, reference: ObjectReference) -> ClusterObject | None:
        """The object as the last file says that says anything of it."""
        names = self._declaring.get(reference)
        return self._entry(names[-1], reference).item if names else None

    def declared_twice(self, reference: ObjectReference) -> tuple[Problem, ...]:
        """That files say something of the same object, if they do."""
        names = self._declaring.get(reference, ())
        if len(names) < 2:
            return ()
        entries = [self._entry(name, reference) for name in names]
        return tuple(
            declared_twice(later.item, earlier.item)
            for earlier, later in pairwise(entries)
            if earlier.item is not None and later.item is not None and not later.is_event
        )

    @property
    def settings(self) -> KubeProxySettings | None:
        """The last configuration of kube-proxy in the order of files."""
        last = max(self._with_settings, key=self._position, default=None)
        return None if last is None else self._files[last][1].settings

    def _entry(self, name: str, reference: ObjectReference) -> Entry:
        return self._files[name][1].entries[reference]

    def _position(self, name: str) -> Position:
        return self._files[name][0]
