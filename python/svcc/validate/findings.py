"""Collecting the problems of one object."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from svcc.fields import FieldPath, ObjectReference, Problem, ProblemKind, Severity, Source
from svcc.validate.rules import RULES

__all__ = ["Findings", "Path"]

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

    @property
    def problems(self) -> list[Problem]:
        """The problems so far: errors, then warnings, both in the order in which they were found."""
        return sorted(self._problems, key=lambda problem: problem.severity is Severity.WARNING)

    def __len__(self) -> int:
        return len(self._problems)

    def required(self, rule: str, path: Path, detail: str = "") -> None:
        """A field that must be there is not."""
        self._add(rule, ProblemKind.REQUIRED, path, detail)

    def invalid(self, rule: str, path: Path, value: Any, detail: str) -> None:
        """A value that breaks a rule."""
        self._add(rule, ProblemKind.INVALID, path, detail, value)

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

    def notice(self, rule: str, path: Path, detail: str) -> None:
        """A sentence that is printed as it stands, as the server prints its warnings."""
        self._add(rule, ProblemKind.NOTICE, path, detail)

    def wrong_type(self, path: Path, wanted: str, found: str) -> None:
        """A JSON value of another type; worded as structural schemas of the API server do."""
        text = FieldPath(path)
        self.invalid("manifest/wrong-type", path, found, f'{text} in body must be of type {wanted}: "{found}"')

    def _add(self, rule: str, kind: ProblemKind, path: Path, detail: str, value: Any = None) -> None:
        where = FieldPath(path)
        written = FieldPath(tuple(_WRITTEN.get(step, step) for step in path)) if path else where
        source = self._source.at(written) if self._source is not None else None
        self._problems.append(Problem(rule, kind, where, detail, value, self._subject, source, RULES[rule].severity))
