"""What a node serves in one family, kept up to date Service by Service.

Services depend on each other in few ways, and each has an index: who owns a frontend (`ClaimIndex`), and what several
of them share (`FamilyIndex`). Plans are kept, elements are not: what a Service had in the table is rendered again from
its old plan when it changes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from attrs import evolve, frozen

from svcc.addresses import IPFamily
from svcc.compiler.affinity_records import RememberedEndpoint
from svcc.compiler.elements import add_picks, add_surroundings
from svcc.compiler.layout import TABLE, Layout
from svcc.compiler.picks import pick_chain
from svcc.compiler.program import program_chains
from svcc.compiler.ruleset import declared_sets
from svcc.dataplane.build import family_dataplane
from svcc.dataplane.conflicts import ClaimKey, claimed_keys
from svcc.dataplane.conntrack import StaleEntries, UdpFrontends, passed_by_at, stale_at, still_stale, udp_frontends
from svcc.dataplane.contract import FamilyDataplane, ServicePortPlan
from svcc.dataplane.health_checks import health_check_port, ready_local_addresses
from svcc.dataplane.notices import family_notices
from svcc.dataplane.service_plans import PlannedService, ServicePlanner
from svcc.dataplane.surroundings import Surroundings
from svcc.fields import Problem
from svcc.incremental.claims import ClaimIndex
from svcc.incremental.family_index import FamilyIndex
from svcc.incremental.fragments import DeclaredSets, Fragment, changed_parts
from svcc.incremental.objects import ServiceKey
from svcc.model.cluster import ClusterSettings
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service
from svcc.nft.objects import Table
from svcc.select import select_service_ports

__all__ = ["FamilyChange", "FamilyState", "NodeView", "ServiceChanges"]

Replanned = Mapping[ServiceKey, tuple[PlannedService | None, PlannedService | None]]
"""Services whose plans are others now: the old ones and the new ones."""


@frozen
class NodeView:
    """What matters of a node besides its addresses."""

    name: str
    zone: str | None = None
    big_endian: bool = False


@frozen
class ServiceChanges:
    """What is to be planned again.

    Attributes:
        changed: Services that differ, as they were and as they are; None where they yield no rules.
        others: Services that do not differ themselves.
        handled: all Services that yield rules.
        slices_of: the slices of a Service.
    """

    changed: Mapping[ServiceKey, tuple[Service | None, Service | None]]
    others: Iterable[ServiceKey]
    handled: Mapping[ServiceKey, Service]
    slices_of: Callable[[ServiceKey], Sequence[EndpointSlice]]


@frozen
class FamilyChange:
    """What changed in a family.

    Attributes:
        before: the part of the table that changes, as it was.
        after: the same as it is now.
        services: the Services that are planned otherwise.
        ready_addresses: of all Services that were planned again and have a health check, how many addresses are ready.
        outlines: the family without Services, in the surroundings of before, and of now.
        gone: the problems that are no more, unless they are among `come`.
        come: the problems that are there now; they may have been there before.
        departed: the endpoints to which no record of session affinity may lead any more.
    """

    before: Table
    after: Table
    services: Replanned
    ready_addresses: Mapping[ServiceKey, int]
    stale_entries: Sequence[StaleEntries]
    outlines: tuple[FamilyDataplane, FamilyDataplane]
    gone: Sequence[Problem]
    come: Sequence[Problem]
    departed: Sequence[RememberedEndpoint]

    def served(self) -> tuple[FamilyDataplane, FamilyDataplane]:
        """The Services that are planned otherwise, as they were in the surroundings of then, and as they are."""
        before, after = self.outlines
        return (
            evolve(before, service_ports=_plans(old for old, _ in self.services.values())),
            evolve(after, service_ports=_plans(new for _, new in self.services.values())),
        )


class FamilyState:
    """The plans of one family.

    Attributes:
        planned: the Services that are served in this family.
    """

    def __init__(self, family: IPFamily, around: Surroundings, view: NodeView, settings: ClusterSettings) -> None:
        self._family = family
        self._settings = settings
        self._layout = Layout(family)
        self._declared = DeclaredSets(declared_sets(self._layout))
        self._unchanged = Table(self._layout.word, TABLE, self._declared.empty, ())
        self._claims = ClaimIndex()
        self._index = FamilyIndex()
        self.planned: dict[ServiceKey, PlannedService] = {}
        self._with_problems: dict[ServiceKey, None] = {}
        self._set_surroundings(around, view)
        self._udp = UdpFrontends(self._outline)

    def _set_surroundings(self, around: Surroundings, view: NodeView) -> None:
        self._around = around
        self._view = view
        self._outline = family_dataplane(self._family, around, (), (), ())
        self._planner = ServicePlanner(self._family, around, self._settings, self._claims.owner)

    def dataplane(self) -> FamilyDataplane:
        """All that is owed in this family."""
        plans = (plan for planned in self.planned.values() for plan in planned.plans)
        return family_dataplane(self._family, self._around, plans, self._index.cluster_ips, self._index.local_addresses)

    def needs_replanning(self, around: Surroundings, view: NodeView) -> bool:
        """Whether these surroundings may change the plan of any Service."""
        return view != self._view or _apart_from_cidrs(around) != _apart_from_cidrs(self._around)

    def conflicts(self) -> dict[ServiceKey, tuple[Problem, ...]]:
        """The frontends that Services do not get."""
        return {key: self.planned[key].conflicts for key in self._with_problems}

    def service_notices(self) -> dict[ServiceKey, tuple[Problem, ...]]:
        """What else there is to say about Services."""
        return {key: self.planned[key].notices for key in self._with_problems}

    def notices(self) -> list[Problem]:
        """What there is to say about the family."""
        return list(
            family_notices(
                self._family.value,
                self._around,
                self._settings,
                has_frontends=self._index.has_frontends,
                has_node_ports=self._index.has_node_ports,
            )
        )

    def still_stale(self, stale: Iterable[StaleEntries]) -> list[StaleEntries]:
        """Which filters of earlier changes, those of this family, hold by what is served now."""
        return still_stale([item for item in stale if item.family is self._family], self._udp)

    def update(self, services: ServiceChanges, around: Surroundings, view: NodeView) -> FamilyChange:
        """Plan Services again, in surroundings that may be others.

        All of them are to be given where `needs_replanning` says so.
        """
        before_outline, before_view, notices = self._outline, self._view, self.notices()
        contended = self._change_claims(services.changed)
        if around != self._around or view != self._view:
            self._set_surroundings(around, view)
        self._udp.family = self._outline
        to_plan = dict.fromkeys((*services.changed, *services.others, *contended))
        planned, ready_addresses = self._plan(to_plan, services)
        replanned = {
            key: (old, new)
            for key in to_plan
            if (old := self.planned.get(key)) is not (new := planned.get(key)) and old != new
        }
        stale_entries = self._change_plans(replanned)
        self.planned.update(planned)
        before, after = self._render(replanned, before_outline, before_view)
        departed = self._index.remembered.gone()
        self._index.settle()
        return FamilyChange(
            before,
            after,
            replanned,
            ready_addresses,
            stale_entries,
            (before_outline, self._outline),
            [*notices, *_problems(old for old, _ in replanned.values())],
            [*self.notices(), *_problems(new for _, new in replanned.values())],
            departed,
        )

    def _change_claims(
        self, changed: Mapping[ServiceKey, tuple[Service | None, Service | None]]
    ) -> Iterable[ServiceKey]:
        olds = [(service, self._claimed(service)) for service, _ in changed.values() if service is not None]
        news = [(service, self._claimed(service)) for _, service in changed.values() if service is not None]
        return self._claims.change(olds, news)

    def _claimed(self, service: Service) -> Iterable[ClaimKey]:
        addresses = self._planner.addresses(service)
        return () if addresses is None else claimed_keys(service, addresses.all)

    def _plan(
        self, keys: Iterable[ServiceKey], services: ServiceChanges
    ) -> tuple[dict[ServiceKey, PlannedService], dict[ServiceKey, int]]:
        served = [
            (key, service, addresses)
            for key in keys
            if (service := services.handled.get(key)) is not None
            and (addresses := self._planner.addresses(service)) is not None
        ]
        if not served:
            return {}, {}
        selected = select_service_ports(
            [(services.slices_of(key), service.ports) for key, service, _ in served],
            self._family,
            self._view.name,
            self._view.zone,
        )
        planned: dict[ServiceKey, PlannedService] = {}
        ready_addresses: dict[ServiceKey, int] = {}
        for (key, service, addresses), selections in zip(served, selected, strict=True):
            planned[key] = self._planner.plan(service, addresses, selections)
            if health_check_port(service) is not None:
                ready_addresses[key] = len(ready_local_addresses(selections))
        return planned, ready_addresses

    def _change_plans(self, replanned: Replanned) -> list[StaleEntries]:
        """Take new plans over, and say which conntrack entries are stale for it."""
        olds = [plan for old, _ in replanned.values() if old is not None for plan in old.plans]
        news = [plan for _, new in replanned.values() if new is not None for plan in new.plans]
        # Where a frontend comes or goes whose number is a node port's, that answered or will answer instead.
        at_stake = {frontend for plan in (*olds, *news) for frontend in udp_frontends(plan)}
        served_by = {frontend: self._udp.serving(frontend) for frontend in at_stake}
        for plan in olds:
            self._udp.remove(plan)
        for plan in news:
            self._udp.add(plan)
        for key, (old, new) in replanned.items():
            self._index.replace(key, old, new)
            if new is None:
                del self.planned[key]
            self._with_problems.pop(key, None)
            if new is not None and (new.conflicts or new.notices):
                self._with_problems[key] = None
        before = served_by.__getitem__
        return [*stale_at(at_stake, before, self._udp), *passed_by_at(at_stake, before, self._udp)]

    def _render(self, replanned: Replanned, outline: FamilyDataplane, view: NodeView) -> tuple[Table, Table]:
        """The parts of the table that differ from what was rendered in the surroundings `outline`."""
        index = self._index
        if not replanned and outline is self._outline and view is self._view:
            return self._unchanged, self._unchanged
        before = Fragment(self._layout, big_endian=view.big_endian)
        after = Fragment(self._layout, big_endian=self._view.big_endian)
        if outline != self._outline:
            add_surroundings(before.elements, outline)
            add_surroundings(after.elements, self._outline)
        index.add_addresses(before.elements, after.elements)
        old_protocols = [name for name in ("tcp", "udp", "sctp") if index.sticky_protocols.was_there(name)]
        new_protocols = list(index.sticky_protocols)
        if outline != self._outline or set(old_protocols) != set(new_protocols):
            bit = self._settings.masquerade_bit
            before.chains += program_chains(self._layout, outline, bit, old_protocols)
            after.chains += program_chains(self._layout, self._outline, bit, new_protocols)
        is_other = view.big_endian is not self._view.big_endian or outline.node_ports != self._outline.node_ports
        all_again = self.planned if is_other else ()
        rendered = dict.fromkeys((*replanned, *index.concerned(), *all_again))
        olds: list[ServicePortPlan] = []
        news: list[ServicePortPlan] = []
        for key in rendered:
            old, new = replanned.get(key) or (self.planned.get(key),) * 2
            olds += old.plans if old is not None else ()
            news += new.plans if new is not None else ()
        before.add(olds, index.sticky.before, index.was_mixed, outline.node_ports)
        after.add(news, index.sticky.of, index.is_mixed, self._outline.node_ports)
        index.remembered.add_each(before.remembered, -1)
        index.remembered.add_each(after.remembered)
        for pick, count in before.elements.picks.items():
            index.picks.add(pick, -count)
        for pick, count in after.elements.picks.items():
            index.picks.add(pick, count)
        for fragment, picks in ((before, index.picks.gone()), (after, index.picks.come())):
            add_picks(fragment.elements, picks)
            fragment.chains += [pick_chain(self._layout, pick) for pick in sorted(picks)]
        return changed_parts(self._layout, self._declared, before, after)


def _apart_from_cidrs(around: Surroundings) -> tuple[object, ...]:
    return around.node_ports, around.pods, around.node_addresses, around.primary_address


def _plans(services: Iterable[PlannedService | None]) -> tuple[ServicePortPlan, ...]:
    return tuple(plan for item in services if item is not None for plan in item.plans)


def _problems(services: Iterable[PlannedService | None]) -> list[Problem]:
    return [problem for item in services if item is not None for problem in (*item.conflicts, *item.notices)]
