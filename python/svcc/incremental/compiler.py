"""The compiler that keeps its state: changes of objects in, the part of the ruleset that changes out."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import chain
from operator import attrgetter
from types import MappingProxyType

from attrs import fields

from svcc.addresses import IPFamily
from svcc.compiler.ruleset import build_ruleset
from svcc.dataplane.conntrack import StaleEntries
from svcc.dataplane.contract import Dataplane, NodePortAddresses, ServicePortPlan
from svcc.dataplane.health_checks import health_check_port
from svcc.dataplane.notices import no_node_object, why_no_rules
from svcc.dataplane.service_plans import PlannedService
from svcc.dataplane.surroundings import Surroundings, is_big_endian, surroundings
from svcc.fields import ObjectReference, Problem
from svcc.incremental.contract import Change, HealthCheck, ServiceChange, ServiceFate, Update
from svcc.incremental.counters import changed_counters
from svcc.incremental.family import FamilyChange, FamilyState, NodeView, ServiceChanges
from svcc.incremental.objects import Objects, ServiceKey, key_of
from svcc.incremental.tally import Tally
from svcc.model.age import oldest_first, seniority
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.service import Service
from svcc.nft.objects import Ruleset
from svcc.select import EndpointAddress

__all__ = ["IncrementalCompiler"]


class IncrementalCompiler:
    """What a node owes to the Services of a cluster, while the objects change.

    At first there are no objects. At every moment all is as a compilation of the same objects would have it. With
    `service_counters` the ruleset also counts connections (`svcc.compiler.counters`).

    Raises:
        SettingsError: the settings contradict each other or hold values that make no sense.
    """

    def __init__(self, node: str, settings: ClusterSettings, *, service_counters: bool = False) -> None:
        self._name = node
        self._service_counters = service_counters
        self._settings = settings
        self._objects = Objects(node, settings.service_proxy_name)
        self._handled: dict[ServiceKey, Service] = {}
        self._unhandled: dict[ServiceKey, Problem] = {}
        self._problems: Tally[Problem] = Tally()
        self._checks = _HealthChecks()
        self._arounds, self._view = self._surroundings()
        self._families = [
            FamilyState(family, around, self._view, settings)
            for family, around in zip(IPFamily, self._arounds, strict=True)
        ]
        self._problems.add_each(self._node_problems())
        for state in self._families:
            self._problems.add_each(state.notices())
        self._problems.settle()

    @property
    def node(self) -> str:
        """The name of the node; empty where there is none."""
        return self._name

    def dataplane(self) -> Dataplane:
        """What the node owes now; takes time in proportion to all of it."""
        families = tuple(family.dataplane() for family in self._families)
        return Dataplane(self._name, families, self._settings.masquerade_bit, self._view.big_endian)

    def ruleset(self) -> Ruleset:
        """The whole ruleset as it is now; takes time in proportion to all of it."""
        return build_ruleset(self.dataplane(), service_counters=self._service_counters)

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What there is to say now: conflicts, Services that yield no rules. In the order of `build_dataplane`."""
        found = self._node_problems()
        services = self._objects.services
        found += [self._unhandled[key_of(item)] for item in oldest_first(services[key] for key in self._unhandled)]
        for family in self._families:
            for by_service in (family.conflicts(), family.service_notices()):
                ordered = oldest_first(services[key] for key in by_service)
                found += chain.from_iterable(by_service[key_of(item)] for item in ordered)
            found += family.notices()
        return tuple(dict.fromkeys(found))

    @property
    def health_checks(self) -> Mapping[int, HealthCheck]:
        """What is to be answered on each `healthCheckNodePort` now (S50); never changes once it was given away."""
        return self._checks.answers

    @property
    def node_ports(self) -> Mapping[IPFamily, NodePortAddresses]:
        """Which addresses serve node ports now, and so health checks."""
        return {family: around.node_ports for family, around in zip(IPFamily, self._arounds, strict=True)}

    def plans_of(self, service: ObjectReference) -> tuple[ServicePortPlan, ...]:
        """The service ports of a Service in all families; none of one that yields no rules."""
        return tuple(chain.from_iterable(self.plans_by_family(service).values()))

    def plans_by_family(self, service: ObjectReference) -> Mapping[IPFamily, Sequence[ServicePortPlan]]:
        """The service ports of a Service in each family that serves it."""
        key = (service.namespace or "", service.name)
        found = zip(IPFamily, (family.planned.get(key) for family in self._families), strict=True)
        return {family: planned.plans for family, planned in found if planned is not None}

    def still_stale(self, stale: Collection[StaleEntries]) -> tuple[StaleEntries, ...]:
        """Which `stale_entries` of earlier updates still are; takes time in proportion to them."""
        return tuple(chain.from_iterable(family.still_stale(stale) for family in self._families))

    def update(self, changes: Iterable[Change]) -> Update:
        """Take changes over, all at once; objects must be sound, as those that were loaded are.

        The time is in proportion to the Services that change and to those that claim a frontend together with them,
        never to all. Only if the node's own zone, addresses, pod ranges or architecture change is all planned again.

        Raises:
            ValueError: a change is of no kind that svcc reads, or its object is another one than it says. Nothing has
                changed then.
        """
        resolved, problems = self._node_problems(), []
        touched = self._objects.apply(changes)
        if touched.surroundings:
            self._arounds, self._view = self._surroundings()
        problems += self._node_problems()
        changed = self._handle(touched.services, resolved, problems)
        candidates: Iterable[ServiceKey] = touched.slices_of
        pairs = list(zip(self._families, self._arounds, strict=True))
        if touched.surroundings and any(family.needs_replanning(around, self._view) for family, around in pairs):
            candidates = self._handled
        others = [key for key in candidates if key in self._handled and key not in changed]
        services = ServiceChanges(changed, others, self._handled, self._objects.slices_of)
        found = [family.update(services, around, self._view) for family, around in pairs]
        for family_change in found:
            resolved += family_change.gone
            problems += family_change.come
        self._problems.add_each(problems)
        self._problems.add_each(resolved, -1)
        self._checks.update(dict.fromkeys((*changed, *others)), self._handled, [item.ready_addresses for item in found])
        counters = [changed_counters(*item.served()) for item in found] if self._service_counters else []
        update = Update(
            Ruleset((*(item.before for item in found), *(before for before, _ in counters))),
            Ruleset((*(item.after for item in found), *(after for _, after in counters))),
            self._service_changes(found),
            tuple(entry for item in found for entry in item.stale_entries),
            tuple(self._problems.come()),
            tuple(self._problems.gone()),
            tuple(endpoint for item in found for endpoint in item.departed),
        )
        self._problems.settle()
        return update

    def _surroundings(self) -> tuple[list[Surroundings], NodeView]:
        node = self._objects.node
        cluster = Cluster(service_cidrs=tuple(self._objects.service_cidrs.values()))
        arounds = [surroundings(family, cluster, node, self._settings) for family in IPFamily]
        return arounds, NodeView(self._name, node.zone if node else None, is_big_endian(node))

    def _node_problems(self) -> list[Problem]:
        return [no_node_object(self._name)] if self._objects.node is None and self._name else []

    def _handle(
        self, touched: Mapping[ServiceKey, Service | None], resolved: list[Problem], problems: list[Problem]
    ) -> dict[ServiceKey, tuple[Service | None, Service | None]]:
        """The Services that yield rules and differ, as they were and as they are."""
        changed: dict[ServiceKey, tuple[Service | None, Service | None]] = {}
        for key in touched:
            if key in self._unhandled:
                resolved.append(self._unhandled.pop(key))
            old, new = self._handled.pop(key, None), self._objects.services.get(key)
            if new is not None and (reason := why_no_rules(new, self._settings)):
                problems.append(reason)
                self._unhandled[key] = reason
                new = None
            if new is not None:
                self._handled[key] = new
            if old is not None or new is not None:
                changed[key] = old, new
        return changed

    def _service_changes(self, found: Sequence[FamilyChange]) -> tuple[ServiceChange, ...]:
        changes = []
        for key in sorted({key for change in found for key in change.services}):
            pairs = [
                change.services[key] if key in change.services else (family.planned.get(key),) * 2
                for family, change in zip(self._families, found, strict=True)
            ]
            olds = [old for old, _ in pairs if old is not None]
            news = [new for _, new in pairs if new is not None]
            if list(map(_essence, olds)) == list(map(_essence, news)):
                continue
            fate = ServiceFate.CHANGED if olds and news else ServiceFate.ADDED if news else ServiceFate.REMOVED
            before, after = _endpoints(olds), _endpoints(news)
            service = ObjectReference("Service", key[1], key[0])
            added, removed = tuple(sorted(after - before)), tuple(sorted(before - after))
            changes.append(ServiceChange(service, fate, added, removed))
        return tuple(changes)


