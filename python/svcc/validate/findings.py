"""Collecting the problems of one object."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity, Source, place_of, printable
from svcc.validate.rules import RULES
from svcc.wire.structure import type_name

__all__ = ["Findings", "Path", "hint_of_name"]

Path = tuple[str | int | tuple[str], ...]
"""The steps of a `FieldPath`; rules pass steps, so that a path object is only made for a problem."""


_WRITTEN: dict[str | int | tuple[str], str] = {"LoadBalancerSourceRanges": "loadBalancerSourceRanges"}
"""How manifests spell what the server spells in its own way."""


class Findings:
    """The problems found in one object.

    A method for each kind of `field.Error` (apimachinery); severity follows from the rule.
    """

    def __init__(self, subject: ObjectReference | None = None, source: Source | None = None) -> None:
        self._problems: list[Problem] = []
        self._subject = subject
        self._source = source
        self._written: dict[Path, str] | None = None

    @property
    def problems(self) -> list[Problem]:
        """The problems so far: errors, then warnings, both in the order in which they were found."""
        return sorted(self._problems, key=lambda problem: problem.severity is Severity.WARNING)

    def __len__(self) -> int:
        return len(self._problems)

    def of_same_object(self) -> Findings:
        """A collection for the same object that holds nothing yet."""
        return Findings(self._subject, self._source)

    def extend(self, problems: Iterable[Problem]) -> None:
        """Take problems from another collection for the same object."""
        self._problems.extend(problems)

    def required(self, rule: str, path: Path, detail: str = "") -> None:
        """A field that must be there is not."""
        self._add(rule, ProblemKind.REQUIRED, path, detail)

    def invalid(self, rule: str, path: Path, value: Any, detail: str, hint: str = "") -> None:
        """A value that breaks a rule."""
        self._add(rule, ProblemKind.INVALID, path, detail, value, hint)

    def unsupported(self, rule: str, path: Path, value: Any, supported: Iterable[str]) -> None:
        """A value outside an enumeration."""
        listed = ", ".join(f'"{name}"' for name in sorted(supported))
        self._add(rule, ProblemKind.UNSUPPORTED, path, f"supported values: {listed}", value)

    def duplicate(self, rule: str, path: Path, value: Any) -> None:
        """A value that must be unique and is not."""
        self._add(rule, ProblemKind.DUPLICATE, path, "", value)

    def forbidden(self, rule: str, path: Path, detail: str) -> None:
        """A field that may not be set here."""
        self._add(rule, ProblemKind.FORBIDDEN, path, detail)

    def too_long(self, rule: str, path: Path, most: int) -> None:
        """More bytes than allowed."""
        self._add(rule, ProblemKind.TOO_LONG, path, f"may not be more than {most} bytes")

    def too_many(self, rule: str, path: Path, count: int, most: int) -> None:
        """More items than allowed."""
        self._add(rule, ProblemKind.TOO_MANY, path, f"must have at most {most} items", count)

    def notice(self, rule: str, path: Path, detail: str, hint: str = "") -> None:
        """A sentence about a field, which is printed in front of it."""
        self._add(rule, ProblemKind.NOTICE, path, detail, None, hint)

    def sentence(self, rule: str, path: Path, detail: str) -> None:
        """A sentence that names its field itself, in a spelling that may be its own."""
        self._add(rule, ProblemKind.SENTENCE, path, detail)

    def wrong_type(self, path: Path, wanted: str, value: Any) -> None:
        """A JSON value of another type; worded as structural schemas of the API server do."""
        text = FieldPath(path)
        found = type_name(value)
        detail = f'{text} in body must be of type {wanted}: "{found}"'
        hint = _hint_of_type(wanted, value, self._written_at(path))
        self._add("manifest/wrong-type", ProblemKind.INVALID, path, detail, found, hint)

    def _written_at(self, path: Path) -> str | None:
        """How a value was written, where it was written in another way than JSON would write it."""
        if self._written is None:
            lookup = self._source.rewritten if self._source is not None else None
            found = lookup() if lookup is not None else ()
            self._written = {item.path.steps: item.written for item in found if not item.is_key}
        return self._written.get(tuple(step[0] if isinstance(step, tuple) else step for step in path))

    def unknown_field(self, path: Path, known: Iterable[str]) -> None:
        """A field that the API does not have; worded as strict field validation does, kubectl's default."""
        hint = hint_of_name(str(path[-1]), sorted(known))
        self._add("manifest/unknown-field", ProblemKind.SENTENCE, path, f'unknown field "{FieldPath(path)}"', "", hint)

    def _add(self, rule: str, kind: ProblemKind, path: Path, detail: str, value: Any = None, hint: str = "") -> None:
        where = FieldPath(path)
        written = FieldPath(tuple(_WRITTEN.get(step, step) for step in path)) if path else where
        source = place_of(self._source, written) if self._source is not None else None
        severity = RULES[rule].severity
        self._problems.append(Problem(rule, kind, where, detail, value, self._subject, source, severity, hint))


_LONGEST_WRITTEN = 60


def _hint_of_type(wanted: str, value: Any, text: str | None) -> str:
    """What was written, and what would be of the type that is wanted."""
    written = printable(text if text is not None else json.dumps(value, ensure_ascii=False, default=str))
    if len(written) > _LONGEST_WRITTEN:
        written = f"{written[: _LONGEST_WRITTEN - 3]}..."
    if wanted == "string" and isinstance(value, int | float):
        return f'written: {written}; put it in quotes: "{written}"'
    if isinstance(value, str) and _is_without_quotes(wanted, value):
        return f"written: {written}; take the quotes away: {value}"
    if wanted == "array":
        return f"written: {written}; make it a list, even of one"
    return f"written: {written}"


def _is_without_quotes(wanted: str, text: str) -> bool:
    """Whether a text would be of the type that is wanted if it had no quotes."""
    if wanted == "boolean":
        return text in ("true", "false")
    return wanted == "integer" and text.isascii() and text.isdecimal() and text == str(int(text[:20]))


def hint_of_name(name: str, known: Sequence[str]) -> str:
    """The field that was meant: Go takes upper and lower case for different, people often do not."""
    by_lower_case = {each.lower(): each for each in known}
    close = difflib.get_close_matches(name.lower(), by_lower_case, n=1, cutoff=0.7)
    return f'did you mean "{by_lower_case[close[0]]}"?' if close else ""
