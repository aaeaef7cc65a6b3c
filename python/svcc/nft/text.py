"""nft objects as nft text: a script that replaces svcc's tables in one transaction.

The script works on an empty node and on one that runs any earlier ruleset of svcc, whose state it does not know: it
declares every set and map (a no-op where they exist), flushes all rules and the sets and maps that belong to the
ruleset, and then writes everything anew. Dynamic maps are declared but never flushed, so that what packets have written
there survives. No other table is named.

Sets and maps must be flushed, not deleted and made anew: a packet that is under way while the kernel switches from the
old ruleset to the new one still runs the old rules, and looks its keys up in the old maps by the new state. In a map
that was flushed and filled again it finds the new element, in one that was deleted nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import singledispatch
from types import MappingProxyType

from svcc.nft.expressions import (
    Binary,
    Concat,
    Constant,
    Ct,
    Expression,
    Fib,
    Jhash,
    Lookup,
    Meta,
    Numgen,
    Payload,
    SetReference,
)
from svcc.nft.names import comment_text
from svcc.nft.objects import BaseHook, Chain, Key, Rule, Ruleset, Set, Table
from svcc.nft.statements import Assign, Dnat, Masquerade, Match, Reject, Remember, Statement, Verdict, VerdictMap

__all__ = [
    "element_lines",
    "expression_text",
    "hook_text",
    "key_text",
    "rule_text",
    "script",
    "set_declaration",
    "set_word",
    "statement_text",
]

_PRIORITY_NAMES = {("prerouting", -100): "dstnat", ("postrouting", 100): "srcnat"}


def script(
    ruleset: Ruleset, *, header: Iterable[str] = (), captions: Mapping[str, str] = MappingProxyType({})
) -> Iterator[str]:
    """The whole script in pieces that end with a newline.

    Comments for people: `header` lines first, and above a set what `captions` has for its name, above a chain what it
    has for ``chain NAME``.
    """
    for line in header:
        yield f"# {comment_text(line)}\n"
    for table in ruleset.tables:
        yield from _preparation(table)
        yield from table_text(table, captions)


def _preparation(table: Table) -> Iterator[str]:
    """Everything that must be gone or there before the table is written; see the module's docstring."""
    yield f"\n# Whatever {table.family} {table.name} holds is cleared, but for what packets have written there:\n"
    yield "# it is declared, lest something be missing, then flushed.\n"
    yield f"table {table.family} {table.name} {{\n"
    for item in table.sets:
        if not item.dynamic:
            yield from set_declaration(item)
            yield "\t}\n"
    yield "}\n"
    yield f"flush table {table.family} {table.name}\n"
    for item in table.sets:
        if not item.dynamic:
            yield f"flush {set_word(item)} {table.family} {table.name} {item.name}\n"


def table_text(table: Table, captions: Mapping[str, str] = MappingProxyType({})) -> Iterator[str]:
    """A table with all it holds, in the form in which ``nft list table`` prints it."""
    yield f"\ntable {table.family} {table.name} {{\n"
    for item in table.sets:
        yield from _caption(captions.get(item.name))
        yield from set_declaration(item)
        if item.elements:
            yield "\t\telements = {\n"
            yield from element_lines(item)
            yield "\t\t}\n"
        yield "\t}\n"
    for chain in table.chains:
        yield from _caption(captions.get(f"chain {chain.name}"))
        yield from _chain(chain)
    yield "}\n"


def set_word(item: Set) -> str:
    """How commands name what `item` is."""
    return "map" if item.is_map else "set"


def set_declaration(item: Set) -> Iterator[str]:
    """The block of a set or map without elements, but for the brace that closes it."""
    key = " . ".join(map(expression_text, item.key))
    data = "verdict" if item.is_verdict_map else " . ".join(map(expression_text, item.data))
    yield f"\t{set_word(item)} {item.name} {{\n"
    yield f"\t\ttypeof {key}{f' : {data}' if data else ''}\n"
    flags = [flag for flag, wanted in (("interval", item.interval), ("dynamic,timeout", item.dynamic)) if wanted]
    if flags:
        yield f"\t\tflags {','.join(flags)}\n"
    if item.size is not None:
        yield f"\t\tsize {item.size}\n"
    if item.timeout_seconds is not None:
        yield f"\t\ttimeout {item.timeout_seconds}s\n"
    if item.counter:
        yield "\t\tcounter\n"


def key_text(key: Key) -> str:
    """The key of an element."""
    return " . ".join(map(str, key))


