"""nft commands: single changes of a ruleset, as values.

Each class is one command of `nft(8)`; `svcc.nft.command_text` writes them. A list of commands is run in its order, and
as one transaction when it is one script.
"""

from __future__ import annotations

from attrs import frozen

from svcc.nft.objects import Chain, Rule, Set

__all__ = [
    "AddChain",
    "AddElements",
    "AddRecords",
    "AddRule",
    "AddSet",
    "AddTable",
    "Command",
    "DeleteChain",
    "DeleteElements",
    "DeleteObject",
    "DeleteSet",
    "DeleteTable",
    "FlushChain",
    "FlushSet",
    "TableName",
]


@frozen(order=True)
class TableName:
    """What identifies a table."""

    family: str
    name: str

    def __str__(self) -> str:
        return f"{self.family} {self.name}"


@frozen
class AddTable:
    """Declare a table; nothing happens where it exists."""

    table: TableName


@frozen
class DeleteTable:
    """Delete a table with all it holds."""

    table: TableName


@frozen
class AddSet:
    """Declare a set or map; elements and comments of `declared` are not added."""

    table: TableName
    declared: Set


@frozen
class FlushSet:
    """Delete all elements of a set or map."""

    table: TableName
    declared: Set


@frozen
class DeleteSet:
    """Delete a set or map; the kernel refuses while a rule refers to it."""

    table: TableName
    declared: Set


@frozen
class AddElements:
    """Add the elements of `elements`, a set that holds just those, with its comments.

    The kernel refuses a key that is there with other data, and a verdict to a chain that is not.
    """

    table: TableName
    elements: Set


@frozen
class AddRecords:
    """Add elements to a map whose elements time out, each with its timeout and what is left of it, in seconds."""

    table: TableName
    elements: Set
    seconds: tuple[tuple[int, int], ...]


@frozen
class DeleteElements:
    """Delete the elements of `elements`, a set that holds just those; the kernel refuses if one is not there."""

    table: TableName
    elements: Set


@frozen
class AddChain:
    """Declare a chain; the rules of `declared` are not added."""

    table: TableName
    declared: Chain


@frozen
class FlushChain:
    """Delete all rules of a chain."""

    table: TableName
    chain: str


@frozen
class DeleteChain:
    """Delete a chain; the kernel refuses ("Device or resource busy") while a rule or an element refers to it.

    It may still do so before Linux 6.2 where the last one went in the same transaction.
    """

    table: TableName
    chain: str


@frozen
class DeleteObject:
    """Delete what svcc never makes: a counter, a quota, a flowtable; `kind` is nft's word for it."""

    table: TableName
    kind: str
    name: str


@frozen
class AddRule:
    """Append a rule to a chain."""

    table: TableName
    chain: str
    rule: Rule


Command = (
    AddTable
    | DeleteTable
    | AddSet
    | FlushSet
    | DeleteSet
    | AddElements
    | AddRecords
    | DeleteElements
    | AddChain
    | FlushChain
    | DeleteChain
    | DeleteObject
    | AddRule
)
