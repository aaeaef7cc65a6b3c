"""JSON faster than the standard library decodes it, and still with the line of every object.

The envelope (a list, a watch event) is read member by member, and its big array element by element. In a large text
Rust passes over the objects as long as there is nothing to say about them, and members become values when somebody
asks. Any doubt ends that: the C decoder reads the element, and what it refuses is looked at closely. Fields inside an
object are searched only when a problem asks for their line.
"""

from __future__ import annotations

import contextlib
import json
import re
from bisect import insort
from collections.abc import Sequence
from typing import Any, Final

from attrs import field, frozen

from svcc import _native
from svcc.fields import FieldPath, Problem
from svcc.manifest.json_flaws import FlawError, end_of_value, first_flaw, refuse_duplicates, refuse_word, strict_float
from svcc.manifest.json_places import BLANK, offset_towards, place_of_member
from svcc.manifest.parsed import Language, Limits, Parsed, problem_at
from svcc.model.unconverted import maker
from svcc.wire.written import WrittenObject

__all__ = ["read_json"]

_LONE_SURROGATE: Final = re.compile(r"\\u[dD][89a-fA-F]")
_ESCAPES: Final = re.compile(
    r"\\(?:(?P<pair>u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})"
    r"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)"
)
_CONTAINERS: Final = frozenset((dict, list))
_decoder: Final = json.JSONDecoder(parse_float=strict_float, parse_constant=refuse_word)
_strict_decoder: Final = json.JSONDecoder(
    object_pairs_hook=refuse_duplicates, parse_float=strict_float, parse_constant=refuse_word
)
_name_decoder: Final = json.JSONDecoder()

_DECODED_AT_ONCE = 1 << 16
"""Characters of texts that are small enough for plain values of everything."""

_Step = str | int | tuple[str]


@frozen(eq=False)
class _JsonParsed(Parsed):
    language = Language.JSON

    _reader: _JsonReader = field(repr=False)
    _elements: list[_JsonParsed] | None = field(default=None, repr=False)
    _watched: _JsonParsed | None = field(default=None, repr=False)

    def elements(self) -> Sequence[Parsed]:
        if self._elements is None:
            again = self._reader.again(self).value_with_places(self.start)
            return again._elements or ()  # noqa: SLF001  (of the same class)
        return self._elements

    def watched(self) -> Parsed:
        if self._watched is None:
            again = self._reader.again(self).value_with_places(self.start)
            return again._watched or self  # noqa: SLF001  (of the same class)
        return self._watched

    def member_place(self, name: str) -> tuple[int, int] | None:
        if type(self.value) is not WrittenObject:
            return place_of_member(self._reader.text, self.start, name)
        place = self.value.place(name)
        return None if place is None else (self.start + place[0], self.start + place[1])

    def line_of(self, path: FieldPath) -> int | None:
        text, lists = self._reader.text, self._reader.lists
        return self.line + text.count("\n", self.start, offset_towards(text, self.start, path.steps, lists))


_passed_over: Final = maker(_JsonParsed, ("value", "line", "start", "end", "flaws", "_reader"))


class _LostError(Exception):
    """Where a value ends cannot be told: what follows it is lost, too."""


class _EnoughError(Exception):
    """So many syntax errors that the text is something else."""


def read_json(text: str, file: str, limits: Limits, first_line: int = 1) -> tuple[list[Parsed], list[Problem]]:
    """All values of `text`, one after the other with or without white space between them, and what is wrong.

    `first_line` is the line that the text begins with, for pieces of a stream.

    Stricter than the `json` module, as the API server is: names come once, numbers fit 64 bits, ``NaN`` and
    ``Infinity`` are no values. Names that come twice are looked for in texts of up to `Limits.strict_characters`
    (in larger ones the last wins, except in the envelope). Half a surrogate pair stands for U+FFFD, as in Go.
    Rules: ``manifest/json-syntax``, ``duplicate-key``, ``json-value``, ``too-deep``.
    """
    # Plain searches take a tenth of the time of one with a pattern, that for a byte least of all; hardly any text has
    # such escapes, and many have none at all.
    if "\\" in text and ("\\ud" in text or "\\uD" in text) and _LONE_SURROGATE.search(text) is not None:
        text = _ESCAPES.sub(lambda match: r"\ufffd" if match["lone"] else match[0], text)
    reader = _JsonReader(text, file, limits, first_line)
    reader.read()
    return reader.parsed, reader.problems


