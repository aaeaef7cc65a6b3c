"""What transactions mean for Services, in people's words, read off the elements and their comments."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from attrs import define, field

from svcc.apply.held import Held
from svcc.nft.commands import AddElements, DeleteElements
from svcc.nft.objects import Data, Key, Ruleset, Set
from svcc.nft.transaction import Transaction

__all__ = ["ServicePortChange", "service_port_changes"]


@define
class ServicePortChange:
    """What becomes of a Service port on this node.

    Attributes:
        name: ``namespace/service:port``.
        before: the frontends it had, such as ``tcp 10.96.0.10:80``.
        after: those it has.
        lost: endpoints that it no longer sends to.
        gained: endpoints that it did not send to.
    """

    name: str
    before: set[str] = field(factory=set)
    after: set[str] = field(factory=set)
    lost: set[Data] = field(factory=set)
    gained: set[Data] = field(factory=set)

    @property
    def kind(self) -> str:
        """``added``, ``removed`` or ``changed``."""
        if not self.before:
            return "added"
        return "changed" if self.after else "removed"

    @property
    def words(self) -> str:
        """The change as a line of text."""
        parts = [f"{self.name}: {self.kind}"]
        if self.kind == "changed":
            parts += [f"+{text}" for text in sorted(self.after - self.before)]
            parts += [f"-{text}" for text in sorted(self.before - self.after)]
        else:
            parts.append(", ".join(sorted(self.after or self.before)))
        if self.gained or self.lost:
            signs = [f"{sign}{len(found)}" for sign, found in (("+", self.gained), ("-", self.lost)) if found]
            one = len(self.gained) + len(self.lost) == 1
            parts.append(f"({' '.join(signs)} endpoint{'' if one else 's'})")
        return " ".join(part for part in parts if part)


_WITH_COMMENTS: Final = {
    f"{kind}{base}" for kind in ("", "balanced-", "refused-") for base in ("services", "nodeports")
}
"""Each frontend is in one of them with the name of its Service port."""
_Sets = dict[tuple[str, str], Set]
_Elements = dict[Key, Data | None]


def service_port_changes(transactions: Iterable[Transaction], held: Held, wanted: Ruleset) -> list[ServicePortChange]:
    """The Service ports that transactions from `held` to `wanted` change, by name."""
    sides = {"before": _sets_of(held.ruleset), "after": _sets_of(wanted)}
    names = {frontend: name for sets in sides.values() for frontend, name in _frontends(sets)}
    ports: dict[str, ServicePortChange] = {}
    for (family, set_name), (deleted, added) in _element_changes(transactions).items():
        for key in {**deleted, **added}:
            name = names.get(_frontend(family, set_name, key))
            if name is None:
                continue
            change = ports.setdefault(name, ServicePortChange(name))
            if "endpoints-" in set_name:
                # Never as text: what the kernel holds is read as plain tuples, what is wanted has words of its own.
                change.lost.update(_endpoint(deleted.get(key)))
                change.gained.update(_endpoint(added.get(key)))
    for side, sets in sides.items():
        for frontend, name in _frontends(sets):
            if name in ports:
                getattr(ports[name], side).add(_frontend_words(frontend))
    for change in ports.values():
        # An endpoint that only moves to another slot is neither.
        both = change.lost & change.gained
        change.lost -= both
        change.gained -= both
    return [ports[name] for name in sorted(ports)]


def _endpoint(data: Data | None) -> tuple[Data, ...]:
    return () if data is None else (data,)


def _sets_of(ruleset: Ruleset) -> _Sets:
    return {(table.family, item.name): item for table in ruleset.tables for item in table.sets}


def _element_changes(transactions: Iterable[Transaction]) -> dict[tuple[str, str], tuple[_Elements, _Elements]]:
    """By family and set, the elements that are deleted and those that are added."""
    changes: dict[tuple[str, str], tuple[_Elements, _Elements]] = {}
    for each in transactions:
        for command in each.commands:
            if isinstance(command, AddElements | DeleteElements):
                place = command.table.family, command.elements.name
                deleted, added = changes.setdefault(place, ({}, {}))
                (added if isinstance(command, AddElements) else deleted).update(command.elements.elements)
    return changes


def _frontends(sets: _Sets) -> Iterator[tuple[tuple[str, ...], str]]:
    """Family and key of every frontend, with the name of its Service port."""
    for (family, name), item in sets.items():
        if name in _WITH_COMMENTS:
            for key, comment in item.comments.items():
                yield (family, *map(str, key)), comment


def _frontend_words(frontend: tuple[str, ...]) -> str:
    family, protocol, *place = frontend
    if len(place) == 1:
        return f"{protocol} node port {place[0]} ({'IPv4' if family == 'ip' else 'IPv6'})"
    return f"{protocol} {f'[{place[0]}]' if family == 'ip6' else place[0]}:{place[1]}"


def _frontend(family: str, name: str, key: Key) -> tuple[str, ...]:
    """Family and key of the frontend that an element belongs to; nothing where it belongs to none."""
    protocol = name.rpartition("-")[2]
    if name.startswith("nodeport-endpoints-"):
        return family, protocol, str(key[0])
    if name.startswith("endpoints-"):
        return family, protocol, str(key[0]), str(key[1])
    if name.endswith("nodeports"):
        return family, *map(str, key[:2])
    if name in {"source-ranged", "allowed-sources"} or name.endswith(("services", "frontends")):
        return family, *map(str, key[:3])
    return ()
