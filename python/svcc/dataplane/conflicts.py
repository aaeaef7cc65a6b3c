"""Who owns a frontend that several Services claim: the oldest, and it is said aloud (S45)."""

from __future__ import annotations

from svcc.dataplane.addresses import ServiceAddress, Steps
from svcc.fields import FieldPath, Problem, ProblemKind
from svcc.model.service import Protocol, Service

__all__ = ["Claims"]


class Claims:
    """The frontends of one family that are taken; services must claim oldest first.

    IP frontends and node ports are separate key spaces: an address that serves node ports may also be a VIP (S24).
    """

    def __init__(self) -> None:
        self._owners: dict[tuple[Protocol, str | None, int], Service] = {}
        self.problems: list[Problem] = []

    def claim(self, service: Service, protocol: Protocol, wanted: ServiceAddress, port: int) -> bool:
        """Whether a frontend is the Service's to serve; a refusal is recorded unless the Service itself has it."""
        what = f"{wanted.address} port {port}"
        return self._claim(service, (protocol, wanted.address, port), wanted.address, what, wanted.steps)

    def claim_node_port(self, service: Service, protocol: Protocol, port: int, index: int) -> bool:
        """The same for the node port of ``spec.ports[index]``."""
        return self._claim(
            service, (protocol, None, port), port, f"node port {port}", ("spec", "ports", index, "nodePort")
        )

    def _claim(
        self, service: Service, key: tuple[Protocol, str | None, int], value: str | int, what: str, steps: Steps
    ) -> bool:
        owner = self._owners.get(key)
        if owner is None:
            self._owners[key] = service
            return True
        if owner is not service:
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
