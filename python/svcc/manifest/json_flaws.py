"""What the `json` module accepts and the API server does not, and where in the text it is.

The decoder's hooks only notice that something is wrong, which costs little; the place is then searched token by token.
"""

from __future__ import annotations

import json
import re
from typing import Any, Final, NoReturn

from svcc.fields import ProblemKind
from svcc.manifest.parsed import json_number

__all__ = ["FlawError", "end_of_value", "first_flaw", "refuse_duplicates", "refuse_word", "strict_float"]

_TOKEN: Final = re.compile(
    r'(?P<string>"[^"\\\n]*(?:\\.[^"\\\n]*)*"?)|(?P<open>[\[{])|(?P<close>[\]}])|(?P<comma>,)'
    r"|(?P<number>-?[0-9][0-9.eE+-]*)|(?P<word>-?[A-Za-z]+)"
)
_BRACKET: Final = re.compile(r'"[^"\\\n]*(?:\\.[^"\\\n]*)*"?|[\[\]{}]')
_decode: Final = json.JSONDecoder().raw_decode
_REFUSED_WORDS: Final = frozenset({"NaN", "Infinity", "-Infinity"})
_INFINITIES: Final = frozenset({float("inf"), float("-inf")})

_Step = str | int | tuple[str]


class FlawError(Exception):
    """Something at `offset` of the text that makes the object around it unusable."""

    def __init__(
        self,
        rule: str = "json-value",
        offset: int = 0,
        detail: str = "",
        path: tuple[_Step, ...] = (),
        *,
        kind: ProblemKind = ProblemKind.NOTICE,
        value: Any = None,
    ) -> None:
        super().__init__(detail)
        self.rule = rule
        self.offset = offset
        self.detail = detail
        self.path = path
        self.kind = kind
        self.value = value

    @classmethod
    def duplicate(cls, offset: int, path: tuple[_Step, ...]) -> FlawError:
        """A name that an object has twice; strict decoding of the API server refuses it."""
        return cls("duplicate-key", offset, "", path, kind=ProblemKind.DUPLICATE, value=path[-1])


def refuse_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An `object_pairs_hook`: the object, or `FlawError` when a name comes twice."""
    members = dict(pairs)
    if len(members) != len(pairs):
        raise FlawError
    return members


def refuse_word(_word: str) -> NoReturn:
    """A `parse_constant`: ``NaN`` and the infinities are JavaScript, not JSON."""
    raise FlawError


def strict_float(text: str) -> int | float:
    """A `parse_float`: numbers beyond 64-bit floats are refused, whole ones become integers as in `json_number`."""
    number = float(text)
    if number in _INFINITIES:
        raise FlawError
    return json_number(number)


def first_flaw(text: str, start: int, depth: int, where: tuple[_Step, ...]) -> FlawError | None:
    """The first thing the hooks refuse in the value at `start`, which `where` leads to; None if there is none."""
    stack: list[_Level] = []
    for token in _TOKEN.finditer(text, start):
        kind = token.lastgroup
        if kind == "open":
            if len(stack) >= depth:
                return FlawError("too-deep", token.start(), f"more than {depth} levels of nesting")
            stack.append(_Level(is_object=token[0] == "{"))
        elif kind == "close":
            stack.pop()
        elif kind == "comma" and stack:
            stack[-1].next()
        elif kind == "string" and stack and stack[-1].expects_name:
            name = _decode(text, token.start())[0]
            if not stack[-1].add(name):
                return FlawError.duplicate(token.start(), (*where, *(level.step for level in stack)))
        elif kind in {"number", "word"} and (detail := _refused(token[0])):
            return FlawError("json-value", token.start(), detail, (*where, *(level.step for level in stack)))
        if not stack:
            return None
    return None


def end_of_value(text: str, start: int) -> int | None:
    """Where the brackets that open at `start` are closed, or, for a value without, the end of its token.

    Looks at brackets and strings only, so that it gets past values that are not valid. None when they never close.
    """
    if text[start : start + 1] not in {"{", "["}:
        token = _TOKEN.match(text, start)
        return None if token is None else token.end()
    depth = 0
    for match in _BRACKET.finditer(text, start):
        bracket = match[0]
        if bracket in "{[":
            depth += 1
        elif bracket in "}]":
            depth -= 1
            if depth == 0:
                return match.end()
    return None


class _Level:
    """An object or an array around the token that is looked at."""

    def __init__(self, *, is_object: bool) -> None:
        self._names: set[str] | None = set() if is_object else None
        self.expects_name = is_object
        self.step: _Step = "" if is_object else 0

    def add(self, name: str) -> bool:
        """Take a name; False when it was there before."""
        self.step = name
        self.expects_name = False
        if self._names is None or name in self._names:
            return False
        self._names.add(name)
        return True

    def next(self) -> None:
        if isinstance(self.step, int):
            self.step += 1
        else:
            self.expects_name = True


def _refused(token: str) -> str | None:
    """Why a number or a word is not a value of JSON that Kubernetes can hold."""
    if token in _REFUSED_WORDS:
        return f"{token} is not a value of JSON"
    try:
        too_large = float(token) in _INFINITIES
    except ValueError:
        return None
    return "the number does not fit into 64 bits" if too_large else None
