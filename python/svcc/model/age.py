"""Which of several Services comes first when they claim the same thing (S45)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from svcc.model.service import Service

__all__ = ["oldest_first", "seniority"]

_NO_DATE = datetime.max.replace(tzinfo=UTC)


def oldest_first(services: Iterable[Service]) -> list[Service]:
    """Services by creation time, those without one last, then by namespace and name."""
    return sorted(services, key=seniority)


def seniority(service: Service) -> tuple[datetime, str, str]:
    """The key by which the Service that comes first is the smallest."""
    return _created(service), service.namespace, service.name


def _created(service: Service) -> datetime:
    if not service.creation_timestamp:
        return _NO_DATE
    try:
        created = datetime.fromisoformat(service.creation_timestamp)
    except ValueError:
        return _NO_DATE
    return created if created.tzinfo else created.replace(tzinfo=UTC)
