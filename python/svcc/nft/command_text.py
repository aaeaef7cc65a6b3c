"""nft commands as nft text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
from svcc.nft.objects import Set
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
        case AddElements() | AddRecords() | DeleteElements():
            yield from _element_command(command)
        case AddChain(table, chain):
            hook = f" {{ {hook_text(chain.hook)} }}" if chain.hook else ""
            yield f"add chain {table} {chain.name}{hook}\n"
        case FlushChain(table, name):
            yield f"flush chain {table} {name}\n"
        case DeleteChain(table, name):
            yield f"delete chain {table} {name}\n"
        case DeleteObject(table, kind, name):
            yield f"delete {kind} {table} {name}\n"
        case AddRule(table, name, rule):
            yield f"add rule {table} {name} {rule_text(rule)}\n"


def _block(head: str, lines: Iterable[str]) -> Iterator[str]:
    yield f"{head} {{\n"
    yield from lines
    yield "}\n"


def _element_command(command: AddElements | AddRecords | DeleteElements) -> Iterator[str]:
    verb = "delete" if isinstance(command, DeleteElements) else "add"
    if isinstance(command, AddElements):
        lines = element_lines(command.elements)
    elif isinstance(command, AddRecords):
        lines = _records(command.elements, command.seconds)
    else:
        lines = (f"\t\t\t{key_text(key)},\n" for key, _data in command.elements.elements)
    yield from _block(f"{verb} element {command.table} {command.elements.name}", lines)


def _records(item: Set, seconds: Iterable[tuple[int, int]]) -> Iterator[str]:
    for (key, data), (timeout, left) in zip(item.elements, seconds, strict=True):
        value = " . ".join(map(str, data)) if isinstance(data, tuple) else ""
        yield f"\t\t\t{key_text(key)} timeout {timeout}s expires {left}s : {value},\n"
