"""Splitting a stream into JSON documents as its bytes arrive, and finding the way back after garbage.

The scanner looks at nothing twice: it knows how many brackets are open and whether it is inside of a string. Whether
a document is valid is not its business; it only notices what tells that the end cannot be found by counting brackets:
a document that was cut off, with another one behind it. Reading then goes on at the next watch event, or at the next
line that begins with a brace, so that a process that was killed while writing does not take the next one's words away.
"""

from __future__ import annotations

import enum
import json
import re
from collections.abc import Iterator
from typing import Final

from attrs import frozen

__all__ = ["JsonSplitter", "Piece"]

# White space of JSON, byte order marks, and the separator of JSON text sequences (RFC 7464).
_BLANKS: Final = re.compile(rb"(?:[ \t\r\n\x1e]|\xef\xbb\xbf)*")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_STRETCH: Final = re.compile(rb'(?:[^"{}\[\],:]++|[:,](?:[ \t\r\n]*+"(?:[^"\\\n]++|\\[^\n])*+")?+)*+')
_IN_STRING: Final = re.compile(rb"(?:[^\"\\\n]++|\\[^\n])*+")
_WAY_BACK: Final = re.compile(
    rb'\n(?=\{)|(?=\{[ \t\r\n]{0,8}"type"[ \t]{0,2}:[ \t]{0,2}"(?:ADDED|MODIFIED|DELETED|BOOKMARK|ERROR)")'
)
_LONGEST_WAY_BACK: Final = 40
"""Bytes that are more than enough for `_WAY_BACK`."""
_LONGEST_LINE: Final = 1 << 20
"""Bytes of a line that may be decoded as a whole to see whether it is one document."""
_decode: Final = json.JSONDecoder().raw_decode
_EXCERPT: Final = 100
_SPACE: Final = b" \t\r\n"
_OPENING: Final = {ord("{"): ord("}"), ord("["): ord("]")}
_BEFORE_VALUE: Final = b":,["
_BEFORE_STRING: Final = b":,[{"


@frozen
class Piece:
    """Bytes of the stream from byte `offset` (0 is the first) in line `line` (1 is the first).

    `fault` says why they are no document; `data` is then an excerpt.
    """

    data: bytes
    line: int
    offset: int
    fault: str | None = None


class _State(enum.Enum):
    BETWEEN = enum.auto()
    IN_DOCUMENT = enum.auto()
    GARBAGE = enum.auto()
    """Garbage that has not been told yet: it begins where the buffer does."""
    LOST = enum.auto()
    """Looking for the way back; why has been told."""


