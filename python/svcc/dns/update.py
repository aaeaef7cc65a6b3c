"""Updates of a zone (RFC 2136): one message if the difference fits, else parts that can be told from a whole."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from attrs import define, field, frozen

from svcc.dns.contract import Record
from svcc.dns.difference import ZoneDifference

__all__ = ["MOST_MESSAGE_BYTES", "Change", "Update", "UpdatePlan", "plan_update"]

MOST_MESSAGE_BYTES = 65535
"""The longest message that TCP's length field can announce (RFC 1035, 4.2.2)."""

# Header, zone, prerequisites, marker and signature: names of 255 bytes at most, and numbers.
_FRAME_BYTES = 2048
# What a compression pointer can reach (RFC 1035, 4.1.4).
_POINTER_REACH = 0x3FFF


@frozen
class Change:
    """A record that is added or removed."""

    is_added: bool
    record: Record


@frozen
class Update:
    """What one message asks for: all `changes` in order, if the zone has exactly `required` of its name and type."""

    zone: str
    required: Record
    changes: tuple[Change, ...]


@frozen
class UpdatePlan:
    """The changes of a zone by messages, to be sent in this order.

    One message is carried out in whole or not at all, on condition that the zone's SOA record is still the one that the
    difference was computed from. Several cannot be: there is no transaction beyond a message. Then

    * the first puts a marker into the zone, a TXT record with a token of this update, which the last one removes:
      as long as it stands, the zone is known to be between two states;
    * the others depend on that marker, so that two updates do not mix;
    * all changes of one Service are in one message, unless they alone are too many (`divided` names those).
    """

    parts: tuple[tuple[Change, ...], ...] = ()
    divided: tuple[str, ...] = ()


def plan_update(difference: ZoneDifference, cluster_zone: str) -> UpdatePlan:
    """Deal a difference out to messages."""
    parts: list[list[Change]] = [[]]
    room = _Room()
    divided = []
    for name, changes in _groups(difference, cluster_zone):
        if not room.take(changes):
            room = _Room()
            if parts[-1]:
                parts.append([])
            if not room.take(changes):
                divided.append(name)
                room = _Room()
                for change in changes:
                    if not room.take([change]):
                        room = _Room()
                        room.take([change])
                        parts.append([])
                    parts[-1].append(change)
                continue
        parts[-1] += changes
    return UpdatePlan(tuple(tuple(part) for part in parts if part), tuple(divided))


def _groups(difference: ZoneDifference, cluster_zone: str) -> Iterator[tuple[str, list[Change]]]:
    """The changes of each Service, removals first: an added CNAME would be ignored beside other data (RFC 2136)."""

    def subject(change: Change) -> str:
        name = change.record.name
        inside = name.removesuffix(f".svc.{cluster_zone}")
        return name if inside == name else f"{'.'.join(inside.split('.')[-2:])}.svc.{cluster_zone}"

    changes = [
        *(Change(is_added=False, record=record) for record in difference.removed),
        *(Change(is_added=True, record=record) for record in difference.added),
    ]
    for name, group in groupby(sorted(changes, key=subject), key=subject):
        yield name, list(group)


@define
class _Room:
    """How full a message is: never fuller than this says, as names are compressed at least as well (`_name`)."""

    used: int = _FRAME_BYTES
    names: set[str] = field(factory=set)

    def take(self, changes: list[Change]) -> bool:
        """Whether the changes go into the message, which then has them."""
        used, known = self.used, set[str]()
        for change in changes:
            used += self._name(change.record.name, used, known) + 10 + self._data(change.record, used, known)
            if used > MOST_MESSAGE_BYTES:
                return False
        self.used = used
        self.names |= known
        return True

    def _name(self, name: str, position: int, known: set[str]) -> int:
        length = 0
        while name not in {"", "."}:
            if name in self.names or name in known:
                return length + 2
            if position + length < _POINTER_REACH:
                known.add(name)
            label, _, name = name.partition(".")
            length += len(label) + 1
        return length + 1

    def _data(self, record: Record, position: int, known: set[str]) -> int:
        match record.type:
            case "A":
                return 4
            case "AAAA":
                return 16
            case "CNAME" | "NS" | "PTR":
                return self._name(record.data, position, known)
            case _:
                # Text is never shorter than what it stands for, but for numbers, of which there are few.
                return len(record.data) + 16