class _JsonReader:
    def __init__(self, text: str, file: str, limits: Limits, first_line: int = 1) -> None:
        self.text = text
        self.parsed: list[Parsed] = []
        self.problems: list[Problem] = []
        self.lists: dict[int, list[int]] = {}
        self._file = file
        self._limits = limits
        self._decoder = _strict_decoder if len(text) <= limits.strict_characters else _decoder
        self._quick: _native.JsonText | None = None
        self._flaws: list[int] = []
        self._counted_to = 0
        self._first_line = self._line = first_line
        self._losses = 0

    def again(self, parsed: _JsonParsed) -> _JsonReader:
        """A reader of the same text that begins at `parsed`; what it finds wrong has been reported already."""
        reader = _JsonReader(self.text, self._file, self._limits, self._first_line)
        reader._counted_to = parsed.start
        reader._line = parsed.line
        reader._flaws = list(self._flaws)
        return reader

    def read(self) -> None:
        try:
            position = self._after_blanks(0)
            while position < len(self.text):
                try:
                    parsed = self.value_with_places(position)
                    self.parsed.append(parsed)
                    position = self._after_blanks(parsed.end)
                except _LostError:
                    # Objects that begin a line, as in JSON lines, are where reading can go on.
                    following = self.text.find("\n{", position + 1)
                    position = len(self.text) if following < 0 else following + 1
        except _EnoughError:
            pass  # The last problem says so.

    def value_with_places(self, start: int) -> _JsonParsed:
        """The value at `start`; if it is a list or an envelope, with the places of the objects in it.

        Raises `_LostError` after reporting why.
        """
        line = self._line_at(start)
        first = self.text[start]
        elements: list[_JsonParsed] | None = None
        watched: _JsonParsed | None = None
        value: Any
        if first == "[":
            elements, end = self._array(start, ())
            value = [element.value for element in elements]
        elif first == "{":
            value, elements, watched, end = self._object(start)
        else:
            value, end = self._value(start, ())
        return _JsonParsed(value, line, start, end, self._flaws, self, elements, watched)

    def _object(self, start: int) -> tuple[dict[str, Any], list[_JsonParsed] | None, _JsonParsed | None, int]:
        text = self.text
        members: dict[str, Any] = {}
        elements: list[_JsonParsed] | None = None
        watched: _JsonParsed | None = None
        position = self._after_blanks(start + 1)
        if text[position : position + 1] == "}":
            return members, elements, watched, position + 1
        while True:
            name_at = position
            if text[position : position + 1] != '"':
                raise self._lost(position, "a field name in double quotes or } is expected here")
            try:
                name, position = _name_decoder.raw_decode(text, position)
            except json.JSONDecodeError as error:
                raise self._lost(error.pos, _words(error)) from error
            position = self._after_blanks(position)
            if text[position : position + 1] != ":":
                raise self._lost(position, "a colon is expected here")
            position = self._after_blanks(position + 1)
            value: Any
            if name == "items" and text[position : position + 1] == "[":
                elements, end = self._array(position, ("items",))
                value = [element.value for element in elements]
            else:
                value, end = self._value(position, (name,))
                if name == "object":
                    watched = _JsonParsed(value, self._line_at(position), position, end, self._flaws, self)
            if name in members:
                self._report_flaw(FlawError.duplicate(name_at, (name,)))
            members[name] = value
            position = self._after_blanks(end)
            if text[position : position + 1] == "}":
                return members, elements, watched, position + 1
            if text[position : position + 1] != ",":
                raise self._lost(position, "a comma or } is expected here")
            position = self._after_blanks(position + 1)

    def _array(self, start: int, where: tuple[_Step, ...]) -> tuple[list[_JsonParsed], int]:
        """The elements of the array at `start` and where it ends: the loop in which big inputs are read."""
        text, flaws, blanks, decode = self.text, self._flaws, BLANK.match, self._decoder.raw_decode
        elements: list[_JsonParsed] = []
        position = self._after_blanks(start + 1)
        if text[position : position + 1] == "]":
            return elements, position + 1
        quick = self._passing_quickly()
        line = self._line_at(position)
        while True:
            if quick is not None:
                found, following, line, is_closed = quick.objects(position, line)
                elements += [
                    _passed_over(WrittenObject(item), at, first, end, flaws, self) for item, at, first, end in found
                ]
                if is_closed:
                    self._counted_to, self._line = following, line
                    return elements, following
                position = blanks(text, following).end()  # type: ignore[union-attr]  # byte order marks are blanks here
            try:
                value, end = decode(text, position)
                usable = not self._is_too_deep(value, position, end)
            except (FlawError, ValueError, RecursionError):
                usable = False
            if not usable:
                value, end = self._value(position, (*where, len(elements)))
            elements.append(_JsonParsed(value, line, position, end, flaws, self))
            following = blanks(text, end).end()  # type: ignore[union-attr]  # matches the empty string, too
            if text[following : following + 1] != ",":
                if text[following : following + 1] == "]":
                    self._counted_to, self._line = position, line
                    return elements, following + 1
                raise self._lost(following, "a comma or ] is expected here")
            following = blanks(text, following + 1).end()  # type: ignore[union-attr]
            line += text.count("\n", position, following)
            position = following

    def _passing_quickly(self) -> _native.JsonText | None:
        """The same text for Rust; None if it is small, or holds half a surrogate pair as only strings of Python can."""
        if self._quick is None and len(self.text) > _DECODED_AT_ONCE:
            is_strict = self._decoder is _strict_decoder
            with contextlib.suppress(UnicodeEncodeError):
                self._quick = _native.JsonText(self.text, is_strict, self._limits.depth)
        return self._quick

    def _is_too_deep(self, value: Any, start: int, end: int) -> bool:
        # Counting brackets is ten times as fast as walking, and few objects have that many.
        text, limit = self.text, self._limits.depth
        return text.count("{", start, end) + text.count("[", start, end) > limit and _is_deeper(value, limit)

    def _value(self, start: int, where: tuple[_Step, ...]) -> tuple[Any, int]:
        """The value at `start` and where it ends; None after a flaw has been reported. Raises `_LostError`."""
        text = self.text
        try:
            value, end = self._decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            return None, self._after_syntax_error(start, error)
        except (FlawError, ValueError, RecursionError):
            return None, self._after_flaw(start, where)
        if self._is_too_deep(value, start, end):
            return None, self._after_flaw(start, where)
        return value, end

    def _after_flaw(self, start: int, where: tuple[_Step, ...]) -> int:
        flaw = first_flaw(self.text, start, self._limits.depth, where)
        # Without a flaw the interpreter's own limit of nesting was reached first: the caller is deep down, too.
        self._report_flaw(flaw or FlawError("too-deep", start, "too many levels of nesting", where))
        end = end_of_value(self.text, start)
        if end is None:
            self._count_loss(self._line_at(start))
            raise _LostError
        return end

    def _after_syntax_error(self, start: int, error: json.JSONDecodeError) -> int:
        lost = self._lost(error.pos, _words(error))
        end = end_of_value(self.text, start)
        if end is None:
            raise lost from error
        insort(self._flaws, start)
        return end

    def _report_flaw(self, flaw: FlawError) -> None:
        insort(self._flaws, flaw.offset)
        line = self._first_line + self.text.count("\n", 0, flaw.offset)
        self.problems.append(
            problem_at(flaw.rule, self._file, line, flaw.detail, kind=flaw.kind, path=flaw.path, value=flaw.value)
        )

    def _lost(self, position: int, said: str) -> _LostError:
        """Report a syntax error at `position`."""
        end = len(self.text.rstrip())
        cut = " (the text ends here: was it cut off?)" if position >= end else ""
        line = self._first_line + self.text.count("\n", 0, min(position, end))
        self.problems.append(problem_at("json-syntax", self._file, line, f"not valid JSON: {said}{cut}"))
        self._count_loss(line)
        return _LostError()

    def _count_loss(self, line: int) -> None:
        self._losses += 1
        if self._losses >= self._limits.syntax_problems:
            detail = "too many errors: the rest of the text is not read"
            self.problems.append(problem_at("json-syntax", self._file, line, detail))
            raise _EnoughError

    def _after_blanks(self, position: int) -> int:
        return BLANK.match(self.text, position).end()  # type: ignore[union-attr]  # matches the empty string, too

    def _line_at(self, position: int) -> int:
        """The line of `position`; in general positions ascend, so that each character is counted once."""
        if position < self._counted_to:
            self._counted_to, self._line = 0, self._first_line
        self._line += self.text.count("\n", self._counted_to, position)
        self._counted_to = position
        return self._line


def _words(error: json.JSONDecodeError) -> str:
    return error.msg[:1].lower() + error.msg[1:]


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value] if type(value) in _CONTAINERS else []
    for _ in range(limit):
        if not level:
            return False
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) in _CONTAINERS
        ]
    return bool(level)
