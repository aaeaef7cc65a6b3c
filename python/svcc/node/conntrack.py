"""Deletes the UDP entries of conntrack that are proven wrong (S48, S49); which these are, `svcc.dataplane` says.

Only entries in the default zone are looked at. svcc puts no packet into a zone; who does so tracks the same connection
there a second time, before or after it was translated, and that entry looks as if it led nowhere: a switch that tracks
a pod's packets to a cluster IP sees them leave untranslated.
"""

from __future__ import annotations

import errno
import logging
import os
import time
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from attrs import evolve, field, frozen

from svcc.addresses import IPFamily
from svcc.dataplane.conntrack import StaleEntries, UdpEntry, UdpFrontends
from svcc.dataplane.contract import Dataplane
from svcc.netlink import NETFILTER, NetlinkSocket
from svcc.node.local_addresses import local_addresses
from svcc.node.udp_entries import Wire
from svcc.select import EndpointAddress

__all__ = ["ConntrackCleaner", "Removal"]

_Judge = Callable[[UdpEntry], bool]
_Work = tuple[IPFamily, set[int], _Judge]
"""A family, the original destination ports that matter, and which entries are to be deleted."""

_LISTINGS_BY_PORT = 4
"""So many ports are listed one by one; the kernel goes through its table for each, which is cheap beside parsing."""
_DELETIONS_AT_ONCE = 1000
_KNOWN_ENTRIES = 1 << 16
_log = logging.getLogger(__name__)


@frozen
class Removal:
    """What became of looking for entries to delete.

    Attributes:
        examined: entries that the kernel listed.
        deleted: entries that are gone because of it.
        vanished: entries that were gone already when they should have been deleted.
        failed: entries that the kernel would not delete.
        error: why the search ended early or entries could not be deleted; None if all went well.
        by_family: how many of `deleted` were of each family.
    """

    examined: int = 0
    deleted: int = 0
    vanished: int = 0
    failed: int = 0
    seconds: float = field(default=0.0, eq=False)
    error: str | None = None
    by_family: Mapping[IPFamily, int] = field(factory=dict, eq=False)

    def __add__(self, other: Removal) -> Removal:
        return Removal(
            self.examined + other.examined,
            self.deleted + other.deleted,
            self.vanished + other.vanished,
            self.failed + other.failed,
            self.seconds + other.seconds,
            self.error or other.error,
            {each: self.by_family.get(each, 0) + other.by_family.get(each, 0) for each in IPFamily},
        )


class ConntrackCleaner:
    """Deletes entries in the network namespace of the thread that calls.

    Nothing here raises because the kernel refuses: a node goes on without. It logs a warning instead, of the same
    error not twice in a row. Entries of TCP and SCTP, of other zones and of nobody's frontend stay as they are.

    Attributes:
        in_doubt: whether entries may be left over: nothing has been reconciled yet, or a listing failed since. Where
            the kernel has no such interface it is False after the first attempt; `reconcile` tries it again.
        total: the sum of all removals, its `error` that of the last one.
    """

    def __init__(self) -> None:
        self.in_doubt = True
        self.total = Removal()
        self._complaint: str | None = None
        self._is_missing = False

    def remove(self, stale: Iterable[StaleEntries]) -> Removal:
        """Delete the entries that match filters, right after the one change of the rules that they come from.

        With up to four ports the cost is that of the entries with these ports, besides some 50 milliseconds to go
        through a large table; with more, some microseconds for each UDP entry of the family (DESIGN.md has the
        figures). A deletion takes 20.
        """
        filters = _Filters(stale)
        if not filters.families or self._is_missing:
            return Removal()
        return self._run(
            lambda: [(family, filters.ports(family), filters.judge(family)) for family in filters.families]
        )

    def reconcile(self, dataplane: Dataplane, stale: Iterable[StaleEntries] = ()) -> Removal:
        """Delete all entries that are wrong now, whatever made them.

        For a start, after something was missed, and after the rules were repaired: while they were gone, clients were
        tracked that nothing translated, and stay so. `stale` are filters of all changes since the last time. What they
        match counts where no frontend is now; where there is one, what it serves by now does.
        """
        filters = _Filters(stale)

        def work() -> list[_Work]:
            found: list[_Work] = []
            for family in dataplane.families:
                frontends = UdpFrontends(family)
                ports = {port for _, port in frontends.plans} | filters.ports(family.family)
                if ports:
                    if frontends.plans:
                        frontends = UdpFrontends(family, local_addresses(family.family))
                    found.append((family.family, ports, _now_or(frontends, filters.judge(family.family))))
            return found

        removal = self._run(work)
        self.in_doubt = removal.error is not None and not removal.failed and not self._is_missing
        return removal

    def _run(self, work: Callable[[], list[_Work]]) -> Removal:
        start = time.monotonic()
        removal = Removal()
        try:
            for family, ports, judge in work():
                search = _Search(family, ports, judge)
                try:
                    search.run()
                finally:
                    removal += search.removal
        except OSError as error:
            removal = evolve(removal, error=self._explained(error))
        else:
            self._is_missing = False
        removal = evolve(removal, seconds=time.monotonic() - start)
        self._complain(removal.error)
        self.total = evolve(self.total + removal, error=removal.error)
        return removal

    def _explained(self, error: OSError) -> str:
        self._is_missing = error.errno in {errno.EINVAL, errno.EPROTONOSUPPORT, errno.EOPNOTSUPP, errno.EAFNOSUPPORT}
        self.in_doubt = not self._is_missing
        if self._is_missing:
            return f"the kernel offers no access to it, its module nf_conntrack_netlink is missing ({error.strerror})"
        if error.errno == errno.EPERM:
            return "the kernel refuses access to it; that takes the capability CAP_NET_ADMIN"
        return error.strerror or str(error)

    def _complain(self, complaint: str | None) -> None:
        if complaint is not None and complaint != self._complaint:
            _log.warning("UDP connections to endpoints that are gone may stay in conntrack: %s", complaint)
        self._complaint = complaint


