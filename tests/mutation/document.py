"""A ruleset as text, in the parts that mutations change: tables, their sets, maps and chains, elements and rules."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import evolve, frozen

_HEADING = re.compile(r"(set|map|chain) (\S+) \{")
_TABLE = re.compile(r"table (\S+) (\S+) \{")


@frozen
class Block:
    """A set, map or chain.

    Attributes:
        kind: ``set``, ``map`` or ``chain``.
        properties: lines such as ``flags interval``; of a base chain its ``type ... hook ...`` line.
        items: the elements, or the rules.
    """

    kind: str
    name: str
    properties: tuple[str, ...]
    items: tuple[str, ...]

    @property
    def is_chain(self) -> bool:
        """Whether the items are rules."""
        return self.kind == "chain"

    @property
    def type(self) -> str:
        """What a set's elements are, as it was declared; empty for chains."""
        declared = [line for line in self.properties if line.startswith(("type ", "typeof "))]
        return "" if self.is_chain or not declared else declared[0]

    @property
    def is_dynamic(self) -> bool:
        """Whether packets write into the set."""
        return any("dynamic" in line for line in self.properties)


@frozen
class Table:
    """A table; `properties` are lines such as ``flags dormant``."""

    family: str
    name: str
    properties: tuple[str, ...]
    blocks: tuple[Block, ...]


@frozen
class Place:
    """Where a block is: the numbers of its table and of the block in it."""

    table: int
    block: int


@frozen
class Document:
    """A whole ruleset; `rest` is the text of further tables, which stay as they are."""

    tables: tuple[Table, ...]
    rest: str = ""

    @property
    def text(self) -> str:
        """The ruleset as ``nft list ruleset`` prints it, in all that matters."""
        return "".join((*_table_lines(self.tables), self.rest))

    def places(self) -> Iterator[tuple[Place, Block]]:
        """All blocks."""
        for number, table in enumerate(self.tables):
            for index, block in enumerate(table.blocks):
                yield Place(number, index), block

    def name(self, place: Place) -> str:
        """A block in words, such as ``chain services of ip svcc``."""
        table = self.tables[place.table]
        block = table.blocks[place.block]
        return f"{block.kind} {block.name} of {table.family} {table.name}"

    def with_block(self, place: Place, *blocks: Block) -> Document:
        """The document with a block replaced by others."""
        table = self.tables[place.table]
        changed = (*table.blocks[: place.block], *blocks, *table.blocks[place.block + 1 :])
        return self.with_table(place.table, evolve(table, blocks=changed))

    def with_items(self, place: Place, *items: str) -> Document:
        """The document with the rules or elements of a block replaced."""
        return self.with_block(place, evolve(self.tables[place.table].blocks[place.block], items=items))

    def with_item(self, place: Place, number: int, *items: str) -> Document:
        """The document with one rule or element replaced by others."""
        held = self.tables[place.table].blocks[place.block].items
        return self.with_items(place, *held[:number], *items, *held[number + 1 :])

    def with_table(self, number: int, *tables: Table) -> Document:
        """The document with a table replaced by others."""
        return evolve(self, tables=(*self.tables[:number], *tables, *self.tables[number + 1 :]))


def _table_lines(tables: tuple[Table, ...]) -> Iterator[str]:
    for table in tables:
        yield f"table {table.family} {table.name} {{\n"
        yield from (f"\t{line}\n" for line in table.properties)
        for block in table.blocks:
            yield f"\t{block.kind} {block.name} {{\n"
            yield from (f"\t\t{line}\n" for line in block.properties)
            if block.is_chain:
                yield from (f"\t\t{rule}\n" for rule in block.items)
            elif block.items:
                yield f"\t\telements = {{ {', '.join(block.items)} }}\n"
            yield "\t}\n"
        yield "}\n"


def parsed(text: str) -> Document:
    """The parts of a ruleset, as svcc or `tests.kube_proxy` writes it.

    Raises:
        ValueError: a line stands where none can.
    """
    lines = (line.strip() for line in text.splitlines())
    tables = []
    for line in lines:
        if not line or line.startswith("#"):
            continue
        found = _TABLE.fullmatch(line)
        if found is None:
            raise ValueError(f"not the start of a table: {line}")
        tables.append(_table(found[1], found[2], lines))
    return Document(tuple(tables))


def _table(family: str, name: str, lines: Iterator[str]) -> Table:
    properties, blocks = [], []
    for line in lines:
        if line == "}":
            break
        found = _HEADING.fullmatch(line)
        if found is None:
            properties.append(line)
        else:
            blocks.append(_block(found[1], found[2], lines))
    return Table(family, name, tuple(properties), tuple(blocks))


def _block(kind: str, name: str, lines: Iterator[str]) -> Block:
    properties: list[str] = []
    items: list[str] = []
    for line in lines:
        if line == "}":
            break
        if line.startswith("elements = {"):
            items += _elements(line.removeprefix("elements = {"), lines)
        elif kind != "chain" or line.startswith("type "):
            properties.append(line)
        else:
            items.append(line)
    return Block(kind, name, tuple(properties), tuple(items))


def _elements(first: str, lines: Iterator[str]) -> list[str]:
    """The elements, on one line or on several; none of them has braces."""
    text = first
    while not text.rstrip().endswith("}"):
        text += next(lines)
    quoted = False
    found = [""]
    for character in text.rstrip().removesuffix("}"):
        quoted ^= character == '"'
        if character == "," and not quoted:
            found.append("")
        else:
            found[-1] += character
    return [element.strip() for element in found if element.strip()]