def element_lines(item: Set) -> Iterator[str]:
    """The elements of a set or map, with their comments."""
    comments = item.comments
    for key, data in item.elements:
        text = "\t\t\t" + " . ".join(map(str, key))
        if comments and (comment := comments.get(key)):
            text += f' comment "{comment_text(comment)}"'
        if data is None:
            yield f"{text},\n"
        elif isinstance(data, Verdict):
            yield f"{text} : {_verdict(data)},\n"
        else:
            yield f"{text} : {' . '.join(map(str, data))},\n"


def _caption(text: str | None) -> Iterator[str]:
    if text:
        yield f"\n\t# {comment_text(text)}\n"


def _chain(chain: Chain) -> Iterator[str]:
    yield f"\tchain {chain.name} {{\n"
    if chain.hook:
        yield f"\t\t{hook_text(chain.hook)}\n"
    for rule in chain.rules:
        yield f"\t\t{rule_text(rule)}\n"
    yield "\t}\n"


def hook_text(hook: BaseHook) -> str:
    """What makes a chain a base chain."""
    priority = _PRIORITY_NAMES.get((hook.hook, hook.priority), str(hook.priority))
    return f"type {hook.type} hook {hook.hook} priority {priority}; policy accept;"


def rule_text(rule: Rule) -> str:
    """A rule on one line."""
    return " ".join(map(statement_text, rule.statements))


@singledispatch
def expression_text(expression: Expression) -> str:
    """An expression in nft's syntax."""
    raise TypeError(f"no nft expression: {expression!r}")


@expression_text.register
def _(expression: Constant) -> str:
    return f'"{expression.value}"' if expression.quoted else str(expression.value)


@expression_text.register
def _(expression: Payload) -> str:
    return f"{expression.protocol} {expression.field}"


@expression_text.register
def _(expression: Meta) -> str:
    # nft lists interface names without the word meta.
    return expression.key if expression.key in ("iifname", "oifname") else f"meta {expression.key}"


@expression_text.register
def _(expression: Ct) -> str:
    return f"ct {expression.direction} {expression.key}" if expression.direction else f"ct {expression.key}"


@expression_text.register
def _(expression: Fib) -> str:
    return f"fib {' . '.join(expression.flags)} {expression.result}"


@expression_text.register
def _(expression: Numgen) -> str:
    return f"numgen {expression.mode} mod {expression.modulus}{_offset(expression.offset)}"


@expression_text.register
def _(expression: Jhash) -> str:
    inner = expression_text(expression.expression)
    return f"jhash {inner} mod {expression.modulus} seed {expression.seed:#x}{_offset(expression.offset)}"


def _offset(offset: int) -> str:
    return f" offset {offset}" if offset else ""


@expression_text.register
def _(expression: Binary) -> str:
    return f"{expression_text(expression.left)} {expression.operator} {expression_text(expression.right)}"


@expression_text.register
def _(expression: Concat) -> str:
    return " . ".join(map(expression_text, expression.parts))


@expression_text.register
def _(expression: SetReference) -> str:
    return f"@{expression.name}"


@expression_text.register
def _(expression: Lookup) -> str:
    return f"{expression_text(expression.key)} map @{expression.map_name}"


@singledispatch
def statement_text(statement: Statement) -> str:
    """A statement in nft's syntax."""
    raise TypeError(f"no nft statement: {statement!r}")


@statement_text.register
def _verdict(statement: Verdict) -> str:
    return f"{statement.kind} {statement.target}" if statement.target else statement.kind


@statement_text.register
def _(statement: Match) -> str:
    operator = "" if statement.operator == "==" and not isinstance(statement.left, Binary) else f"{statement.operator} "
    return f"{expression_text(statement.left)} {operator}{expression_text(statement.right)}"


@statement_text.register
def _(statement: VerdictMap) -> str:
    return f"{expression_text(statement.key)} vmap @{statement.map_name}"


@statement_text.register
def _(statement: Assign) -> str:
    return f"{expression_text(statement.target)} set {expression_text(statement.value)}"


@statement_text.register
def _(statement: Dnat) -> str:
    return f"dnat {statement.family} to {expression_text(statement.to)}"


@statement_text.register
def _(statement: Masquerade) -> str:
    return "masquerade fully-random" if statement.fully_random else "masquerade"


@statement_text.register
def _(statement: Reject) -> str:
    return f"reject with {'icmp' if statement.family == 'ip' else 'icmpv6'} type port-unreachable"


@statement_text.register
def _(statement: Remember) -> str:
    timeout = f" timeout {statement.timeout_seconds}s" if statement.timeout_seconds is not None else ""
    key, data = expression_text(statement.key), expression_text(statement.data)
    return f"{statement.operation} @{statement.map_name} {{ {key}{timeout} : {data} }}"
