"""Where values are in the text of a YAML document: kept for objects, found again for the fields in them."""

from __future__ import annotations

import operator
import re
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import yaml
from attrs import field, frozen

from svcc.fields import FieldPath, Rewritten
from svcc.manifest.parsed import Language, Parsed
from svcc.manifest.yaml_rewritten import rewritten_in
from svcc.manifest.yaml_scalars import RefusedScalarError, key_text

__all__ = ["Loader", "Span", "Spans", "Step", "YamlParsed", "line_counter"]

Loader: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""Only its event parser is used; the values of scalars come from Kubernetes' own table, `yaml_scalars`."""

_OTHER_BREAKS: Final = re.compile("\r(?!\n)|[\x85\u2028\u2029]")
Step = str | int | tuple[str]


def line_counter(text: str) -> Callable[[Any], int]:
    """What tells the line (0 is the first) of a mark in `text`.

    YAML breaks lines at four characters more than editors and `grep -n` do, so then the marks' own lines are too high.
    """
    if _OTHER_BREAKS.search(text) is None:
        return operator.attrgetter("line")
    breaks = [match.start() for match in re.finditer("\n", text)]
    return lambda mark: bisect_left(breaks, mark.index)


class Span(NamedTuple):
    """Where a value lies in the text of its document: the first line and column (0 is the first), and its offsets."""

    line: int
    column: int
    start: int
    end: int


Spans = Mapping[int, tuple[Any, Sequence[tuple[int, int, int, int]]]]
"""Of lists and of watch events, by their identity: themselves, so that it stays theirs, and where their parts are."""


@frozen(eq=False)
class YamlParsed(Parsed):
    """A value in `text`, a part of a file that starts in line `base` of it; `column` is that of the value.

    `changed` are the offsets of all scalars of the text, in ascending order, that mean something else than they spell.
    """

    language = Language.YAML

    _text: str = field(repr=False)
    _base: int
    _column: int
    _spans: Spans = field(repr=False)
    _changed: Sequence[int] = field(default=(), repr=False)
    _elements: dict[tuple[int, tuple[Step, ...]], Sequence[tuple[int, int, int, int]]] = field(factory=dict, repr=False)

    def _part(self, value: Any, span: tuple[int, int, int, int]) -> Parsed:
        line, column, start, end = span
        known = (self.flaws, self._text, self._base, column, self._spans, self._changed, self._elements)
        return type(self)(value, self._base + line, start, end, *known)

    def _places(self, value: Any, count: int) -> Sequence[tuple[int, int, int, int]]:
        # A list that is an alias of something else has no places of its own: its parts are where the alias is.
        own = Span(self.line - self._base, self._column, self.start, self.end)
        return self._spans[id(value)][1] if id(value) in self._spans else [own] * count

    def elements(self) -> Sequence[Parsed]:
        """See `Parsed`."""
        values = self.value["items"] if isinstance(self.value, dict) else self.value
        places = self._places(values, len(values))
        return [self._part(value, span) for value, span in zip(values, places, strict=True)]

    def watched(self) -> Parsed:
        """See `Parsed`."""
        return self._part(self.value["object"], self._places(self.value, 1)[0])

    def line_of(self, path: FieldPath) -> int | None:
        """See `Parsed`."""
        steps = path.steps
        text = self._own_text()
        place = next((place for place, step in enumerate(steps) if isinstance(step, int)), len(steps))
        index = steps[place] if place < len(steps) else None
        elements = self._elements_of(text, steps[:place]) if isinstance(index, int) else ()
        if not isinstance(index, int) or not 0 <= index < len(elements):
            return self.line + self._row_of(text, steps[:place])
        row, column, start, end = elements[index]
        rest = steps[place + 1 :]
        # Where an element is left empty, there is no text that would have rows.
        return self.line + row + (self._row_of(" " * column + text[start:end], rest) if rest and start < end else 0)

    def _elements_of(self, text: str, steps: tuple[Step, ...]) -> Sequence[tuple[int, int, int, int]]:
        """Where the elements of a list are in the object's `text`: found once, since whoever asks for one asks on."""
        key = (self.start, steps)
        found = self._elements.get(key)
        if found is None:
            found = self._elements[key] = self._elements_in(text, steps)
        return found

    def _row_of(self, text: str, steps: tuple[Step, ...]) -> int:
        """The row (0 is the first) of the field in `text`, or of its nearest parent that was written."""
        loader = Loader(text)
        rows = [0]
        try:
            _reached(loader, steps, line_counter(text), rows)
        except yaml.YAMLError:
            pass  # A part of a text need not stand alone (tags, see %TAG): the rows found so far are still right.
        finally:
            loader.dispose()
        return rows[-1]

    def _elements_in(self, text: str, steps: tuple[Step, ...]) -> Sequence[tuple[int, int, int, int]]:
        """The spans of the elements of the list that `steps` lead to; of none if they lead to no list."""
        loader = Loader(text)
        found: list[Span] = []
        line_of = line_counter(text)
        try:
            if type(_reached(loader, steps, line_of, [])) is yaml.SequenceStartEvent:
                while type(event := loader.get_event()) is not yaml.SequenceEndEvent:
                    start = event.start_mark
                    found.append(Span(line_of(start), start.column, start.index, len(text)))
                    end = _skip(loader, event).end_mark.index
                    found[-1] = found[-1]._replace(end=end)
        except yaml.YAMLError:
            pass  # As in `_row_of`.
        finally:
            loader.dispose()
        return found

    def rewritten_lookup(self) -> Callable[[], Sequence[Rewritten]] | None:
        """See `Parsed`."""
        if not self._changed:
            return None
        first = bisect_left(self._changed, self.start)
        return self._rewritten if first < len(self._changed) and self._changed[first] < self.end else None

    def _rewritten(self) -> Sequence[Rewritten]:
        loader = Loader(self._own_text())
        found: list[Rewritten] = []
        try:
            found.extend(rewritten_in(loader))
        except yaml.YAMLError:
            pass  # As in `_row_of`.
        finally:
            loader.dispose()
        return found

    def _own_text(self) -> str:
        """The text of the value, with the first line's indentation put back: a document of its own."""
        return " " * self._column + self._text[self.start : self.end]


