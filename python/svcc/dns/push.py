"""Bringing the zones of a server to what is declared: transfer, compare, update, and look whether it is so."""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Collection, Iterable, Iterator

from attrs import evolve, field, frozen

from svcc.dns.contract import DnsZone, Record
from svcc.dns.difference import Ownership, ZoneDifference, marker_name, zone_difference
from svcc.dns.names import parents, reverse_name, reverse_zone
from svcc.dns.nameserver import (
    NameServer,
    ServedZone,
    ServerLostError,
    ServerRefusedError,
    ZoneChangedError,
    spelled,
)
from svcc.dns.serial import is_later
from svcc.dns.update import Change, Update, UpdatePlan, plan_update
from svcc.errors import TargetError

__all__ = ["PushReport", "ZonePush", "ZoneState", "forsaken_zones", "push"]

_ATTEMPTS = 3


class ZoneState(enum.StrEnum):
    """What a push has done to a zone."""

    UNCHANGED = "unchanged"
    """The server had what is declared; nothing was sent."""
    DIFFERENT = "different"
    """There is a difference, which was only to be shown."""
    UPDATED = "updated"
    """The zone was changed, and then transferred: it has what is declared."""
    FAILED = "failed"
    """`ZonePush.problem` says what is known of the zone."""
    NOT_TRIED = "not tried"
    """The server was lost before the zone's turn; the zone is as it was."""


@frozen
class ZonePush:
    """What a push has done to one zone, or would do.

    Attributes:
        difference: what was removed and added, or would be.
        serial_before: of the zone as it was transferred first.
        serial_after: of the zone as it was transferred last; None if it was not changed, or that is not known.
        plan: the updates that the difference takes.
        problem: what went wrong, and what that means for the zone.
        was_unfinished: whether the zone bore the marker of an update in parts that has not reached its end.
    """

    zone: str
    state: ZoneState
    difference: ZoneDifference
    serial_before: int
    serial_after: int | None = None
    plan: UpdatePlan = field(factory=UpdatePlan)
    problem: TargetError | None = field(default=None, eq=False)
    was_unfinished: bool = False

    @property
    def messages(self) -> int:
        """How many updates the difference takes."""
        return len(self.plan.parts)


@frozen
class PushReport:
    """What a push has done, zone by zone in the order in which they were given."""

    zones: tuple[ZonePush, ...]

    @property
    def is_complete(self) -> bool:
        """Whether every zone is now as it is declared, or would have been changed to it."""
        return not any(zone.state in {ZoneState.FAILED, ZoneState.NOT_TRIED} for zone in self.zones)


@frozen
class _Push:
    """One zone as declared, and how to bring a server to it."""

    server: NameServer
    ownership: Ownership
    zone: str
    declared: tuple[Record, ...]
    single_message: bool

    @property
    def marker(self) -> str:
        return marker_name(self.zone, self.ownership.cluster_zone)

    def markers(self, served: ServedZone) -> list[Record]:
        return [record for record in served.records if record.name == self.marker and record.type == "TXT"]

    def difference(self, served: ServedZone) -> ZoneDifference:
        return zone_difference(self.zone, served.records, self.declared, self.ownership)

    def updates(self, served: ServedZone, plan: UpdatePlan) -> Iterator[Update]:
        """What is sent for a plan; the first of several sets the marker, the others need it, the last removes it."""
        soa = Record(self.zone, "SOA", served.soa, 0)
        if len(plan.parts) == 1:
            yield Update(self.zone, soa, plan.parts[0])
            return
        marker = Record(self.marker, "TXT", f'"svcc push {secrets.token_hex(8)} is unfinished"', 0)
        # One that an interrupted update has left would make this one half of what stands there.
        left = [Change(is_added=False, record=record) for record in self.markers(served)]
        set_marker, remove_marker = (Change(is_added=is_added, record=marker) for is_added in (True, False))
        first, *others, last = plan.parts
        yield Update(self.zone, soa, (*left, set_marker, *first))
        for part in others:
            yield Update(self.zone, marker, part)
        yield Update(self.zone, marker, (*last, remove_marker))

    def pending(self, served: ServedZone) -> ZonePush:
        """What would be done to a zone as it was transferred."""
        difference = self.difference(served)
        plan = plan_update(difference, self.ownership.cluster_zone)
        return ZonePush(
            self.zone,
            ZoneState.DIFFERENT if difference else ZoneState.UNCHANGED,
            difference,
            served.serial,
            plan=plan,
            was_unfinished=bool(self.markers(served)),
        )

    def sent(self, served: ServedZone, told: Callable[[ZonePush], None]) -> ZonePush:
        """Update the zone; begins anew, at most twice, if somebody changes it between transfer and update."""
        attempt = 1
        while True:
            found = self.pending(served)
            if found.state is ZoneState.UNCHANGED:
                return found
            if self.single_message and found.messages > 1:
                problem = TargetError(
                    f"{self.zone}: the difference needs {found.messages} messages, so it cannot be made at once",
                    hint="nothing was sent; without --atomic it is sent in parts",
                )
                return evolve(found, state=ZoneState.FAILED, problem=problem)
            told(found)
            updates = self.updates(served, found.plan)
            try:
                try:
                    self.server.update(next(updates))
                except ZoneChangedError:
                    if attempt == _ATTEMPTS:
                        raise
                    attempt += 1
                    served = self.server.transfer(self.zone)
                    continue
            except ServerLostError as error:
                return self._settled(found, 0, error)
            except TargetError as error:
                return evolve(found, state=ZoneState.FAILED, problem=error)
            return self._followed(found, updates)

    def _followed(self, found: ZonePush, rest: Iterator[Update]) -> ZonePush:
        """Send the parts after the first, and look whether the zone is what it should be."""
        for count, update in enumerate(rest, start=1):
            try:
                self.server.update(update)
            except ZoneChangedError as error:
                taken = TargetError(
                    f"{self.zone}: another push has begun after {count} of {found.messages} messages of this one",
                    hint="that one completes the zone; push again to be sure",
                )
                taken.__cause__ = error
                return evolve(found, state=ZoneState.FAILED, problem=taken)
            except (ServerLostError, ServerRefusedError) as error:
                return self._settled(found, count, error)
        return self._settled(found, found.messages, None)

    def _settled(self, found: ZonePush, count: int, error: TargetError | None) -> ZonePush:
        """What has become of the zone after `count` messages were answered, the next one with an error if there is."""
        try:
            after = self.server.transfer(self.zone)
        except TargetError as lost:
            return evolve(found, state=ZoneState.FAILED, problem=_unknown(found, count, error or lost))
        rest = self.difference(after)
        if not rest:
            if not is_later(after.serial, found.serial_before):
                problem = TargetError(
                    f"{self.zone}: the zone was changed, but its serial went from {found.serial_before} to"
                    f" {after.serial}, so that secondaries will not notice",
                    hint="RFC 2136 asks the server to raise it with every update",
                )
                return evolve(found, state=ZoneState.FAILED, serial_after=after.serial, problem=problem)
            return evolve(found, state=ZoneState.UPDATED, serial_after=after.serial)
        if error is None:
            error = TargetError(
                f"{self.zone}: the server took the update, but {_count(rest)} differ from what is declared",
                hint="somebody else may have changed the zone since; push again",
            )
        elif after.serial == found.serial_before:
            error = _with_words(error, "the zone is as it was")
        else:
            error = _with_words(
                error, f"{count} of {found.messages} messages were carried out and {_count(rest)} are still to change"
            )
        return evolve(found, state=ZoneState.FAILED, serial_after=after.serial, problem=error)


