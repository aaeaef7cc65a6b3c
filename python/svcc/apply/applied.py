"""What has been done to the kernel's tables, and what was refused."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from attrs import field, frozen

from svcc.fields import ObjectReference
from svcc.nft.commands import (
    AddChain,
    AddElements,
    AddRecords,
    AddRule,
    AddSet,
    AddTable,
    Command,
    DeleteChain,
    DeleteElements,
    DeleteObject,
    DeleteSet,
    DeleteTable,
    FlushChain,
    FlushSet,
)
from svcc.nft.transaction import Transaction

__all__ = ["Applied", "Refusal", "names_in_words", "operations_of", "touched_names"]

_MOST_NAMES: Final = 5

_WORDS: Mapping[type[Command], str] = {
    AddTable: "add table",
    DeleteTable: "delete table",
    AddSet: "add set",
    FlushSet: "flush set",
    DeleteSet: "delete set",
    AddElements: "add element",
    AddRecords: "add element",
    DeleteElements: "delete element",
    AddChain: "add chain",
    FlushChain: "flush chain",
    DeleteChain: "delete chain",
    DeleteObject: "delete object",
    AddRule: "add rule",
}


@frozen
class Refusal:
    """A Service that was left out, because nft or the kernel does not take its rules.

    Attributes:
        words: nft's.
        place: what it refused, in nft's syntax, where it told.
    """

    service: ObjectReference
    words: str
    place: str = ""


@frozen
class Applied:
    """What was done; nothing, where the kernel held what was wanted.

    Attributes:
        transactions: in their order.
        operations: how many of each kind they have; a set or map of elements counts each of them.
        seconds: how long it took, reading included.
        refused: Services that were left out.
        saved: where the script lies that was refused.
        is_made_anew: whether tables were deleted and made anew, since they could not be changed.
        records_forgotten: how many records of session affinity `Installer.advance` and `tidy` have deleted, which count
            as no operations.
        gone: Service ports that the kernel served when it was read and does not serve any more, by name.
    """

    transactions: tuple[Transaction, ...] = ()
    operations: Mapping[str, int] = field(factory=dict)
    seconds: float = 0.0
    refused: tuple[Refusal, ...] = ()
    saved: Path | None = None
    is_made_anew: bool = False
    records_forgotten: int = 0
    gone: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.transactions)

    @property
    def count(self) -> int:
        """How many operations that were."""
        return sum(self.operations.values())


def touched_names(transactions: Iterable[Transaction]) -> list[str]:
    """The chains, sets and maps that transactions make, change or delete, by name, and tables as ``table ip svcc``."""
    found = set()
    for each in transactions:
        for command in each.commands:
            match command:
                case AddTable(table) | DeleteTable(table):
                    found.add(f"table {table}")
                case AddElements() | AddRecords() | DeleteElements():
                    found.add(command.elements.name)
                case AddSet() | FlushSet() | DeleteSet() | AddChain():
                    found.add(command.declared.name)
                case AddRule() | FlushChain() | DeleteChain():
                    found.add(command.chain)
                case DeleteObject():
                    found.add(command.name)
    return sorted(found)


def names_in_words(names: Sequence[str]) -> str:
    """Names in a line, of which only the first are said where there are many."""
    shown = ", ".join(names[:_MOST_NAMES])
    return shown if len(names) <= _MOST_NAMES else f"{shown} and {len(names) - _MOST_NAMES} more"


def operations_of(transactions: Iterable[Transaction]) -> dict[str, int]:
    """How many operations of each kind transactions have, in nft's words."""
    found: collections.Counter[str] = collections.Counter()
    for each in transactions:
        for command in each.commands:
            count = 1
            if isinstance(command, AddElements | AddRecords | DeleteElements):
                count = len(command.elements.elements)
            found[_WORDS[type(command)]] += count
    return dict(sorted(found.items()))
