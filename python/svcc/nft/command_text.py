"""nft commands as nft text."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import singledispatch

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


@singledispatch
def command_lines(command: Command) -> Iterator[str]:
    """A command in nft's syntax: lines that end with a newline."""
    raise TypeError(f"no nft command: {command!r}")


@command_lines.register
def _(command: AddTable) -> Iterator[str]:
    yield f"add table {command.table}\n"


@command_lines.register
def _(command: DeleteTable) -> Iterator[str]:
    yield f"delete table {command.table}\n"


@command_lines.register
def _(command: AddSet) -> Iterator[str]:
    declaration = iter(set_declaration(command.declared))
    # The declaration as a block begins with the same words, but for the table.
    next(declaration)
    yield f"add {set_word(command.declared)} {command.table} {command.declared.name} {{\n"
    yield from declaration
    yield "}\n"


@command_lines.register
def _(command: FlushSet) -> Iterator[str]:
    yield f"flush {set_word(command.declared)} {command.table} {command.declared.name}\n"


@command_lines.register
def _(command: DeleteSet) -> Iterator[str]:
    yield f"delete {set_word(command.declared)} {command.table} {command.declared.name}\n"


@command_lines.register
def _(command: AddElements) -> Iterator[str]:
    yield f"add element {command.table} {command.elements.name} {{\n"
    yield from element_lines(command.elements)
    yield "}\n"


@command_lines.register
def _(command: DeleteElements) -> Iterator[str]:
    yield f"delete element {command.table} {command.elements.name} {{\n"
    for key, _data in command.elements.elements:
        yield f"\t\t\t{key_text(key)},\n"
    yield "}\n"


@command_lines.register
def _(command: AddChain) -> Iterator[str]:
    hook = f" {{ {hook_text(command.declared.hook)} }}" if command.declared.hook else ""
    yield f"add chain {command.table} {command.declared.name}{hook}\n"


@command_lines.register
def _(command: FlushChain) -> Iterator[str]:
    yield f"flush chain {command.table} {command.chain}\n"


@command_lines.register
def _(command: DeleteChain) -> Iterator[str]:
    yield f"delete chain {command.table} {command.chain}\n"


@command_lines.register
def _(command: AddRule) -> Iterator[str]:
    yield f"add rule {command.table} {command.chain} {rule_text(command.rule)}\n"
