"""The usual assignments written into the usual JSON: new members of `spec` and of its ports, each on a line of its own.

That is what kubectl prints, and what an allocation of a whole cluster consists of; it takes a tenth of the time of
`svcc.manifest.text_edits`, which does the same to any text. Places are found by indentation, so it is a guess: whoever
uses the result has to read it again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from svcc.allocation.contract import Assignment

__all__ = ["with_new_members"]

_encode: Final = json.JSONEncoder().encode


def with_new_members(
    text: str, start: int, end: int, spec: Mapping[str, Any], assignments: Sequence[Assignment]
) -> str | None:
    """The `spec` of an object with assignments; None where they or the layout are unusual.

    Its value is `spec`, and its text, without them, is that from `start` to `end` in the JSON `text`.
    """
    closing, first = text.rfind("\n", start, end), text.find('"', start, end)
    if not text.startswith("{\n", start) or not start + 2 < first < closing:
        return None
    outer, inner = text[closing + 1 : end - 1], text[start + 2 : first]
    key = f'\n{outer}"spec": '
    if outer.strip(" \t") or inner.strip(" \t") or not text.startswith(key, start - len(key)):
        return None
    unit = inner.removeprefix(outer)
    members: list[str] = []
    of_ports: dict[int, str] = {}
    for assignment in assignments:
        steps: tuple[Any, ...] = assignment.path.steps
        if len(steps) == 2 and steps[0] == "spec" and steps[1] not in spec:
            members.append(_member(steps[1], assignment.value, inner, unit))
        elif _is_node_port(steps) and "nodePort" not in spec["ports"][steps[2]]:
            of_ports[steps[2]] = _member(steps[3], assignment.value, f"{inner}{unit}{unit}", unit)
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


def _is_node_port(steps: tuple[Any, ...]) -> bool:
    return len(steps) == 4 and steps[:2] == ("spec", "ports") and steps[3] == "nodePort"


def _member(name: str, value: Any, indent: str, unit: str) -> str:
    """A member behind another one, laid out as `json.dumps` does; `name` is one of the API's fields."""
    if type(value) is list and value:
        items = f",\n{indent}{unit}".join(map(_scalar, value))
        return f',\n{indent}"{name}": [\n{indent}{unit}{items}\n{indent}]'
    return f',\n{indent}"{name}": {_scalar(value)}'


def _scalar(value: Any) -> str:
    """As `json.dumps`; numbers and plain texts, of which addresses are made, without a call."""
    if type(value) is str and value.isalnum() and value.isascii():
        return f'"{value}"'
    return _encode(value)
