"""Which UDP connections must be forgotten because their endpoint serves no more (S48, S49).

Established connections stay with their endpoint whatever becomes of a Service (S33). A TCP client notices that its peer
is gone and connects anew; a UDP client that keeps its source port sends into the void for as long as it sends, because
every packet renews the conntrack entry; and the address of a pod that is gone is some other pod's before long. So these
entries must be deleted, exactly these: an entry with an original destination that neither is nor was a UDP frontend is
somebody else's, and one whose endpoint still serves carries a conversation, even where policy or topology would send
new clients elsewhere.

Who knows what a node served before knows more than a listing can tell (`stale_udp_entries`): entries of frontends that
are gone, with their port or their Service, are proven to be the node's own by the endpoint they lead to, which nothing
but the frontend could choose. From what a node serves now alone (`UdpFrontends.is_stale`) they cannot be told from
other people's entries, and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import evolve, field, frozen

from svcc.addresses import IPFamily, address_bytes, prefix_contains
from svcc.dataplane.contract import Dataplane, FamilyDataplane, ServicePortName, ServicePortPlan
from svcc.model.service import Protocol
from svcc.select import EndpointAddress

__all__ = [
    "StaleEntries",
    "UdpEntry",
    "UdpFrontend",
    "UdpFrontends",
    "passed_by_at",
    "stale_at",
    "stale_udp_entries",
    "still_stale",
    "udp_frontends",
]

UdpFrontend = tuple[str | None, int]
"""An address and port, or None and a node port."""


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
        except_addresses: addresses on which the number of the node port belongs to a frontend of its own, or to the
            endpoint itself, which may be spoken to without any Service.
        service_port: the service port that has the frontend now, or else that had it.
    """

    family: IPFamily
    address: str | None
    port: int
    endpoint: EndpointAddress
    except_addresses: tuple[str, ...] = ()
    service_port: ServicePortName | None = field(default=None, eq=False)

    @property
    def is_untranslated(self) -> bool:
        """Whether they are entries that nothing translates, of clients who were there before the frontend."""
        return self.endpoint == (self.address, self.port)

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

    They may come and go (`add`, `remove`); `family` supplies its service ports at first, and the node's own addresses,
    also when it is set anew.
    `local_addresses` are addresses of the node besides those that its Node object tells, where they are known.
    """

    def __init__(self, family: FamilyDataplane, local_addresses: Iterable[str] = ()) -> None:
        self._other_addresses = tuple(local_addresses)
        self.family = family
        self._plans: dict[UdpFrontend, ServicePortPlan] = {}
        self._addresses: dict[int, set[str]] = {}
        for plan in family.service_ports:
            self.add(plan)

    @property
    def family(self) -> FamilyDataplane:
        """What the node owes in the family besides its service ports."""
        return self._family

    @family.setter
    def family(self, family: FamilyDataplane) -> None:
        self._family = family
        self._local_addresses = frozenset((*family.node_addresses, *self._other_addresses))

    @property
    def plans(self) -> Mapping[UdpFrontend, ServicePortPlan]:
        """The service port of each frontend."""
        return self._plans

    def add(self, plan: ServicePortPlan) -> None:
        """A service port is served; nothing happens unless it is a UDP port."""
        for address, port in udp_frontends(plan):
            self._plans[address, port] = plan
            if address is not None:
                self._addresses.setdefault(port, set()).add(address)

    def remove(self, plan: ServicePortPlan) -> None:
        """A service port that was added is served no more; before its frontends are added for another one."""
        for address, port in udp_frontends(plan):
            del self._plans[address, port]
            if address is not None:
                self._addresses[port].discard(address)
                if not self._addresses[port]:
                    del self._addresses[port]

    def serving(self, destination: UdpFrontend) -> ServicePortPlan | None:
        """The service port that answers at a destination: an exact match goes before node ports (S24)."""
        plan = self._plans.get(destination)
        return self._plans.get((None, destination[1])) if plan is None else plan

    def is_stale(self, entry: UdpEntry) -> bool:
        """Whether an entry of this family must be deleted: S49 for a listing of all of them.

        An entry that nothing translated counts where the node serves the destination itself: it was made before there
        was the frontend. With a node port's number an entry is somebody else's, translated or not, unless the address
        is known to be one that serves node ports.
        """
        plan = self.serving(entry.destination)
        if plan is None or entry.reply_source in _serving(plan):
            return False
        return self.is_ours(entry.destination)

    def is_ours(self, destination: UdpFrontend) -> bool:
        """Whether a destination is known to be served: a frontend, or a node port on an address that serves them."""
        if destination in self._plans:
            return True
        address, port = destination
        return (
            address is not None
            and (None, port) in self._plans
            and address in self._local_addresses
            and self.family.node_ports.serves(address)
        )

    def places(self, frontend: UdpFrontend) -> list[EndpointAddress]:
        """Where packets to a frontend arrive that nothing translates."""
        address, port = frontend
        if address is None:
            taken = self._addresses.get(port, ())
            own = (each for each in self._local_addresses if self.family.node_ports.serves(each) and each not in taken)
            return [EndpointAddress(each, port) for each in own]
        if any(prefix_contains(cidr, address) for cidr in self.family.service_cidrs):
            return []
        return [EndpointAddress(address, port)]

    def own_addresses(self, port: int) -> tuple[str, ...]:
        """The addresses on which a port number belongs to a frontend that is no node port."""
        return tuple(sorted(self._addresses.get(port, ()), key=address_bytes))


def stale_udp_entries(before: Dataplane, after: Dataplane) -> tuple[StaleEntries, ...]:
    """The entries that a node must delete once it serves `after` instead of `before`, and no others.

    They belong to UDP frontends of `before` and to endpoints that served behind them and do not serve in `after`
    whoever answers there now: because they are gone, or because the frontend is another Service's, or because it is
    gone itself. Where a frontend is gone whose number is a node port's, the node port answers on its address, if it is
    the node's; an entry towards an endpoint of that stays in any case. Entries of an earlier history than `before` are
    found by `UdpFrontends.is_stale` only. In order of families, frontends and endpoints.
    """
    new_families = {family.family: family for family in after.families}
    found: list[StaleEntries] = []
    for family in before.families:
        if family.family in new_families:
            old, new = UdpFrontends(family), UdpFrontends(new_families[family.family])
            found += stale_at({**old.plans, **new.plans}, old.serving, new)
    return tuple(found)


def stale_at(
    frontends: Iterable[UdpFrontend], served_by: Callable[[UdpFrontend], ServicePortPlan | None], after: UdpFrontends
) -> list[StaleEntries]:
    """`stale_udp_entries` for some frontends of one family, which must be all that changed.

    `served_by` answers as `UdpFrontends.serving` did before the change.
    """
    found = []
    for destination in frontends:
        was, now = served_by(destination), after.serving(destination)
        if was is None:
            continue
        address, port = destination
        for endpoint in _serving(was) - (_serving(now) if now else frozenset()):
            exceptions: tuple[str, ...] = ()
            # Where nobody answers any more, whoever speaks to the endpoint itself does so without any Service.
            is_left_alone = endpoint.port == port and not (now and after.is_ours(endpoint))
            if address is None:
                exceptions = after.own_addresses(port)
                if is_left_alone and endpoint.address not in exceptions:
                    exceptions = tuple(sorted((*exceptions, endpoint.address), key=address_bytes))
            elif is_left_alone and address == endpoint.address:
                continue
            name = (now or was).name
            found.append(StaleEntries(after.family.family, address, port, endpoint, exceptions, name))
    return sorted(found, key=_order)


def passed_by_at(
    frontends: Iterable[UdpFrontend], served_by: Callable[[UdpFrontend], ServicePortPlan | None], after: UdpFrontends
) -> list[StaleEntries]:
    """The entries of clients that began to send to frontends before these were there, and would go on passing them by.

    Of node ports on the addresses that the Node object tells. Whoever sent to a cluster IP that was nobody's was
    dropped (S39), and has no entry. Arguments are those of `stale_at`.
    """
    found = []
    for destination in frontends:
        plan = after.serving(destination)
        if plan is None or served_by(destination) is not None:
            continue
        places = [place for place in after.places(destination) if place not in _serving(plan)]
        found += [StaleEntries(after.family.family, *place, place, (), plan.name) for place in places]
    return sorted(found, key=_order)


def still_stale(stale: Iterable[StaleEntries], now: UdpFrontends) -> list[StaleEntries]:
    """The filters of earlier changes, of one family, as far as they hold by what is served now.

    Those whose endpoint serves the frontend again are left out: what leads there may be a new conversation. So are
    those of clients that a frontend does not translate, where it is gone again: nothing is wrong with them.
    """

    def is_served(address: str | None, item: StaleEntries) -> bool:
        plan = now.serving((address, item.port))
        if plan is None:
            return item.endpoint == (address, item.port)
        return item.endpoint in _serving(plan)

    found = []
    for item in stale:
        if is_served(item.address, item):
            continue
        exceptions = set(item.except_addresses)
        if item.address is None:
            exceptions.update(each for each in now.own_addresses(item.port) if is_served(each, item))
        found.append(evolve(item, except_addresses=tuple(sorted(exceptions, key=address_bytes))))
    return found


def _order(entry: StaleEntries) -> tuple[bytes, int, bytes, int]:
    address = b"" if entry.address is None else address_bytes(entry.address)
    return address, entry.port, address_bytes(entry.endpoint.address), entry.endpoint.port


def udp_frontends(plan: ServicePortPlan) -> Sequence[UdpFrontend]:
    """The frontends of a service port; none unless it is a UDP port."""
    if plan.name.protocol is Protocol.UDP:
        return [(frontend.address, frontend.port) for frontend in plan.frontends]
    return ()


def _serving(plan: ServicePortPlan) -> frozenset[EndpointAddress]:
    """All endpoints that may have conversations through a port: policies, topology and terminating do not matter."""
    return frozenset((*plan.cluster_endpoints, *plan.local_endpoints, *plan.also_serving))
