"""Typed reading of JSON values: every field that svcc reads is checked against the type the API declares.

Shapes list the fields svcc reads; all others are ignored, as a server ignores `managedFields` a client sends back.
A null field counts as absent, and a null entry of a list as the zero value, as Go decodes them.
Whole numbers written as floats (``80.0``, ``8e1``) are integers: kubectl sends them to the server as such.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

__all__ = ["Fields", "Items", "Scalar", "Shape", "conformed", "type_name"]


class Scalar(enum.Enum):
    """The shapes without fields or items, by the name the server prints for them."""

    STRING = "string"
    INTEGER = "integer"
    BOOLEAN = "boolean"
    INTEGER_OR_STRING = "integer,string"
    STRING_MAP = "object"


@frozen
class Items:
    """A list whose entries all have one shape."""

    shape: Shape


@frozen
class Fields:
    """An object with known fields."""

    shapes: Mapping[str, Shape]


Shape = Scalar | Items | Fields
Path = tuple[str | int | tuple[str], ...]
Report = Callable[[Path, str, str], None]
"""Called with the path, the type that is wanted and the type that was found."""

_WRONG: Any = object()
_LARGEST_INTEGER = 2**63 - 1


def conformed(value: Any, shape: Shape, report: Report, path: Path = ()) -> Any:
    """The value reduced to what `shape` describes, with fields of a wrong type reported and left out.

    The result consists of new dicts and lists without null and without unknown fields.
    A value that is wrong as a whole becomes the zero value of its shape.
    """
    result = _read(value, shape, report, path)
    return _zero(shape) if result is _WRONG else result


def _read(value: Any, shape: Shape, report: Report, path: Path) -> Any:
    if isinstance(shape, Fields):
        if not isinstance(value, Mapping):
            return _wrong(value, "object", report, path)
        return _fields(value, shape, report, path)
    if isinstance(shape, Items):
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            return _wrong(value, "array", report, path)
        read = [
            _zero(shape.shape) if item is None else _read(item, shape.shape, report, (*path, index))
            for index, item in enumerate(value)
        ]
        return [item for item in read if item is not _WRONG]
    if shape is Scalar.STRING_MAP:
        return _string_map(value, report, path)
    return _scalar(value, shape, report, path)


def _fields(value: Mapping[Any, Any], shape: Fields, report: Report, path: Path) -> dict[str, Any]:
    result = {}
    for name, inner in shape.shapes.items():
        item = value.get(name)
        if item is not None:
            read = _read(item, inner, report, (*path, name))
            if read is not _WRONG:
                result[name] = read
    return result


def _string_map(value: Any, report: Report, path: Path) -> Any:
    if not isinstance(value, Mapping):
        return _wrong(value, "object", report, path)
    result = {}
    for key, item in value.items():
        if not isinstance(key, str):
            report(path, "object with string keys", type_name(key))
            continue
        text = "" if item is None else _scalar(item, Scalar.STRING, report, (*path, (key,)))
        if text is not _WRONG:
            result[key] = text
    return result


def _scalar(value: Any, shape: Scalar, report: Report, path: Path) -> Any:
    if shape is Scalar.BOOLEAN:
        fits = isinstance(value, bool)
    elif isinstance(value, str):
        fits = shape in (Scalar.STRING, Scalar.INTEGER_OR_STRING)
    else:
        fits = False
        if shape is not Scalar.STRING:
            number = _whole_number(value)
            if number is not None:
                return number
    return value if fits else _wrong(value, shape.value, report, path)


def _whole_number(value: Any) -> int | None:
    """The integer a JSON number stands for, or None; numbers beyond 64 bits are none, as for Go's decoder."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if -_LARGEST_INTEGER - 1 <= value <= _LARGEST_INTEGER else None


def _wrong(value: Any, wanted: str, report: Report, path: Path) -> Any:
    report(path, wanted, type_name(value))
    return _WRONG


def _zero(shape: Shape) -> Any:
    if isinstance(shape, Fields) or shape is Scalar.STRING_MAP:
        return {}
    if isinstance(shape, Items):
        return []
    return {Scalar.STRING: "", Scalar.BOOLEAN: False}.get(shape, 0)


def type_name(value: Any) -> str:
    """The JSON type of a value, as the server names it."""
    if value is None:
        return "null"
    for kind, name in _TYPE_NAMES:
        if isinstance(value, kind):
            return name
    return type(value).__name__


_TYPE_NAMES: tuple[tuple[type, str], ...] = (
    (bool, "boolean"),
    (int, "integer"),
    (float, "number"),
    (str, "string"),
    (Mapping, "object"),
    (Sequence, "array"),
)
