"""What changes leave behind for packets that are under way, until these are through."""

from __future__ import annotations

from attrs import evolve, frozen

from svcc.apply.steps import NOTHING, merged_leftovers, set_aside, targets_of, united
from svcc.nft.objects import Ruleset, Table

__all__ = ["Leftovers"]


@frozen
class _Batch:
    """What was left behind from `begun` on, until it is due; seconds of a clock that never jumps."""

    begun: float
    due: float
    ruleset: Ruleset


class Leftovers:
    """Leftovers by their age, so that they do not pile up where changes never end.

    Each of them stays for `seconds` at least, and for twice as long at most once somebody looks. With
    `keep_pick_chains` chains that Services share are never due; see `svcc.apply.steps.set_aside`.
    """

    def __init__(self, seconds: float, *, keep_pick_chains: bool) -> None:
        self._seconds = seconds
        self._keep_pick_chains = keep_pick_chains
        self._batches: list[_Batch] = []
        self._spare = NOTHING

    def __bool__(self) -> bool:
        """Whether anything is to be tidied up, now or later."""
        return bool(self._batches)

    @property
    def ruleset(self) -> Ruleset:
        """All that lies in the kernel beside what is wanted."""
        return _together(self._spare, *(batch.ruleset for batch in self._batches))

    @property
    def due(self) -> float | None:
        """When the oldest may go; None where there are none."""
        return min((batch.due for batch in self._batches), default=None)

    def replace(self, ruleset: Ruleset, now: float) -> None:
        """These are all there are."""
        self._batches = []
        self._spare = NOTHING
        self.add(ruleset, now)

    def add(self, ruleset: Ruleset, now: float) -> None:
        """A change has left these behind."""
        if not ruleset.tables:
            return
        if self._keep_pick_chains:
            ruleset, spare = set_aside(ruleset)
            self._spare = _together(self._spare, spare)
            if not ruleset.tables:
                return
        last = self._batches[-1] if self._batches else None
        if last is not None and now < last.begun + self._seconds:
            self._batches[-1] = _Batch(last.begun, now + self._seconds, _together(last.ruleset, ruleset))
        else:
            self._batches.append(_Batch(now, now + self._seconds, ruleset))

    def add_overdue(self, ruleset: Ruleset, now: float) -> None:
        """These had to wait for nothing but one more transaction."""
        if ruleset.tables:
            self._batches.insert(0, _Batch(now - self._seconds, now, ruleset))

    def merged(self, before: Ruleset, after: Ruleset) -> Ruleset:
        """`before` with the leftovers that a change to `after` names again; they are none any more."""
        if self._spare.tables:
            before, self._spare = merged_leftovers(self._spare, before, after)
        kept = []
        for batch in self._batches:
            before, rest = merged_leftovers(batch.ruleset, before, after)
            if rest.tables:
                kept.append(batch if rest is batch.ruleset else evolve(batch, ruleset=rest))
        self._batches = kept
        return before

    def take_due(self, now: float) -> Ruleset:
        """The leftovers that may go now; they are none any more."""
        if all(batch.due > now for batch in self._batches):
            return NOTHING
        found = _together(*(batch.ruleset for batch in self._batches if batch.due <= now))
        self._batches = [batch for batch in self._batches if batch.due > now]
        if self._batches:
            # What an element leads to that may not go yet waits for that.
            found, later = _apart(found, targets_of(batch.ruleset for batch in self._batches))
            last = self._batches[-1]
            self._batches[-1] = evolve(last, ruleset=_together(last.ruleset, later))
        return found


def _apart(ruleset: Ruleset, names: set[tuple[str, str]]) -> tuple[Ruleset, Ruleset]:
    """A ruleset without some chains, and these."""
    tables, others = [], []
    for table in ruleset.tables:
        apart = tuple(chain for chain in table.chains if (table.family, chain.name) in names)
        rest = table
        if apart:
            others.append(evolve(table, sets=(), chains=apart))
            rest = evolve(table, chains=tuple(chain for chain in table.chains if chain not in apart))
        if rest.sets or rest.chains:
            tables.append(rest)
    return Ruleset(tuple(tables)), Ruleset(tuple(others))


def _together(*rulesets: Ruleset) -> Ruleset:
    filled = [ruleset for ruleset in rulesets if ruleset.tables]
    if len(filled) < 2:
        return filled[0] if filled else NOTHING
    tables: dict[tuple[str, str], Table] = {}
    for ruleset in filled:
        for table in ruleset.tables:
            place = table.family, table.name
            tables[place] = united(tables[place], table) if place in tables else table
    return Ruleset(tuple(tables.values()))
