"""Which UDP connections must be forgotten because their endpoint serves no more (S48, S49).

Established connections stay with their endpoint whatever becomes of a Service (S33). A TCP client notices that its peer
is gone and connects anew; a UDP client that keeps its source port sends into the void for as long as it sends, because
every packet renews the conntrack entry. So these entries must be deleted, exactly these: an entry with an original
destination that is no UDP frontend is somebody else's, and one whose endpoint still serves carries a conversation, even
where policy or topology would send new clients elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import field, frozen

from svcc.addresses import IPFamily, address_bytes
from svcc.dataplane.contract import Dataplane, FamilyDataplane, ServicePortName, ServicePortPlan
from svcc.model.service import Protocol
from svcc.select import EndpointAddress

__all__ = ["StaleEntries", "UdpEntry", "UdpFrontends", "stale_udp_entries"]

_Key = tuple[str | None, int]


@frozen
class UdpEntry:
    """A UDP connection as conntrack keeps it: where the client sent to, and who answers.

    Addresses are canonical. Where nothing was translated, `destination` and `reply_source` are the same.
    """

    destination: EndpointAddress
    reply_source: EndpointAddress


@frozen
class StaleEntries:
    """A filter for the entries of one frontend towards one endpoint that serves it no more.

    Attributes:
        address: the original destination; None for a node port: any address but those in `except_addresses`.
        port: the original destination port.
        endpoint: the source, and source port, of replies.
        except_addresses: addresses on which the number of the node port belongs to a frontend of its own.
        service_port: the service port that has the frontend now.
    """

    family: IPFamily
    address: str | None
    port: int
    endpoint: EndpointAddress
    except_addresses: tuple[str, ...] = ()
    service_port: ServicePortName | None = field(default=None, eq=False)

    def matches(self, entry: UdpEntry) -> bool:
        """Whether an entry is one of them."""
        address, port = entry.destination
        if port != self.port or entry.reply_source != self.endpoint:
            return False
        return address not in self.except_addresses if self.address is None else address == self.address

    @property
    def conntrack_arguments(self) -> tuple[str, ...]:
        """What ``conntrack -D`` takes to delete them; it cannot say `except_addresses`."""
        destination = () if self.address is None else ("--orig-dst", self.address)
        family = "ipv6" if self.family is IPFamily.IPV6 else "ipv4"
        reply = ("--reply-src", self.endpoint.address, "--reply-port-src", str(self.endpoint.port))
        return ("-f", family, "-p", "udp", *destination, "--orig-port-dst", str(self.port), *reply)


class UdpFrontends:
    """The UDP frontends of one family, by address and port, and who serves behind them.

    `local_addresses` are addresses of the node besides those that its Node object tells, where they are known.
    """

    def __init__(self, family: FamilyDataplane, local_addresses: Iterable[str] = ()) -> None:
        self._family = family
        self._local_addresses = frozenset((*family.node_addresses, *local_addresses))
        self.plans: Mapping[_Key, ServicePortPlan] = {
            (frontend.address, frontend.port): plan
            for plan in family.service_ports
            if plan.name.protocol is Protocol.UDP
            for frontend in plan.frontends
        }

    def is_stale(self, entry: UdpEntry) -> bool:
        """Whether an entry of this family must be deleted: S49 for a listing of all of them.

        An exact match goes before node ports (S24). An entry that nothing translated counts where the node serves the
        destination itself: it was made before there was the frontend. With a node port's number an entry is somebody
        else's, translated or not, unless the address is known to be one that serves node ports.
        """
        plan = self.plans.get(entry.destination)
        if plan is None:
            plan = self.plans.get((None, entry.destination.port))
            if plan is None:
                return False
            address = entry.destination.address
            if address not in self._local_addresses or not self._family.node_ports.serves(address):
                return False
        return entry.reply_source not in _serving(plan)

    def own_addresses(self, port: int) -> tuple[str, ...]:
        """The addresses on which a port number belongs to a frontend that is no node port."""
        found = [address for address, number in self.plans if address is not None and number == port]
        return tuple(sorted(found, key=address_bytes))


def stale_udp_entries(before: Dataplane, after: Dataplane) -> tuple[StaleEntries, ...]:
    """The entries that a node must delete once it serves `after` instead of `before`, and no others.

    They belong to UDP frontends that are in both and to endpoints that served behind them and serve no more, be it
    because they are gone or because the frontend is another Service's now. A frontend that is gone has none: what was
    established by it goes on (S33). Entries of an earlier history than `before` are found by `UdpFrontends.is_stale`
    only. In order of families, frontends and endpoints.
    """
    old_families = {family.family: family for family in before.families}
    found: list[StaleEntries] = []
    for family in after.families:
        if family.family in old_families:
            found += _stale(old_families[family.family], family)
    return tuple(found)


def _stale(before: FamilyDataplane, after: FamilyDataplane) -> list[StaleEntries]:
    old, new = UdpFrontends(before), UdpFrontends(after)
    found = []
    for (address, port), plan in new.plans.items():
        was = old.plans.get((address, port))
        if was is None or (was.name == plan.name and _serving(was) <= _serving(plan)):
            continue
        exceptions = new.own_addresses(port) if address is None else ()
        found += [
            StaleEntries(after.family, address, port, endpoint, exceptions, plan.name)
            for endpoint in _serving(was) - _serving(plan)
        ]
    return sorted(found, key=_order)


def _order(entry: StaleEntries) -> tuple[bytes, int, bytes, int]:
    address = b"" if entry.address is None else address_bytes(entry.address)
    return address, entry.port, address_bytes(entry.endpoint.address), entry.endpoint.port


def _serving(plan: ServicePortPlan) -> frozenset[EndpointAddress]:
    """All endpoints that may have conversations through a port: policies, topology and terminating do not matter."""
    return frozenset((*plan.cluster_endpoints, *plan.local_endpoints, *plan.also_serving))
