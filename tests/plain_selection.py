"""Endpoint selection one service port at a time, in plain Python: what `svcc.select` must agree with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.model.balancing import SliceWeights, slice_weights
from svcc.model.cluster import Cluster
from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.select import Candidate, EndpointAddress, HintUse, Selection, ServicePortName, slices_by_service

NO_ENDPOINTS = Selection((), (), anywhere=False, local_addresses=frozenset())


def plain_select_endpoints(
    cluster: Cluster, node: str, service_proxy_name: str = ""
) -> dict[tuple[ServicePortName, IPFamily], Selection]:
    """What `svcc.select_endpoints` returns."""
    slices = slices_by_service(cluster.endpoint_slices, service_proxy_name)
    zones = [item.zone for item in cluster.nodes if item.name == node]
    found = {}
    for service in cluster.services:
        for family in service.ip_families or IPFamily:
            own = slices.get((service.namespace, service.name), ())
            endpoints = ServiceEndpoints(own, family, node, zones[0] if zones else None)
            for port in service.ports:
                name = ServicePortName(service.namespace, service.name, port.name, port.protocol)
                found[name, family] = endpoints.select(port.name, port.protocol)
    return found


class ServiceEndpoints:
    """The endpoints of one Service in one family, as one node sees them."""

    def __init__(self, slices: Sequence[EndpointSlice], family: IPFamily, node_name: str, zone: str | None) -> None:
        self._node_name = node_name
        self._zone = zone
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
        cluster, topology = self._prefer_near(ready, candidates)
        local = [key for key in ready if candidates[key].is_local]
        fallback = [] if cluster and local else [key for key in order if candidates[key].terminating_but_serving]
        cluster = cluster or fallback
        local = local or [key for key in fallback if candidates[key].is_local]
        local_addresses = {candidates[key].address for key in (*cluster, *local) if candidates[key].is_local}
        return Selection(
            tuple(cluster),
            tuple(local),
            anywhere=bool(cluster),
            local_addresses=frozenset(local_addresses),
            topology=topology,
            node_hints=self._node_hint_use([candidates[key].endpoint.node_hints for key in ready]),
            zone_hints=self._zone_hint_use([candidates[key].endpoint.zone_hints for key in ready], topology),
            candidates={key: candidates[key] for key in order},
            weights={key: candidates[key].weight for key in (*cluster, *local) if candidates[key].weight != 1},
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

    def _node_hint_use(self, hints: list[tuple[str, ...]]) -> HintUse:
        """What became of the ready endpoints' hints for nodes."""
        return _hint_use(hints, (self._node_name in names for names in hints))

    def _zone_hint_use(self, hints: list[tuple[str, ...]], topology: str | None) -> HintUse:
        """What became of the ready endpoints' hints for zones."""
        if topology == "node":
            return HintUse.UNNEEDED
        return _hint_use(hints, (bool(self._zone) and self._zone in names for names in hints))


def _hint_use(hints: list[tuple[str, ...]], here: Iterable[bool]) -> HintUse:
    if not any(hints):
        return HintUse.ABSENT
    if not all(hints):
        return HintUse.INCOMPLETE
    return HintUse.USED if any(here) else HintUse.ELSEWHERE
