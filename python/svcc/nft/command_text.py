"""nft commands as nft text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
)
from svcc.nft.text import element_lines, hook_text, key_text, rule_text, set_declaration, set_word

__all__ = ["command_lines", "command_script"]


def command_script(commands: Iterable[Command]) -> Iterator[str]:
    """The commands as lines for ``nft -f``, which runs them as one transaction; nothing for no commands."""
    for command in commands:
        yield from command_lines(command)


def command_lines(command: Command) -> Iterator[str]:
    """A command in nft's syntax: lines that end with a newline."""
    match command:
        case AddTable(table):
            yield f"add table {table}\n"
        case DeleteTable(table):
            yield f"delete table {table}\n"
        case AddSet(table, declared):
            # The declaration as a block begins with the same words, but for the table.
            _, *declaration = set_declaration(declared)
            yield from _block(f"add {set_word(declared)} {table} {declared.name}", declaration)
        case FlushSet(table, declared):
            yield f"flush {set_word(declared)} {table} {declared.name}\n"
        case DeleteSet(table, declared):
            yield f"delete {set_word(declared)} {table} {declared.name}\n"
        case AddElements(table, elements):
            yield from _block(f"add element {table} {elements.name}", element_lines(elements))
        case DeleteElements(table, elements):
            keys = (f"\t\t\t{key_text(key)},\n" for key, _data in elements.elements)
            yield from _block(f"delete element {table} {elements.name}", keys)
        case AddChain(table, chain):
            hook = f" {{ {hook_text(chain.hook)} }}" if chain.hook else ""
            yield f"add chain {table} {chain.name}{hook}\n"
        case FlushChain(table, name):
            yield f"flush chain {table} {name}\n"
        case DeleteChain(table, name):
            yield f"delete chain {table} {name}\n"
        case AddRule(table, name, rule):
            yield f"add rule {table} {name} {rule_text(rule)}\n"


def _block(head: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"{head} {{\n"
    yield from lines
    yield "}\n"
