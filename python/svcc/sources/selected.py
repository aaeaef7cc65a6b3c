"""The objects a source knows, and which changes of them concern whoever selected some of them."""

from __future__ import annotations

from collections.abc import Iterator

from svcc.fields import ObjectReference
from svcc.incremental.contract import Change
from svcc.manifest.selection import Selection
from svcc.model.cluster import ClusterObject
from svcc.model.endpoints import EndpointSlice
from svcc.model.service import Service

__all__ = ["SelectedObjects"]


class SelectedObjects:
    """Objects by reference, of which `selection` lets some be seen, and what has changed since `drain`.

    The cost of a change does not depend on how many objects there are: a Service that comes to be selected, or is so
    no longer, costs as much as it has slices.
    """

    def __init__(self, selection: Selection) -> None:
        self._selection = selection
        self._objects: dict[ObjectReference, ClusterObject] = {}
        self._slices: dict[tuple[str, str | None], dict[ObjectReference, None]] = {}
        self._kept: set[tuple[str, str | None]] = set()
        self._changed: dict[ObjectReference, ClusterObject | None] = {}
        self._drained: dict[ObjectReference, ClusterObject | None] = {}  # What was seen of the changed ones before.

    def __contains__(self, reference: ObjectReference) -> bool:
        return reference in self._objects

    def put(self, reference: ObjectReference, item: ClusterObject | None) -> None:
        """The object is now `item`, or gone; one that says the same as before is no change."""
        earlier = self._objects.get(reference)
        if item == earlier:
            return
        if item is None:
            del self._objects[reference]
        else:
            self._objects[reference] = item
        was_seen = earlier is not None and self._is_seen(earlier)
        if self._selection.labels is not None:
            self._follow(reference, earlier, item)
        is_seen = item is not None and self._is_seen(item)
        if was_seen or is_seen:
            self._change(reference, earlier if was_seen else None, item if is_seen else None)

    def drain(self) -> tuple[Change, ...]:
        """The changes since the last time, one for each object, in the order of the last change of each.

        What is again as it was is no change.
        """
        changes = tuple(
            Change(reference, item) for reference, item in self._changed.items() if item != self._drained[reference]
        )
        self._changed.clear()
        self._drained.clear()
        return changes

    def seen(self) -> Iterator[ClusterObject]:
        """All objects that are selected, in the order in which they were first said."""
        return filter(self._is_seen, self._objects.values())

    def _change(self, reference: ObjectReference, earlier: ClusterObject | None, item: ClusterObject | None) -> None:
        self._drained.setdefault(reference, earlier)
        self._changed.pop(reference, None)
        self._changed[reference] = item

    def _is_seen(self, item: ClusterObject) -> bool:
        if isinstance(item, Service):
            return self._selection.has_service(item)
        if isinstance(item, EndpointSlice):
            if self._selection.labels is None:
                return self._selection.has_namespace(item.namespace)
            return (item.namespace, item.service_name) in self._kept
        return True

    def _follow(self, reference: ObjectReference, earlier: ClusterObject | None, item: ClusterObject | None) -> None:
        """Keep account of which slices belong to Services that are selected, and say what that changes."""
        if isinstance(earlier, EndpointSlice):
            service = (earlier.namespace, earlier.service_name)
            self._slices[service].pop(reference)
            if not self._slices[service]:
                del self._slices[service]
        if isinstance(item, EndpointSlice):
            self._slices.setdefault((item.namespace, item.service_name), {})[reference] = None
        if reference.kind != "Service":
            return
        service = (reference.namespace, reference.name)
        is_kept = isinstance(item, Service) and self._selection.has_service(item)
        if is_kept == (service in self._kept):
            return
        if is_kept:
            self._kept.add(service)
        else:
            self._kept.discard(service)
        for other in self._slices.get(service, ()):
            found = self._objects[other]
            self._change(other, None if is_kept else found, found if is_kept else None)
