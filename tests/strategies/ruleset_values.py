"""Rulesets as values: tables, sets and maps, chains and rules, which print as nft text and tell their constants."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from attrs import frozen
from hypothesis.vendor.pretty import RepresentationPrinter

Kind = Literal["address", "port", "protocol", "interface", "mark"]


@frozen
class Constant:
    """Something a packet may be equal to: an address, prefix or range, a port or range, an interface, a mark."""

    kind: Kind
    text: str


@frozen
class Piece:
    """A match or statement of a rule, or an element of a set or map, with the constants in it."""

    text: str
    constants: tuple[Constant, ...] = ()


@frozen
class Rule:
    """Pieces that are tried from left to right; one that does not match ends the rule."""

    pieces: tuple[Piece, ...]
    comment: str = ""

    @property
    def text(self) -> str:
        """The rule as nft reads it."""
        comment = f' comment "{self.comment}"' if self.comment else ""
        return " ".join(piece.text for piece in self.pieces) + comment


@frozen
class Base:
    """What makes a chain a base chain."""

    kind: Literal["filter", "nat", "route"]
    hook: Literal["prerouting", "input", "forward", "output", "postrouting"]
    priority: int
    policy: Literal["accept", "drop"] = "accept"


@frozen
class Chain:
    """A chain; a regular one if it has no base."""

    name: str
    rules: tuple[Rule, ...]
    base: Base | None = None


@frozen
class Collection:
    """A named set or map; `properties` are lines such as ``type ipv4_addr``."""

    kind: Literal["set", "map"]
    name: str
    properties: tuple[str, ...]
    elements: tuple[Piece, ...]

    @property
    def is_dynamic(self) -> bool:
        """Whether packets may add elements to it."""
        return any("dynamic" in each for each in self.properties)


@frozen
class Table:
    """A table of one family, or of both (``inet``)."""

    family: Literal["ip", "ip6", "inet"]
    name: str
    collections: tuple[Collection, ...]
    chains: tuple[Chain, ...]


@frozen(repr=False)
class Ruleset:
    """Tables in the order in which they are loaded."""

    tables: tuple[Table, ...]

    def __repr__(self) -> str:
        """The text, which is what anybody wants to see of an example that failed."""
        return f"<Ruleset\n{self.text}>"

    def _repr_pretty_(self, printer: RepresentationPrinter, _cycle: bool) -> None:
        """What Hypothesis asks for, which else shows the attributes, tens of kilobytes of them."""
        printer.text(repr(self))

    @property
    def text(self) -> str:
        """The ruleset as `nft -f` reads it."""
        return "".join("\n".join([*_table_lines(table), ""]) for table in self.tables)

    @property
    def chains(self) -> list[Chain]:
        """The chains of all tables."""
        return [chain for table in self.tables for chain in table.chains]

    @property
    def constants(self) -> list[Constant]:
        """All constants that occur, each once, in the order of the text."""
        return list(dict.fromkeys(constant for piece in self._pieces() for constant in piece.constants))

    @property
    def dynamic_sets(self) -> list[tuple[str, str, str]]:
        """Family, table and name of the sets that packets may add elements to."""
        return [
            (table.family, table.name, collection.name)
            for table in self.tables
            for collection in table.collections
            if collection.is_dynamic
        ]

    @property
    def draws(self) -> bool:
        """Whether equal packets may fare differently."""
        return "numgen" in self.text

    @property
    def counts(self) -> bool:
        """Whether a packet's fate depends on how many came before it."""
        return "numgen inc" in self.text

    def _pieces(self) -> Iterator[Piece]:
        for table in self.tables:
            for collection in table.collections:
                yield from collection.elements
            for chain in table.chains:
                for rule in chain.rules:
                    yield from rule.pieces


def _table_lines(table: Table) -> Iterator[str]:
    yield f"table {table.family} {table.name} {{"
    for collection in table.collections:
        yield f"\t{collection.kind} {collection.name} {{"
        yield from (f"\t\t{each}" for each in collection.properties)
        if collection.elements:
            yield f"\t\telements = {{ {', '.join(element.text for element in collection.elements)} }}"
        yield "\t}"
    for chain in table.chains:
        yield f"\tchain {chain.name} {{"
        if chain.base is not None:
            base = chain.base
            yield f"\t\ttype {base.kind} hook {base.hook} priority {base.priority}; policy {base.policy};"
        yield from (f"\t\t{rule.text}" for rule in chain.rules)
        yield "\t}"
    yield "}"
