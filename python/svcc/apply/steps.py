"""A change of rules under traffic, in steps: prepare, commit, and later tidy.

A packet that is under way while the kernel commits a transaction goes on with the rules it began with, but looks into
maps as they are now. So

* a chain that a Service's element will lead to is there, with its rules and with what leads to it from its number, one
  transaction before that element does;
* an endpoint that is drawn no more stays in its slot until such packets are through, for they may still draw it, and
  so does what leads from a number to a chain;
* a frontend that moves from the verdict map to the map of numbers, in which it is looked for first, stays in the former
  as long, for they may have missed it in the latter;
* a chain that nothing leads to any more stays as long and, where an element was kept that leads to it, until the
  transaction after: Linux before 6.2 counts it as in use in the one that lets go of it.

Endpoints of sticky Services in the maps by number are not kept: what misses there draws another endpoint (S35).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Iterator

import attrs
from attrs import frozen

from svcc.apply.held import UNKNOWN_RULES
from svcc.compiler.picks import PICKS
from svcc.compiler.program import DESTINATIONS, balanced
from svcc.nft.commands import TableName
from svcc.nft.objects import Data, Key, Ruleset, Set, Table
from svcc.nft.statements import Verdict
from svcc.nft.transaction import Transaction, is_as_before, transaction

__all__ = [
    "NOTHING",
    "Steps",
    "merged_leftovers",
    "set_aside",
    "steps_of",
    "targets_of",
    "tidying",
    "tidyings",
    "united",
]

NOTHING = Ruleset(())
_SLOTS = ("endpoints-", "nodeport-endpoints-")
_NUMBERS = {balanced(name): name for name in DESTINATIONS}


@frozen
class Steps:
    """The transactions of a change, and what is to be tidied up after it: sets with elements, and chains."""

    prepare: Transaction
    commit: Transaction
    leftovers: Ruleset


def steps_of(before: Ruleset, after: Ruleset) -> Steps:
    """The steps from what the node holds to what it will hold; both may be the part of it that changes."""
    old_tables = _by_name(before)
    prepared: list[Table] = []
    kept: list[Table] = []
    leftovers: list[Table] = []
    new_names = set()
    for table in after.tables:
        name = TableName(table.family, table.name)
        new_names.add(name)
        old = old_tables.get(name)
        if old is None:
            kept.append(table)
            continue
        if is_as_before(old, table):
            prepared.append(table)
            kept.append(table)
            continue
        prepared.append(_prepared(old, table))
        left = _leftovers(old, table)
        if left.sets or left.chains:
            leftovers.append(left)
            kept.append(united(table, left))
        else:
            kept.append(table)
    prepared += [table for name, table in old_tables.items() if name not in new_names]
    ready = Ruleset(tuple(prepared))
    return Steps(transaction(before, ready), transaction(ready, Ruleset(tuple(kept))), Ruleset(tuple(leftovers)))


def tidying(leftovers: Ruleset) -> tuple[Transaction, Ruleset]:
    """The transaction that deletes leftovers, and what it leaves to the next: chains that some of them lead to."""
    after, rest = [], []
    for table in leftovers.tables:
        reached = _reached(table)
        later = tuple(chain for chain in table.chains if chain.name in reached)
        after.append(attrs.evolve(table, sets=_emptied(table.sets), chains=later))
        if later:
            rest.append(attrs.evolve(table, sets=(), chains=later))
    return transaction(leftovers, Ruleset(tuple(after))), Ruleset(tuple(rest))


def tidyings(leftovers: Ruleset) -> Iterator[Transaction]:
    """The transactions that delete leftovers, in their order."""
    while leftovers.tables:
        step, leftovers = tidying(leftovers)
        yield step


def targets_of(rulesets: Iterable[Ruleset]) -> set[tuple[str, str]]:
    """The chains that elements lead to: the family of each, and its name."""
    tables = [table for ruleset in rulesets for table in ruleset.tables]
    return {(table.family, name) for table in tables for name in _reached(table)}


def set_aside(leftovers: Ruleset) -> tuple[Ruleset, Ruleset]:
    """Leftovers without the pick chains that Services share, and these chains, with what leads to them.

    Whoever changes tables often keeps them: an empty use costs nothing, but the kernel walks through all elements of
    the maps that a new rule looks into, some 25 ms for 100 000 endpoints.
    """
    rest, spare = [], []
    for table in leftovers.tables:
        chains = tuple(chain for chain in table.chains if chain.name.startswith("pick-"))
        names = {chain.name for chain in chains}
        leading = [
            item.holding(tuple(each for each in item.elements if _target(each[1]) in names))
            for item in table.sets
            if item.name == PICKS
        ]
        aside = Table(table.family, table.name, tuple(item for item in leading if item.elements), chains)
        if chains:
            spare.append(aside)
        others = _without(table, aside)
        if others.chains or others.sets:
            rest.append(others)
    return Ruleset(tuple(rest)), Ruleset(tuple(spare))


def merged_leftovers(leftovers: Ruleset, before: Ruleset, after: Ruleset) -> tuple[Ruleset, Ruleset]:
    """Leftovers that a change names again: `before` with them, and the leftovers without them.

    A later change knows of no leftovers. Where it adds an element or chain that still lies there, the kernel has it
    with its old data or rules, from which the transaction must start.
    """
    old_tables, new_tables = _by_name(before), _by_name(after)
    remaining = []
    for table in leftovers.tables:
        name = TableName(table.family, table.name)
        if name not in new_tables:
            # The table itself goes, or went before: so do its leftovers, unless the change does not speak of it.
            if name not in old_tables:
                remaining.append(table)
            continue
        if name in old_tables and is_as_before(old_tables[name], new_tables[name]):
            remaining.append(table)
            continue
        named = _restricted(table, new_tables[name], old_tables.get(name))
        if not named.sets and not named.chains:
            remaining.append(table)
            continue
        if name in old_tables:
            old_tables[name] = united(old_tables[name], named)
        else:
            old_tables[name] = named
        rest = _without(table, named)
        if rest.sets or rest.chains:
            remaining.append(rest)
    if len(remaining) == len(leftovers.tables) and all(map(operator.is_, remaining, leftovers.tables)):
        return before, leftovers
    return Ruleset(tuple(old_tables.values())), Ruleset(tuple(remaining))


def _by_name(ruleset: Ruleset) -> dict[TableName, Table]:
    return {TableName(table.family, table.name): table for table in ruleset.tables}


def _prepared(old: Table, new: Table) -> Table:
    """A table with the new chains that frontends will lead to which lead elsewhere now, and what leads to these."""
    there = {chain.name for chain in old.chains}
    added = {chain.name: chain for chain in new.chains if chain.name not in there and chain.hook is None}
    if not added or not _alike(old, new):
        return old
    old_sets, new_sets = ({item.name: item for item in table.sets} for table in (old, new))
    picks: dict[Data | None, Data | None] = dict(new_sets[PICKS].elements) if PICKS in new_sets else {}
    reached = set()
    for item in new.sets:
        if item.name == PICKS or not item.elements or not (item.is_verdict_map or item.name in _NUMBERS):
            continue
        base = _NUMBERS.get(item.name, item.name)
        now = {key for name in (base, balanced(base)) if name in old_sets for key, _data in old_sets[name].elements}
        for key, data in item.elements:
            target = _target(picks.get(data) if item.name in _NUMBERS else data)
            if target in added and key in now:
                reached.add(target)
    if not reached:
        return old
    sets = []
    for item in old.sets:
        if item.name == PICKS:
            held = dict(item.elements)
            leading = (each for each in new_sets[PICKS].elements if _target(each[1]) in reached and each[0] not in held)
            sets.append(item.holding((*item.elements, *leading), item.comments))
        else:
            sets.append(item)
    chains = (chain for name, chain in added.items() if name in reached)
    return attrs.evolve(old, sets=tuple(sets), chains=(*old.chains, *chains))


def _target(data: Data | None) -> str | None:
    """The chain that an element leads to."""
    return data.target if isinstance(data, Verdict) else None


def _reached(table: Table) -> set[str]:
    return {target for item in table.sets for _key, data in item.elements if (target := _target(data))}


def _alike(old: Table, new: Table) -> bool:
    """Whether all sets that are wanted are there: what rules of another layout refer to cannot be prepared."""
    there = {item.name: item for item in old.sets}
    return all(item.name in there and there[item.name].is_declared_as(item) for item in new.sets)


def _leftovers(old: Table, new: Table) -> Table:
    new_sets = {item.name: item for item in new.sets}
    sets = []
    for item in old.sets:
        wanted = new_sets.get(item.name)
        if wanted is None or not item.elements or not item.is_declared_as(wanted):
            continue
        keys = {key for key, _data in wanted.elements}
        if item.name in DESTINATIONS:
            numbered = new_sets.get(balanced(item.name))
            moved = {key for key, _data in numbered.elements} if numbered is not None else ()
            gone = tuple((key, data) for key, data in item.elements if key in moved and key not in keys)
        elif item.name == PICKS or item.name.startswith(_SLOTS):
            gone = tuple((key, data) for key, data in item.elements if key not in keys)
        else:
            continue
        if gone:
            sets.append(item.holding(gone))
    names = {chain.name for chain in new.chains}
    # What rules of others, or of another layout, look into may have to go at once, so they do, too.
    gone_chains = [chain for chain in old.chains if chain.hook is None and chain.name not in names]
    is_ours = bool(gone_chains) and _alike(old, new) and _alike(new, old)
    chains = tuple(
        chain if is_ours and chain.rules != UNKNOWN_RULES else attrs.evolve(chain, rules=()) for chain in gone_chains
    )
    return Table(old.family, old.name, tuple(sets), chains)


def united(table: Table, more: Table) -> Table:
    """A table with the elements and chains of another; its own come first and count."""
    added = {item.name: item for item in more.sets}
    sets = []
    for item in table.sets:
        extra = added.pop(item.name, None)
        if extra is None or not extra.elements:
            sets.append(item)
            continue
        keys = {key for key, _data in item.elements}
        more_of_it = extra.holding(tuple(pair for pair in extra.elements if pair[0] not in keys))
        comments = {**item.comments, **more_of_it.comments} if more_of_it.comments else item.comments
        sets.append(item.holding((*item.elements, *more_of_it.elements), comments))
    names = {chain.name for chain in table.chains}
    chains = (*table.chains, *(chain for chain in more.chains if chain.name not in names))
    return Table(table.family, table.name, (*sets, *added.values()), chains)


def _restricted(table: Table, wanted: Table, old: Table | None) -> Table:
    """The elements and chains of leftovers that a change from `old` names, by key and name.

    A frontend that lies in a verdict map would be served by it again if it went from the map of numbers alone.
    """
    keys = {item.name: {key for key, _data in item.elements} for item in wanted.sets if item.elements}
    for item in old.sets if old is not None else ():
        if item.elements and item.name in _NUMBERS:
            keys.setdefault(_NUMBERS[item.name], set()).update(key for key, _data in item.elements)
    names = {chain.name for chain in wanted.chains}
    sets = _filtered(table.sets, lambda name, key: key in keys.get(name, ()))
    return Table(table.family, table.name, tuple(sets), tuple(c for c in table.chains if c.name in names))


def _without(table: Table, other: Table) -> Table:
    keys = {item.name: {key for key, _data in item.elements} for item in other.sets}
    names = {chain.name for chain in other.chains}
    sets = _filtered(table.sets, lambda name, key: key not in keys.get(name, ()))
    return Table(table.family, table.name, tuple(sets), tuple(c for c in table.chains if c.name not in names))


def _filtered(sets: Iterable[Set], wanted: Callable[[str, Key], bool]) -> Iterator[Set]:
    for item in sets:
        elements: tuple[tuple[Key, Data | None], ...] = tuple(
            pair for pair in item.elements if wanted(item.name, pair[0])
        )
        if elements:
            yield item.holding(elements)


def _emptied(sets: Iterable[Set]) -> tuple[Set, ...]:
    return tuple(item.emptied() for item in sets)