def _reached(loader: Any, steps: Sequence[Step], line_of: Callable[[Any], int], rows: list[int]) -> Any:
    """The event that begins the field's value, None if it is not written.

    `rows` gets those of the value and of the parents on the way to it, as far as they are written.
    """
    event = _content(loader)
    rows.append(line_of(event.start_mark))
    for step in steps:
        if type(event) is yaml.MappingStartEvent and not isinstance(step, int):
            wanted = step if isinstance(step, str) else step[0]
            while True:
                key = loader.get_event()
                if type(key) is yaml.MappingEndEvent:
                    return None
                if _is_key(key, wanted):
                    break
                _skip(loader, key)
                _skip(loader, loader.get_event())
            rows.append(line_of(key.start_mark))
            event = loader.get_event()
        elif type(event) is yaml.SequenceStartEvent and isinstance(step, int):
            event = loader.get_event()
            for _ in range(step):
                if type(event) is yaml.SequenceEndEvent:
                    return None
                _skip(loader, event)
                event = loader.get_event()
            if type(event) is yaml.SequenceEndEvent:
                return None
            rows.append(line_of(event.start_mark))
        else:
            return None
    return event


def _content(loader: Any) -> Any:
    event = loader.get_event()
    while isinstance(event, (yaml.StreamStartEvent, yaml.DocumentStartEvent)):
        event = loader.get_event()
    return event


def _is_key(event: Any, wanted: str) -> bool:
    if type(event) is not yaml.ScalarEvent:
        return False
    try:
        return key_text(event.value, plain=event.implicit[0]) == wanted
    except RefusedScalarError:
        return False


def _skip(loader: Any, event: Any) -> Any:
    """Read to the end of the value that `event` starts, and return its last event."""
    depth = int(isinstance(event, yaml.CollectionStartEvent))
    while depth:
        event = loader.get_event()
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
    return event
