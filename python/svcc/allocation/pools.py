"""The addresses of pools: who is on which one, who may join, and which one comes next.

Nothing is kept for addresses that nobody has, so a pool may be an IPv6 prefix. No address is ever given back, so the
search for the next one goes on where the last one ended.
"""

from __future__ import annotations

import ipaddress
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import Factory, define, frozen

from svcc.addresses import IPFamily, family_of
from svcc.allocation.contract import Band, RangeUsage
from svcc.fields import printable
from svcc.model.address_pool import AddressPool, AddressRange
from svcc.model.service import Protocol

__all__ = ["AddressBook", "Claim", "address_text"]

_Position = tuple[int, int]
"""Of an address in a pool: which of its ranges, and the number of the address."""
_SharingKey = tuple[str, str]
_Port = tuple[Protocol, int]


@frozen
class Claim:
    """A Service that has, or wants, addresses.

    `sharing` is the value of `metallb.io/allow-shared-ip`, empty for a Service that shares with nobody. `backend` is
    empty for the external traffic policy Cluster, and tells the pods for Local.
    """

    owner: str
    sharing: str = ""
    backend: str = ""
    ports: frozenset[_Port] = frozenset()

    def objection_to(self, other: Claim) -> str | None:
        """Why `other` cannot be on an address together with this one (MetalLB, `sharingOK` and `checkSharing`)."""
        taken = f"taken by Service {printable(self.owner)}"
        if not self.sharing:
            return f"{taken}, which shares with nobody"
        if not other.sharing:
            return f"{taken}, and this Service has no sharing key"
        if self.sharing != other.sharing:
            return f'{taken}, whose sharing key is "{printable(self.sharing)}"'
        if self.backend != other.backend:
            return f"{taken}; with externalTrafficPolicy Local both must select the same pods"
        for protocol, port in sorted(self.ports & other.ports):
            return f"{taken}, which has port {port}/{protocol} on it"
        return None


@define
class _Addresses:
    """The addresses of one family in one pool."""

    ranges: tuple[AddressRange, ...]
    avoids_buggy: bool
    index: int = 0
    number: int = -1
    """The next free address is in range `index`, and not before `number`."""
    shared: dict[_SharingKey, list[_Position]] = Factory(dict)
    """The addresses whose holders share by one key, in the order of the pool."""
    occupied: dict[tuple[_SharingKey, _Port], _Position] = Factory(dict)
    """All addresses of a key that come before this one have the port already."""

    def is_excluded(self, number: int) -> bool:
        """`avoidBuggyIPs`: IPv4 addresses that end in .0 and .255, which some old equipment drops."""
        return self.avoids_buggy and number & 0xFF in (0, 0xFF)

    def size(self) -> int:
        """How many addresses can be given."""
        total = sum(part.last - part.first + 1 for part in self.ranges)
        if self.avoids_buggy:
            total -= sum(_multiples(part.first + shift, part.last + shift) for part in self.ranges for shift in (0, 1))
        return total

    def share(self, key: _SharingKey, position: _Position, ports: Iterable[_Port]) -> None:
        """Somebody with this key is on the address now."""
        positions = self.shared.setdefault(key, [])
        place = bisect_left(positions, position)
        if place < len(positions) and positions[place] == position:
            return
        insort(positions, position)
        taken = {(key, port) for port in ports}
        for entry, until in self.occupied.items():
            if entry[0] == key and position < until and entry not in taken:
                self.occupied[entry] = position


def _multiples(first: int, last: int) -> int:
    """How many multiples of 256 lie between two numbers, both included."""
    return last // 256 - (first - 1) // 256


def address_text(family: IPFamily, number: int) -> str:
    """The address with this number."""
    return str(ipaddress.IPv4Address(number) if family is IPFamily.IPV4 else ipaddress.IPv6Address(number))


