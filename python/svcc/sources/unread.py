"""Which problems of a source mean that a file or directory cannot be read, so that it is not followed for now."""

from __future__ import annotations

from typing import Final

from svcc.fields import Problem, Severity
from svcc.manifest.documents import UNREAD_RULES

__all__ = ["is_unread"]

_UNREAD: Final = UNREAD_RULES | {"source/empty-file", "source/gone", "source/unreadable"}


def is_unread(problem: Problem) -> bool:
    """Whether it is of a file or directory of which all or a part cannot be read, not of an object that is refused."""
    return problem.severity is Severity.ERROR and problem.rule in _UNREAD
