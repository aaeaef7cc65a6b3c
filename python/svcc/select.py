"""Endpoint selection: which endpoints of a Service a node may use (S10 to S23).

All service ports of a node are answered in one call, by Rust, which reads the declared slices where they are. Every
service port is judged alone: hints, fallbacks and duplicates of one never influence another.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import repeat
from types import MappingProxyType
from typing import NamedTuple

from attrs import field, frozen

from svcc import _native
from svcc.addresses import IPFamily
from svcc.model.balancing import SliceWeights, slice_weights
from svcc.model.cluster import Cluster
from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.service import Protocol, ServicePort

__all__ = [
    "PROXY_NAME_LABEL",
    "Candidate",
    "EndpointAddress",
    "HintUse",
    "Selection",
    "ServicePortName",
    "select_endpoints",
    "select_service_ports",
    "service_of",
    "slices_by_service",
]

HEADLESS_LABEL = "service.kubernetes.io/headless"
PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"


class ServicePortName(NamedTuple):
    """What identifies a service port (S3); `port` is its name, empty when it has none."""

    namespace: str
    service: str
    port: str
    protocol: Protocol

    def __str__(self) -> str:
        return f"{self.namespace}/{self.service}{':' if self.port else ''}{self.port} {self.protocol.value}"


class EndpointAddress(NamedTuple):
    """Where a connection can be sent: a canonical address and a port."""

    address: str
    port: int

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if ":" in self.address else f"{self.address}:{self.port}"


_ALL_ALIKE: Mapping[EndpointAddress, int] = MappingProxyType({})


class Candidate(NamedTuple):
    """An endpoint as this node sees it, its conditions resolved (S13, S14)."""

    address: str
    ready: bool
    terminating_but_serving: bool
    is_local: bool
    endpoint: Endpoint
    weight: int = 1


class HintUse(enum.StrEnum):
    """What became of the hints of one kind, for nodes or for zones, at a service port (S20)."""

    ABSENT = "absent"
    """No ready endpoint has one."""
    INCOMPLETE = "incomplete"
    """Ignored: some ready endpoints have hints and some have none."""
    ELSEWHERE = "elsewhere"
    """Ignored: all ready endpoints have hints, and none is for this node or its zone, or the node is in no zone."""
    UNNEEDED = "unneeded"
    """Not looked at: hints for nodes decided before those for zones."""
    USED = "used"
    """They narrowed the Cluster set."""


_HINT_USES = tuple(HintUse)
_HAS_WEIGHT = 8
"""The highest of a candidate's flags: its endpoint has a weight of its own."""


class _Places(NamedTuple):
    """Where endpoints are declared: the slices, and of each endpoint the index of its slice and its place in that."""

    slices: Sequence[EndpointSlice]
    indices: Sequence[int]
    places: Sequence[int]

    def endpoints(self) -> Iterator[Endpoint]:
        """The endpoints themselves, which are still text for the most part."""
        for index, place in zip(self.indices, self.places, strict=True):
            yield self.slices[index].endpoints[place]


class _Candidates(Mapping[EndpointAddress, Candidate]):
    """Candidates that are made when somebody looks: compiling never does, and they are a third of a selection."""

    __slots__ = ("_declared", "_flags", "_found", "_keys", "_weights")

    def __init__(
        self, keys: Sequence[EndpointAddress], declared: _Places, flags: bytes, weights: Mapping[EndpointAddress, int]
    ) -> None:
        self._keys = keys
        self._declared = declared
        self._flags = flags
        self._weights = weights
        self._found: dict[EndpointAddress, Candidate] | None = None

    def _all(self) -> dict[EndpointAddress, Candidate]:
        if self._found is None:
            self._found = {
                key: Candidate(
                    key.address, bool(flags & 1), bool(flags & 2), bool(flags & 4), endpoint, self._weights.get(key, 1)
                )
                for key, endpoint, flags in zip(self._keys, self._declared.endpoints(), self._flags, strict=True)
            }
        return self._found

    def __getitem__(self, key: EndpointAddress) -> Candidate:
        return self._all()[key]

    def __iter__(self) -> Iterator[EndpointAddress]:
        return iter(self._keys)

    def __len__(self) -> int:
        return len(self._keys)


