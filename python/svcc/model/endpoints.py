"""EndpointSlices: where the traffic of a Service can go (discovery.k8s.io/v1)."""

from __future__ import annotations

from collections.abc import Mapping
from types import MemberDescriptorType
from typing import Protocol as Interface
from typing import cast

from attrs import field, frozen

from svcc.fields import ObjectReference, Source
from svcc.model.balancing import MOST_WEIGHT
from svcc.model.metadata import frozen_items, frozen_mapping
from svcc.model.service import Protocol

__all__ = ["SERVICE_NAME_LABEL", "Endpoint", "EndpointPort", "EndpointSlice", "WrittenEndpoints"]

SERVICE_NAME_LABEL = "kubernetes.io/service-name"


@frozen
class Endpoint:
    """One endpoint. Only `addresses[0]` is used (S11).

    A condition left None has the API's meaning: ready and serving count as true, terminating as false (S13).
    `zone_hints` and `node_hints` are `hints.forZones[].name` and `hints.forNodes[].name` (S20).
    `weight`, from 0 to 1000, is the share of the Service's connections; None leaves it to the slice's annotations.

    Raises:
        ValueError: the weight is out of range.
    """

    addresses: tuple[str, ...] = field(converter=frozen_items)
    ready: bool | None = None
    serving: bool | None = None
    terminating: bool | None = None
    node_name: str | None = None
    zone: str | None = None
    hostname: str | None = None
    zone_hints: tuple[str, ...] = field(default=(), converter=frozen_items)
    node_hints: tuple[str, ...] = field(default=(), converter=frozen_items)
    target: ObjectReference | None = None
    weight: int | None = field(default=None)

    @weight.validator
    def _weight_in_range(self, _attribute: object, value: int | None) -> None:
        if value is not None and not 0 <= value <= MOST_WEIGHT:
            raise ValueError(f"weight {value} is not in the range 0 to {MOST_WEIGHT}")


@frozen
class EndpointPort:
    """One port of a slice; it belongs to the service port with the same name and protocol (S12).

    `port` or `name` None makes it unusable for Services.
    """

    port: int | None = None
    name: str | None = ""
    protocol: Protocol = field(default=Protocol.TCP, converter=Protocol)


class WrittenEndpoints(Interface):
    """Endpoints that are still text; who knows the text finds in it what a selection needs, in a third of the time."""

    def values(self) -> tuple[Endpoint, ...]:
        """The endpoints, made anew each time."""


@frozen
class EndpointSlice:
    """A slice of the endpoints of the Service `service_name`, the value of the label `kubernetes.io/service-name`.

    `address_type` is ``IPv4``, ``IPv6`` or ``FQDN``; slices of the last kind are ignored (S10).
    """

    name: str
    namespace: str = "default"
    service_name: str | None = field(default=None, kw_only=True)
    address_type: str = field(default="IPv4", kw_only=True)
    endpoints: tuple[Endpoint, ...] = field(default=(), converter=frozen_items, kw_only=True)
    ports: tuple[EndpointPort, ...] = field(default=(), converter=frozen_items, kw_only=True)
    labels: Mapping[str, str] = field(default=None, converter=frozen_mapping, kw_only=True)
    annotations: Mapping[str, str] = field(default=None, converter=frozen_mapping, kw_only=True)
    source: Source | None = field(default=None, eq=False, repr=False, kw_only=True)

    @property
    def reference(self) -> ObjectReference:
        """This slice, for reports."""
        return ObjectReference("EndpointSlice", self.name, self.namespace)

    @property
    def declared_endpoints(self) -> tuple[Endpoint, ...] | WrittenEndpoints:
        """The endpoints, or their text if nobody has asked for them so far."""
        return cast("tuple[Endpoint, ...] | WrittenEndpoints", _declared_endpoints(self))


class _Endpoints:
    """Reads the field `endpoints`, in which a reader of manifests may have left `WrittenEndpoints`."""

    def __init__(self, slot: MemberDescriptorType) -> None:
        self._get, self._set = slot.__get__, slot.__set__

    def __get__(self, item: EndpointSlice | None, _kind: type | None = None) -> tuple[Endpoint, ...] | _Endpoints:
        if item is None:
            return self
        found: tuple[Endpoint, ...] | WrittenEndpoints = self._get(item)
        if not isinstance(found, tuple):
            found = found.values()
            self._set(item, found)
        return found

    def __set__(self, item: EndpointSlice, endpoints: tuple[Endpoint, ...]) -> None:
        self._set(item, endpoints)


_slot = cast("MemberDescriptorType", vars(EndpointSlice)["endpoints"])
_declared_endpoints = _slot.__get__
type.__setattr__(EndpointSlice, "endpoints", _Endpoints(_slot))
