"""From one ruleset to another in the fewest commands.

The commands come in the only order that the kernel takes: what refers to a chain or set goes before it, and what is
referred to comes before what refers to it. So rules are flushed first, then elements are deleted, then chains and sets;
and then chains, sets, elements and rules are added. All of it is one transaction: packets meet either ruleset, and an
element that is deleted and added again with other data is there at every moment.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import attrs
from attrs import frozen

from svcc.nft.command_text import command_script
from svcc.nft.commands import (
    AddChain,
    AddElements,
    AddRule,
    AddSet,
    AddTable,
    Command,
    DeleteChain,
    DeleteElements,
    DeleteSet,
    DeleteTable,
    FlushChain,
    FlushSet,
    TableName,
)
from svcc.nft.expressions import Lookup, SetReference
from svcc.nft.names import comment_text
from svcc.nft.objects import Chain, Data, Key, Ruleset, Set, Table
from svcc.nft.statements import Remember, VerdictMap

__all__ = ["Transaction", "is_as_before", "transaction"]


@frozen
class Transaction:
    """Commands that take the tables of a node from one ruleset to another."""

    commands: tuple[Command, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.commands)

    def lines(self) -> Iterator[str]:
        """The script for ``nft -f`` line by line; nothing where nothing is to be done."""
        return command_script(self.commands)

    @property
    def script(self) -> str:
        """The script for ``nft -f``, which runs it as one transaction."""
        return "".join(self.lines())


def transaction(before: Ruleset, after: Ruleset) -> Transaction:
    """The smallest transaction that takes a node from `before`, which must be what it holds, to `after`.

    Elements that are the same are not named, nor are chains whose rules are; rules that are only added at the end of a
    chain are added alone. Otherwise a chain is flushed and written anew, since rules have no names. Elements differ
    where their comments do, too: a listing must not name a Service that is gone.

    What packets have written into dynamic maps stays (S35), unless the declaration of such a map changes.

    Args:
        before: what the node holds; tables of it that are not in `after` are deleted.
        after: what the node will hold.
    """
    old_tables = {TableName(table.family, table.name): table for table in before.tables}
    new_tables = {TableName(table.family, table.name): table for table in after.tables}
    commands: list[Command] = [DeleteTable(name) for name in old_tables if name not in new_tables]
    for name, new in new_tables.items():
        old = old_tables.get(name)
        if old is None:
            commands.append(AddTable(name))
            old = Table(name.family, name.name, (), ())
        elif is_as_before(old, new):
            continue
        commands += _TableChange(name, old, new).commands()
    return Transaction(tuple(commands))


def is_as_before(old: Table, new: Table) -> bool:
    """Whether a table is seen to be the same without a look at elements: all its sets are the very same objects."""
    return old is new or (
        len(old.sets) == len(new.sets) and all(map(operator.is_, old.sets, new.sets)) and old.chains == new.chains
    )


class _TableChange:
    """What differs between two states of one table."""

    def __init__(self, name: TableName, old: Table, new: Table) -> None:
        self._name = name
        self._old_chains = {chain.name: chain for chain in old.chains}
        self._new_chains = {chain.name: chain for chain in new.chains}
        old_sets, new_sets = _differing(old.sets, new.sets)
        self._old_sets = {item.name: item for item in old_sets}
        self._new_sets = {item.name: item for item in new_sets}
        self._gone_sets = {
            name
            for name, item in self._old_sets.items()
            if name not in self._new_sets or not item.is_declared_as(self._new_sets[name])
        }
        self._gone_chains = {
            name
            for name, chain in self._old_chains.items()
            if name not in self._new_chains or chain.hook != self._new_chains[name].hook
        }

    def commands(self) -> Iterator[Command]:
        name = self._name
        kept = {chain: self._rules_kept(chain) for chain in self._old_chains}
        for chain, count in kept.items():
            if count < len(self._old_chains[chain].rules):
                yield FlushChain(name, chain)
        to_add = []
        for set_name, old_set in self._old_sets.items():
            if set_name in self._gone_sets:
                yield FlushSet(name, old_set)
                continue
            new_set = self._new_sets[set_name]
            if old_set is new_set or not (old_set.elements or new_set.elements):
                continue
            deleted, added = _elements(old_set, new_set)
            if deleted:
                yield DeleteElements(name, old_set.holding(tuple(deleted)))
            if added:
                to_add.append(AddElements(name, new_set.holding(tuple(added))))
        for chain in sorted(self._gone_chains):
            yield DeleteChain(name, chain)
        for set_name in sorted(self._gone_sets):
            yield DeleteSet(name, self._old_sets[set_name])
        yield from self._additions(kept, to_add)

    def _additions(self, kept: Mapping[str, int], to_add: Sequence[AddElements]) -> Iterator[Command]:
        name = self._name
        for chain in self._new_chains.values():
            if chain.name not in self._old_chains or chain.name in self._gone_chains:
                yield AddChain(name, chain)
        new_sets = [
            item for item in self._new_sets.values() if item.name not in self._old_sets or item.name in self._gone_sets
        ]
        for item in new_sets:
            yield AddSet(name, item)
        for item in new_sets:
            if item.elements and not item.dynamic:
                yield AddElements(name, item)
        yield from to_add
        for chain in self._new_chains.values():
            for rule in chain.rules[kept.get(chain.name, 0) :]:
                yield AddRule(name, chain.name, rule)

    def _rules_kept(self, name: str) -> int:
        """How many rules of a chain may stay: all of them if the new ones begin with them, else none."""
        old = self._old_chains[name].rules
        if name in self._gone_chains:
            return 0
        new = self._new_chains[name].rules
        if new[: len(old)] != old or (self._gone_sets and _sets_of(self._old_chains[name]) & self._gone_sets):
            return 0
        return len(old)


def _differing(old: Sequence[Set], new: Sequence[Set]) -> tuple[Sequence[Set], Sequence[Set]]:
    """Sets without those at the same places that are seen to be the same."""
    if len(old) != len(new):
        return old, new
    pairs = [(one, other) for one, other in zip(old, new, strict=True) if one is not other]
    return [one for one, _ in pairs], [other for _, other in pairs]


def _elements(old: Set, new: Set) -> tuple[list[tuple[Key, Data | None]], list[tuple[Key, Data | None]]]:
    """The elements to delete and those to add; one whose data or comment changes is among both."""
    if old.dynamic:
        return [], []
    deleted, added = _unlike(old, new), _unlike(new, old)
    if old.comments != new.comments:
        common = dict(new.elements)
        recommented = [
            (key, data)
            for key, data in old.elements
            if common.get(key, _MISSING) == data and _comment(old, key) != _comment(new, key)
        ]
        deleted += recommented
        added += recommented
    return deleted, added


_MISSING = object()


def _unlike(one: Set, other: Set) -> list[tuple[Key, Data | None]]:
    """The elements that the other set does not have, or with other data."""
    there = dict(other.elements)
    return [(key, data) for key, data in one.elements if there.get(key, _MISSING) != data]


def _comment(item: Set, key: Key) -> str:
    return comment_text(item.comments.get(key, ""))


def _sets_of(chain: Chain) -> set[str]:
    """The sets and maps that the rules of a chain look into or fill."""
    found: set[str] = set()
    pending: list[Any] = [*chain.rules]
    while pending:
        item = pending.pop()
        if isinstance(item, SetReference):
            found.add(item.name)
        elif isinstance(item, Lookup | VerdictMap | Remember):
            found.add(item.map_name)
        if isinstance(item, tuple):
            pending.extend(item)
        elif attrs.has(type(item)):
            pending.extend(getattr(item, attribute.name) for attribute in attrs.fields(type(item)))
    return found
