"""Mutations of rules: dropped, swapped, moved, doubled, cut short, sent elsewhere, or with a word changed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from tests.mutation.document import Block, Document, Place
from tests.mutation.mutation import Mutation
from tests.mutation.words import changed_words

_FIELD = (
    r"(?:ct original ip6? \w+|ct original proto-dst|ip6? [sd]addr|meta l4proto|(?:tcp|udp|sctp|th) [sd]port"
    r"|ct (?:state|status)|fib [sd]addr type|(?:meta )?mark)"
)
_MATCH = (
    rf"{_FIELD}(?: \. {_FIELD})*(?: and 0x\w+| & 0x\w+)?(?: ==| !=)? "
    r"(?!vmap|map|set|and|or|xor|\.|&|\|)(?:@\S+|\{[^}]*\}|\S+)"
)
_STATEMENT = r"(?:meta )?mark set (?:meta )?mark \S+ 0x\w+|meta priority set \S+|masquerade(?: fully-random)?"
_PART = re.compile(rf"(?<!\. )(?<!to )(?<!set )(?<!\{{ )(?<!original )(?<!\S)(?:{_STATEMENT}|{_MATCH})(?= |$)")
_NOT_NEGATED = re.compile(rf"(?<!\. )(?<!to )(?<!set )(?<!\{{ )(?<!\S){_FIELD}(?: \. {_FIELD})*(?= (?:@|\{{|\d|[a-f]))")
_SET = re.compile(r"(?<=@)[^\s,}]+")
_TARGET = re.compile(r"(?<=goto |jump )[^\s,}]+")
_ENTRIES = re.compile(r"(?<=vmap \{ )[^}]+(?= \})")


def rule_mutations(document: Document) -> Iterator[Mutation]:
    """Every mutation of a rule."""
    for place, block in document.places():
        if not block.is_chain:
            continue
        others = _by_kind(document, place)
        for number, rule in enumerate(block.items):
            where = f"rule {number + 1} ({rule}) of {document.name(place)}"
            yield from _of_order(document, place, block, number, where)
            for kind, words, text in (*_of_one(rule), *_references(rule, others)):
                if text.strip():
                    yield Mutation(kind, f"{words} in {where}", document.with_item(place, number, text))


def _of_order(document: Document, place: Place, block: Block, number: int, where: str) -> Iterator[Mutation]:
    rules = block.items
    yield Mutation("a rule dropped", f"dropped {where}", document.with_item(place, number))
    yield Mutation(
        "a rule doubled", f"doubled {where}", document.with_item(place, number, rules[number], rules[number])
    )
    if number + 1 < len(rules):
        swapped = (*rules[:number], rules[number + 1], rules[number], *rules[number + 2 :])
        yield Mutation("rules swapped", f"swapped {where} with the next", document.with_items(place, *swapped))
    if number > 1:
        moved = (rules[number], *rules[:number], *rules[number + 1 :])
        yield Mutation("a rule moved", f"moved {where} to the start", document.with_items(place, *moved))


def _of_one(rule: str) -> Iterator[tuple[str, str, str]]:
    for change in changed_words(rule):
        yield f"{change.what} of a rule changed", change.words, change.text
    for part in _PART.finditer(rule):
        rest = f"{rule[: part.start()]}{rule[part.end() :].lstrip()}".strip()
        yield "a part of a rule dropped", f"{part[0]!r} is gone", rest
    for match in _NOT_NEGATED.finditer(rule):
        yield "a negation added", f"{match[0]!r} became negated", f"{rule[: match.end()]} !={rule[match.end() :]}"
    entries = _ENTRIES.search(rule)
    if entries is not None:
        listed = entries[0].split(", ")
        for number, entry in enumerate(listed):
            rest = ", ".join([*listed[:number], *listed[number + 1 :]])
            if rest:
                text = f"{rule[: entries.start()]}{rest}{rule[entries.end() :]}"
                yield "an entry of a rule's map dropped", f"{entry!r} is gone", text


def _references(rule: str, others: Mapping[str, tuple[str, ...]]) -> Iterator[tuple[str, str, str]]:
    for what, pattern in (("a set's name changed", _SET), ("a target changed", _TARGET)):
        for match in pattern.finditer(rule):
            for other in others.get(match[0], ()):
                yield what, f"{match[0]} became {other}", f"{rule[: match.start()]}{other}{rule[match.end() :]}"


def _by_kind(document: Document, place: Place) -> dict[str, tuple[str, ...]]:
    """For each name in a table the names that may stand in its place."""
    groups: dict[str, list[str]] = {}
    for block in document.tables[place.table].blocks:
        if block.properties and block.is_chain:
            continue  # nobody jumps to a base chain
        groups.setdefault(f"{block.kind} {block.type} {block.is_dynamic}", []).append(block.name)
    return {name: tuple(other for other in names if other != name) for names in groups.values() for name in names}
