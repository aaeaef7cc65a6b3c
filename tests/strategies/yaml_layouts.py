"""Strategies for the ways in which people lay out one and the same value in YAML or JSON, with comments."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from attrs import Factory, define
from hypothesis import strategies as st

__all__ = ["comments_of", "layouts"]

Draw = Callable[[st.SearchStrategy[Any]], Any]
_PLAIN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./")


def comments_of(text: str) -> list[str]:
    """The comments in a text, in order: all that are made here begin with ``#~``."""
    return [part.split("\n", 1)[0].rstrip("\r") for part in text.split("#~")[1:]]


@define
class _Layout:
    draw: Draw
    """Draws in one document are consistent in nothing: every node has its own style."""
    comments: int = 0
    names: list[str] = Factory(list)

    def chance(self, one_in: int) -> bool:
        return bool(self.draw(st.integers(0, one_in - 1)) == 0)

    def comment(self) -> str:
        self.comments += 1
        word = self.draw(st.sampled_from(["note", "a: b", "- x", "'", '"', "{", "---"]))
        return f"#~{self.comments} {word}"

    def rest_of_line(self) -> str:
        return f" {self.comment()}" if self.chance(5) else " " * self.draw(st.sampled_from([0, 0, 0, 2]))

    def lines_between(self, column: int) -> list[str]:
        if not self.chance(6):
            return []
        indent = " " * self.draw(st.sampled_from([column, column, 0, column + 2]))
        return [indent + self.comment()] if self.chance(2) else [""]

    def scalar(self, value: Any) -> str:
        if value is None:
            return str(self.draw(st.sampled_from(["null", "~"])))
        if not isinstance(value, str):
            return json.dumps(value)
        is_plain = bool(value) and set(value) <= _PLAIN and value[0].isalpha() and value not in {"n", "y", "null"}
        style = self.draw(st.sampled_from(["plain", "'", '"'])) if is_plain else self.draw(st.sampled_from(["'", '"']))
        return value if style == "plain" else f"'{value}'" if style == "'" else json.dumps(value)

    def key(self, name: str) -> str:
        return name if set(name) <= _PLAIN and not self.chance(8) else json.dumps(name)

    def flow(self, value: Any, column: int) -> str:
        """In brackets; lines after the first begin at `column` or behind it."""
        if isinstance(value, dict):
            members = [f"{self.key(name)}: {self.flow(item, column + 2)}" for name, item in value.items()]
        elif isinstance(value, list):
            members = [self.flow(item, column + 2) for item in value]
        else:
            return self.scalar(value)
        opening, closing = "{}" if isinstance(value, dict) else "[]"
        comma = "," if members and self.chance(6) else ""
        if not members or not self.chance(4):
            separator: str = self.draw(st.sampled_from([", ", ","]))
            return opening + separator.join(members) + comma + closing
        text, last = opening, len(members) - 1
        for index, member in enumerate(members):
            text += f"{self.rest_of_line()}\n{' ' * (column + 2)}{member}{comma if index == last else ','}"
        return f"{text}{self.rest_of_line()}\n{' ' * column}{closing}" if self.chance(2) else text + closing

    def value_lines(self, value: Any, column: int, sequence_offset: tuple[int, ...]) -> tuple[str, list[str]]:
        """What stands behind a key at `column`, and the lines after it."""
        if isinstance(value, dict | list) and value and not self.chance(4):
            offset = self.draw(st.sampled_from([1, 2, 2, 2, 4] if isinstance(value, dict) else sequence_offset))
            column += offset
            lines = self.mapping(value, column) if isinstance(value, dict) else self.sequence(value, column)
            return self.rest_of_line(), lines
        if value is None and self.chance(2):
            return self.rest_of_line(), []
        first, *others = self.flow(value, column + 1).split("\n")
        others = [*others[:-1], others[-1] + self.rest_of_line()] if others else []
        return f" {first}" + ("" if others else self.rest_of_line()), others

    def mapping(self, value: dict[str, Any], column: int) -> list[str]:
        lines: list[str] = []
        for name, item in value.items():
            behind, below = self.value_lines(item, column, (0, 0, 1, 2))
            lines += [*self.lines_between(column), f"{' ' * column}{self.key(name)}:{behind}", *below]
        return lines

    def sequence(self, values: list[Any], column: int) -> list[str]:
        lines: list[str] = []
        for value in values:
            gap = self.draw(st.sampled_from([1, 1, 1, 3]))
            lines += self.lines_between(column)
            if isinstance(value, dict) and value and not self.chance(3):
                inner = self.mapping(value, column + 1 + gap)
                first = next(index for index, line in enumerate(inner) if line.strip() and not _is_comment(line))
                lines += inner[:first]
                lines += [" " * column + "-" + inner[first][column + 1 :], *inner[first + 1 :]]
            else:
                first_line, *others = self.flow(value, column + 1).split("\n")
                others = [*others[:-1], others[-1] + self.rest_of_line()] if others else []
                lines += [f"{' ' * column}-{' ' * gap}{first_line}{'' if others else self.rest_of_line()}", *others]
        return lines


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


@st.composite
def layouts(draw: Draw, values: list[dict[str, Any]]) -> str:
    """A text with these objects: as documents, or as a List, in YAML with comments, or in JSON."""
    is_list = draw(st.booleans())
    documents: list[dict[str, Any]] = [{"apiVersion": "v1", "kind": "List", "items": values}] if is_list else values
    if draw(st.integers(0, 4)) == 0:
        indent = draw(st.sampled_from([None, 2, 4, "\t"]))
        separators = draw(st.sampled_from([(",", ":"), (", ", ": ")])) if indent is None else None
        return "\n".join(json.dumps(value, indent=indent, separators=separators) for value in documents)
    layout = _Layout(draw)
    pieces: list[str] = []
    for index, value in enumerate(documents):
        lines = layout.mapping(value, 0) if not layout.chance(6) else layout.flow(value, 0).split("\n")
        marker = ["---" + layout.rest_of_line()] if index or draw(st.booleans()) else []
        pieces.append("\n".join([*marker, *layout.lines_between(0), *lines, *layout.lines_between(0)]))
    text: str = "\n".join(pieces) + draw(st.sampled_from(["\n", "\n", "", "\n\n"]))
    return text.replace("\n", "\r\n") if draw(st.integers(0, 6)) == 0 else text
