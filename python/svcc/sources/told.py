"""Which problems have been told, so that each is told once and said to be resolved when it is."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from typing import Final, NamedTuple

from attrs import evolve

from svcc.fields import FieldPath, Problem, ProblemKind

__all__ = ["KEPT", "News", "ToldProblems", "kept_as_it_was"]

KEPT: Final = "what it said before stays in force"
"""How the hint ends of a problem that takes nothing away."""

_MOST_AT_ONCE: Final = 1000
"""Events of garbage that are told one by one; a source without end must not fill the memory with them."""


def kept_as_it_was(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Problems of an object that is refused while an earlier state of it is in force, which their hints say."""
    return tuple(evolve(problem, hint=f"{problem.hint}; {KEPT}" if problem.hint else KEPT) for problem in problems)


class News(NamedTuple):
    """What is new, what is resolved, and what of the new is over already, as `Batch` has them."""

    problems: tuple[Problem, ...]
    resolved: tuple[Problem, ...]
    over: tuple[Problem, ...]


class ToldProblems:
    """Problems by what they are about, their holder; news of them are kept until `drain`."""

    def __init__(self) -> None:
        self._held: dict[Hashable, dict[Hashable, Problem]] = {}
        self._new: list[Problem] = []
        self._resolved: list[Problem] = []
        self._over: list[Problem] = []
        self._told_once = 0

    def once(self, problem: Problem) -> None:
        """Tell what happened and is over, as a line of garbage in a stream; of very many only how many there were."""
        self._told_once += 1
        if self._told_once <= _MOST_AT_ONCE:
            self._new.append(problem)
            self._over.append(problem)

    def hold(self, holder: Hashable, problems: Iterable[Problem]) -> None:
        """Of `holder`, these problems are true from now on, and no others; a moved line makes no other problem."""
        now = {_identity(problem): problem for problem in problems}
        before = self._held.pop(holder, {})
        if now:
            self._held[holder] = now
        self._new += [problem for identity, problem in now.items() if identity not in before]
        self._resolved += [problem for identity, problem in before.items() if identity not in now]

    def drain(self) -> News:
        """What is new and what is resolved since the last time; what was both is neither."""
        if self._told_once > _MOST_AT_ONCE:
            said = f"{self._told_once - _MOST_AT_ONCE} more problems are not told one by one"
            more = Problem("source/many-problems", ProblemKind.NOTICE, FieldPath(), said)
            self._new.append(more)
            self._over.append(more)
        self._told_once = 0
        passing = {id(problem) for problem in self._new} & {id(problem) for problem in self._resolved}
        news = News(
            tuple(problem for problem in self._new if id(problem) not in passing),
            tuple(problem for problem in self._resolved if id(problem) not in passing),
            tuple(self._over),
        )
        self._new.clear()
        self._resolved.clear()
        self._over.clear()
        return news


def _identity(problem: Problem) -> Hashable:
    file = problem.source.file if problem.source is not None else ""
    return problem.rule, problem.message(), problem.object, file, problem.severity
