"""Why a Service gets nothing, each text once, in the server's words; what svcc adds stands in parentheses.

Sources: kubernetes/pkg/registry/core/service/storage/alloc.go (paths, and what is said around the allocators' errors),
ipallocator and portallocator (`ErrAllocated`, `ErrNotInRange`, `ErrFull`), core/validation (cluster IPs).
"""

from __future__ import annotations

from typing import Any, Final

from svcc.allocation.ledger import Holder
from svcc.fields import FieldPath, Problem, ProblemKind, place_of
from svcc.model.service import Service

__all__ = [
    "RULES",
    "already_allocated",
    "not_in_range",
    "range_full",
    "refusal",
]

RULES: Final = {
    "allocate/service-cidr-invalid": "no cluster IP can be taken from this range",
    "allocate/cluster-ip-invalid": "a cluster IP is no address",
    "allocate/cluster-ips-same-family": "two cluster IPs of one family",
    "allocate/cluster-ip-wrong-family": "a cluster IP is not of the family that ipFamilies says",
    "allocate/cluster-ip-family-not-configured": "the cluster has no addresses of the family of a cluster IP",
    "allocate/cluster-ip-not-in-range": "a cluster IP is in none of the ranges",
    "allocate/cluster-ip-taken": "a cluster IP belongs to another Service",
    "allocate/cluster-ip-range-full": "no cluster IP is left",
    "allocate/ip-family-not-configured": "the cluster has no addresses of a family in ipFamilies",
    "allocate/not-dual-stack": "two families are required, and the cluster has one",
    "allocate/single-stack-with-two-families": "two addresses or families without a policy that allows them",
    "allocate/node-port-not-in-range": "a node port is not in the range",
    "allocate/node-port-taken": "a node port belongs to another port",
    "allocate/node-port-range-full": "no node port is left",
    "allocate/health-check-node-port-not-in-range": "a health-check node port is not in the range",
    "allocate/health-check-node-port-taken": "a health-check node port belongs to another port",
    "allocate/health-check-node-port-range-full": "no node port is left for the health check",
}
"""Every rule that allocation may name, and what it says."""


def refusal(
    rule: str,
    service: Service,
    path: FieldPath,
    value: Any = None,
    detail: str = "",
    kind: ProblemKind = ProblemKind.INVALID,
) -> Problem:
    """A problem of a Service, at the line of its field."""
    return Problem(
        f"allocate/{rule}",
        kind,
        path,
        detail,
        value,
        service.reference,
        place_of(service.source, path) if service.source else None,
    )


def not_in_range(what: str, values: str, ranges: str) -> str:
    """`ErrNotInRange`: of an address, which it names, and of a port."""
    return f"{what} is not in the valid range. The range of valid {values} is {ranges}"


def already_allocated(what: str, holder: Holder) -> str:
    """`ErrAllocated`, and by whom."""
    return f"provided {what} is already allocated ({holder})"


def range_full(rule: str, service: Service, path: FieldPath, what: str, ranges: str) -> Problem:
    """`ErrFull`, an internal error of the server: it has no path there."""
    detail = f"Internal error occurred: failed to allocate a {what}: range is full ({ranges})"
    return refusal(rule, service, path, detail=detail, kind=ProblemKind.NOTICE)
