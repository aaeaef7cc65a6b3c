"""Where the parts of an object stand in its text, for those who change the text and leave the rest as it is."""

from __future__ import annotations

import enum
import json
import re
from bisect import bisect_left
from collections.abc import Iterator
from typing import Any, Final

import yaml
from attrs import Factory, define

from svcc.manifest.json_places import BLANK
from svcc.manifest.yaml_places import Loader, line_counter
from svcc.manifest.yaml_scalars import RefusedScalarError, key_text

__all__ = ["Entry", "Node", "NodeKind", "NotEditableError", "json_node", "sparse_json_node", "yaml_nodes"]

_MOST_LEVELS: Final = 250
_ENDS: Final = frozenset({yaml.MappingEndEvent, yaml.SequenceEndEvent})
_skip: Final = json.JSONDecoder().raw_decode


class NotEditableError(Exception):
    """The text of an object cannot be changed in place; the message says why."""


class NodeKind(enum.Enum):
    """What a value is in the text."""

    MAPPING = "mapping"
    SEQUENCE = "sequence"
    SCALAR = "scalar"
    ALIAS = "alias"
    UNREAD = "unread"
    """JSON that stays as it is."""


@define
class Entry:
    """A member of a mapping; `start` is where its key begins."""

    name: str
    start: int
    is_quoted: bool
    value: Node


