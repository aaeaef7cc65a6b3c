"""What the Services of one family share, and who is concerned when it changes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from svcc.compiler.affinity_records import RememberedEndpoint
from svcc.compiler.elements import Elements
from svcc.compiler.picks import Pick
from svcc.dataplane.contract import Frontend, FrontendKind, ServicePortName
from svcc.dataplane.service_plans import PlannedService
from svcc.incremental.objects import ServiceKey
from svcc.incremental.sticky_numbers import StickyNumbers
from svcc.incremental.tally import Tally

__all__ = ["FamilyIndex"]


class FamilyIndex:
    """Everything in a family's table that exists, or is as it is, because of several Services together.

    Attributes:
        cluster_ips: the active cluster IPs.
        local_addresses: the addresses of endpoints on this node.
        sticky: the numbers of service ports with session affinity.
        sticky_protocols: the protocols that have such service ports, as nft spells them.
        picks: how many elements lead to each pick chain; whoever renders service ports counts them.
        remembered: the endpoints that records of session affinity may lead to, counted likewise.
    """

    def __init__(self) -> None:
        self.cluster_ips: Tally[str] = Tally()
        self.local_addresses: Tally[str] = Tally()
        self.sticky = StickyNumbers()
        self.sticky_protocols: Tally[str] = Tally()
        self.picks: Tally[Pick] = Tally()
        self.remembered: Tally[RememberedEndpoint] = Tally()
        self._external_addresses: Tally[str] = Tally()
        self._holders: dict[str, tuple[ServiceKey, ...]] = {}
        self._frontends = 0
        self._node_ports = 0

    @property
    def has_frontends(self) -> bool:
        """Whether anything is served."""
        return self._frontends > 0

    @property
    def has_node_ports(self) -> bool:
        """Whether any node port is served."""
        return self._node_ports > 0

    def replace(self, key: ServiceKey, old: PlannedService | None, new: PlannedService | None) -> None:
        """A Service is planned otherwise."""
        if old is not None:
            self._count(old, -1)
            rest = tuple(holder for holder in self._holders[old.cluster_ip] if holder != key)
            if rest:
                self._holders[old.cluster_ip] = rest
            else:
                del self._holders[old.cluster_ip]
        if new is not None:
            self._count(new, 1)
            self._holders[new.cluster_ip] = (*self._holders.get(new.cluster_ip, ()), key)
        old_sticky, new_sticky = _sticky_names(old), _sticky_names(new)
        for name in old_sticky:
            if name not in new_sticky:
                self.sticky.remove(name)
                self.sticky_protocols.add(name.protocol.value.lower(), -1)
        for name in new_sticky:
            if name not in old_sticky:
                self.sticky.add(name)
                self.sticky_protocols.add(name.protocol.value.lower())

    def _count(self, planned: PlannedService, count: int) -> None:
        self.cluster_ips.add(planned.cluster_ip, count)
        self.local_addresses.add_each(planned.local_addresses, count)
        for frontend in _frontends(planned):
            self._frontends += count
            if frontend.address is None:
                self._node_ports += count
            elif frontend.kind is not FrontendKind.CLUSTER_IP:
                self._external_addresses.add(frontend.address, count)

    def is_mixed(self, address: str) -> bool:
        """Whether an address is a cluster IP and an external address of some Service."""
        return address in self.cluster_ips and address in self._external_addresses

    def was_mixed(self, address: str) -> bool:
        """Whether it was when `settle` was last called."""
        return self.cluster_ips.was_there(address) and self._external_addresses.was_there(address)

    def remixed(self) -> list[str]:
        """The addresses of which that is not the same any more."""
        touched = dict.fromkeys((*self.cluster_ips.touched, *self._external_addresses.touched))
        return [address for address in touched if self.is_mixed(address) is not self.was_mixed(address)]

    def concerned(self) -> Iterator[ServiceKey]:
        """The Services whose elements may be others although they are planned as they were."""
        for address in self.remixed():
            yield from self._holders.get(address, ())
        for name in self.sticky.touched:
            yield name.namespace, name.service

    def add_addresses(self, before: Elements, after: Elements) -> None:
        """Add the elements of addresses that come or go."""
        for name, width, tally in (("cluster-ips", 1, self.cluster_ips), ("hairpins", 2, self.local_addresses)):
            before.of(name).update(((address,) * width, None) for address in tally.gone())
            after.of(name).update(((address,) * width, None) for address in tally.come())
        for address in self.remixed():
            (before if self.was_mixed(address) else after).of("mixed-addresses")[address,] = None

    def settle(self) -> None:
        """What is there now is what was there from now on."""
        tallies: Iterable[Tally[str] | Tally[Pick] | Tally[RememberedEndpoint] | StickyNumbers] = (
            self.cluster_ips,
            self.local_addresses,
            self.sticky,
            self.sticky_protocols,
            self.picks,
            self.remembered,
            self._external_addresses,
        )
        for tally in tallies:
            tally.settle()


def _sticky_names(planned: PlannedService | None) -> dict[ServicePortName, None]:
    plans = planned.plans if planned is not None else ()
    return {plan.name: None for plan in plans if plan.affinity_timeout_seconds is not None}


def _frontends(planned: PlannedService) -> Iterator[Frontend]:
    for plan in planned.plans:
        yield from plan.frontends
