"""Who owns a frontend that several Services claim: the oldest, and it is said aloud (S45)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from svcc.dataplane.contract import FrontendKind
from svcc.fields import FieldPath, Problem, ProblemKind, Severity
from svcc.model.service import Protocol, Service

__all__ = ["Claims", "oldest_first"]

_NO_DATE = datetime.max.replace(tzinfo=UTC)


def oldest_first(services: Iterable[Service]) -> list[Service]:
    """Services by creation time, those without one last, then by namespace and name."""
    return sorted(services, key=lambda service: (_created(service), service.namespace, service.name))


def _created(service: Service) -> datetime:
    if not service.creation_timestamp:
        return _NO_DATE
    try:
        created = datetime.fromisoformat(service.creation_timestamp)
    except ValueError:
        return _NO_DATE
    return created if created.tzinfo else created.replace(tzinfo=UTC)


class Claims:
    """The frontends of one family that are taken; services must claim oldest first.

    IP frontends and node ports are separate key spaces: an address that serves node ports may also be a VIP (S24).
    """

    def __init__(self) -> None:
        self._owners: dict[tuple[Protocol, str | None, int], Service] = {}
        self.problems: list[Problem] = []

    def claim(
        self, service: Service, kind: FrontendKind, protocol: Protocol, address: str | None, port: int, path: FieldPath
    ) -> bool:
        """Whether the frontend is the Service's to serve; a refusal is recorded unless the Service itself has it."""
        owner = self._owners.get((protocol, address, port))
        if owner is None:
            self._owners[protocol, address, port] = service
            return True
        if owner is service:
            return False
        where = f"node port {port}" if address is None else f"{address} port {port}"
        self.problems.append(
            Problem(
                rule="cluster/frontend-conflict",
                kind=ProblemKind.DUPLICATE,
                path=path,
                value=port if address is None else address,
                detail=f"{where} {protocol.value} is already served by {owner.reference}, which is older;"
                f" this {kind.value} frontend is left out",
                object=service.reference,
                source=service.source.at(path) if service.source else None,
                severity=Severity.WARNING,
            )
        )
        return False
