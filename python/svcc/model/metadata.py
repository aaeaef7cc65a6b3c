"""What every object of the model has in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

_NOTHING: Mapping[str, str] = MappingProxyType({})


def frozen_mapping(items: Mapping[str, str] | None) -> Mapping[str, str]:
    """A read-only copy, so that a frozen object stays what it was."""
    return MappingProxyType(dict(items)) if items else _NOTHING


def frozen_items(items: Iterable[Any] | None) -> tuple[Any, ...]:
    """A tuple of whatever iterable the user wrote; None, as manifests write it, is empty.

    The items' type is the field's: mypy cannot carry it through a converter.
    """
    if isinstance(items, tuple):
        return items
    if isinstance(items, str):
        raise TypeError(f"expected a list, got the string {items!r}")
    return tuple(items) if items is not None else ()
