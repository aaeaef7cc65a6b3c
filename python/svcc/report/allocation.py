"""What was allocated, for people and for programs (`svcc allocate`)."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from svcc.allocation.contract import Allocation, Assignment, Band, RangeUsage
from svcc.dataplane.document import API_VERSION
from svcc.fields import ObjectReference, Problem, printable
from svcc.manifest.patches import ObjectPatch, merge_patch, operations
from svcc.report.tables import table

__all__ = ["allocation_document", "assignment_lines", "patch_document", "usage_lines"]


def assignment_lines(assignments: Iterable[Assignment]) -> Iterator[str]:
    """A table with a line for each field that was filled in."""
    rows = (
        [
            printable(assignment.object.namespace),
            printable(assignment.object.name),
            str(assignment.path),
            _shown(assignment.value),
            printable(assignment.reason),
        ]
        for assignment in assignments
    )
    return table(["NAMESPACE", "NAME", "FIELD", "VALUE", "WHY"], rows)


def _shown(value: Any) -> str:
    """Strings bare, lists with commas, the addresses of load balancers without the word `ip`."""
    if isinstance(value, list):
        return ",".join(map(_shown, value))
    if isinstance(value, Mapping):
        return printable(str(value.get("ip") or value.get("hostname") or ""))
    return printable(value) if isinstance(value, str) else json.dumps(value)


def usage_lines(usage: Sequence[RangeUsage]) -> Iterator[str]:
    """A table that says how full ranges, their bands and pools are."""
    rows = (
        [
            printable(entry.name),
            "" if entry.band is Band.ALL else entry.band.value,
            f"{entry.first}-{entry.last}" if entry.size else "",
            str(entry.size),
            str(entry.used),
            str(entry.free),
            f"{entry.percent:.1f}%",
        ]
        for entry in usage
    )
    return table(["RANGE", "BAND", "VALUES", "SIZE", "USED", "FREE", "FULL"], rows)


def allocation_document(allocation: Allocation, problems: Iterable[Problem]) -> dict[str, Any]:
    """A versioned document with the assignments, what was refused, and how full everything is."""
    return {
        "apiVersion": API_VERSION,
        "kind": "Allocation",
        "assignments": [
            {
                "object": _object(assignment.object),
                "path": str(assignment.path),
                "value": assignment.value,
                "reason": assignment.reason,
            }
            for assignment in allocation.assignments
        ],
        "problems": [
            {
                "rule": problem.rule,
                "severity": problem.severity.value,
                "message": problem.message(),
                "object": _object(problem.object) if problem.object else None,
                "file": problem.source.file if problem.source else None,
                "line": problem.source.line if problem.source else None,
            }
            for problem in problems
        ],
        "usage": [
            {
                "range": entry.name,
                "band": entry.band.value,
                "first": entry.first,
                "last": entry.last,
                "size": entry.size,
                "used": entry.used,
            }
            for entry in allocation.usage
        ],
    }


def patch_document(patches: Iterable[ObjectPatch], *, is_merge: bool) -> dict[str, Any]:
    """A versioned document with a patch for each object, and a second one for its status, if that changes."""
    return {
        "apiVersion": API_VERSION,
        "kind": "PatchList",
        "type": "merge" if is_merge else "json",
        "items": [
            {
                "object": _object(each.object),
                "subresource": each.subresource,
                "patch": merge_patch(each.before, each.after)
                if is_merge
                else list(operations(each.before, each.after)),
            }
            for each in patches
        ],
    }


def _patch(patch: ObjectPatch, *, is_merge: bool) -> Any:
    if is_merge:
        return merge_patch(patch.before, patch.after)
    return list(operations(patch.before, patch.after))


def _object(reference: ObjectReference) -> dict[str, str]:
    return {"kind": reference.kind, "namespace": reference.namespace, "name": reference.name}
