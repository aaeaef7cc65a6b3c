"""Endpoint selection: which endpoints of a Service a node may use (S10 to S23).

The slices of a Service are read once (`ServiceEndpoints`), then asked once for each service port. Everything is judged
per service port: hints, fallbacks and duplicates of one port never influence another.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from attrs import field, frozen

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.model.balancing import SliceWeights, slice_weights
from svcc.model.endpoints import Endpoint, EndpointSlice

__all__ = ["PROXY_NAME_LABEL", "Candidate", "EndpointAddress", "Selection", "ServiceEndpoints", "slices_by_service"]

HEADLESS_LABEL = "service.kubernetes.io/headless"
PROXY_NAME_LABEL = "service.kubernetes.io/service-proxy-name"


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


@frozen
class Selection:
    """The endpoints of one service port on one node.

    Attributes:
        cluster: the Cluster set, in the order of ``IP:port`` (S16, S18).
        local: the Local set, in the same order (S19).
        anywhere: whether any endpoint anywhere could be used: the test between REJECT and DROP (S22).
        local_addresses: the addresses of endpoints on this node, for hairpin (S30).
        topology: what narrowed the Cluster set: ``"node"``, ``"zone"`` or None (S20).
        candidates: every endpoint considered, for explanations.
        weights: the weights of endpoints in the two sets, without those that are 1.
    """

    cluster: tuple[EndpointAddress, ...]
    local: tuple[EndpointAddress, ...]
    anywhere: bool
    local_addresses: frozenset[str]
    topology: str | None = None
    candidates: Mapping[EndpointAddress, Candidate] = field(factory=dict, repr=False, eq=False)
    weights: Mapping[EndpointAddress, int] = _ALL_ALIKE


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
        labels = endpoint_slice.labels
        if not endpoint_slice.service_name or HEADLESS_LABEL in labels:
            continue
        if PROXY_NAME_LABEL in labels and (not service_proxy_name or labels[PROXY_NAME_LABEL] != service_proxy_name):
            continue
        if endpoint_slice.address_type in ("IPv4", "IPv6"):
            found.setdefault((endpoint_slice.namespace, endpoint_slice.service_name), []).append(endpoint_slice)
    for group in found.values():
        if len(group) > 1:
            group.sort(key=lambda item: item.name)
    return found


class ServiceEndpoints:
    """The endpoints of one Service in one family, as one node sees them."""

    def __init__(self, slices: Sequence[EndpointSlice], family: IPFamily, node_name: str, zone: str | None) -> None:
        self._node_name = node_name
        self._zone = zone
        self._has_weights = False
        self._slices = [
            (item, self._candidates_in(item, family)) for item in slices if item.address_type == family.value
        ]

    def _candidates_in(self, item: EndpointSlice, family: IPFamily) -> list[Candidate]:
        weights = slice_weights(item.annotations)
        return [candidate for endpoint in item.endpoints if (candidate := self._candidate(endpoint, family, weights))]

    def _candidate(self, endpoint: Endpoint, family: IPFamily, weights: SliceWeights | None) -> Candidate | None:
        """Resolve the conditions of an endpoint; None when it has no address of the family (S11)."""
        if not endpoint.addresses:
            return None
        address = canonical_address(endpoint.addresses[0])
        if address is None or family_of(address) is not family:
            return None
        weight = endpoint.weight
        if weight is None:
            weight = 1 if weights is None else weights.weight(address)
        if weight != 1:
            self._has_weights = True
        return Candidate(
            address,
            endpoint.ready is not False,
            endpoint.serving is not False and endpoint.terminating is True,
            endpoint.node_name is not None and endpoint.node_name == self._node_name,
            endpoint,
            weight,
        )

    def select(self, port_name: str, protocol: str) -> Selection:
        """The endpoints of the service port with this name and protocol."""
        candidates = self._candidates(port_name, protocol)
        if not candidates:
            return NO_ENDPOINTS
        order = sorted(candidates, key=str)
        ready = [key for key in order if candidates[key].ready]
        if ready:
            cluster, topology = self._prefer_near(ready, candidates)
            local = [key for key in ready if candidates[key].is_local]
        else:
            cluster, topology, local = [], None, []
        fallback = [] if cluster and local else [key for key in order if candidates[key].terminating_but_serving]
        cluster = cluster or fallback
        local = local or [key for key in fallback if candidates[key].is_local]
        local_addresses = {candidates[key].address for key in (*cluster, *local) if candidates[key].is_local}
        weights = _ALL_ALIKE
        if self._has_weights:
            weights = {key: candidates[key].weight for key in (*cluster, *local) if candidates[key].weight != 1}
        return Selection(
            tuple(cluster),
            tuple(local),
            anywhere=bool(cluster),
            local_addresses=frozenset(local_addresses),
            topology=topology,
            candidates=candidates,
            weights=weights,
        )

    def _candidates(self, port_name: str, protocol: str) -> dict[EndpointAddress, Candidate]:
        """All endpoints of a service port; the first of duplicates stays, but a local copy replaces another (S15)."""
        found: dict[EndpointAddress, Candidate] = {}
        for endpoint_slice, candidates in self._slices:
            for port in endpoint_slice.ports:
                if port.name != port_name or port.protocol != protocol or not port.port:
                    continue
                for candidate in candidates:
                    key = EndpointAddress(candidate.address, port.port)
                    present = found.setdefault(key, candidate)
                    if candidate.is_local and not present.is_local:
                        found[key] = candidate
        return found

    def _prefer_near(
        self, ready: list[EndpointAddress], candidates: Mapping[EndpointAddress, Candidate]
    ) -> tuple[list[EndpointAddress], str | None]:
        """Narrow ready endpoints by hints: all of them need hints of a kind, and one must be for us (S20)."""
        endpoints = [candidates[key].endpoint for key in ready]
        if all(endpoint.node_hints for endpoint in endpoints):
            near = [key for key in ready if self._node_name in candidates[key].endpoint.node_hints]
            if near:
                return near, "node"
        if self._zone and all(endpoint.zone_hints for endpoint in endpoints):
            near = [key for key in ready if self._zone in candidates[key].endpoint.zone_hints]
            if near:
                return near, "zone"
        return ready, None
