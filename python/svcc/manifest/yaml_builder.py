"""The value of a YAML document, built from the parser's events.

Events instead of the usual nodes: no recursion whatever the nesting, aliases stay shared instead of being expanded,
what is wrong inside one object of a list costs that object only, and it takes a third of the time.
"""

from __future__ import annotations

from bisect import insort
from typing import Any, Final

import yaml
from attrs import define

from svcc.fields import Problem, ProblemKind
from svcc.manifest.parsed import Limits, Parsed, problem_at
from svcc.manifest.yaml_places import Span, YamlParsed, line_counter
from svcc.manifest.yaml_scalars import RefusedScalarError, changes, key_text, plain_value, short_tag, tagged_value

__all__ = ["DocumentBuilder", "UnusableDocumentError"]

_MERGE_TAG: Final = "tag:yaml.org,2002:merge"
_STRING_TAGS: Final = frozenset({"!", "tag:yaml.org,2002:str"})
_COLLECTION_TAGS: Final[dict[str, type]] = {
    "tag:yaml.org,2002:map": yaml.MappingStartEvent,
    "tag:yaml.org,2002:seq": yaml.SequenceStartEvent,
    "!": yaml.CollectionStartEvent,
}
_NO_KEY: Final[Any] = object()
_UNDEFINED: Final[Any] = object()


