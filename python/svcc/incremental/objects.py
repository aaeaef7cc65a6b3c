"""The objects as they are now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from attrs import Factory, define

from svcc.fields import ObjectReference
from svcc.incremental.contract import Change
from svcc.model.endpoints import EndpointSlice
from svcc.model.node import Node, ServiceCIDR
from svcc.model.service import Service
from svcc.select import service_of

__all__ = ["Objects", "ServiceKey", "Touched", "key_of"]

ServiceKey = tuple[str, str]
"""Namespace and name of a Service."""

_KINDS: Mapping[str, type] = {
    "Service": Service,
    "EndpointSlice": EndpointSlice,
    "Node": Node,
    "ServiceCIDR": ServiceCIDR,
}


def key_of(service: Service) -> ServiceKey:
    """What identifies a Service."""
    return service.namespace, service.name


@define
class Touched:
    """What a batch of changes may have an effect on.

    Attributes:
        services: the Services that differ, each as it was before the batch, or None.
        slices_of: the Services whose slices differ, whether there is such a Service or not.
        surroundings: whether the node's own object or a ServiceCIDR differs.
    """

    services: dict[ServiceKey, Service | None] = Factory(dict)
    slices_of: dict[ServiceKey, None] = Factory(dict)
    surroundings: bool = False


class Objects:
    """All objects that matter to one node, found by what refers to them.

    Attributes:
        services: all Services, by namespace and name.
        node: the node's own object.
        service_cidrs: all ServiceCIDRs, by name.
    """

    def __init__(self, node_name: str, service_proxy_name: str) -> None:
        self._node_name = node_name
        self._service_proxy_name = service_proxy_name
        self.services: dict[ServiceKey, Service] = {}
        self.node: Node | None = None
        self.service_cidrs: dict[str, ServiceCIDR] = {}
        self._slices: dict[tuple[str, str], EndpointSlice] = {}
        self._by_service: dict[ServiceKey, tuple[EndpointSlice, ...]] = {}

    def slices_of(self, service: ServiceKey) -> Sequence[EndpointSlice]:
        """The slices of a Service as `slices_by_service` has them: those that count, by name."""
        return self._by_service.get(service, ())

    def apply(self, changes: Iterable[Change]) -> Touched:
        """Take changes over; where several are of one object, the last one counts.

        Raises:
            ValueError: a change is of no kind that svcc reads, or its object is another one than it says. Nothing has
                been taken over then.
        """
        last = {change.reference: change for change in changes}
        for change in last.values():
            _check(change)
        touched = Touched()
        for reference, change in last.items():
            match change.object:
                case Service() as service:
                    self._set_service((reference.namespace, reference.name), service, touched)
                case EndpointSlice() as endpoint_slice:
                    self._set_slice((reference.namespace, reference.name), endpoint_slice, touched)
                case Node() as node:
                    self._set_node(reference.name, node, touched)
                case ServiceCIDR() as service_cidr:
                    self._set_service_cidr(reference.name, service_cidr, touched)
                case None:
                    self._remove(reference, touched)
        return touched

    def _remove(self, reference: ObjectReference, touched: Touched) -> None:
        name = (reference.namespace, reference.name)
        if reference.kind == "Service":
            self._set_service(name, None, touched)
        elif reference.kind == "EndpointSlice":
            self._set_slice(name, None, touched)
        elif reference.kind == "Node":
            self._set_node(reference.name, None, touched)
        else:
            self._set_service_cidr(reference.name, None, touched)

    def _set_service(self, key: ServiceKey, service: Service | None, touched: Touched) -> None:
        old = self.services.get(key)
        # What is reported about a Service names its place, so one that was only written elsewhere differs, too.
        if old == service and (service is None or old is None or old.source is service.source):
            return
        touched.services[key] = old
        if service is None:
            del self.services[key]
        else:
            self.services[key] = service

    def _set_slice(self, name: tuple[str, str], endpoint_slice: EndpointSlice | None, touched: Touched) -> None:
        old = self._slices.get(name)
        if old == endpoint_slice:
            return
        if old is not None:
            del self._slices[name]
            if (owner := service_of(old, self._service_proxy_name)) is not None:
                touched.slices_of[owner] = None
                rest = tuple(item for item in self._by_service[owner] if item is not old)
                if rest:
                    self._by_service[owner] = rest
                else:
                    del self._by_service[owner]
        if endpoint_slice is not None:
            self._slices[name] = endpoint_slice
            if (owner := service_of(endpoint_slice, self._service_proxy_name)) is not None:
                touched.slices_of[owner] = None
                group = (*self._by_service.get(owner, ()), endpoint_slice)
                self._by_service[owner] = tuple(sorted(group, key=lambda item: item.name))

    def _set_node(self, name: str, node: Node | None, touched: Touched) -> None:
        if name == self._node_name:
            self.node = node
            touched.surroundings = True

    def _set_service_cidr(self, name: str, service_cidr: ServiceCIDR | None, touched: Touched) -> None:
        if service_cidr is not None:
            self.service_cidrs[name] = service_cidr
        else:
            self.service_cidrs.pop(name, None)
        touched.surroundings = True


def _check(change: Change) -> None:
    kind = _KINDS.get(change.reference.kind)
    if kind is None:
        raise ValueError(f"expected a Service, EndpointSlice, Node or ServiceCIDR, got {change.reference}")
    if change.object is not None and change.object.reference != change.reference:
        raise ValueError(f"a change of {change.reference} holds {change.object.reference}")
