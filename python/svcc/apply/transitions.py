"""From what the kernel holds to what it should hold: transactions, and whether one was done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from svcc.apply.held import Held
from svcc.apply.steps import NOTHING, Steps, steps_of
from svcc.compiler.affinity_records import forgetting_transaction
from svcc.dataplane.contract import Dataplane
from svcc.nft.commands import (
    AddChain,
    AddElements,
    AddRecords,
    AddSet,
    Command,
    DeleteChain,
    DeleteElements,
    DeleteTable,
    TableName,
)
from svcc.nft.objects import Key, Ruleset
from svcc.nft.transaction import Transaction, transaction

__all__ = ["forgetting_commands", "is_done", "made_anew", "steps_from"]

_DAY_SECONDS: Final = 86_400


def steps_from(held: Held, target: Ruleset) -> Steps:
    """The steps from what the kernel holds; where a table cannot be changed into what is wanted, it is made anew."""
    if not all(table.is_usable for table in held.tables):
        return Steps(Transaction(), made_anew(held, target), NOTHING)
    steps = steps_of(held.ruleset, target)
    made = {(each.table, each.declared.name) for each in steps.commit.commands if isinstance(each, AddSet)}
    kept = [command for command in _records(held, target) if (command.table, command.elements.name) in made]
    return attrs.evolve(steps, commit=Transaction((*steps.commit.commands, *held.objects, *kept)))


def made_anew(held: Held, target: Ruleset) -> Transaction:
    """The transaction that deletes all that is held, and makes what is wanted, with the records of packets."""
    deleted = [DeleteTable(TableName(each.table.family, each.table.name)) for each in held.tables]
    return Transaction((*deleted, *transaction(NOTHING, target).commands, *_records(held, target)))


def _records(held: Held, target: Ruleset) -> Iterator[AddRecords]:
    """What packets have written into dynamic maps, to be written into new ones."""
    wanted = {(table.family, item.name): item for table in target.tables for item in table.sets if item.dynamic}
    for table in held.tables:
        for name, elements in table.records.items():
            item = wanted.get((table.table.family, name))
            alive = [each for each in elements if each.seconds_left]
            if item is not None and alive:
                pairs = tuple((each.key, each.data) for each in alive)
                longest = item.timeout_seconds or _DAY_SECONDS
                seconds = tuple((each.timeout_seconds or longest, each.seconds_left or 1) for each in alive)
                yield AddRecords(
                    TableName(table.table.family, table.table.name), attrs.evolve(item, elements=pairs), seconds
                )


def forgetting_commands(held: Held, target: Ruleset, dataplane: Dataplane) -> list[Command]:
    """Commands that forget the records of session affinity that lead nowhere (S35).

    The kernel refuses to delete what is not there, and a record may have timed out since it was read. So each is added
    first, which changes nothing where it is there; only one that has been made anew meanwhile is in the way.
    """
    declared = {
        (table.family, item.name): attrs.evolve(item, elements=()) for table in target.tables for item in table.sets
    }
    found: list[Command] = []
    for command in forgetting_transaction(held.ruleset, dataplane).commands:
        if isinstance(command, DeleteElements):
            place = command.table.family, command.elements.name
            if attrs.evolve(command.elements, elements=()) == declared.get(place):
                found += [AddElements(command.table, command.elements), command]
    return found


def is_done(step: Transaction, held: Held) -> bool:
    """Whether the kernel holds all that a transaction adds, and nothing that it deletes and does not add again.

    A transaction is done as a whole or not at all, so elements and chains tell, and rules need not be compared.
    """
    chains = {(TableName(t.family, t.name), chain.name) for t in held.ruleset.tables for chain in t.chains}
    elements = {
        (TableName(t.family, t.name), item.name): dict(item.elements) for t in held.ruleset.tables for item in t.sets
    }
    added: set[tuple[TableName, str, Key]] = set()
    for command in step.commands:
        if isinstance(command, AddElements):
            place = command.table, command.elements.name
            there = elements.get(place, {})
            if any(key not in there or there[key] != data for key, data in command.elements.elements):
                return False
            added.update((*place, key) for key, _data in command.elements.elements)
        elif isinstance(command, AddChain) and (command.table, command.declared.name) not in chains:
            return False
    for command in step.commands:
        if isinstance(command, DeleteElements):
            place = command.table, command.elements.name
            there = elements.get(place, {})
            if any(key in there and (*place, key) not in added for key, _data in command.elements.elements):
                return False
        elif isinstance(command, DeleteChain) and (command.table, command.chain) in chains:
            return False
    return True
