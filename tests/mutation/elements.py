"""Mutations of the elements of sets and maps."""

from __future__ import annotations

from collections.abc import Iterator

from tests.mutation.document import Document, Place
from tests.mutation.mutation import Mutation
from tests.mutation.words import changed_words


def element_mutations(document: Document) -> Iterator[Mutation]:
    """Every mutation of an element."""
    for place, block in document.places():
        if block.is_chain:
            continue
        name = document.name(place)
        if len(block.items) > 1:
            yield Mutation("a set emptied", f"{name} lost its {len(block.items)} elements", document.with_items(place))
        for number, element in enumerate(block.items):
            where = f"element {element} of {name}"
            yield Mutation("an element dropped", f"dropped {where}", document.with_item(place, number))
            for change in changed_words(element):
                sentence = f"{change.words} in {where}"
                changed = document.with_item(place, number, change.text)
                yield Mutation(f"{change.what} of an element changed", sentence, changed)
                if change.what in {"an address", "a port", "a protocol"}:
                    sentence = f"a copy of {where} was added, in which {change.words}"
                    added = document.with_item(place, number, element, change.text)
                    yield Mutation("an element added", sentence, added)
        yield from _of_values(document, place, block.items)


def _of_values(document: Document, place: Place, elements: tuple[str, ...]) -> Iterator[Mutation]:
    """Values given to other keys; a value begins behind the last colon with spaces around it."""
    split = [element.rpartition(" : ") for element in elements]
    values = list(dict.fromkeys(value for _, colon, value in split if colon))
    for number, (key, colon, value) in enumerate(split):
        where = f"element {elements[number]} of {document.name(place)}"
        for other in values if colon else ():
            if other != value:
                changed = document.with_item(place, number, f"{key} : {other}")
                yield Mutation("an element retargeted", f"{value!r} became {other!r} in {where}", changed)
        if colon and number + 1 < len(elements) and split[number + 1][2] != value:
            next_key, _, next_value = split[number + 1]
            swapped = document.with_items(
                place,
                *elements[:number],
                f"{key} : {next_value}",
                f"{next_key} : {value}",
                *elements[number + 2 :],
            )
            yield Mutation("values swapped", f"swapped the values of {where} and the next", swapped)
