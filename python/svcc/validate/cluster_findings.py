"""How a rule across objects tells what it found: the server's words, and which other object is concerned, and where."""

from __future__ import annotations

from typing import Any

from svcc.fields import FieldPath, Problem, ProblemKind, Source, place_of
from svcc.model.cluster import ClusterObject
from svcc.model.service import Service
from svcc.validate.cluster_rules import CLUSTER_RULES
from svcc.validate.findings import Path

__all__ = ["Claim", "cluster_ip_place", "named", "problem", "settings_problem"]


def problem(
    rule: str,
    item: ClusterObject,
    path: Path,
    detail: str,
    *,
    value: Any = None,
    kind: ProblemKind = ProblemKind.NOTICE,
    place: Source | None = None,
) -> Problem:
    """Something about an object, at the line of the field, or at `place` where the field was written otherwise."""
    where = FieldPath(path)
    if place is None and item.source is not None:
        place = item.source.at(where)
    return Problem(rule, kind, where, detail, value, item.reference, place, CLUSTER_RULES[rule].severity)


def settings_problem(rule: str, detail: str) -> Problem:
    """Something about settings, which have no place."""
    return Problem(rule, ProblemKind.NOTICE, FieldPath(), detail, severity=CLUSTER_RULES[rule].severity)


def named(item: ClusterObject, place: Source | None) -> str:
    """Which object is meant, and where it says so."""
    return f"{item.reference}, {place}" if place is not None else str(item.reference)


def cluster_ip_place(service: Service, index: int) -> Source | None:
    """Where a cluster IP is written."""
    return place_of(service.source, FieldPath(("spec", "clusterIPs", index))) if service.source is not None else None


class Claim:
    """A Service that owns something by saying so in a field."""

    __slots__ = ("_name", "path", "service")

    def __init__(self, service: Service, path: Path) -> None:
        self.service = service
        self.path = path
        self._name: str | None = None

    def __str__(self) -> str:
        # Finding a line means reading text again, and many Services may run into one claim.
        if self._name is None:
            self._name = named(self.service, self._place())
        return self._name

    def _place(self) -> Source | None:
        match self.path:
            case ("spec", "clusterIPs", int(index)):
                return cluster_ip_place(self.service, index)
        return self.service.source.at(FieldPath(self.path)) if self.service.source is not None else None
