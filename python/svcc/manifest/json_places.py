"""Where the fields of an object are in JSON text: searched when asked for, past the others with the C decoder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

__all__ = ["BLANK", "offset_towards", "place_of_member"]

BLANK: Final = re.compile("[ \t\n\r\ufeff]*")
"""White space, and byte order marks, which stand between files that were put together."""
_skip: Final = json.JSONDecoder().raw_decode

_Step = str | int | tuple[str]


def offset_towards(text: str, start: int, steps: Sequence[_Step], lists: dict[int, list[int]]) -> int:
    """Where the field is written (its name, or the element of a list), or the nearest parent that is.

    `lists` remembers, by where a list begins, where its elements do: who asks for one often asks for all in turn.
    """
    found = value_at = start
    try:
        for step in steps:
            if isinstance(step, int):
                elements = lists.get(value_at)
                if elements is None:
                    elements = lists[value_at] = _elements(text, value_at)
                place = (elements[step], elements[step]) if step < len(elements) else None
            else:
                place = _member(text, value_at, step)
            if place is None:
                return found
            found, value_at = place
    except (ValueError, RecursionError):
        pass  # A flawed object: as far as it could be read.
    return found


def place_of_member(text: str, start: int, name: str) -> tuple[int, int] | None:
    """Where the value of a member of the object at `start` starts and ends; None if there is none that can be read."""
    try:
        found = _member(text, start, name)
        return None if found is None else (found[1], _skip(text, found[1])[1])
    except (ValueError, IndexError, RecursionError):
        return None


def _member(text: str, start: int, step: str | tuple[str]) -> tuple[int, int] | None:
    wanted = step if isinstance(step, str) else step[0]
    position = start
    if text[position] != "{":
        return None
    while text[position] in "{,":
        name_at = _blanks_end(text, position + 1)
        if text[name_at] != '"':
            return None
        name, position = _skip(text, name_at)
        value_at = _blanks_end(text, _blanks_end(text, position) + 1)
        if name == wanted:
            return name_at, value_at
        position = _blanks_end(text, _skip(text, value_at)[1])
    return None


def _elements(text: str, start: int) -> list[int]:
    """Where the elements of the list at `start` are, as far as it can be read; of none if it is no list."""
    found: list[int] = []
    position = start
    try:
        while text[position : position + 1] == ("," if found else "["):
            value_at = _blanks_end(text, position + 1)
            if text[value_at : value_at + 1] == "]":
                break
            found.append(value_at)
            position = _blanks_end(text, _skip(text, value_at)[1])
    except (ValueError, RecursionError):
        pass  # A flawed object, as above.
    return found


def _blanks_end(text: str, position: int) -> int:
    return BLANK.match(text, position).end()  # type: ignore[union-attr]  # matches the empty string, too
