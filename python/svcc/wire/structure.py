"""Typed reading of JSON values: every field that svcc reads is checked against the type the API declares.

Shapes list the fields svcc reads, and the names of those that the API has beside them: these are not looked at. All
other names are reported, as the server reports them with strict field validation, which is kubectl's default.
A null field counts as absent, and a null entry of a list as the zero value, as Go decodes them.
Whole numbers written as floats (``80.0``, ``8e1``) are integers: kubectl sends them to the server as such.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import field, frozen

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
    """An object: the fields that are read, and the names of further ones that are not."""

    shapes: Mapping[str, Shape]
    unread: frozenset[str] = frozenset()
    known: frozenset[str] = field(init=False)

    @known.default
    def _all_names(self) -> frozenset[str]:
        return self.unread.union(self.shapes)


Shape = Scalar | Items | Fields
Path = tuple[str | int | tuple[str], ...]
Report = Callable[[Path, str, Any], None]
"""Called with the path, the type that is wanted and the value that was found."""
ReportUnknown = Callable[[Path, frozenset[str]], None]
"""Called with the path of a field that the API does not have, and the names of those it has there."""

_WRONG: Any = object()
_LARGEST_INTEGER = 2**63 - 1


def conformed(
    value: Any,
    shape: Shape,
    report: Report,
    path: Path = (),
    *,
    report_unknown: ReportUnknown | None = None,
    keep_places: bool = False,
) -> Any:
    """The value reduced to what `shape` describes, with fields of a wrong type reported and left out.

    The result consists of new dicts and lists without null and without unknown fields.
    A value that is wrong as a whole becomes the zero value of its shape, and with `keep_places` so does an entry of a
    list that is wrong, so that the others keep their indices.
    """
    result = _Reader(report, report_unknown, keep_places).read(value, shape, path)
    return _zero(shape) if result is _WRONG else result


@frozen
class _Reader:
    report: Report
    report_unknown: ReportUnknown | None
    keep_places: bool

    def read(self, value: Any, shape: Shape, path: Path) -> Any:
        if isinstance(shape, Fields):
            return self.fields(value, shape, path)
        if isinstance(shape, Items):
            return self.items(value, shape, path)
        if shape is Scalar.STRING_MAP:
            return self.string_map(value, path)
        return self.scalar(value, shape, path)

    def fields(self, value: Any, shape: Fields, path: Path) -> Any:
        if not isinstance(value, Mapping):
            return self.wrong(value, "object", path)
        if self.report_unknown is not None and not shape.known.issuperset(value):
            for name in value:
                if name not in shape.known:
                    self.report_unknown((*path, name if isinstance(name, str) else str(name)), shape.known)
        result = {}
        for name, inner in shape.shapes.items():
            item = value.get(name)
            if item is not None:
                read = self.read(item, inner, (*path, name))
                if read is not _WRONG:
                    result[name] = read
        return result

    def items(self, value: Any, shape: Items, path: Path) -> Any:
        if not isinstance(value, Sequence) or isinstance(value, str | bytes):
            return self.wrong(value, "array", path)
        read = [
            _zero(shape.shape) if item is None else self.read(item, shape.shape, (*path, index))
            for index, item in enumerate(value)
        ]
        if self.keep_places:
            return [_zero(shape.shape) if item is _WRONG else item for item in read]
        return [item for item in read if item is not _WRONG]

    def string_map(self, value: Any, path: Path) -> Any:
        if not isinstance(value, Mapping):
            return self.wrong(value, "object", path)
        result = {}
        for key, item in value.items():
            if not isinstance(key, str):
                self.report(path, "object with string keys", key)
                continue
            text = "" if item is None else self.scalar(item, Scalar.STRING, (*path, (key,)))
            if text is not _WRONG:
                result[key] = text
        return result

    def scalar(self, value: Any, shape: Scalar, path: Path) -> Any:
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
        return value if fits else self.wrong(value, shape.value, path)

    def wrong(self, value: Any, wanted: str, path: Path) -> Any:
        self.report(path, wanted, value)
        return _WRONG


def _whole_number(value: Any) -> int | None:
    """The integer a JSON number stands for, or None; numbers beyond 64 bits are none, as for Go's decoder."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value) if -_LARGEST_INTEGER - 1 <= value <= _LARGEST_INTEGER else None


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
