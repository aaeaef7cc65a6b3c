"""Node ports, also those for health checks: whose they are, and new ones (KEP-3668).

A number belongs to one port of one Service, whatever the protocol. Ports of one Service that have the same number and
different protocols, as DNS has, share one node port (`initNodePorts`, `allocHealthCheckNodePort` in
kubernetes/pkg/registry/core/service/storage/alloc.go).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

from attrs import evolve

from svcc.allocation.contract import AllocationSettings, Assignment, RangeUsage
from svcc.allocation.ledger import Holder, Ledger, service_owner
from svcc.allocation.ranges import node_port_range
from svcc.allocation.refusals import already_allocated, not_in_range, range_full, refusal
from svcc.allocation.reservation import HEALTH_CHECK
from svcc.fields import FieldPath, Problem, ProblemKind
from svcc.model.service import Service, ServiceType, TrafficPolicy

__all__ = ["NodePorts"]

_HEALTH_CHECK = FieldPath.of("spec.healthCheckNodePort")


class NodePorts:
    """The node ports of a cluster.

    Raises:
        SettingsError: the range in the settings is none.
    """

    def __init__(self, settings: AllocationSettings) -> None:
        self._ledger = Ledger([node_port_range(settings.service_node_port_range)])
        reserved: dict[int, Holder] = {}
        for port, key in (settings.reservation.node_ports if settings.reservation else {}).items():
            owner, _, role = key.partition(":")
            reserved[port] = Holder(owner, role, is_reserved=True)
        self._ledger.reserve(reserved)

    def claim(self, service: Service) -> list[Problem]:
        """Take the node ports that a Service names; those of others are told."""
        problems: list[Problem] = []
        if not _may_have_node_ports(service):
            return problems
        owner = service_owner(service)
        seen: set[tuple[int, int]] = set()
        for index, port in enumerate(service.ports):
            if not port.node_port or (port.port, port.node_port) in seen:
                continue
            seen.add((port.port, port.node_port))
            flaw = self._claim(port.node_port, Holder(owner, str(port.port)))
            if flaw is not None:
                path = _node_port(index)
                problems.append(refusal(f"node-port-{flaw[0]}", service, path, port.node_port, flaw[1]))
        number = service.health_check_node_port
        if number and _needs_health_check(service):
            flaw = self._claim(number, Holder(owner, HEALTH_CHECK))
            if flaw is not None:
                detail = f"failed to allocate requested HealthCheck NodePort {number}: {flaw[1]}"
                detail = f"Internal error occurred: {detail}"
                rule = f"health-check-node-port-{flaw[0]}"
                problems.append(refusal(rule, service, _HEALTH_CHECK, number, detail, ProblemKind.NOTICE))
        return problems

    def hold(self, owners: Mapping[int, str]) -> None:
        """Give these to nobody from now on; who has one already keeps it."""
        for port, key in owners.items():
            owner, _, role = key.partition(":")
            self._ledger.claim(port, Holder(owner, role))

    def _claim(self, number: int, holder: Holder) -> tuple[str, str] | None:
        """What is wrong with a number that somebody names: the end of the rule, and the sentence."""
        is_within = self._ledger.is_within(number)
        other = self._ledger.claim(number, holder)
        if not is_within:
            return "not-in-range", not_in_range("provided port", "ports", self._ledger.names)
        return ("taken", already_allocated("port", other)) if other is not None else None

    def lacking(self, service: Service) -> list[Problem]:
        """What a Service cannot get."""
        problems: list[Problem] = []
        if not _may_have_node_ports(service):
            return problems
        owner = service_owner(service)
        wanted = [port for port in _missing(service) if self._is_needed(Holder(owner, str(port)))]
        needs_health_check = _lacks_health_check(service) and self._is_needed(Holder(owner, HEALTH_CHECK))
        room = self._ledger.room
        if room < len(wanted):
            index = next(index for index, port in enumerate(service.ports) if port.port == wanted[room])
            problems.append(
                range_full("node-port-range-full", service, _node_port(index), "nodePort", self._ledger.names)
            )
        elif room < len(wanted) + needs_health_check:
            rule = "health-check-node-port-range-full"
            problems.append(range_full(rule, service, _HEALTH_CHECK, "HealthCheck NodePort 0", self._ledger.names))
        return problems

    def _is_needed(self, holder: Holder) -> bool:
        return self._ledger.reserved_for(holder) is None

    def give(self, service: Service) -> tuple[dict[str, Any], list[Assignment]]:
        """What a Service gets, by the fields of the model and of the API; nothing may be lacking."""
        changes: dict[str, Any] = {}
        assignments: list[Assignment] = []
        if not _may_have_node_ports(service):
            return changes, assignments
        owner = service_owner(service)
        if _gets_node_ports(service) and not all(port.node_port for port in service.ports):
            ports = list(service.ports)
            known = _named(service)
            for index, port in enumerate(service.ports):
                if port.node_port:
                    continue
                if port.port in known:
                    first, number = known[port.port]
                    reason = f"shared with spec.ports[{first}], which has the same port"
                else:
                    number, reason = self._ledger.give(Holder(owner, str(port.port)))
                    known[port.port] = (index, number)
                ports[index] = evolve(port, node_port=number)
                assignments.append(Assignment(service.reference, _node_port(index), number, reason))
            changes["ports"] = tuple(ports)
        if _lacks_health_check(service):
            number, reason = self._ledger.give(Holder(owner, HEALTH_CHECK))
            changes["health_check_node_port"] = number
            assignments.append(Assignment(service.reference, _HEALTH_CHECK, number, reason))
        return changes, assignments

    def holders(self) -> Iterator[tuple[int, Holder]]:
        """Who holds which node port."""
        return self._ledger.holders()

    def usage(self) -> Iterator[RangeUsage]:
        """How full the range is."""
        return self._ledger.usage()


@lru_cache(maxsize=256)
def _node_port(index: int) -> FieldPath:
    return FieldPath.of("spec.ports", index, "nodePort")


def _may_have_node_ports(service: Service) -> bool:
    return service.type in (ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER)


def _gets_node_ports(service: Service) -> bool:
    """`shouldAllocateNodePorts`."""
    return service.type is ServiceType.NODE_PORT or (
        service.type is ServiceType.LOAD_BALANCER and service.allocate_load_balancer_node_ports
    )


def _needs_health_check(service: Service) -> bool:
    """`NeedsHealthCheck`."""
    return service.type is ServiceType.LOAD_BALANCER and service.external_traffic_policy is TrafficPolicy.LOCAL


def _lacks_health_check(service: Service) -> bool:
    return _needs_health_check(service) and not service.health_check_node_port


def _named(service: Service) -> dict[int, tuple[int, int]]:
    """The node ports that a Service names, by port number: the index of the first with it, and the node port."""
    named: dict[int, tuple[int, int]] = {}
    for index, port in enumerate(service.ports):
        if port.node_port:
            named.setdefault(port.port, (index, port.node_port))
    return named


def _missing(service: Service) -> list[int]:
    """The port numbers that need a node port, each once."""
    if not _gets_node_ports(service):
        return []
    named = _named(service)
    return list(dict.fromkeys(port.port for port in service.ports if port.port not in named))
