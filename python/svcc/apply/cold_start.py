"""The first transactions on a node that holds nothing of svcc's.

Few elements go in one transaction. Many are added in parts, and the base chains come in the last: until then no packet
meets anything of it, so whoever is killed on the way leaves a node that behaves as before, and the next run completes
what it finds. The parts take as long as one transaction, and libnftables a ninth of the memory, which it needs for each
element of a transaction: 95 MiB instead of 883 for 30 000 Services of 10 endpoints.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import attrs

from svcc.apply.steps import NOTHING
from svcc.nft.commands import AddChain, AddElements, AddRule, Command, TableName
from svcc.nft.objects import Ruleset
from svcc.nft.transaction import Transaction, transaction

__all__ = ["cold_start"]

_MOST_ELEMENTS: Final = 20_000
"""In one transaction."""


def cold_start(wanted: Ruleset) -> Iterator[Transaction]:
    """The transactions that make the tables of a ruleset, to be run in this order."""
    whole = transaction(NOTHING, wanted)
    if sum(len(item.elements) for table in wanted.tables for item in table.sets) <= _MOST_ELEMENTS:
        yield whole
        return
    base = {
        (TableName(t.family, t.name), chain.name) for t in wanted.tables for chain in t.chains if chain.hook is not None
    }
    program: list[Command] = []
    hooks: list[Command] = []
    elements: list[AddElements] = []
    for command in whole.commands:
        if isinstance(command, AddElements):
            elements.append(command)
        elif (isinstance(command, AddChain) and (command.table, command.declared.name) in base) or (
            isinstance(command, AddRule) and (command.table, command.chain) in base
        ):
            hooks.append(command)
        else:
            program.append(command)
    yield Transaction(tuple(program))
    for command in elements:
        item = command.elements
        for first in range(0, len(item.elements), _MOST_ELEMENTS):
            part = item.elements[first : first + _MOST_ELEMENTS]
            yield Transaction((AddElements(command.table, attrs.evolve(item, elements=part)),))
    yield Transaction(tuple(hooks))
