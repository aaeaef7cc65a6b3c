"""YAML as kubectl reads it: one or more documents into plain data, with the place of every object.

Values are built from the parser's events instead of its nodes: no recursion whatever the nesting, aliases stay shared
instead of being expanded, and what is wrong inside one object of a list costs that object only.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterator
from typing import Any, Final

import yaml
from attrs import define

from svcc.fields import Problem, ProblemKind
from svcc.manifest.parsed import Limits, Parsed, problem_at
from svcc.manifest.yaml_places import Loader, Span, Spans, YamlParsed
from svcc.manifest.yaml_scalars import RefusedScalarError, key_text, plain_value, short_tag, tagged_value

__all__ = ["read_yaml"]

_MARKER: Final = re.compile(r"^\ufeff?---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DIRECTIVE: Final = re.compile(r"^%", re.MULTILINE)
_CONTENT: Final = re.compile(r"^(?!%)[ \t]*[^ \t\r\n#]", re.MULTILINE)
_NOT_YAML: Final = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_COLLECTION_TAGS: Final = {
    None: "",
    "!": "",
    "tag:yaml.org,2002:map": "MappingStartEvent",
    "tag:yaml.org,2002:seq": "SequenceStartEvent",
}
_NO_KEY: Final[Any] = object()
_UNFINISHED: Final[Any] = object()

_Step = str | int | tuple[str]


class _UnusableError(Exception):
    """A document that cannot be read to its end."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.detail)
        self.problem = problem


@define(eq=False)
class _Frame:
    """A mapping or a sequence that is being read."""

    value: Any
    start: yaml.Mark
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


def read_yaml(text: str, file: str, limits: Limits) -> tuple[list[Parsed], list[Problem]]:
    """All documents of `text` that are not empty, in order, and what is wrong with the text.

    Rules: ``manifest/yaml-syntax``, ``duplicate-key``, ``yaml-value``, ``too-deep``, ``too-large``.
    """
    parsed: list[Parsed] = []
    problems: list[Problem] = []
    for line, chunk in _chunks(text):
        reader = _DocumentReader(chunk, line, file, limits, parsed, problems)
        try:
            reader.read()
        except _UnusableError as error:
            problems.append(error.problem)
    return parsed, problems


def _chunks(text: str) -> Iterator[tuple[int, str]]:
    """Parts of the text that parse on their own, so that an error in one leaves the others alone, with first lines.

    A line that begins with ``---`` starts a document wherever it stands, even inside a quoted scalar.
    """
    starts = [0, *(match.start() for match in _MARKER.finditer(text) if match.start())]
    line = 1
    pending = ""
    pending_line = 1
    for start, end in zip(starts, [*starts[1:], len(text)], strict=True):
        part = text[start:end]
        if not pending:
            pending_line = line
        line += part.count("\n")
        pending += part.removeprefix("\ufeff")
        if end == len(text) or _CONTENT.search(pending) or not _DIRECTIVE.search(pending):
            yield pending_line, pending
            pending = ""


