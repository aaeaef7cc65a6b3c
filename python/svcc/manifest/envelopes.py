"""Unwrapping: lists of any kind and watch events become the objects inside them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from attrs import field, frozen

from svcc.fields import Problem, ProblemKind, Source
from svcc.manifest.parsed import Limits, Parsed, problem_at
from svcc.model.unconverted import maker
from svcc.wire.written import WrittenObject

__all__ = ["Document", "latest_states", "unwrap"]

_WATCH_EVENTS: Final = frozenset({"ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"})
_LIST: Final = "List"
_OBJECTS: Final = frozenset({dict, WrittenObject})


@frozen
class Document:
    """One Kubernetes object, unwrapped from lists and watch events.

    `value` is plain data as JSON knows it; parts of it may be shared (YAML aliases), so it must not be changed.
    `source` is the line where the object itself starts, not its list. `watch_event` is ``ADDED``, ``MODIFIED``,
    ``DELETED`` or ``BOOKMARK`` when the object came as a watch event. `parsed` is the object with its place.
    """

    value: Mapping[str, Any]
    source: Source
    watch_event: str | None = None
    parsed: Parsed | None = field(default=None, eq=False, repr=False)


_document: Final = maker(Document, ("value", "source", "watch_event", "parsed"))
_source: Final = maker(Source, ("file", "line", "line_of", "rewritten"), beside=("line_of", "rewritten"))


def unwrap(parsed: Parsed, file: str, limits: Limits) -> Iterator[Document | Problem]:
    """The objects in a parsed value, in order.

    Items of a typed list (``ServiceList``) get their `apiVersion` and `kind` from it. An object with a flaw is left
    out: the flaw has been reported. Rules: ``manifest/not-an-object``, ``list-items``, ``too-deep``, ``too-large``,
    ``watch-error``.
    """
    return _Unwrapping(file, limits).value(parsed, None, limits.lists)


@frozen
class _Unwrapping:
    file: str
    limits: Limits

    def value(self, parsed: Parsed, event: str | None, lists: int) -> Iterator[Document | Problem]:
        value = parsed.value
        if type(value) is list:
            if parsed.flaw_count() == sum(element.flaw_count() for element in parsed.elements()):
                yield from self.elements(parsed, parsed.elements(), {}, event, lists)
        elif type(value) not in _OBJECTS:
            if not parsed.flaw_count():
                yield _not_an_object(self.file, parsed)
        elif _is_watch_event(value):
            yield from self.watch_event(parsed, lists)
        elif _is_list(value):
            yield from self.items(parsed, event, lists)
        elif not parsed.flaw_count():
            yield self.document(parsed, value, event)

    def document(self, parsed: Parsed, value: Mapping[str, Any], event: str | None) -> Document | Problem:
        if parsed.end - parsed.start > self.limits.object_characters:
            detail = f"the object is larger than {self.limits.object_characters} characters"
            return problem_at("too-large", self.file, parsed.line, detail)
        return _document(
            value, _source(self.file, parsed.line, parsed.line_of, parsed.rewritten_lookup()), event, parsed
        )

    def items(self, parsed: Parsed, event: str | None, lists: int) -> Iterator[Document | Problem]:
        value = parsed.value
        items = value.get("items")
        if items is None:
            return
        if type(items) is not list:
            yield problem_at(
                "list-items",
                self.file,
                parsed.line,
                "must be a list",
                kind=ProblemKind.INVALID,
                path=("items",),
                value=items,
            )
            return
        elements = parsed.elements()
        if parsed.flaws and parsed.flaw_count() != sum(element.flaw_count() for element in elements):
            return
        inherited: dict[str, Any] = {}
        if value["kind"] != _LIST:
            inherited = {"apiVersion": value.get("apiVersion"), "kind": value["kind"].removesuffix(_LIST)}
        yield from self.elements(parsed, elements, inherited, event, lists)

    def elements(
        self,
        parsed: Parsed,
        elements: Iterable[Parsed],
        inherited: Mapping[str, Any],
        event: str | None,
        lists: int,
    ) -> Iterator[Document | Problem]:
        if lists <= 0:
            detail = f"more than {self.limits.lists} lists inside each other"
            yield problem_at("too-deep", self.file, parsed.line, detail)
            return
        for element in elements:
            value = element.value
            if type(value) not in _OBJECTS:  # as plain as it gets, because of the time it takes for 20 000 elements
                if not element.flaw_count():
                    yield _not_an_object(self.file, element)
            elif _is_list(value) or _is_watch_event(value):
                yield from self.value(element, event, lists - 1)
            elif not element.flaws or not element.flaw_count():
                if inherited and ("kind" not in value or "apiVersion" not in value):
                    value = {**inherited, **value}
                yield self.document(element, value, event)

    def watch_event(self, parsed: Parsed, lists: int) -> Iterator[Document | Problem]:
        event = parsed.value["type"]
        watched = parsed.watched()
        if parsed.flaw_count():
            return
        if event == "ERROR":
            yield _watch_error(self.file, watched)
        elif lists <= 0:
            detail = f"more than {self.limits.lists} watch events inside each other"
            yield problem_at("too-deep", self.file, parsed.line, detail)
        else:
            yield from self.value(watched, event, lists - 1)


def latest_states(documents: Sequence[Document]) -> tuple[Document, ...]:
    """What remains after the watch events among `documents`.

    A watch event replaces every earlier document of the same object, in its place; ``DELETED`` removes it and a
    ``BOOKMARK`` carries no state. Documents that are no watch events replace nothing.
    """
    if all(document.watch_event is None for document in documents):
        return tuple(documents)
    remaining: dict[int, Document] = {}
    places: dict[tuple[str, str, str, str], list[int]] = {}
    for place, document in enumerate(documents):
        if document.watch_event == "BOOKMARK":
            continue
        identity = _identity(document.value)
        earlier = places.get(identity, []) if identity is not None else []
        if document.watch_event is not None:
            for other in earlier[1:]:
                del remaining[other]
            del earlier[1:]
            if document.watch_event == "DELETED":
                for other in earlier:
                    del remaining[other]
                earlier.clear()
                continue
            if earlier:
                remaining[earlier[0]] = document
                continue
        remaining[place] = document
        if identity is not None:
            places.setdefault(identity, []).append(place)
    return tuple(remaining.values())


def _identity(value: Mapping[str, Any]) -> tuple[str, str, str, str] | None:
    """API group, kind, namespace and name; None for an object that has no name."""
    metadata = value.get("metadata")
    if not isinstance(metadata, Mapping):
        return None
    group = str(value.get("apiVersion", "")).rpartition("/")[0]
    kind, namespace, name = value.get("kind"), metadata.get("namespace") or "", metadata.get("name")
    if isinstance(kind, str) and isinstance(namespace, str) and isinstance(name, str) and name:
        return group, kind, namespace, name
    return None


def _is_list(value: Mapping[str, Any]) -> bool:
    kind = value.get("kind")
    return type(kind) is str and kind.endswith(_LIST) and (kind == _LIST or "items" in value)


def _is_watch_event(value: Mapping[str, Any]) -> bool:
    event = value.get("type")
    return type(event) is str and event in _WATCH_EVENTS and "object" in value and "kind" not in value


def _not_an_object(file: str, parsed: Parsed) -> Problem:
    detail = "must be a Kubernetes object, that is, a mapping"
    return problem_at("not-an-object", file, parsed.line, detail, kind=ProblemKind.INVALID, value=parsed.value)


def _watch_error(file: str, watched: Parsed) -> Problem:
    status = watched.value if isinstance(watched.value, dict) else {}
    said = status.get("message") or status.get("reason") or "no message"
    return problem_at("watch-error", file, watched.line, f"the watch ended with an error: {said}")
