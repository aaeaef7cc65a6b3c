"""Where something is in the input, and what is wrong with it, in the API server's words.

The wording follows `field.Error` of k8s.io/apimachinery: ``<path>: <Kind>[: <value>][: <detail>]``.
"""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen

__all__ = [
    "FieldPath",
    "ObjectReference",
    "Problem",
    "ProblemKind",
    "Rewritten",
    "Severity",
    "Source",
    "place_of",
    "printable",
    "reading_order",
]


def printable(text: str) -> str:
    """`text` with control characters escaped, since it may come from anybody and go to a terminal."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


@frozen
class FieldPath:
    """A path to a field, such as ``spec.ports[0].nodePort``.

    `steps` holds field names as `str` and list indices as `int`; a map key (an annotation, a label) is a
    one-element tuple and prints in brackets: ``metadata.labels[app]``.
    """

    steps: tuple[str | int | tuple[str], ...] = ()

    @classmethod
    def of(cls, *steps: str | int | tuple[str]) -> FieldPath:
        """Build a path from steps; a dotted string stands for several field names."""
        parts: list[str | int | tuple[str]] = []
        for step in steps:
            if isinstance(step, str):
                parts.extend(step.split("."))
            else:
                parts.append(step)
        return cls(tuple(parts))

    def child(self, *steps: str | int | tuple[str]) -> FieldPath:
        """The path that continues with `steps`."""
        return FieldPath(self.steps + FieldPath.of(*steps).steps)

    def __str__(self) -> str:
        text = ""
        for step in self.steps:
            if isinstance(step, str):
                text += f".{printable(step)}" if text else printable(step)
            elif isinstance(step, int):
                text += f"[{step}]"
            else:
                text += f"[{printable(step[0])}]"
        return text


@frozen
class Rewritten:
    """A scalar that was written in one way and means another: ``0123`` in YAML is 83, ``on`` is true.

    `became` is what it means, as JSON knows it. With `is_key` the scalar is the name of the field `path` itself.
    """

    path: FieldPath
    written: str
    became: Any
    is_key: bool = False


class _TextLookups:
    """The slots of `Source` for what is no field of it."""

    __slots__ = ("line_of", "rewritten")

    line_of: Callable[[FieldPath], int | None] | None
    rewritten: Callable[[], Sequence[Rewritten]] | None


@frozen(init=False)
class Source(_TextLookups):
    """Where an object was written: the file as the user named it, and the line (1 is the first) where it starts.

    `line_of` finds the line of a field inside the object, and `rewritten` what is rewritten in it (None: nothing is);
    both read the text again, so they are meant for reports only. They are no fields: `attrs.asdict` says the place, and
    so does a pickled source, which leaves the text behind.
    """

    file: str
    line: int

    def __init__(
        self,
        file: str,
        line: int,
        line_of: Callable[[FieldPath], int | None] | None = None,
        rewritten: Callable[[], Sequence[Rewritten]] | None = None,
    ) -> None:
        self.__attrs_init__(file, line)
        object.__setattr__(self, "line_of", line_of)
        object.__setattr__(self, "rewritten", rewritten)

    def __reduce__(self) -> tuple[type[Source], tuple[str, int]]:
        return Source, (self.file, self.line)

    def __copy__(self) -> Source:
        return self

    def __deepcopy__(self, _known: object) -> Source:
        return self

    def at(self, path: FieldPath) -> Source:
        """The place of the field `path`, or of the nearest parent that exists in the text."""
        if self.line_of is None:
            return self
        line = self.line_of(path)
        return self if line is None else Source(self.file, line)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


def place_of(source: Source, path: FieldPath) -> Source:
    """Where the field `path` is written, or the nearest parent that is.

    Few people write `clusterIPs`, which a server makes of `clusterIP`.
    """
    found = source.at(path)
    if path.steps[:2] == ("spec", "clusterIPs") and found == source.at(FieldPath(("spec",))):
        return source.at(FieldPath(("spec", "clusterIP")))
    return found


@frozen
class ObjectReference:
    """Which object is meant; `namespace` is empty for cluster-wide kinds."""

    kind: str
    name: str
    namespace: str = ""

    def __str__(self) -> str:
        return printable(f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}")


class ProblemKind(enum.StrEnum):
    """The kinds of `field.ErrorType` (apimachinery), spelled as the server prints them, and one of our own."""

    REQUIRED = "Required value"
    INVALID = "Invalid value"
    UNSUPPORTED = "Unsupported value"
    DUPLICATE = "Duplicate value"
    FORBIDDEN = "Forbidden"
    TOO_LONG = "Too long"
    TOO_MANY = "Too many"
    NOT_FOUND = "Not found"
    NOTICE = "Notice"
    """Not of the server: something svcc noticed; prints its path and its detail only."""
    SENTENCE = "Sentence"
    """A whole sentence, most often a warning of the server's, that names its field itself; prints its detail only."""


class Severity(enum.StrEnum):
    """How much a problem matters: an `ERROR` leaves the object out, a `WARNING` does not; `INFO` is told on request."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


_WITHOUT_VALUE = frozenset({ProblemKind.REQUIRED, ProblemKind.FORBIDDEN, ProblemKind.TOO_LONG, ProblemKind.NOTICE})
_LONGEST_VALUE = 200


@frozen
class Problem:
    """One thing wrong in the input, as data.

    `rule` is a stable identifier such as ``service/port-out-of-range``. `value` is the offending value as JSON knows
    it. `source` is the place of the field when known, else of the object, else None (objects made in Python).
    `hint` says what to do about it, in svcc's own words, and is no part of the message.
    """

    rule: str
    kind: ProblemKind
    path: FieldPath
    detail: str = ""
    value: Any = None
    object: ObjectReference | None = None
    source: Source | None = None
    severity: Severity = Severity.ERROR
    hint: str = ""

    def message(self) -> str:
        """The server's words: ``spec.ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive``."""
        if self.kind is ProblemKind.SENTENCE:
            return self.detail
        if self.kind is ProblemKind.NOTICE:
            return f"{self.path}: {self.detail}" if self.path.steps else self.detail
        parts = [str(self.path)] if self.path.steps else []
        parts.append(self.kind.value)
        if self.kind not in _WITHOUT_VALUE:
            parts.append(_printed(self.value))
        if self.detail:
            parts.append(self.detail)
        return ": ".join(parts)

    def __str__(self) -> str:
        place = f"{self.source}: " if self.source else ""
        subject = f"{self.object}: " if self.object else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.severity.value}: {subject}{self.message()}{hint}"


def reading_order(problem: Problem) -> tuple[str, int]:
    """The key by which a stable sort brings problems into the order of files and lines.

    Problems of one line stay in the server's order; those without a place come first.
    """
    return (problem.source.file, problem.source.line) if problem.source is not None else ("", 0)


def _printed(value: Any) -> str:
    """Strings quoted, numbers and booleans bare, everything else as compact JSON; control characters escaped."""
    text = printable(json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str))
    return text if len(text) <= _LONGEST_VALUE else text[: _LONGEST_VALUE - 3] + "..."