@frozen
class Selection:
    """The endpoints of one service port on one node.

    Attributes:
        cluster: the Cluster set, in the order of ``IP:port`` (S16, S18).
        local: the Local set, in the same order (S19).
        anywhere: whether any endpoint anywhere could be used: the test between REJECT and DROP (S22).
        local_addresses: the addresses of endpoints on this node, for hairpin (S30).
        topology: what narrowed the Cluster set: ``"node"``, ``"zone"`` or None (S20).
        node_hints: what became of hints for nodes, and if they were ignored, why.
        zone_hints: the same of hints for zones.
        candidates: every endpoint considered, duplicates collapsed (S15), in the same order; for explanations.
        weights: the weights of endpoints in the two sets, without those that are 1.
    """

    cluster: tuple[EndpointAddress, ...]
    local: tuple[EndpointAddress, ...]
    anywhere: bool
    local_addresses: frozenset[str]
    topology: str | None = None
    node_hints: HintUse = HintUse.ABSENT
    zone_hints: HintUse = HintUse.ABSENT
    candidates: Mapping[EndpointAddress, Candidate] = field(factory=dict, repr=False, eq=False)
    weights: Mapping[EndpointAddress, int] = field(default=_ALL_ALIKE, hash=False)


NO_ENDPOINTS = Selection((), (), anywhere=False, local_addresses=frozenset())


def slices_by_service(
    slices: Iterable[EndpointSlice], service_proxy_name: str = ""
) -> dict[tuple[str, str], list[EndpointSlice]]:
    """Slices by (namespace, Service name); those without the label or of type FQDN are left out (S10).

    So are those marked headless or as another proxy's (S5). A proxy with a name takes slices without that label, too:
    the Service already says whose it is.

    Within a Service slices are ordered by name, so that the outcome does not depend on the order of the input where
    duplicates differ (S15 leaves that open; svcc takes the slice whose name sorts first).
    """
    found: dict[tuple[str, str], list[EndpointSlice]] = {}
    for endpoint_slice in slices:
        service = service_of(endpoint_slice, service_proxy_name)
        if service is not None:
            found.setdefault(service, []).append(endpoint_slice)
    for group in found.values():
        if len(group) > 1:
            group.sort(key=lambda item: item.name)
    return found


def service_of(endpoint_slice: EndpointSlice, service_proxy_name: str = "") -> tuple[str, str] | None:
    """The namespace and name of the Service whose endpoints a slice holds; None where `slices_by_service` omits it."""
    labels = endpoint_slice.labels
    if not endpoint_slice.service_name or HEADLESS_LABEL in labels:
        return None
    if PROXY_NAME_LABEL in labels and (not service_proxy_name or labels[PROXY_NAME_LABEL] != service_proxy_name):
        return None
    if endpoint_slice.address_type not in ("IPv4", "IPv6"):
        return None
    return endpoint_slice.namespace, endpoint_slice.service_name


def select_endpoints(
    cluster: Cluster, node: str, *, service_proxy_name: str = ""
) -> dict[tuple[ServicePortName, IPFamily], Selection]:
    """The endpoints of every service port of a cluster, as the node of this name may use them (S10 to S23).

    A Service is answered for in each of its `ip_families`, or in both if it names none; whether it yields any rules
    (S1, S2, S5) does not matter here. What is missing has no endpoints: `Selection.anywhere` is False. The Node object
    of that name supplies the zone for hints; without one, no zone hints apply. Plain tuples do as keys:
    ``selections[("shop", "web", "http", "TCP"), "IPv4"]``.

    Objects are taken as they are: `load` and `compile` leave broken ones out, this does not. Service ports that share
    all of namespace, Service, name and protocol share their endpoints, too.

    Time is O(E log E) in the E endpoints of each service port, memory O(E) over all.

    Args:
        cluster: the declared objects.
        node: the name of the node.
        service_proxy_name: as in `ClusterSettings`: which slices count (S5).

    Raises:
        ValueError: a port of a slice is not in the range 0 to 65535.
        TypeError: a field of a slice, endpoint or port holds a value of the wrong type.
    """
    slices = slices_by_service(cluster.endpoint_slices, service_proxy_name)
    zone = next((item.zone for item in cluster.nodes if item.name == node), None)
    found: dict[tuple[ServicePortName, IPFamily], Selection] = {}
    for family in IPFamily:
        services = [item for item in cluster.services if not item.ip_families or family in item.ip_families]
        asked = [(slices.get((item.namespace, item.name), ()), item.ports) for item in services]
        for service, selections in zip(services, select_service_ports(asked, family, node, zone), strict=True):
            for port, selection in zip(service.ports, selections, strict=True):
                name = ServicePortName(service.namespace, service.name, port.name, port.protocol)
                found[name, family] = selection
    return found


