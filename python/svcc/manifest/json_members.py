"""The usual assignments written into the usual JSON: new members of `spec` and of its ports, each on a line of its own.

That is what kubectl prints, and what an allocation of a whole cluster consists of; it takes a tenth of the time of
`svcc.manifest.text_edits`, which does the same to any text. Places are found by indentation, so it is a guess: whoever
uses the result has to read it again. But nothing is ever lost: all that is done is to put members whose names stand
nowhere in `spec` behind other members.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from attrs import frozen

from svcc.allocation.contract import Assignment

__all__ = ["with_new_members"]

_encode: Final = json.JSONEncoder().encode
_quoted: Final = json.encoder.encode_basestring_ascii
"""As `_encode`, of a string."""


@frozen
class _Layout:
    """How the `spec` of an object stands in the text: `key` is what is before it, `inner` the indentation in it.

    `unit` is the indentation of each level; `member`, `listed` and `of_port` are patterns of members.
    """

    key: str
    inner: str
    unit: str
    member: str
    listed: str
    of_port: str


def with_new_members(text: str, start: int, end: int, assignments: Sequence[Assignment]) -> str | None:
    """The text of the `spec` of an object with assignments; None where they or the layout are unusual.

    Its text without them is that from `start` to `end` in the JSON `text`.
    """
    first, closing = text.find('"', start, end), text.rfind("\n", start, end)
    layout = _layout(text[start:first], text[closing:end]) if start < first < closing else None
    if layout is None or not text.startswith(layout.key, start - len(layout.key)) or text.find("\\", start, end) >= 0:
        return None
    inner, unit = layout.inner, layout.unit
    members: list[str] = []
    of_ports: dict[int, str] = {}
    for assignment in assignments:
        steps: tuple[Any, ...] = assignment.path.steps
        value = assignment.value
        name = steps[-1]
        if text.find(f'"{name}"', start, end) >= 0:
            return None
        if len(steps) == 2 and steps[0] == "spec":
            if type(value) is list and value:
                items = f",\n{inner}{unit}".join(map(_scalar, value))
                members.append(layout.listed % (name, items))
            else:
                members.append(layout.member % (name, _scalar(value)))
        elif _is_node_port(steps):
            of_ports[steps[2]] = layout.of_port % (name, _scalar(value))
        else:
            return None
    pieces: list[str] = []
    written = start
    if of_ports:
        position = text.find(f'\n{inner}"ports": [\n', start, closing)
        end_of_port = f"\n{inner}{unit}}}"
        for index in range(max(of_ports) + 1):
            position = text.find(end_of_port, position + 1, closing) if position >= 0 else -1
            if position < 0:
                return None
            if index in of_ports:
                pieces += (text[written:position], of_ports[index])
                written = position
    return "".join([*pieces, text[written:closing], *members, text[closing:end]])


@lru_cache(maxsize=64)
def _layout(opening: str, closing: str) -> _Layout | None:
    """The layout of a `spec` that begins with `opening`, up to a quotation mark, and whose last line is `closing`."""
    outer, inner = closing[1:-1], opening[2:]
    if opening[:2] != "{\n" or not inner or inner.strip(" \t") or outer.strip(" \t"):
        return None
    unit = inner.removeprefix(outer)
    member = f',\n{inner}"%s": %s'
    listed = f',\n{inner}"%s": [\n{inner}{unit}%s\n{inner}]'
    of_port = f',\n{inner}{unit}{unit}"%s": %s'
    return _Layout(f'\n{outer}"spec": ', inner, unit, member, listed, of_port)


def _is_node_port(steps: tuple[Any, ...]) -> bool:
    return len(steps) == 4 and steps[:2] == ("spec", "ports") and steps[3] == "nodePort"


def _scalar(value: Any) -> str:
    """As `json.dumps`; texts, of which there are most, with fewer calls."""
    return _quoted(value) if type(value) is str else _encode(value)
