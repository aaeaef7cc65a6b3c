"""How an audit does on mutants: what it finds, what it misses, and what it reports without cause."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import define, field, frozen

from svcc.auditing.finding import Verdict
from tests.mutation.audits import Answer, Audit
from tests.mutation.mutation import Mutation
from tests.mutation.truth import Effect, Judge, Truth


@define
class Counts:
    """Numbers of mutants.

    Attributes:
        changed, unknown, equivalent: by what they really do.
        beyond: that were taken for equivalent, until a packet outside of the universe showed a change.
        reported: changed ones that were found.
        missed: changed ones that were not, and unknown ones that were called proved.
        false_alarms: equivalent ones with a finding.
        shape: equivalent ones of which it is said that rules have no effect, or are not laid out as usual.
        unproved: equivalent ones of which nobody said whether they do what was declared.
        false_witnesses: with a packet that does not show what it is said to show.
    """

    mutants: int = 0
    changed: int = 0
    unknown: int = 0
    equivalent: int = 0
    beyond: int = 0
    reported: int = 0
    missed: int = 0
    false_alarms: int = 0
    shape: int = 0
    unproved: int = 0
    false_witnesses: int = 0


@frozen
class Mistake:
    """A mutant that an audit did not judge as it should."""

    what: str
    base: str
    mutation: Mutation
    truth: Truth
    answer: Answer

    def __str__(self) -> str:
        lines = [f"{self.what}: {self.base}: {self.mutation.sentence}"]
        if self.truth.shown is not None:
            shown = self.truth.shown
            lines += [f"  packet: {shown.packet}", f"  declared: {shown.expected}", f"  found: {shown.found}"]
        lines.append(f"  the audit says {self.answer.verdict}")
        lines += [f"  {words}" for words in self.answer.words]
        return "\n".join(lines)


@define
class Figures:
    """Counts by kind of mutation, and the mistakes."""

    by_kind: dict[str, Counts] = field(factory=dict)
    mistakes: list[Mistake] = field(factory=list)

    def judge(self, judge: Judge, mutation: Mutation, audit: Audit) -> None:
        """Ask an audit about a mutant, and count its answer."""
        truth = judge.truth(mutation.document)
        answer = audit(judge, mutation.document)
        counts = self.by_kind.setdefault(mutation.kind, Counts())
        counts.mutants += 1
        shows = [judge.shows(mutation.document, each.packet, each.also_local) for each in answer.witnesses]
        effect = truth.effect
        if effect is not Effect.CHANGED and any(shows):
            effect = Effect.CHANGED
            counts.beyond += 1
        name = f"{judge.base.name} {judge.base.shape}"
        for what in _judged(counts, effect, answer, shows):
            self.mistakes.append(Mistake(what, name, mutation, truth, answer))

    @property
    def total(self) -> Counts:
        """All kinds together."""
        total = Counts()
        for counts in self.by_kind.values():
            for name in Counts.__slots__:
                if name != "__weakref__":
                    setattr(total, name, getattr(total, name) + getattr(counts, name))
        return total

    def lines(self) -> Iterator[str]:
        """A table, a line for each kind of mutation."""
        names = [name for name in Counts.__slots__ if name != "__weakref__"]
        rows = [*sorted(self.by_kind.items()), ("in all", self.total)]
        width = max(len(kind) for kind, _ in rows)
        yield f"{'kind of mutation':{width}}  {'  '.join(name.replace('_', ' ') for name in names)}"
        for kind, counts in rows:
            numbers = (f"{getattr(counts, name):{len(name)}}" for name in names)
            yield f"{kind:{width}}  {'  '.join(numbers)}"


def _judged(counts: Counts, effect: Effect, answer: Answer, shows: list[bool]) -> Iterator[str]:
    """Count an answer; yields what is wrong with it."""
    if not all(shows):
        counts.false_witnesses += 1
        yield "false witness"
    match effect, answer.verdict:
        case Effect.CHANGED, verdict:
            counts.changed += 1
            if verdict is Verdict.FINDINGS:
                counts.reported += 1
            else:
                counts.missed += 1
                yield "missed"
        case Effect.UNKNOWN, verdict:
            counts.unknown += 1
            if verdict is Verdict.PROVED:
                counts.missed += 1
                yield "missed (nobody can know that)"
        case Effect.EQUIVALENT, verdict:
            counts.equivalent += 1
            counts.shape += answer.shape
            if verdict is Verdict.FINDINGS:
                counts.false_alarms += 1
                yield "false alarm"
            elif verdict is Verdict.NOT_PROVED:
                counts.unproved += 1
                yield "not proved"