class JsonSplitter:
    """Takes bytes as they come and yields documents; keeps at most one document of `document_bytes`.

    However the stream is cut into pieces, the same documents and the same faults come out of it.
    """

    def __init__(self, document_bytes: int) -> None:
        self._most = document_bytes
        self._buffer = bytearray()
        self._offset = 0
        self._line = 1
        self._state = _State.BETWEEN
        self._position = 0  # All before has been looked at.
        self._closing = bytearray()  # What closes the brackets that are open.
        self._in_string = False
        self._has_ended = False

    @property
    def is_between(self) -> bool:
        """Whether no document has begun, as far as it has been fed."""
        return self._state is not _State.IN_DOCUMENT

    @property
    def offset(self) -> int:
        """How many bytes have been handed out or passed over."""
        return self._offset

    def feed(self, data: bytes) -> Iterator[Piece]:
        """The pieces that are complete with `data`; all of them must be taken."""
        self._buffer += data
        return self._pieces()

    def finish(self) -> Iterator[Piece]:
        """The pieces that remain when the stream has ended."""
        self._has_ended = True
        return self._pieces()

    def _pieces(self) -> Iterator[Piece]:
        while True:
            before = (self._state, self._offset, self._position)
            match self._state:
                case _State.BETWEEN:
                    yield from self._begin()
                case _State.IN_DOCUMENT:
                    yield from self._scan()
                case _State.GARBAGE:
                    yield from self._tell_garbage()
                case _State.LOST:
                    self._find_way_back()
            if (self._state, self._offset, self._position) == before:
                return

    def _begin(self) -> Iterator[Piece]:
        self._drop(_BLANKS.match(self._buffer).end())  # type: ignore[union-attr]  # matches the empty string, too
        if not self._buffer or (not self._has_ended and _BYTE_ORDER_MARK.startswith(bytes(self._buffer[:3]))):
            return
        if self._buffer[0] not in _OPENING:
            self._state = _State.GARBAGE
        elif (end := self._end_of_line()) is not None:
            yield Piece(bytes(memoryview(self._buffer)[:end]), self._line, self._offset)
            self._drop(end)
        else:
            self._state = _State.IN_DOCUMENT
            self._position = 0
            self._closing.clear()
            self._in_string = False

    def _end_of_line(self) -> int | None:
        """Where the document ends that fills a line and is valid, as kubectl prints events; None if it is another.

        The decoder in C is many times as fast as the scanner, and a valid document ends in one place only.
        """
        end = self._buffer.find(b"\n", 0, min(self._most, _LONGEST_LINE))
        if end < 0 or self._buffer[end - 1] not in b"}]":
            return None
        try:
            text = self._buffer[:end].decode()
            return end if _decode(text)[1] == len(text) else None
        except (ValueError, RecursionError):
            return None

    def _scan(self) -> Iterator[Piece]:
        buffer = self._buffer
        fault = self._advance()
        is_open = fault is None and bool(self._closing)
        if self._position > self._most or (is_open and len(buffer) > self._most):
            fault = f"the document is larger than {self._most} bytes"
        elif is_open and not self._has_ended:
            return
        elif is_open:
            fault = "the stream ends inside of this document: was it cut off?"
        if fault is None:
            yield Piece(bytes(memoryview(buffer)[: self._position]), self._line, self._offset)
            self._drop(self._position)
            self._state = _State.BETWEEN
            return
        yield Piece(bytes(buffer[: min(_EXCERPT, self._position, self._most)]), self._line, self._offset, fault)
        self._state = _State.LOST
        self._position = 1

    def _advance(self) -> str | None:
        """Go on to the end of the document (nothing is open then), or of the buffer; why that is in vain."""
        buffer = self._buffer
        closing = self._closing
        position = self._position
        fault: str | None = None
        while True:
            position = (_IN_STRING if self._in_string else _STRETCH).match(buffer, position).end()  # type: ignore[union-attr]
            if position >= len(buffer):
                break
            byte = buffer[position]
            if self._in_string:
                if byte == 0x5C and position + 1 >= len(buffer):  # The escape is not there yet.
                    break
                if byte != 0x22:
                    fault = "the document breaks off inside of a string"
                    break
                self._in_string = False
            elif byte == 0x22:
                if not self._follows(position, _BEFORE_STRING):
                    fault = "the document is broken: a string begins where there can be none"
                    break
                self._in_string = True
            elif byte in _OPENING:
                if closing and not self._follows(position, _BEFORE_VALUE):
                    fault = "the document breaks off, and another one begins inside of it"
                    break
                closing.append(_OPENING[byte])
            elif closing.pop() != byte:
                fault = f"the document is broken: {chr(byte)} closes nothing"
                break
            position += 1
            if not closing:
                break
        self._position = position
        return fault

    def _follows(self, position: int, allowed: bytes) -> bool:
        """Whether the last byte before `position` that is no white space is one of `allowed`."""
        buffer = self._buffer
        position -= 1
        while buffer[position] in _SPACE:
            position -= 1
        return buffer[position] in allowed

    def _tell_garbage(self) -> Iterator[Piece]:
        buffer = self._buffer
        found = _WAY_BACK.search(buffer)
        end = min(_EXCERPT, len(buffer), found.start() if found else len(buffer))
        newline = buffer.find(b"\n", 0, end)
        # An event that begins within the excerpt must have been recognised, or its first bytes would be told, too; one
        # that is indented begins with a brace at the end of a line.
        may_begin = newline < 0 or buffer[:newline].rstrip(_SPACE).endswith(b"{")
        needed = (_EXCERPT if newline < 0 else newline) + _LONGEST_WAY_BACK
        if found is None and may_begin and len(buffer) < needed and not self._has_ended:
            return
        excerpt = bytes(buffer[: end if newline < 0 else newline])
        yield Piece(excerpt, self._line, self._offset, "this is no JSON document")
        self._state = _State.LOST
        self._position = 0

    def _find_way_back(self) -> None:
        found = _WAY_BACK.search(self._buffer, self._position)
        if found is not None:
            self._drop(found.end())
            self._state = _State.BETWEEN
        elif self._has_ended:
            self._drop(len(self._buffer))
            self._state = _State.BETWEEN
        else:
            self._drop(max(self._position, len(self._buffer) - _LONGEST_WAY_BACK))
            self._position = 0

    def _drop(self, count: int) -> None:
        self._offset += count
        self._line += self._buffer.count(b"\n", 0, count)
        del self._buffer[:count]
