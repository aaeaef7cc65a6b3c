"""What was assigned as patches, one for each object: RFC 6902 (`kubectl patch --type json`) and RFC 7396 (`merge`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from svcc.allocation.contract import Assignment
from svcc.fields import ObjectReference
from svcc.manifest.amend import values_of
from svcc.manifest.amend_targets import with_assignments
from svcc.model.service import Service

__all__ = ["ObjectPatch", "merge_patch", "operations", "patches"]


@frozen
class ObjectPatch:
    """The change of one object, or of its status, which the API server takes only as a subresource.

    `before` and `after` are the whole object.
    """

    object: ObjectReference
    subresource: str | None
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def patches(
    text: str, file: str, assignments: Sequence[Assignment], services: Sequence[Service], namespace: str
) -> Iterator[ObjectPatch]:
    """The patches of the objects in a text; arguments as of `svcc.manifest.amend.amend`."""
    values = values_of(text, file, assignments, services, namespace)
    for reference, (before, own) in values.items():
        for subresource in (None, "status"):
            part = [each for each in own if (each.path.steps[0] == "status") is (subresource is not None)]
            if part:
                yield ObjectPatch(reference, subresource, before, with_assignments(before, part))


def operations(before: Any, after: Any, path: str = "") -> Iterator[dict[str, Any]]:
    """The JSON patch from one value to another in which nothing is removed (RFC 6902)."""
    if before == after and type(before) is type(after):
        return
    if isinstance(before, Mapping) and isinstance(after, Mapping):
        for name, value in after.items():
            place = f"{path}/{name.replace('~', '~0').replace('/', '~1')}"
            if name in before:
                yield from operations(before[name], value, place)
            else:
                yield {"op": "add", "path": place, "value": value}
    elif isinstance(before, list) and isinstance(after, list) and len(before) <= len(after):
        for index, value in enumerate(after):
            if index < len(before):
                yield from operations(before[index], value, f"{path}/{index}")
            else:
                yield {"op": "add", "path": f"{path}/-", "value": value}
    else:
        yield {"op": "replace", "path": path, "value": after}


def merge_patch(before: Any, after: Any) -> Any:
    """The merge patch from one value to another in which nothing is removed (RFC 7396): lists are given whole."""
    if not isinstance(before, Mapping) or not isinstance(after, Mapping):
        return after
    return {
        name: merge_patch(before[name], value) if name in before else value
        for name, value in after.items()
        if name not in before or before[name] != value
    }