class UnusableDocumentError(Exception):
    """A document that cannot be read to its end; `problem` says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


@define(eq=False)
class _Frame:
    """A mapping or a sequence that is being read."""

    value: Any
    start: Any
    anchor: str | None
    nodes_before: int
    key: Any = _NO_KEY
    """Of a mapping: the name whose value comes next."""
    merging: bool = False
    """Of a mapping: the value that comes next belongs to ``<<``."""
    written: set[str] | None = None
    """Of a mapping: the keys written out, which unlike merged ones may not come twice."""
    spans: list[Span] | None = None
    """Of a sequence that may be a list of objects: where its elements are."""


class DocumentBuilder:
    """Builds the documents of one text, whose first line is line `base` of the file, into `parsed`."""

    def __init__(
        self, text: str, base: int, file: str, limits: Limits, parsed: list[Parsed], problems: list[Problem]
    ) -> None:
        self._text = text
        self._base = base
        self._file = file
        self._limits = limits
        self._parsed = parsed
        self._problems = problems
        self._line = line_counter(text)
        self._flaws: list[int] = []
        self._spans: dict[int, tuple[Any, list[Span]]] = {}
        self._changed: list[int] = []
        self._changing: set[str] = set()
        self._words: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._stack: list[_Frame] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._aliased = 0

    def build(self, loader: Any) -> None:
        """Build one document from the events of `loader` up to its end, and keep it unless it is empty.

        Raises `UnusableDocumentError` where a limit is exceeded or an alias has no meaning.
        """
        self._stack, self._anchors, self._nodes, self._aliased = [], {}, 0, 0
        while True:
            event = loader.get_event()
            kind = type(event)
            if kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                self._open(event)
                continue
            start = event.start_mark
            if kind is yaml.ScalarEvent:
                self._nodes += 1
                if self._stack and self._stack[-1].key is _NO_KEY and self._stack[-1].written is not None:
                    self._key(event, self._stack[-1].written)
                    continue
                value = self._scalar(event)
                if event.anchor is not None:
                    self._anchors[event.anchor] = (value, 1)
            elif kind is yaml.AliasEvent:
                value = self._alias(event)
            else:
                value, start = self._close()
            if not self._stack:
                self._keep(value, start, event.end_mark)
                return
            self._attach(value, Span(self._line(start), start.column, start.index, event.end_mark.index))

    def _open(self, event: Any) -> None:
        if len(self._stack) >= self._limits.depth:
            raise self._unusable("too-deep", event, f"more than {self._limits.depth} levels of nesting")
        if event.tag is not None and not isinstance(event, _COLLECTION_TAGS.get(event.tag, ())):
            self._flaw("yaml-value", event.start_mark, f"the tag {short_tag(event.tag)} has no meaning in a manifest")
        frame = _Frame([], event.start_mark, event.anchor, self._nodes)
        if type(event) is yaml.MappingStartEvent:
            frame.value, frame.written = {}, set()
        elif not self._stack or self._stack[-1].key == "items":
            frame.spans = []
        self._nodes += 1
        self._stack.append(frame)
        if event.anchor is not None:
            self._anchors[event.anchor] = (frame, 0)

    def _close(self) -> tuple[Any, Any]:
        frame = self._stack.pop()
        if frame.spans is not None:
            self._spans[id(frame.value)] = (frame.value, frame.spans)
        # An anchor inside may have taken the name: the one that began last counts.
        if frame.anchor is not None and self._anchors[frame.anchor][0] is frame:
            self._anchors[frame.anchor] = (frame.value, self._nodes - frame.nodes_before)
        return frame.value, frame.start

    def _alias(self, event: Any) -> Any:
        value, size = self._anchors.get(event.anchor, (_UNDEFINED, 0))
        if value is _UNDEFINED:
            raise self._unusable(
                "yaml-syntax", event, f"not valid YAML: the anchor {event.anchor!r} is not defined before"
            )
        if type(value) is _Frame:
            raise self._unusable("yaml-syntax", event, f"not valid YAML: the anchor {event.anchor!r} contains itself")
        self._nodes += size
        self._aliased += size
        if self._aliased > self._limits.aliased_nodes:
            detail = f"aliases add more than {self._limits.aliased_nodes} nodes"
            raise self._unusable("too-large", event, detail)
        return value

    def _keep(self, value: Any, start: Any, end: Any) -> None:
        if value is not None:
            known = (self._flaws, self._text, self._base, start.column, self._spans, self._changed)
            self._parsed.append(YamlParsed(value, self._base + self._line(start), start.index, end.index, *known))

    def _attach(self, value: Any, span: Span) -> None:
        """Make `value` part of the container around it."""
        frame = self._stack[-1]
        if frame.written is None:
            if frame.spans is not None:
                frame.spans.append(span)
            frame.value.append(value)
            return
        if frame.key is _NO_KEY:
            self._flaw("yaml-value", span, "a key must be a scalar written in place")
            frame.key = ""
            return
        if frame.merging:
            self._merge(value, frame.value, span)
            frame.merging = False
        else:
            if frame.key == "object":
                self._spans[id(frame.value)] = (frame.value, [span])
            frame.value[frame.key] = value
        frame.key = _NO_KEY

    def _merge(self, value: Any, into: dict[str, Any], span: Span) -> None:
        """``<<``: in the order of the text, as go-yaml v2 does, so that what is written later wins."""
        parts = [value] if isinstance(value, dict) else value
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            self._flaw("yaml-value", span, "only a mapping or a list of mappings can be merged")
            return
        for part in reversed(parts):
            into.update(part)

    def _key(self, event: Any, written: set[str]) -> None:
        frame = self._stack[-1]
        text, plain, tag = event.value, event.implicit[0], event.tag
        if event.anchor is not None:
            self._anchors[event.anchor] = (text, 1)
        frame.merging = text == "<<" and (plain or tag == _MERGE_TAG)
        if frame.merging:
            frame.key = text
            return
        name = self._names.get(text) if plain else text
        if name is None or tag is not None:
            name = self._name(event)
        frame.key = name
        if name != text:
            self._changed.append(event.start_mark.index)
        if name in written:
            self._flaw("duplicate-key", event.start_mark, "", kind=ProblemKind.DUPLICATE, value=name)
        written.add(name)

    def _name(self, event: Any) -> str:
        try:
            if event.tag is None:
                name = self._names[event.value] = key_text(event.value, plain=event.implicit[0])
                return name
            tagged_value(event.tag, event.value)
            return key_text(event.value, plain=event.tag not in _STRING_TAGS)
        except RefusedScalarError as error:
            self._flaw("yaml-value", event.start_mark, error.detail)
            return str(event.value)

    def _scalar(self, event: Any) -> Any:
        text = event.value
        try:
            if event.tag is not None:
                return tagged_value(event.tag, text)
            if not event.implicit[0]:
                return text
            if text not in self._words:
                self._words[text] = plain_value(text)
                if changes(text, self._words[text]):
                    self._changing.add(text)
            if text in self._changing:
                self._changed.append(event.start_mark.index)
            return self._words[text]
        except RefusedScalarError as error:
            self._flaw("yaml-value", event.start_mark, error.detail)
            return None

    def _flaw(
        self,
        rule: str,
        place: Any,
        detail: str,
        *,
        kind: ProblemKind = ProblemKind.NOTICE,
        value: str | None = None,
    ) -> None:
        """Report something that makes the object around it unusable and leaves the rest of the text alone."""
        insort(self._flaws, place.start if isinstance(place, Span) else place.index)
        steps = [len(frame.value) if frame.written is None else frame.key for frame in self._stack]
        path = tuple(step for step in steps if step is not _NO_KEY)
        line = self._base + (place.line if isinstance(place, Span) else self._line(place))
        self._problems.append(problem_at(rule, self._file, line, detail, kind=kind, path=path, value=value))

    def _unusable(self, rule: str, event: Any, detail: str) -> UnusableDocumentError:
        return UnusableDocumentError(problem_at(rule, self._file, self._base + self._line(event.start_mark), detail))