class AddressBook:
    """Who is on which address of which pool.

    `pools` must not overlap. `reserved` names owners of addresses; an address without owners is nobody's.
    """

    def __init__(self, pools: Sequence[AddressPool], reserved: Mapping[str, tuple[str, ...]]) -> None:
        self._pools = {pool.name: pool for pool in pools}
        self._holders: dict[str, dict[str, Claim]] = {}
        self._reserved = reserved
        self._reserved_for: dict[str, list[str]] = {}
        for address in sorted(reserved):
            for owner in reserved[address]:
                self._reserved_for.setdefault(owner, []).append(address)
        self._addresses = {
            (pool.name, family): _Addresses(
                tuple(part for part in pool.ranges if part.family is family),
                pool.avoid_buggy_ips and family is IPFamily.IPV4,
            )
            for pool in pools
            for family in IPFamily
        }
        parts = [
            (part.family.bits, part.first, part.last, pool.name, place)
            for (name, family), found in self._addresses.items()
            for pool in (self._pools[name],)
            for place, part in enumerate(found.ranges)
        ]
        self._parts = sorted(parts)
        self._starts = [part[:2] for part in self._parts]

    def pool_of(self, address: str) -> AddressPool | None:
        """The pool that has the address, also if it would not give it because of `avoidBuggyIPs`."""
        found = self._place(address)
        return None if found is None else self._pools[found[0]]

    def is_excluded(self, address: str) -> bool:
        """Whether the pool of the address does not give it because of `avoidBuggyIPs`."""
        found = self._place(address)
        return found is not None and self._addresses[found[0], family_of(address)].is_excluded(found[1][1])

    def _place(self, address: str) -> tuple[str, _Position] | None:
        number = int(ipaddress.ip_address(address))
        index = bisect_right(self._starts, (family_of(address).bits, number)) - 1
        if index < 0:
            return None
        bits, _first, last, name, place = self._parts[index]
        return (name, (place, number)) if bits == family_of(address).bits and number <= last else None

    def objection(self, address: str, claim: Claim) -> str | None:
        """Why somebody cannot have the address, or join those who have it; None if nothing is against it."""
        holders = self._holders.get(address, {})
        for owner, holder in holders.items():
            reason = None if owner == claim.owner else holder.objection_to(claim)
            if reason is not None:
                return reason
        owners = self._reserved.get(address)
        if owners is not None and claim.owner not in owners:
            # Of those who are there it is known how they share.
            absent = [owner for owner in owners if owner not in holders]
            if absent or not owners:
                named = ", ".join(map(printable, filter(None, absent)))
                return f"reserved for {named}" if named else "reserved"
        return None

    def is_seated(self, address: str) -> bool:
        """Whether somebody has the address."""
        return address in self._holders

    def seat(self, address: str, claim: Claim) -> None:
        """Note that somebody has the address; whether it may has been asked, or does not matter."""
        self._holders.setdefault(address, {})[claim.owner] = claim
        found = self._place(address)
        if claim.sharing and found is not None:
            name, position = found
            key = (claim.sharing, claim.backend)
            self._addresses[name, family_of(address)].share(key, position, claim.ports)

    def first(self, pool: AddressPool, family: IPFamily, claim: Claim) -> str | None:
        """The first address of a pool that somebody can have: a free one, or one to share."""
        addresses = self._addresses[pool.name, family]
        free = self._first_free(addresses, family)
        shared = self._first_shared(addresses, family, claim) if claim.sharing else None
        position = min((position for position in (free, shared) if position is not None), default=None)
        return None if position is None else address_text(family, position[1])

    def _first_free(self, addresses: _Addresses, family: IPFamily) -> _Position | None:
        while addresses.index < len(addresses.ranges):
            part = addresses.ranges[addresses.index]
            number = max(addresses.number, part.first)
            while number <= part.last and (
                addresses.is_excluded(number) or self._is_known(address_text(family, number))
            ):
                number += 1
            if number <= part.last:
                addresses.number = number
                return addresses.index, number
            addresses.index, addresses.number = addresses.index + 1, -1
        return None

    def _is_known(self, address: str) -> bool:
        return address in self._holders or address in self._reserved

    def _first_shared(self, addresses: _Addresses, family: IPFamily, claim: Claim) -> _Position | None:
        key = (claim.sharing, claim.backend)
        positions = addresses.shared.get(key, [])
        entries = [(key, port) for port in claim.ports]
        start = max((addresses.occupied.get(entry, (0, -1)) for entry in entries), default=(0, -1))
        for position in positions[bisect_left(positions, start) :]:
            number = position[1]
            address = address_text(family, number)
            if not addresses.is_excluded(number) and self.objection(address, claim) is None:
                return position
            for entry in entries:
                until = addresses.occupied.get(entry, (0, -1))
                if bisect_left(positions, until) == bisect_left(positions, position) and self._has_port(address, entry):
                    addresses.occupied[entry] = (position[0], number + 1)
        return None

    def _has_port(self, address: str, entry: tuple[_SharingKey, _Port]) -> bool:
        return any(entry[1] in holder.ports for holder in self._holders.get(address, {}).values())

    def has_family(self, pool: AddressPool, family: IPFamily) -> bool:
        """Whether the pool has addresses of a family at all."""
        return bool(self._addresses[pool.name, family].ranges)

    def reserved_for(self, owner: str) -> Sequence[str]:
        """The addresses that are kept for somebody, in order."""
        return self._reserved_for.get(owner, ())

    def held(self) -> dict[str, tuple[str, ...]]:
        """Who is on which address."""
        return {address: tuple(sorted(holders)) for address, holders in self._holders.items()}

    def usage(self) -> Iterator[RangeUsage]:
        """How full the pools are, each family of each."""
        used: dict[tuple[str, IPFamily], int] = {}
        for address in {**self._holders, **self._reserved}:
            found = self._place(address)
            if found is not None and not self.is_excluded(address):
                key = found[0], family_of(address)
                used[key] = used.get(key, 0) + 1
        for (name, family), addresses in self._addresses.items():
            if addresses.ranges:
                first, last = addresses.ranges[0].first, addresses.ranges[-1].last
                texts = address_text(family, first), address_text(family, last)
                size = addresses.size()
                yield RangeUsage(f"pool {name} ({family})", Band.ALL, *texts, size, used.get((name, family), 0))
