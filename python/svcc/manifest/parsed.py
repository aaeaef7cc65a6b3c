"""What both readers hand over: a parsed value that knows where it was written, and the limits they keep."""

from __future__ import annotations

import abc
import enum
from bisect import bisect_left
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Any, ClassVar

from attrs import field, frozen

from svcc.fields import FieldPath, Problem, ProblemKind, Rewritten, Source

__all__ = ["Language", "Limits", "Parsed", "json_number", "problem_at"]

_MEBI = 1 << 20
_LARGEST_WRITTEN_WITHOUT_EXPONENT = 1e21


@frozen
class Limits:
    """How much of what a reader accepts; what exceeds a limit becomes a `Problem`, never an endless run."""

    depth: int = 250
    """Containers inside each other, in one object and its list. Schemas of custom resources reach some 60."""
    lists: int = 8
    """Lists and watch events inside each other."""
    file_bytes: int = 1024 * _MEBI
    """Size of one file or of standard input."""
    yaml_characters: int = 512 * _MEBI
    """Size of one YAML text: of some 100 000 Services with their slices. It is read at about 20 MB a second."""
    strict_characters: int = 8 * _MEBI
    """Size up to which JSON is searched for names that come twice: it takes a third of the time of reading, and larger
    texts are written by programs, which do not write such."""
    object_characters: int = 16 * _MEBI
    """Size of the text of one object; the API server itself takes requests of at most 3 MiB."""
    aliased_nodes: int = 400_000
    """Nodes that the aliases of one YAML document may add (go-yaml begins to refuse at the same number)."""
    syntax_problems: int = 10
    """After losing its way so many times, the rest of a JSON text is not read."""


class Language(enum.Enum):
    """What a text was read as; braces alone do not tell, because YAML has them, too."""

    JSON = "JSON"
    YAML = "YAML"


@frozen(eq=False)
class Parsed(abc.ABC):
    """A value with its place: characters `start` to `end` of the text, of which `line` (1 is the first) is the first.

    `flaws` are the offsets of everything in the text that was reported and makes the object around it unusable,
    in ascending order; it is shared by all values of a text.
    """

    language: ClassVar[Language]

    value: Any
    line: int
    start: int
    end: int
    flaws: Sequence[int] = field(repr=False)

    @abc.abstractmethod
    def elements(self) -> Sequence[Parsed]:
        """The elements of the list itself, or of its member `items`, each with its own place."""

    @abc.abstractmethod
    def watched(self) -> Parsed:
        """The member `object` of a watch event."""

    @abc.abstractmethod
    def line_of(self, path: FieldPath) -> int | None:
        """The line of the field `path`, or of its nearest parent that was written; reads the text again."""

    def member_place(self, name: str) -> tuple[int, int] | None:  # noqa: ARG002  (for those who know)
        """The characters of the text, from where to where, that are the value of a member; None if nobody knows."""
        return None

    def rewritten_lookup(self) -> Callable[[], Sequence[Rewritten]] | None:
        """What finds the scalars in this value that mean something else than they spell; None where there are none."""
        return None

    def flaw_count(self) -> int:
        """How many flaws lie inside this value."""
        if not self.flaws:
            return 0
        return bisect_left(self.flaws, self.end) - bisect_left(self.flaws, self.start)


def json_number(number: float) -> int | float:
    """A float as it comes out of JSON written by Go: whole numbers below 1e21 lose their fraction.

    This is why ``port: 1e3`` is port 1000: `kubectl` decodes into float64 and encodes again as ``1000``. Beyond 53 bits
    the shortest digits that tell the float apart are written, filled up with zeros.
    """
    if number.is_integer() and abs(number) < _LARGEST_WRITTEN_WITHOUT_EXPONENT:
        return int(Decimal(repr(number)))
    return number


def problem_at(
    rule: str,
    file: str,
    line: int,
    detail: str,
    *,
    kind: ProblemKind = ProblemKind.NOTICE,
    path: tuple[str | int | tuple[str], ...] = (),
    value: Any = None,
) -> Problem:
    """A problem of the text itself, not of an object: rule ``manifest/<rule>``, with file and line."""
    return Problem(f"manifest/{rule}", kind, FieldPath(path), detail=detail, value=value, source=Source(file, line))
