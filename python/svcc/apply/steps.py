"""A change of rules under traffic, in steps: prepare, commit, and later tidy.

A packet that is under way while the kernel commits a transaction goes on with the rules it began with, but looks into
maps as they are now. So

* a chain that a Service's element will lead to is there, with its rules, one transaction before that element does;
* an endpoint that is drawn no more stays in its slot until such packets are through, for they may still draw it;
* a chain that nothing leads to any more stays as long, which also spares Linux before 6.2, where it counts as in use
  until the transaction after the one that let go of it.

Endpoints of sticky Services in the maps by number are not kept: what misses there draws another endpoint (S35).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import attrs
from attrs import frozen

from svcc.apply.held import UNKNOWN_RULES
from svcc.nft.commands import TableName
from svcc.nft.objects import Chain, Data, Key, Ruleset, Set, Table
from svcc.nft.statements import Verdict
from svcc.nft.transaction import Transaction, transaction

__all__ = ["NOTHING", "Steps", "merged_leftovers", "steps_of", "tidying", "united"]

NOTHING = Ruleset(())
_SLOTS = ("endpoints-", "nodeport-endpoints-")


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
        prepared.append(attrs.evolve(old, chains=(*old.chains, *_chains_to_prepare(old, table))))
        left = _leftovers(old, table)
        if left.sets or left.chains:
            leftovers.append(left)
            kept.append(united(table, left))
        else:
            kept.append(table)
    prepared += [table for name, table in old_tables.items() if name not in new_names]
    ready = Ruleset(tuple(prepared))
    return Steps(transaction(before, ready), transaction(ready, Ruleset(tuple(kept))), Ruleset(tuple(leftovers)))


def tidying(leftovers: Ruleset) -> Transaction:
    """The transaction that deletes leftovers."""
    after = Ruleset(tuple(attrs.evolve(table, sets=_emptied(table.sets), chains=()) for table in leftovers.tables))
    return transaction(leftovers, after)


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
        named = _restricted(table, new_tables[name])
        if name in old_tables:
            old_tables[name] = united(old_tables[name], named)
        else:
            old_tables[name] = named
        rest = _without(table, named)
        if rest.sets or rest.chains:
            remaining.append(rest)
    return Ruleset(tuple(old_tables.values())), Ruleset(tuple(remaining))


def _by_name(ruleset: Ruleset) -> dict[TableName, Table]:
    return {TableName(table.family, table.name): table for table in ruleset.tables}


def _chains_to_prepare(old: Table, new: Table) -> list[Chain]:
    """New chains that elements lead to whose keys lead elsewhere now."""
    there = {chain.name for chain in old.chains}
    added = {chain.name: chain for chain in new.chains if chain.name not in there and chain.hook is None}
    if not added or not _alike(old, new):
        return []
    old_sets = {item.name: item for item in old.sets}
    reached = set()
    for item in new.sets:
        if item.is_verdict_map and item.elements:
            now = dict(old_sets[item.name].elements)
            for key, data in item.elements:
                if isinstance(data, Verdict) and data.target in added and key in now:
                    reached.add(data.target)
    return [chain for name, chain in added.items() if name in reached]


def _alike(old: Table, new: Table) -> bool:
    """Whether all sets that are wanted are there: what rules of another layout refer to cannot be prepared."""
    declared = {item.name: attrs.evolve(item, elements=(), comments={}) for item in old.sets}
    return all(declared.get(item.name) == attrs.evolve(item, elements=(), comments={}) for item in new.sets)


def _leftovers(old: Table, new: Table) -> Table:
    new_sets = {item.name: item for item in new.sets}
    sets = []
    for item in old.sets:
        wanted = new_sets.get(item.name)
        if wanted is None or not item.name.startswith(_SLOTS) or not item.elements or not _same(item, wanted):
            continue
        keys = {key for key, _data in wanted.elements}
        gone = tuple((key, data) for key, data in item.elements if key not in keys)
        if gone:
            sets.append(attrs.evolve(item, elements=gone, comments={}))
    names = {chain.name for chain in new.chains}
    # What rules of others, or of another layout, look into may have to go at once, so they do, too.
    is_ours = _alike(old, new) and _alike(new, old)
    chains = tuple(
        chain if is_ours and chain.rules != UNKNOWN_RULES else attrs.evolve(chain, rules=())
        for chain in old.chains
        if chain.hook is None and chain.name not in names
    )
    return Table(old.family, old.name, tuple(sets), chains)


def _same(one: Set, other: Set) -> bool:
    return attrs.evolve(one, elements=(), comments={}) == attrs.evolve(other, elements=(), comments={})


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
        elements = (*item.elements, *(pair for pair in extra.elements if pair[0] not in keys))
        sets.append(attrs.evolve(item, elements=elements))
    names = {chain.name for chain in table.chains}
    chains = (*table.chains, *(chain for chain in more.chains if chain.name not in names))
    return attrs.evolve(table, sets=(*sets, *added.values()), chains=chains)


def _restricted(table: Table, wanted: Table) -> Table:
    """The elements and chains of a table that another has, too, by key and name."""
    keys = {item.name: {key for key, _data in item.elements} for item in wanted.sets if item.elements}
    names = {chain.name for chain in wanted.chains}
    sets = _filtered(table.sets, lambda name, key: key in keys.get(name, ()))
    return attrs.evolve(table, sets=tuple(sets), chains=tuple(c for c in table.chains if c.name in names))


def _without(table: Table, other: Table) -> Table:
    keys = {item.name: {key for key, _data in item.elements} for item in other.sets}
    names = {chain.name for chain in other.chains}
    sets = _filtered(table.sets, lambda name, key: key not in keys.get(name, ()))
    return attrs.evolve(table, sets=tuple(sets), chains=tuple(c for c in table.chains if c.name not in names))


def _filtered(sets: Iterable[Set], wanted: Callable[[str, Key], bool]) -> Iterator[Set]:
    for item in sets:
        elements: tuple[tuple[Key, Data | None], ...] = tuple(
            pair for pair in item.elements if wanted(item.name, pair[0])
        )
        if elements:
            yield attrs.evolve(item, elements=elements)


def _emptied(sets: Iterable[Set]) -> tuple[Set, ...]:
    return tuple(attrs.evolve(item, elements=(), comments={}) for item in sets)