def push(
    zones: Iterable[DnsZone],
    server: NameServer,
    *,
    cluster_zone: str,
    dry_run: bool = False,
    delete_foreign: bool = False,
    single_message: bool = False,
    told: Callable[[ZonePush], None] = lambda _found: None,
) -> PushReport:
    """Bring the zones of a server to what is declared.

    All zones are transferred before the first one is changed, so that a server that does not have one of them, or does
    not know the key, is noticed while everything is as it was. Each zone then gets one update (`UpdatePlan` says what
    happens if that does not fit into a message) and is transferred again, to see that it has what is declared.

    Args:
        zones: what is declared; their authority (SOA, NS and its addresses) is the server's business.
        server: the primary of all of them.
        cluster_zone: the zone of the Services, absolute; `Ownership` says which records are svcc's.
        dry_run: only compare.
        delete_foreign: remove records that are not svcc's, too.
        single_message: refuse differences that cannot be made in one message, and thereby at once.
        told: is called before a zone is changed, with what will be sent.

    Raises:
        ServerRefusedError, ServerLostError: a zone could not be transferred; nothing was changed.
    """
    ownership = Ownership(cluster_zone, everything=delete_foreign)
    pushes = [_Push(server, ownership, zone.name, _spelled(zone.records), single_message) for zone in zones]
    served = []
    for each in pushes:
        try:
            served.append(server.transfer(each.zone))
        except TargetError as error:
            raise _with_words(error, "nothing was changed") from None
    if dry_run:
        return PushReport(tuple(each.pending(zone) for each, zone in zip(pushes, served, strict=True)))
    done: list[ZonePush] = []
    lost = False
    for each, zone in zip(pushes, served, strict=True):
        if lost:
            found = each.pending(zone)
            done.append(found if found.state is ZoneState.UNCHANGED else evolve(found, state=ZoneState.NOT_TRIED))
            continue
        done.append(each.sent(zone, told))
        lost = isinstance(done[-1].problem, ServerLostError)
    return PushReport(tuple(done))


def forsaken_zones(report: PushReport, declared: Collection[str], cluster_zone: str) -> tuple[str, ...]:
    """The zones for reverse look-ups in which names of removed addresses stay, because they are not declared any more.

    Only the push that removes the last addresses of such a zone can tell: what it leaves there names nobody's zone.
    """
    found: dict[str, None] = {}
    for zone in report.zones:
        if zone.state in {ZoneState.FAILED, ZoneState.NOT_TRIED}:
            continue
        for record in zone.difference.removed:
            if record.type in {"A", "AAAA"} and record.name.endswith(f".svc.{cluster_zone}"):
                name = reverse_name(record.data)
                if not any(parent in declared for parent in parents(name)):
                    found[reverse_zone(name)] = None
    return tuple(sorted(found))


def _spelled(records: Iterable[Record]) -> tuple[Record, ...]:
    return tuple(evolve(record, data=spelled(record.type, record.data)) for record in records)


def _count(difference: ZoneDifference) -> str:
    number = len(difference.removed) + len(difference.added)
    return f"{number} record" if number == 1 else f"{number} records"


def _with_words(error: TargetError, words: str) -> TargetError:
    """The same error, saying more; words that it says already are not repeated."""
    if words in error.message:
        return error
    return type(error)(f"{error.message}; {words}", hint=error.hint)


def _unknown(found: ZonePush, count: int, error: TargetError) -> TargetError:
    """The error of a server that can no longer be asked what it did."""
    whole = found.messages == 1
    state = (
        "the update was carried out in whole or not at all"
        if whole
        else f"{count} of {found.messages} messages were carried out for certain"
    )
    return ServerLostError(
        f"{error.message}; {state}, which the server cannot be asked now",
        hint="push again when the server is back: it sends what is missing",
    )
