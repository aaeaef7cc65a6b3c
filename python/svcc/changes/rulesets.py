"""What a change touches in rulesets: elements and rules, counted and listed."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher

from svcc.changes.contract import ChainChange, Fate, SetChange
from svcc.nft.commands import AddElements, DeleteElements, TableName
from svcc.nft.objects import Chain, Data, Key, Ruleset
from svcc.nft.text import rule_text
from svcc.nft.transaction import Transaction

__all__ = ["chain_changes", "set_changes"]


def set_changes(transaction: Transaction) -> tuple[SetChange, ...]:
    """The elements that a transaction between two states of the same tables touches, by table and set."""
    deleted: dict[tuple[TableName, str], dict[Key, Data | None]] = {}
    added: dict[tuple[TableName, str], dict[Key, Data | None]] = {}
    for command in transaction.commands:
        if isinstance(command, DeleteElements):
            deleted[command.table, command.elements.name] = dict(command.elements.elements)
        elif isinstance(command, AddElements):
            added[command.table, command.elements.name] = dict(command.elements.elements)
    found = []
    for table, name in dict.fromkeys((*deleted, *added)):
        old, new = deleted.get((table, name), {}), added.get((table, name), {})
        found.append(
            SetChange(
                table,
                name,
                tuple((key, data) for key, data in new.items() if key not in old),
                tuple((key, data) for key, data in old.items() if key not in new),
                tuple((key, data, new[key]) for key, data in old.items() if key in new),
            )
        )
    return tuple(sorted(found, key=lambda item: (item.table, item.name)))


def chain_changes(before: Ruleset, after: Ruleset) -> tuple[ChainChange, ...]:
    """The chains that come, go or hold other rules, by table and name."""
    old, new = _chains(before), _chains(after)
    return tuple(_between(old, new))


def _chains(ruleset: Ruleset) -> dict[tuple[TableName, str], Chain]:
    return {
        (TableName(table.family, table.name), chain.name): chain for table in ruleset.tables for chain in table.chains
    }


def _between(old: dict[tuple[TableName, str], Chain], new: dict[tuple[TableName, str], Chain]) -> Iterator[ChainChange]:
    for table, name in sorted({*old, *new}):
        was, becomes = old.get((table, name)), new.get((table, name))
        if was == becomes:
            continue
        if was is None or becomes is None:
            rules = tuple(rule_text(rule) for chain in (was, becomes) if chain for rule in chain.rules)
            if was is None:
                yield ChainChange(table, name, Fate.ADDED, added=rules)
            else:
                yield ChainChange(table, name, Fate.REMOVED, removed=rules)
            continue
        texts = [rule_text(rule) for rule in was.rules], [rule_text(rule) for rule in becomes.rules]
        removed: list[str] = []
        added: list[str] = []
        for tag, i1, i2, j1, j2 in SequenceMatcher(None, *texts, autojunk=False).get_opcodes():
            if tag != "equal":
                removed += texts[0][i1:i2]
                added += texts[1][j1:j2]
        yield ChainChange(table, name, Fate.CHANGED, tuple(added), tuple(removed))
