"""Where the fields of an object are in JSON text: searched when asked for, past the others with the C decoder."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Final

__all__ = ["BLANK", "offset_towards"]

BLANK: Final = re.compile("[ \t\n\r\ufeff]*")
"""White space, and byte order marks, which stand between files that were put together."""
_skip: Final = json.JSONDecoder().raw_decode

_Step = str | int | tuple[str]


def offset_towards(text: str, start: int, steps: Sequence[_Step]) -> int:
    """Where the field is written (its name, or the element of a list), or the nearest parent that is."""
    found = value_at = start
    try:
        for step in steps:
            place = _element(text, value_at, step) if isinstance(step, int) else _member(text, value_at, step)
            if place is None:
                return found
            found, value_at = place
    except (ValueError, RecursionError):
        pass  # A flawed object: as far as it could be read.
    return found


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


def _element(text: str, start: int, index: int) -> tuple[int, int] | None:
    position = start
    if text[position] != "[":
        return None
    while text[position] in "[,":
        value_at = _blanks_end(text, position + 1)
        if text[value_at] == "]":
            return None
        if index == 0:
            return value_at, value_at
        index -= 1
        position = _blanks_end(text, _skip(text, value_at)[1])
    return None


def _blanks_end(text: str, position: int) -> int:
    return BLANK.match(text, position).end()  # type: ignore[union-attr]  # matches the empty string, too
