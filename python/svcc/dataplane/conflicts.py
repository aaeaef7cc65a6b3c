"""Who owns a frontend that several Services claim: the oldest, and it is said aloud (S45)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from svcc.dataplane.addresses import ServiceAddress, Steps
from svcc.fields import FieldPath, Problem, ProblemKind
from svcc.model.service import Protocol, Service

__all__ = ["ClaimKey", "Claims", "OwnerOf", "claimed_keys"]

ClaimKey = tuple[Protocol, str | None, int]
"""A frontend: protocol, address and port, or None for the address of node ports.

IP frontends and node ports are separate key spaces: an address that serves node ports may also be a VIP (S24).
"""

OwnerOf = Callable[[ClaimKey, Service], Service]
"""Who owns a frontend that a Service claims; ``dict.setdefault`` is one, where the oldest Services claim first."""


def claimed_keys(service: Service, addresses: Sequence[ServiceAddress]) -> Iterator[ClaimKey]:
    """All that a Service on these addresses claims in one family, whether it gets it or not; some may come twice."""
    for port in service.ports:
        for wanted in addresses:
            yield port.protocol, wanted.address, port.port
        if port.node_port:
            yield port.protocol, None, port.node_port


class Claims:
    """What one Service claims in one family: a frontend is its own once, and only if no older one claims it, too."""

    def __init__(self, service: Service, owner_of: OwnerOf) -> None:
        self._service = service
        self._owner_of = owner_of
        self._granted: set[ClaimKey] = set()
        self.problems: list[Problem] = []

    def claim(self, protocol: Protocol, wanted: ServiceAddress, port: int) -> bool:
        """Whether a frontend is the Service's to serve; a refusal is recorded unless the Service itself has it."""
        what = f"{wanted.address} port {port}"
        return self._claim((protocol, wanted.address, port), wanted.address, what, wanted.steps)

    def claim_node_port(self, protocol: Protocol, port: int, index: int) -> bool:
        """The same for the node port of ``spec.ports[index]``."""
        return self._claim((protocol, None, port), port, f"node port {port}", ("spec", "ports", index, "nodePort"))

    def _claim(self, key: ClaimKey, value: str | int, what: str, steps: Steps) -> bool:
        service = self._service
        owner = self._owner_of(key, service)
        if owner is service:
            is_first = key not in self._granted
            self._granted.add(key)
            return is_first
        path = FieldPath(steps)
        self.problems.append(
            Problem(
                rule="cluster/frontend-conflict",
                kind=ProblemKind.DUPLICATE,
                path=path,
                value=value,
                detail=f"{what} {key[0].value} belongs to {owner.reference} (the oldest, else the first by name)",
                object=service.reference,
                source=service.source.at(path) if service.source else None,
            )
        )
        return False
