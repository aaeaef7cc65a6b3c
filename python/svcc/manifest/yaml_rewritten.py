"""The scalars of a YAML text that mean something else than they spell, with the paths of their fields."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import yaml
from attrs import define

from svcc.fields import FieldPath, Rewritten
from svcc.manifest.yaml_scalars import RefusedScalarError, changes, key_text, plain_value

__all__ = ["rewritten_in"]

_Step = str | int | tuple[str]


@define(eq=False)
class _Container:
    """A list or a mapping that is being read; `step` leads to the part that comes next.

    A mapping whose next event is a key has the step None, and so has the value of ``<<``, whose fields are those of the
    mapping around it.
    """

    is_mapping: bool
    step: _Step | None
    awaits_key: bool


def rewritten_in(loader: Any) -> Iterator[Rewritten]:
    """All such scalars of the first document of `loader`, in the order of the text.

    Scalars with a tag, in quotes, or without a meaning in JSON are none of them, and neither are aliases.

    Raises:
        yaml.YAMLError: the text cannot be parsed.
    """
    containers: list[_Container] = []
    while True:
        event = loader.get_event()
        if isinstance(event, yaml.StreamStartEvent | yaml.DocumentStartEvent):
            continue
        if isinstance(event, yaml.StreamEndEvent | yaml.DocumentEndEvent):
            return
        if isinstance(event, yaml.CollectionStartEvent):
            is_mapping = isinstance(event, yaml.MappingStartEvent)
            containers.append(_Container(is_mapping, None if is_mapping else 0, is_mapping))
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            containers.pop()
        elif isinstance(event, yaml.ScalarEvent):
            around = containers[-1] if containers else None
            plain = event.implicit[0] and event.tag is None
            if around is not None and around.awaits_key:
                name = _key(event.value, plain=plain)
                around.step, around.awaits_key = None if name == "<<" and plain else name, False
                if name != event.value:
                    yield Rewritten(_path(containers), event.value, name, is_key=True)
                continue
            if plain:
                yield from _rewritten(event.value, containers)
        _go_on(containers)


def _go_on(containers: list[_Container]) -> None:
    """What has just ended was the part of a container: the next one follows."""
    if not containers:
        return
    around = containers[-1]
    if around.is_mapping:
        # What ends where a key is awaited is a key that is no scalar: a flaw that has been reported.
        around.step, around.awaits_key = None, not around.awaits_key
    elif isinstance(around.step, int):
        around.step += 1


def _rewritten(text: str, containers: list[_Container]) -> Iterator[Rewritten]:
    try:
        value = plain_value(text)
    except RefusedScalarError:
        return
    if changes(text, value):
        yield Rewritten(_path(containers), text, value)


def _key(text: str, *, plain: bool) -> str:
    try:
        return key_text(text, plain=plain)
    except RefusedScalarError:
        return text


def _path(containers: list[_Container]) -> FieldPath:
    return FieldPath(tuple(container.step for container in containers if container.step is not None))
