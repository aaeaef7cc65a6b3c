"""What load balancers are told about a Service on this node (S8, S50)."""

from __future__ import annotations

from collections.abc import Iterable

from svcc.model.service import Service, ServiceType, TrafficPolicy
from svcc.select import Selection

__all__ = ["health_check_port", "ready_local_addresses"]


def health_check_port(service: Service) -> int | None:
    """The node port on which a load balancer asks whether this node has endpoints; None where nobody asks (S8)."""
    if service.type is not ServiceType.LOAD_BALANCER or service.external_traffic_policy is not TrafficPolicy.LOCAL:
        return None
    return service.health_check_node_port or None


def ready_local_addresses(selections: Iterable[Selection]) -> frozenset[str]:
    """The addresses of endpoints on this node that are ready, of all ports of a Service.

    Those that are terminating do not count even if they are said to be ready, although connections may still go to
    them: so a balancer stops sending to a node while its last pods finish (S50).
    """
    return frozenset(
        candidate.address
        for selection in selections
        for candidate in selection.candidates.values()
        if candidate.ready and candidate.is_local and not candidate.endpoint.terminating
    )
