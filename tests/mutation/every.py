"""All mutations of a ruleset that a kernel would take."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from itertools import chain, islice

from svcc.errors import InputError
from svcc.trace.evaluator import Evaluator
from tests.mutation.chains import chain_mutations
from tests.mutation.document import Document, Table
from tests.mutation.elements import element_mutations
from tests.mutation.mutation import Mutation
from tests.mutation.rules import rule_mutations

_MENTIONED = re.compile(r"(?:(?<=goto )|(?<=jump )|(?=@))[^\s,}]+")
_ALLOWED = (
    (re.compile(r"\b(?:dnat (?:ip6? )?to|redirect)\b"), {("nat", "prerouting"), ("nat", "output")}),
    (re.compile(r"(?<!\S)masquerade(?= fully-random|$)"), {("nat", "postrouting")}),
    (re.compile(r"\bsnat to\b"), {("nat", "postrouting"), ("nat", "input")}),
    (
        re.compile(r"\breject(?= with|$| comment)"),
        {("filter", hook) for hook in ("prerouting", "input", "forward", "output")},
    ),
)
_HOOK = re.compile(r"type (\w+) hook (\w+)")


def every_mutation(document: Document) -> Iterator[Mutation]:
    """The mutations of a document, each ruleset once, in a fixed order; a kernel need not take all of them."""
    seen = {document.text}
    for mutation in chain(rule_mutations(document), element_mutations(document), chain_mutations(document)):
        text = mutation.document.text
        if text not in seen:
            seen.add(text)
            yield mutation


def some_mutations(document: Document, most: int | None, seed: int) -> Iterator[Mutation]:
    """At most so many mutations of each kind that a kernel would take, drawn by the seed; None takes all."""
    by_kind: dict[str, list[Mutation]] = {}
    for mutation in every_mutation(document):
        by_kind.setdefault(mutation.kind, []).append(mutation)
    drawn = random.Random(seed)
    for kind in sorted(by_kind):
        mutations = by_kind[kind]
        if most is not None:
            drawn.shuffle(mutations)
        yield from islice(filter(_stands, mutations), most)


def _stands(mutation: Mutation) -> bool:
    return all(map(_is_taken, mutation.document.tables)) and _is_read(mutation.document.text)


def _is_taken(table: Table) -> bool:
    """Whether no chains jump to each other in a circle, and statements are only where the kernel allows them."""
    mentioned = {
        block.name if block.is_chain else f"@{block.name}": set(_MENTIONED.findall(" ".join(block.items)))
        for block in table.blocks
    }
    try:
        TopologicalSorter(mentioned).prepare()
    except CycleError:
        return False
    rules = {block.name: block.items for block in table.blocks if block.is_chain}
    for block in table.blocks:
        found = _HOOK.match(block.properties[0]) if block.is_chain and block.properties else None
        if found is None:
            continue
        here = (found[1], found[2])
        forbidden = [pattern for pattern, allowed in _ALLOWED if here not in allowed]
        reached = [rule for name in _reached(mentioned, block.name) for rule in rules.get(name, ())]
        if any(pattern.search(rule) for pattern in forbidden for rule in reached):
            return False
    return True


def _reached(mentioned: Mapping[str, set[str]], start: str) -> set[str]:
    """What can be reached from a chain."""
    found, waiting = {start}, [start]
    while waiting:
        new = mentioned.get(waiting.pop(), set()) - found
        found |= new
        waiting += new
    return found


def _is_read(text: str) -> bool:
    try:
        Evaluator(text)
    except InputError:
        return False
    return True