class _DocumentReader:
    """Reads the documents of one chunk."""

    def __init__(
        self, text: str, base: int, file: str, limits: Limits, parsed: list[Parsed], problems: list[Problem]
    ) -> None:
        self._text = text
        self._base = base
        self._file = file
        self._limits = limits
        self._parsed = parsed
        self._problems = problems
        self._flaws: list[int] = []
        self._spans: Spans = {}
        self._words: dict[str, Any] = {}
        self._names: dict[str, str] = {}

    def read(self) -> None:
        found = _NOT_YAML.search(self._text)
        if found is not None:
            line = self._text.count("\n", 0, found.start())
            detail = f"not valid YAML: the control character U+{ord(found[0]):04X} is not allowed"
            raise _UnusableError(problem_at("yaml-syntax", self._file, self._base + line, detail))
        loader = Loader(self._text)
        try:
            while not loader.check_event(yaml.StreamEndEvent):
                if type(loader.get_event()) is yaml.DocumentStartEvent:
                    self._document(loader)
        except yaml.YAMLError as error:
            raise _UnusableError(self._syntax_problem(error)) from error
        finally:
            loader.dispose()

    def _syntax_problem(self, error: yaml.YAMLError) -> Problem:
        mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
        words = [getattr(error, name, None) for name in ("context", "problem")]
        said = ", ".join(word for word in words if word) or str(error)
        line = mark.line if mark is not None else 0
        # The end of the text is the start of a line that does not exist; the last line is where to look.
        line = min(line, max(self._text.rstrip("\n").count("\n"), 0))
        return problem_at("yaml-syntax", self._file, self._base + line, f"not valid YAML: {said}")

    def _document(self, loader: Any) -> None:
        """Build the value of one document from its events and keep it unless it is empty."""
        stack: list[_Frame] = []
        anchors: dict[str, tuple[Any, int]] = {}
        nodes = 0
        aliased = 0
        while True:
            event = loader.get_event()
            nodes += 1
            kind = type(event)
            anchor = event.anchor if kind is yaml.ScalarEvent else None
            start = event.start_mark
            nodes_before = nodes - 1
            if kind is yaml.ScalarEvent:
                if stack and stack[-1].key is _NO_KEY and stack[-1].written is not None:
                    self._key(event, stack)
                    if anchor is not None:
                        anchors[anchor] = (event.value, 1)
                    continue
                value = self._scalar(event, stack)
            elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
                if len(stack) >= self._limits.depth:
                    raise self._unusable("too-deep", event, f"more than {self._limits.depth} levels of nesting")
                self._check_tag(event, stack)
                stack.append(self._frame(event, stack, nodes_before))
                if event.anchor is not None:
                    anchors[event.anchor] = (_UNFINISHED, 0)
                continue
            elif kind is yaml.AliasEvent:
                value, size = anchors.get(event.anchor, (_NO_KEY, 0))
                if value is _NO_KEY or value is _UNFINISHED:
                    said = "contains itself" if value is _UNFINISHED else "is not defined before"
                    raise self._unusable("yaml-syntax", event, f"not valid YAML: the anchor {event.anchor!r} {said}")
                nodes += size
                aliased += size
                if aliased > self._limits.aliased_nodes:
                    raise self._unusable("too-large", event, f"aliases add more than {self._limits.aliased_nodes} nodes")
            else:
                frame = stack.pop()
                value, anchor, start, nodes_before = frame.value, frame.anchor, frame.start, frame.nodes_before
                if frame.spans is not None:
                    self._spans[id(value)] = (value, frame.spans)
            if anchor is not None:
                anchors[anchor] = (value, nodes - nodes_before)
            end = event.end_mark
            if not stack:
                self._keep(value, start, end)
                return
            self._attach(value, start, end, stack)

    def _frame(self, event: Any, stack: list[_Frame], nodes_before: int) -> _Frame:
        if type(event) is yaml.MappingStartEvent:
            return _Frame({}, event.start_mark, event.anchor, nodes_before, written=set())
        listed = not stack or stack[-1].key == "items"
        return _Frame([], event.start_mark, event.anchor, nodes_before, spans=[] if listed else None)

    def _keep(self, value: Any, start: yaml.Mark, end: yaml.Mark) -> None:
        if value is None:
            return
        self._parsed.append(
            YamlParsed(
                value=value,
                line=self._base + start.line,
                start=start.index,
                end=end.index,
                flaws=self._flaws,
                text=self._text,
                base=self._base,
                column=start.column,
                spans=self._spans,
            )
        )

    def _attach(self, value: Any, start: yaml.Mark, end: yaml.Mark, stack: list[_Frame]) -> None:
        frame = stack[-1]
        if frame.written is None:
            if frame.spans is not None:
                frame.spans.append(Span(start.line, start.column, start.index, end.index))
            frame.value.append(value)
        elif frame.key is _NO_KEY:
            # A container or an alias as a key. Aliases of scalars are legal YAML, and no manifest has them.
            self._flaw("yaml-value", start, stack, "a key must be a scalar")
            frame.key = ""
        elif frame.merging:
            self._merge(value, frame.value, start, stack)
            frame.merging = False
            frame.key = _NO_KEY
        else:
            if frame.key == "object" and len(stack) <= 2 * self._limits.lists:
                span = Span(start.line, start.column, start.index, end.index)
                self._spans[id(frame.value)] = (frame.value, [span])
            frame.value[frame.key] = value
            frame.key = _NO_KEY

    def _merge(self, value: Any, into: dict[str, Any], start: yaml.Mark, stack: list[_Frame]) -> None:
        """``<<``: in the order of the text, as go-yaml v2 does, so that what is written later wins."""
        parts = [value] if isinstance(value, dict) else value
        if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            self._flaw("yaml-value", start, stack, "only a mapping or a list of mappings can be merged")
            return
        for part in reversed(parts):
            into.update(part)

    def _key(self, event: Any, stack: list[_Frame]) -> None:
        frame = stack[-1]
        text = event.value
        plain = event.implicit[0]
        frame.merging = text == "<<" and (plain or event.tag == "tag:yaml.org,2002:merge")
        if frame.merging:
            frame.key = text
            return
        name = self._names.get(text) if plain else text
        if name is None or event.tag is not None:
            try:
                name = _tagged_name(event.tag, text) if event.tag is not None else key_text(text, plain=plain)
            except RefusedScalarError as error:
                self._flaw("yaml-value", event.start_mark, stack, error.detail)
                name = text
            if event.tag is None:
                self._names[text] = name
        frame.key = name
        if frame.written is not None:
            if name in frame.written:
                self._flaw("duplicate-key", event.start_mark, stack, name, kind=ProblemKind.DUPLICATE)
            frame.written.add(name)

    def _scalar(self, event: Any, stack: list[_Frame]) -> Any:
        text = event.value
        try:
            if event.tag is not None:
                return tagged_value(event.tag, text)
            if not event.implicit[0]:
                return text
            if text not in self._words:
                self._words[text] = plain_value(text)
            return self._words[text]
        except RefusedScalarError as error:
            self._flaw("yaml-value", event.start_mark, stack, error.detail)
            return None

    def _check_tag(self, event: Any, stack: list[_Frame]) -> None:
        if _COLLECTION_TAGS.get(event.tag, "-") not in {"", type(event).__name__}:
            detail = f"the tag {short_tag(event.tag)} has no meaning in a manifest"
            self._flaw("yaml-value", event.start_mark, stack, detail)

    def _flaw(
        self,
        rule: str,
        mark: yaml.Mark,
        stack: list[_Frame],
        detail: str,
        *,
        kind: ProblemKind = ProblemKind.NOTICE,
    ) -> None:
        """Report something that makes the object around it unusable and leaves the rest of the text alone."""
        insort(self._flaws, mark.index)
        steps: list[_Step] = []
        for frame in stack:
            if frame.written is None:
                steps.append(len(frame.value))
            elif frame.key is not _NO_KEY:
                steps.append(frame.key)
        value = detail if kind is ProblemKind.DUPLICATE else None
        detail = "" if kind is ProblemKind.DUPLICATE else detail
        line = self._base + mark.line
        self._problems.append(problem_at(rule, self._file, line, detail, kind=kind, path=tuple(steps), value=value))

    def _unusable(self, rule: str, event: Any, detail: str) -> _UnusableError:
        return _UnusableError(problem_at(rule, self._file, self._base + event.start_mark.line, detail))


def _tagged_name(tag: str, text: str) -> str:
    tagged_value(tag, text)
    return key_text(text, plain=tag not in {"!", "tag:yaml.org,2002:str"})
