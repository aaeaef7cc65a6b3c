"""The smallest changes of a text after which it says something new: only the lines of what is new are touched."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final, NamedTuple

from attrs import Factory, define, frozen

from svcc.manifest.text_nodes import Node, NodeKind, NotEditableError
from svcc.manifest.text_values import block_lines, flow_text, scalar_text

__all__ = ["Edit", "applied", "edits"]

_REST_OF_LINE: Final = re.compile(r"[ \t]*(?:#[^\n]*)?\r?(?=\n|\Z)")
_BLANKS: Final = re.compile(r"(?:[ \t\r\n]|(?<=[ \t\r\n])#[^\n]*)*")
_UNIT: Final = 2
_DOCUMENT_UNIT: Final = "  "
"""Of JSON whose indentation is lost."""


class Edit(NamedTuple):
    """Characters `start` to `end` become `text`."""

    start: int
    end: int
    text: str


@lru_cache(maxsize=64)
def _encoder(unit: str | None, comma: str, colon: str) -> json.JSONEncoder:
    """Making one takes longer than using it."""
    return json.JSONEncoder(indent=unit, separators=(comma, colon))


@lru_cache(maxsize=256)
def _json_name(name: str) -> str:
    return json.dumps(name)


def applied(text: str, changes: Sequence[Edit]) -> str:
    """The text after all edits, which do not overlap; of those at one place the first comes first."""
    pieces: list[str] = []
    position = 0
    for edit in sorted(changes, key=lambda edit: edit.start):
        pieces += [text[position : edit.start], edit.text]
        position = edit.end
    return "".join([*pieces, text[position:]])


def edits(text: str, node: Node, old: Any, new: Any) -> list[Edit]:
    """What makes the object at `node` say `new` instead of `old`; nothing that is in `old` is removed.

    Raises:
        NotEditableError: it cannot be done in place, as where a value is an alias.
    """
    first = text.find("\n")
    newline = "\r\n" if text[first - 1 : first] == "\r" else "\n"
    editor = _Editor(text, newline, _block_layout(text, node), _flow_layout(text, node))
    editor.change(node, old, new, None)
    return editor.found


@frozen
class _BlockLayout:
    """How far mappings, and lists, are indented below the key they belong to."""

    unit: int
    sequence_unit: int


@frozen
class _FlowLayout:
    """How members stand in brackets: as JSON or not, with which commas and colons between those on one line.

    `unit` is the indentation of JSON that is spread over lines, None if it is on one.
    """

    is_json: bool = False
    unit: str | None = None
    comma: str = ", "
    colon: str = ": "


def _block_layout(text: str, node: Node) -> _BlockLayout:
    """As the first mapping and the first list of the object are."""
    unit, sequence_unit = None, None
    waiting = [] if node.is_flow else [node]
    while waiting and (unit is None or sequence_unit is None):
        outer = waiting.pop()
        if outer.kind is NodeKind.MAPPING and not outer.is_flow:
            column = _column(text, outer.start)
            for value in (entry.value for entry in outer.entries):
                if value.kind is NodeKind.MAPPING and not value.is_flow:
                    unit = unit or _column(text, value.start) - column
                elif value.kind is NodeKind.SEQUENCE and not value.is_flow and sequence_unit is None:
                    # An anchor or a tag of the list stands in front of its first dash, on the line of the key.
                    is_dash = text[value.start] == "-"
                    sequence_unit = (
                        _column(text, value.start) if is_dash else len(_indent(text, value.items[0].start))
                    ) - column
        waiting += reversed(outer.values())
    return _BlockLayout(unit or _UNIT, sequence_unit or 0)


def _flow_layout(text: str, node: Node) -> _FlowLayout:
    if not node.entries or not node.is_flow or not all(entry.is_quoted for entry in node.entries):
        return _FlowLayout()
    first = node.entries[0]
    unit = None
    if "\n" in text[node.start : first.start]:
        unit = _indent(text, first.start).removeprefix(_indent(text, node.end - 1)) or _DOCUMENT_UNIT
    if text[first.value.start - 1] == ":":
        return _FlowLayout(is_json=True, unit=unit, comma=",", colon=":")
    return _FlowLayout(is_json=True, unit=unit)


def _is_section(value: Any) -> bool:
    """Whether a value in block style is more than a scalar or a list of scalars."""
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(item, dict | list) for item in value))


def _start_of_last(node: Node) -> int:
    return node.entries[-1].start if node.entries else node.items[-1].start


def _column(text: str, position: int) -> int:
    return position - (text.rfind("\n", 0, position) + 1)


def _indent(text: str, position: int) -> str:
    """The white space at the beginning of a line."""
    line = text[text.rfind("\n", 0, position) + 1 : position]
    return line[: len(line) - len(line.lstrip(" \t"))]


@define
class _Editor:
    text: str
    newline: str
    block: _BlockLayout
    flow: _FlowLayout
    found: list[Edit] = Factory(list)

    def change(self, node: Node, old: Any, new: Any, key_column: int | None) -> None:
        """`key_column` is that of the key in block style whose value this is."""
        if old == new and type(old) is type(new):
            return
        if node.kind is NodeKind.ALIAS:
            # It is another value now, so it stands here itself, in the place of the alias.
            self._replace(node, new, key_column)
            return
        if (
            node.kind is NodeKind.MAPPING
            and isinstance(old, dict)
            and isinstance(new, dict)
            and old.keys() <= new.keys()
        ):
            self._change_mapping(node, old, new, key_column)
        elif node.kind is NodeKind.SEQUENCE and isinstance(old, list) and isinstance(new, list):
            if len(new) < len(old):
                raise NotEditableError("a list becomes shorter")
            for item, before, after in zip(node.items, old, new, strict=False):
                self.change(item, before, after, None)
            if len(new) > len(old):
                self._append(node, new[len(old) :], key_column)
        elif node.kind in (NodeKind.MAPPING, NodeKind.SEQUENCE):
            raise NotEditableError("a list or mapping becomes something else")
        else:
            self._replace(node, new, key_column)

    def _change_mapping(self, node: Node, old: dict[str, Any], new: dict[str, Any], key_column: int | None) -> None:
        added: dict[str, Any] = {}
        for name, value in new.items():
            if name in old and old[name] == value:
                continue
            entry = node.entry(name)
            if entry is None:
                added[name] = value
            else:
                column = None if node.is_flow else _column(self.text, entry.start)
                self.change(entry.value, old[name], value, column)
        if not added:
            return
        if not node.entries:
            self._fill(node, added, key_column)
        elif node.is_flow:
            self._insert_in_flow(node, list(added.items()))
        else:
            self._insert_entries(node, added)

    def _replace(self, node: Node, new: Any, key_column: int | None) -> None:
        if node.quote in {"|", ">"}:
            raise NotEditableError("the value is a block of text")
        if isinstance(new, dict | list) and new:
            self._fill(node, new, key_column)
            return
        written = (
            json.dumps(new) if self.flow.is_json else scalar_text(new, in_flow=key_column is None, quote=node.quote)
        )
        self.found.append(Edit(node.start, node.end, self._after_colon(node, written)))

    def _after_colon(self, node: Node, written: str) -> str:
        """A value that is not written at all has its place right behind the colon."""
        return (
            f" {written}"
            if node.start == node.end and self.text[node.start - 1 : node.start] in {":", "-"}
            else written
        )

    def _fill(self, node: Node, new: Any, key_column: int | None) -> None:
        """Something in the place of nothing: of null, ``{}`` or ``[]``."""
        rest = _REST_OF_LINE.match(self.text, node.end)
        if key_column is None or rest is None or rest[0].strip():
            self.found.append(Edit(node.start, node.end, self._after_colon(node, self._flow(new, node.start))))
            return
        indent = " " * (key_column + (self.block.unit if isinstance(new, dict) else self.block.sequence_unit))
        lines = block_lines(new, self.block.unit, self.block.sequence_unit)
        text = "".join(f"{self.newline}{indent}{line}" for line in lines)
        start = len(self.text[: node.start].rstrip(" \t"))
        self.found.append(Edit(start, node.end, text))

    def _insert_entries(self, node: Node, added: dict[str, Any]) -> None:
        """Scalars go behind the last entry on one line, which is no section, everything else behind the last one."""
        short = {name: value for name, value in added.items() if not _is_section(value)}
        long = {name: value for name, value in added.items() if _is_section(value)}
        simple = [entry for entry in node.entries if "\n" not in self.text[entry.start : entry.value.end]]
        column = _column(self.text, node.entries[0].start)
        for part, entry in ((short, (simple or node.entries)[-1]), (long, node.entries[-1])):
            if part:
                self._insert_lines(
                    entry.value, column, list(block_lines(part, self.block.unit, self.block.sequence_unit))
                )

    def _insert_lines(self, after: Node, column: int, lines: Sequence[str]) -> None:
        """New lines below the last line of a value in block style, and below comments that are indented further."""
        while after.values() and not after.is_flow:
            after = after.values()[-1]
        position = after.end
        written = [" " * column + line for line in lines]
        if after.quote in {"|", ">"}:
            if self.text[position - 1] == "\n":
                self.found.append(Edit(position, position, "".join(f"{line}{self.newline}" for line in written)))
                return
        else:
            rest = _REST_OF_LINE.match(self.text, position)
            if rest is None:
                raise NotEditableError("something follows the value on its line")
            comments = re.compile(rf"(?:\n[ ]{{{column + 1},}}#[^\n]*)*").match(self.text, rest.end())
            position = rest.end() if comments is None else comments.end()
            position -= self.text[position - 1] == "\r"
        self.found.append(Edit(position, position, "".join(f"{self.newline}{line}" for line in written)))

    def _append(self, node: Node, values: list[Any], key_column: int | None) -> None:
        if not node.items:
            self._fill(node, values, key_column)
        elif node.is_flow:
            self._insert_in_flow(node, [(None, value) for value in values])
        else:
            lines = list(block_lines(values, self.block.unit, self.block.sequence_unit))
            dash = self.text.rfind("-", 0, node.items[0].start)
            self._insert_lines(node.items[-1], _column(self.text, dash), lines)

    def _insert_in_flow(self, node: Node, values: Sequence[tuple[str | None, Any]]) -> None:
        """More members behind the last one: on lines of their own where that one is on its own, too."""
        last, last_at = node.values()[-1], _start_of_last(node)
        is_spread = "\n" in self.text[node.start : last_at]
        pieces = [self._member(name, value, last_at if is_spread else None) for name, value in values]
        if not is_spread:
            comma = self.flow.comma
            self.found.append(Edit(last.end, last.end, "".join(f"{comma}{piece}" for piece in pieces)))
            return
        indent = self.newline + _indent(self.text, last_at)
        following = _BLANKS.match(self.text, last.end).end()  # type: ignore[union-attr]  # matches the empty string
        has_comma = self.text[following : following + 1] == ","
        if not has_comma:
            self.found.append(Edit(last.end, last.end, ","))
        behind = following + 1 if has_comma else last.end
        rest = _REST_OF_LINE.match(self.text, behind)
        at = behind if rest is None else rest.end() - rest[0].endswith("\r")
        self.found.append(Edit(at, at, ",".join(f"{indent}{piece}" for piece in pieces)))

    def _member(self, name: str | None, value: Any, on_line_of: int | None) -> str:
        written = self._flow(value, on_line_of)
        if name is None:
            return written
        key = _json_name(name) if self.flow.is_json else scalar_text(name, in_flow=True)
        return f"{key}{self.flow.colon}{written}"

    def _flow(self, value: Any, on_line_of: int | None) -> str:
        """A value in flow style; JSON that is spread over lines goes on so, on the line of what is there."""
        if not self.flow.is_json:
            return flow_text(value)
        if isinstance(value, str):
            return json.dumps(value)
        if self.flow.unit is None or on_line_of is None or not value or not isinstance(value, dict | list):
            return _encoder(None, self.flow.comma, self.flow.colon).encode(value)
        indent = self.newline + _indent(self.text, on_line_of)
        if isinstance(value, list) and all(isinstance(item, str) for item in value):  # for which json takes its time
            inner = f",{indent}{self.flow.unit}".join(map(json.dumps, value))
            return f"[{indent}{self.flow.unit}{inner}{indent}]"
        return _encoder(self.flow.unit, ",", self.flow.colon).encode(value).replace("\n", indent)