def select_service_ports(
    services: Sequence[tuple[Sequence[EndpointSlice], Sequence[ServicePort]]],
    family: IPFamily,
    node_name: str,
    zone: str | None,
) -> list[list[Selection]]:
    """For each Service, given as its slices (`slices_by_service`) and its ports, the endpoints of each port.

    Slices of the other family are passed over. Time and errors are those of `select_endpoints`.
    """
    found = _native.select_service_ports(services, family, node_name, zone or None)
    return [
        [_selection(slices, weights, *port) for port in ports]
        for slices, weights, ports in (
            (slices, _annotated_weights(slices), ports) for (slices, _), ports in zip(services, found, strict=True)
        )
    ]


def _annotated_weights(slices: Sequence[EndpointSlice]) -> list[SliceWeights | None] | None:
    """What the annotations of each slice say about weights; None if those of all say nothing."""
    found = [slice_weights(item.annotations) if item.annotations else None for item in slices]
    return found if any(found) else None


def _selection(
    declared: Sequence[EndpointSlice],
    annotated: list[SliceWeights | None] | None,
    addresses: list[str],
    port_numbers: list[int],
    places: list[int],
    slices: list[int],
    flags: bytes,
    cluster: list[int],
    local: list[int],
    own: list[int],
    node_hints: int,
    zone_hints: int,
) -> Selection:
    """The values that Rust's indices stand for; `own` are the members of either set that are on the node.

    `places` are those of the candidates in their slices, and `slices` the indices of these in `declared`.
    """
    if not addresses:
        return NO_ENDPOINTS
    # As map(EndpointAddress, addresses, port_numbers), in half the time: no call of a Python function for each.
    keys = tuple(map(tuple.__new__, repeat(EndpointAddress), zip(addresses, port_numbers, strict=True)))
    found = _Places(declared, slices, places)
    weights = considered = _ALL_ALIKE
    if annotated or max(flags) >= _HAS_WEIGHT:
        considered = _weights(keys, found, annotated)
        weights = {keys[index]: considered[keys[index]] for index in (*cluster, *local) if keys[index] in considered}
    by_node, by_zone = _HINT_USES[node_hints], _HINT_USES[zone_hints]
    return Selection(
        keys if len(cluster) == len(keys) else tuple(map(keys.__getitem__, cluster)),
        tuple(map(keys.__getitem__, local)),
        anywhere=bool(cluster),
        local_addresses=frozenset(keys[index].address for index in own),
        topology="node" if by_node is HintUse.USED else "zone" if by_zone is HintUse.USED else None,
        node_hints=by_node,
        zone_hints=by_zone,
        candidates=_Candidates(keys, found, flags, considered),
        weights=weights,
    )


def _weights(
    keys: Sequence[EndpointAddress], declared: _Places, annotated: list[SliceWeights | None] | None
) -> dict[EndpointAddress, int]:
    """The weights that are not 1: an endpoint's own goes before those its slice has for it."""
    found = {}
    for key, endpoint, index in zip(keys, declared.endpoints(), declared.indices, strict=True):
        weight = endpoint.weight
        if weight is None:
            of_slice = annotated[index] if annotated else None
            weight = of_slice.weight(key.address) if of_slice else 1
        if weight != 1:
            found[key] = weight
    return found
