"""Values made of parts that are of the right types already, for those who make tens of thousands of them.

What attrs generates converts every field and asks the class for permission to set it, which takes nine tenths of the
time of making a Service. Here a value is a draft at first, of a subclass that is not frozen, and becomes what it is
when all of it is set.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from attrs import NOTHING, AttrsInstance, fields

__all__ = ["changer", "maker"]

_Item = TypeVar("_Item", bound=AttrsInstance)


def maker(kind: type[_Item], names: tuple[str, ...], beside: tuple[str, ...] = ()) -> Callable[..., _Item]:
    """A function that makes a value of the fields `names`, in their order, and of the defaults of the others.

    `kind` is a frozen class with slots; nothing is converted or validated, and all defaults are values. `beside` are
    the slots that are no fields.

    Raises:
        ValueError: a name is that of no field, or a field without default is not named.
    """
    known = [*(attribute.name for attribute in fields(kind)), *beside]
    required = {attribute.name: attribute.alias for attribute in fields(kind) if attribute.default is NOTHING}
    if not required.keys() <= set(names) <= set(known):
        raise ValueError(f"{', '.join(names)}: these are not the fields of {kind.__name__}")
    usual = kind(**dict.fromkeys(filter(None, required.values()), ""))
    others = {f"usual_{name}": getattr(usual, name) for name in known if name not in names}
    values = {name: name if name in names else f"usual_{name}" for name in known}
    return _function(kind, ", ".join(names), values, others)


def changer(kind: type[_Item]) -> Callable[[_Item, Mapping[str, Any]], _Item]:
    """A function that makes a copy with other values of some fields, none of which is converted or validated."""
    values = {attribute.name: f"item.{attribute.name}" for attribute in fields(kind)}
    copied = _function(kind, "item", values, {})
    setters = {name: getattr(kind, name).__set__ for name in values}

    def change(item: _Item, changes: Mapping[str, Any]) -> _Item:
        made: _Item = copied(item)
        for name, value in changes.items():
            setters[name](made, value)
        return made

    return change


def _function(
    kind: type[_Item], parameters: str, values: Mapping[str, str], known: Mapping[str, Any]
) -> Callable[..., _Item]:
    """A function of `parameters` that makes a value whose fields have these `values`, expressions of what is `known`.

    It is compiled, as are those of attrs: a loop over the fields would take four times as long.
    """
    free = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    draft = type(kind.__name__, (kind,), free)
    lines = [f"    made.{name} = {value}" for name, value in values.items()]
    body = ["    made = new(draft)", *lines, "    made.__class__ = kind", "    return made"]
    text = "\n".join([f"def make({parameters}):", *body])
    namespace: dict[str, Any] = {"new": object.__new__, "draft": draft, "kind": kind, **known}
    exec(text, namespace)  # noqa: S102  (made of names of fields)
    made: Callable[..., _Item] = namespace["make"]
    return made