class _HealthChecks:
    """Who answers on which port; of several Services with one port the oldest does."""

    def __init__(self) -> None:
        self.answers: Mapping[int, HealthCheck] = MappingProxyType({})
        self._claimants: dict[int, dict[ServiceKey, tuple[Service, int]]] = {}
        self._ports: dict[ServiceKey, int] = {}

    def update(
        self,
        keys: Iterable[ServiceKey],
        handled: Mapping[ServiceKey, Service],
        ready_addresses: Sequence[Mapping[ServiceKey, int]],
    ) -> None:
        """Take over how many addresses are ready, in each family, for all of these Services that have a check."""
        ports: set[int] = set()
        for key in keys:
            service = handled.get(key)
            old_port, port = self._ports.pop(key, None), health_check_port(service) if service else None
            if old_port is not None:
                del self._claimants[old_port][key]
                ports.add(old_port)
            if service is not None and port is not None:
                self._ports[key] = port
                count = max(found.get(key, 0) for found in ready_addresses)
                self._claimants.setdefault(port, {})[key] = service, count
                ports.add(port)
        answers = {port: answer for port in sorted(ports) if (answer := self._answer(port)) != self.answers.get(port)}
        if answers:
            merged = {**self.answers, **answers}
            self.answers = MappingProxyType({port: answer for port, answer in merged.items() if answer is not None})

    def _answer(self, port: int) -> HealthCheck | None:
        claimants = self._claimants.get(port)
        if not claimants:
            self._claimants.pop(port, None)
            return None
        service, count = min(claimants.values(), key=lambda item: seniority(item[0]))
        return HealthCheck(service.reference, count)


_ESSENCE = attrgetter(*(each.name for each in fields(ServicePortPlan) if each.name != "source"))


def _essence(planned: PlannedService) -> tuple[object, ...]:
    """What of a Service's plan concerns its clients, and not where it was written."""
    return planned.cluster_ip, list(map(_ESSENCE, planned.plans))


def _endpoints(services: Iterable[PlannedService]) -> set[EndpointAddress]:
    plans = (plan for planned in services for plan in planned.plans)
    return {endpoint for plan in plans for endpoint in (*plan.cluster_endpoints, *plan.local_endpoints)}
