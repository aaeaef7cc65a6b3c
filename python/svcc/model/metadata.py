"""What every object of the model has in common."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn, TypeVar

__all__ = ["FrozenMapping", "frozen_items", "frozen_mapping"]

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class FrozenMapping(dict[_Key, _Value]):
    """A dict that nobody changes, so that a frozen object stays what it was: it can be hashed, copied and pickled.

    It equals the dict with the same items, and `copy` and ``|`` make dicts that can be changed.
    """

    __slots__ = ()

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(frozenset(self.items()))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (dict(self),)

    def _refuse(self, *_values: object, **_named: object) -> NoReturn:
        raise TypeError("this mapping cannot be changed: change a copy of it, dict(mapping)")

    __setitem__ = __delitem__ = __ior__ = _refuse
    clear = pop = popitem = setdefault = update = _refuse


_NOTHING: FrozenMapping[str, str] = FrozenMapping()


def frozen_mapping(items: Mapping[str, str] | None) -> Mapping[str, str]:
    """A read-only copy, so that a frozen object stays what it was."""
    if not items:
        return _NOTHING
    return items if type(items) is FrozenMapping else FrozenMapping(items)


def frozen_items(items: Iterable[Any] | None) -> tuple[Any, ...]:
    """A tuple of whatever iterable the user wrote; None, as manifests write it, is empty.

    The items' type is the field's: mypy cannot carry it through a converter.
    """
    if isinstance(items, tuple):
        return items
    if isinstance(items, str):
        raise TypeError(f"expected a list, got the string {items!r}")
    return tuple(items) if items is not None else ()
