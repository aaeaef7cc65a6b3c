"""Mutations of chains and tables: emptied, dropped, hooked elsewhere; and a stranger's table beside."""

from __future__ import annotations

import re
from collections.abc import Iterator

from attrs import evolve

from tests.mutation.document import Block, Document, Place, Table
from tests.mutation.mutation import Mutation

_HOOK = re.compile(r"type (\w+) hook (\w+) priority (\S+?); policy (\w+);")
_NUMBERS = {"dstnat": -100, "srcnat": 100}
_HOOKS = ("prerouting", "input", "forward", "output", "postrouting")
_NAT_HOOKS = {"prerouting": "output", "output": "prerouting", "postrouting": "input", "input": "postrouting"}


def chain_mutations(document: Document) -> Iterator[Mutation]:
    """Every mutation of a chain or a table."""
    for place, block in document.places():
        if not block.is_chain:
            continue
        name = document.name(place)
        if len(block.items) > 1:
            yield Mutation("a chain emptied", f"{name} lost its {len(block.items)} rules", document.with_items(place))
        for statement in ("accept", "drop", "return"):
            first = document.with_items(place, statement, *block.items)
            yield Mutation("a verdict added", f"{statement} stands at the start of {name}", first)
        if block.properties:
            yield Mutation("a base chain dropped", f"{name} is gone", document.with_block(place))
            yield from _of_hook(document, place, block)
    for number, table in enumerate(document.tables):
        words = f"table {table.family} {table.name}"
        yield Mutation("a table dropped", f"{words} is gone", document.with_table(number))
        dormant = evolve(table, properties=("flags dormant", *table.properties))
        yield Mutation("a table dormant", f"{words} became dormant", document.with_table(number, dormant))
        yield from _strangers(document, table.family)


def _of_hook(document: Document, place: Place, block: Block) -> Iterator[Mutation]:
    line = block.properties[0]
    found = _HOOK.fullmatch(line)
    if found is None:
        raise ValueError(f"not a base chain: {line}")
    kind, hook, priority, policy = found.groups()
    number = _NUMBERS.get(priority, 0) if priority in _NUMBERS else int(priority)

    def with_line(what: str, words: str, *, hook: str = hook, number: int = number, policy: str = policy) -> Mutation:
        changed = f"type {kind} hook {hook} priority {number}; policy {policy};"
        return Mutation(
            what,
            f"{words} of {document.name(place)}",
            document.with_block(place, evolve(block, properties=(changed, *block.properties[1:]))),
        )

    other_policy = "drop" if policy == "accept" else "accept"
    yield with_line("a policy changed", f"policy {policy} became {other_policy}", policy=other_policy)
    for other in (-number, number - 1, number + 1, -300, 300):
        if other != number and (kind == "filter" or abs(other) < 200):
            yield with_line("a priority changed", f"priority {number} became {other}", number=other)
    for other_hook in (_NAT_HOOKS[hook],) if kind == "nat" else _HOOKS:
        if other_hook != hook:
            yield with_line("a hook changed", f"hook {hook} became {other_hook}", hook=other_hook)


def _strangers(document: Document, family: str) -> Iterator[Mutation]:
    """Another table that meddles with packets."""
    for hook, priority, rule in (
        ("forward", 10, "drop"),
        ("forward", 10, "ct status dnat accept"),
        ("prerouting", -300, "udp dport 80 drop"),
        ("prerouting", -300, "mark set 0x4000"),
        ("output", -300, "mark set 0x1"),
        ("input", 5, "tcp dport 22 drop"),
    ):
        start = f"type filter hook {hook} priority {priority}; policy accept;"
        stranger = Table(family, "stranger", (), (Block("chain", "meddle", (start,), (rule,)),))
        sentence = f"a table of {family} has {rule!r} in {hook} at priority {priority}"
        yield Mutation("a stranger's table added", sentence, evolve(document, tables=(*document.tables, stranger)))
    for hook, priority, rule in (
        ("prerouting", -110, "tcp dport 80 redirect to :8080"),
        ("prerouting", -110, "tcp dport 4711 redirect to :8080"),
        ("postrouting", 50, "masquerade"),
        ("postrouting", 150, "masquerade"),
    ):
        start = f"type nat hook {hook} priority {priority}; policy accept;"
        stranger = Table(family, "stranger", (), (Block("chain", "meddle", (start,), (rule,)),))
        sentence = f"a table of {family} has {rule!r} in {hook} at priority {priority}"
        yield Mutation("a stranger's table added", sentence, evolve(document, tables=(*document.tables, stranger)))