@define
class Node:
    """A value: characters `start` to `end` of the text.

    A container in block style ends with the last value in it, one in flow style with its bracket. `quote` of a scalar
    is its quotation mark, ``|`` or ``>``, and empty for a plain one.
    """

    kind: NodeKind
    start: int
    end: int
    is_flow: bool = True
    quote: str = ""
    text: str = ""
    entries: list[Entry] = Factory(list)
    items: list[Node] = Factory(list)

    def entry(self, name: str) -> Entry | None:
        """The member with this name, unless it is merged from elsewhere."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def values(self) -> list[Node]:
        """The values in it."""
        return [entry.value for entry in self.entries] if self.kind is NodeKind.MAPPING else self.items


def json_node(text: str, start: int, old: Any, new: Any) -> Node:
    """The JSON value that starts at `start`; what is the same in `old`, its value, and in `new` is not looked at."""
    if text[start] == "{" and isinstance(old, dict) and isinstance(new, dict):
        return _json_object(text, start, old, new)
    if text[start] == "[" and isinstance(old, list) and isinstance(new, list):
        return _json_array(text, start, old, new)
    value, end = _skip(text, start)
    kind = NodeKind.MAPPING if isinstance(value, dict) else NodeKind.SEQUENCE
    kind = kind if isinstance(value, dict | list) else NodeKind.SCALAR
    return Node(kind, start, end, quote='"' if isinstance(value, str) else "")


def sparse_json_node(text: str, old: dict[str, Any], new: dict[str, Any]) -> Node | None:
    """The JSON object `text` with its first member and those that differ alone, where these seem to be.

    That takes a fraction of the time. It is a guess, as a name may stand further inside, too: whoever changes the text
    at these places has to read it again. None where a member is new, or is not found.
    """
    first = _blanks_end(text, 1)
    node = Node(NodeKind.MAPPING, 0, len(text))
    try:
        name, end = _skip(text, first)
        value_at = _blanks_end(text, _blanks_end(text, end) + 1)
        if name not in old or new[name] != old[name]:
            return None
        node.entries.append(Entry(name, first, True, Node(NodeKind.UNREAD, value_at, value_at)))  # noqa: FBT003
        for name, value in new.items():
            if name in old and old[name] == value:
                continue
            start = text.find(f'"{name}"', end)
            value_at = _blanks_end(text, _blanks_end(text, start + len(name) + 2) + 1)
            if start < 0 or name not in old:
                return None
            node.entries.append(Entry(name, start, True, json_node(text, value_at, old[name], value)))  # noqa: FBT003
    except (ValueError, IndexError, KeyError):
        return None
    return node


def _json_object(text: str, start: int, old: dict[str, Any], new: dict[str, Any]) -> Node:
    node = Node(NodeKind.MAPPING, start, start)
    position = start
    while text[position] in "{,":
        name_at = _blanks_end(text, position + 1)
        if text[name_at] == "}":
            position = name_at
            break
        name, position = _skip(text, name_at)
        value_at = _blanks_end(text, _blanks_end(text, position) + 1)
        if name in new and new[name] != old[name]:
            value = json_node(text, value_at, old[name], new[name])
        else:
            value = Node(NodeKind.UNREAD, value_at, _skip(text, value_at)[1])
        node.entries.append(Entry(name, name_at, True, value))  # noqa: FBT003
        position = _blanks_end(text, value.end)
    node.end = position + 1
    return node


def _json_array(text: str, start: int, old: list[Any], new: list[Any]) -> Node:
    node = Node(NodeKind.SEQUENCE, start, start)
    position = start
    while text[position] in "[,":
        value_at = _blanks_end(text, position + 1)
        if text[value_at] == "]":
            position = value_at
            break
        index = len(node.items)
        if index < len(new) and new[index] != old[index]:
            node.items.append(json_node(text, value_at, old[index], new[index]))
        else:
            node.items.append(Node(NodeKind.UNREAD, value_at, _skip(text, value_at)[1]))
        position = _blanks_end(text, node.items[-1].end)
    node.end = position + 1
    return node


def _blanks_end(text: str, position: int) -> int:
    if "\ufeff" > text[position : position + 1] > " ":  # as most often, and three times as fast
        return position
    return BLANK.match(text, position).end()  # type: ignore[union-attr]  # matches the empty string, too


def yaml_nodes(text: str, lines: set[int]) -> Iterator[tuple[int, Node]]:
    """The mappings of a YAML text that start in one of these lines (1 is the first), each with its line.

    A list of objects that starts there yields the objects in it, too.
    """
    loader = Loader(text)
    line_of = line_counter(text)
    breaks = [match.start() for match in re.finditer("\n", text)]
    try:
        while not loader.check_event(yaml.StreamEndEvent):
            event = loader.get_event()
            if type(event) is yaml.MappingStartEvent and line_of(event.start_mark) + 1 in lines:
                node = _yaml_node(loader, event, _MOST_LEVELS)
                for found in _objects_in(node):
                    yield bisect_left(breaks, found.start) + 1, found
    finally:
        loader.dispose()


def _objects_in(node: Node) -> Iterator[Node]:
    waiting = [node]
    while waiting:
        node = waiting.pop()
        if node.kind is NodeKind.MAPPING:
            yield node
            for name in ("items", "object"):
                entry = node.entry(name)
                if entry is not None:
                    waiting += [entry.value] if name == "object" else reversed(entry.value.items)
        elif node.kind is NodeKind.SEQUENCE:
            waiting += reversed(node.items)


def _yaml_node(loader: Any, event: Any, levels: int) -> Node:
    start, end = event.start_mark.index, event.end_mark.index
    if not levels:
        raise NotEditableError("too many levels of nesting")
    if type(event) is yaml.ScalarEvent:
        quote = event.style if event.style and event.style in "'\"|>" else ""
        return Node(NodeKind.SCALAR, start, end, quote=quote, text=event.value)
    if type(event) is yaml.AliasEvent:
        return Node(NodeKind.ALIAS, start, end)
    is_mapping = type(event) is yaml.MappingStartEvent
    node = Node(NodeKind.MAPPING if is_mapping else NodeKind.SEQUENCE, start, end, bool(event.flow_style))
    inner: Any = loader.get_event()
    while type(inner) not in _ENDS:
        part = _yaml_node(loader, inner, levels - 1)
        if is_mapping:
            value = _yaml_node(loader, loader.get_event(), levels - 1)
            node.entries.append(Entry(_name(part), part.start, bool(part.quote), value))
        else:
            node.items.append(part)
        inner = loader.get_event()
    values = node.values()
    node.end = inner.end_mark.index if node.is_flow else values[-1].end if values else end
    if not node.is_flow and is_mapping and node.entries:
        node.start = node.entries[0].start  # An anchor or a tag in front is not where the keys are.
    return node


def _name(key: Node) -> str:
    try:
        return key_text(key.text, plain=not key.quote)
    except RefusedScalarError:
        return key.text