class _Filters:
    """Many filters, found by what an entry has rather than tried one by one."""

    def __init__(self, stale: Iterable[StaleEntries]) -> None:
        self._found: dict[IPFamily, dict[tuple[int, EndpointAddress], list[StaleEntries]]] = {}
        for item in stale:
            self._found.setdefault(item.family, {}).setdefault((item.port, item.endpoint), []).append(item)

    @property
    def families(self) -> tuple[IPFamily, ...]:
        return tuple(self._found)

    def ports(self, family: IPFamily) -> set[int]:
        return {port for port, _ in self._found.get(family, ())}

    def judge(self, family: IPFamily) -> _Judge:
        """Whether an entry matches one of the family's filters."""
        filters = self._found.get(family, {})

        def judge(entry: UdpEntry) -> bool:
            key = (entry.destination.port, entry.reply_source)
            return any(item.matches(entry) for item in filters.get(key, ()))

        return judge


def _now_or(frontends: UdpFrontends, matches: _Judge) -> _Judge:
    """Whether an entry is stale by the frontends there are now, or where there is none, by filters."""

    def judge(entry: UdpEntry) -> bool:
        if frontends.is_stale(entry):
            return True
        destination = entry.destination
        served = destination in frontends.plans or (None, destination.port) in frontends.plans
        return not served and matches(entry)

    return judge


class _Search:
    """One walk through the entries of a family; what it has done so far is in `removal`."""

    def __init__(self, family: IPFamily, ports: set[int], judge: _Judge) -> None:
        self.removal = Removal()
        self._family = family
        self._wire = wire = Wire(family)
        self._ports = ports
        self._is_stale = lru_cache(_KNOWN_ENTRIES)(lambda places: judge(wire.entry(places)))

    def run(self) -> None:
        """Look, and delete; OSError when the kernel does not answer."""
        ports: Iterable[int | None] = self._ports if len(self._ports) <= _LISTINGS_BY_PORT else (None,)
        for port in ports:
            # Entries are deleted while the kernel still lists, so that nothing piles up. One socket cannot do both.
            with NetlinkSocket(NETFILTER) as listing, NetlinkSocket(NETFILTER) as deleting:
                self._walk(self._wire.listing(listing, port), deleting)

    def _walk(self, listed: Iterable[bytes], deleting: NetlinkSocket) -> None:
        known_ports = {port.to_bytes(2, "big") for port in self._ports}
        places_of, is_stale = self._wire.places, self._is_stale
        examined = 0
        wrong: list[bytes] = []
        for message in listed:
            examined += 1
            places = places_of(message)
            if places is None or places[:2] not in known_ports or not is_stale(places):
                continue
            if (deletion := self._wire.deletion(message)) is not None:
                wrong.append(deletion)
            if len(wrong) >= _DELETIONS_AT_ONCE:
                self._delete(deleting, wrong)
                wrong = []
        self._delete(deleting, wrong)
        self.removal += Removal(examined=examined)

    def _delete(self, deleting: NetlinkSocket, wrong: list[bytes]) -> None:
        errors = self._wire.delete(deleting, wrong)
        refused = [number for number in errors if number not in {0, errno.ENOENT}]
        self.removal += Removal(
            deleted=errors.count(0),
            vanished=errors.count(errno.ENOENT),
            failed=len(refused),
            error=os.strerror(refused[0]) if refused else None,
            by_family={self._family: errors.count(0)},
        )
