"""Which endpoints serve a service port on this node, and why the others do not (S10 to S20)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.explanation.contract import EndpointExplanation, Reason, ReasonCode
from svcc.fields import Source
from svcc.model.endpoints import Endpoint, EndpointSlice
from svcc.model.node import ZONE_LABEL
from svcc.model.service import ServicePort
from svcc.select import EndpointAddress, Selection

__all__ = ["Seen", "endpoints_of_port", "hint_sentences"]


@frozen
class Seen:
    """What one node sees of a service port: the slices of its Service in a family, and what was selected of them.

    `uses_cluster_set` and `uses_local_set` say which sets anybody is sent to: only there an endpoint can be missing.
    `cluster_has_weight` and `local_has_weight` say whether some weight of the set is above 0: else all are alike.
    """

    slices: Sequence[EndpointSlice]
    family: IPFamily
    node: str
    zone: str | None
    port: ServicePort
    selection: Selection
    uses_cluster_set: bool
    uses_local_set: bool
    cluster: frozenset[EndpointAddress] = field(init=False)
    local: frozenset[EndpointAddress] = field(init=False)
    cluster_has_weight: bool = field(init=False)
    local_has_weight: bool = field(init=False)

    @cluster.default
    def _cluster(self) -> frozenset[EndpointAddress]:
        return frozenset(self.selection.cluster)

    @local.default
    def _local(self) -> frozenset[EndpointAddress]:
        return frozenset(self.selection.local)

    @cluster_has_weight.default
    def _cluster_has_weight(self) -> bool:
        return self._has_weight(self.selection.cluster)

    @local_has_weight.default
    def _local_has_weight(self) -> bool:
        return self._has_weight(self.selection.local)

    def _has_weight(self, places: Iterable[EndpointAddress]) -> bool:
        return any(self.selection.weights.get(place, 1) for place in places)


@frozen
class _Entry:
    """An endpoint and where it was written."""

    endpoint: Endpoint
    slice_source: Source | None
    index: int

    def explanation(
        self,
        address: str,
        port: int | None,
        *,
        in_cluster: bool = False,
        in_local: bool = False,
        reasons: tuple[Reason, ...] = (),
        note: str = "",
        weight: int = 1,
    ) -> EndpointExplanation:
        """What is said about it."""
        return EndpointExplanation(
            address,
            port,
            self.endpoint.node_name,
            self.endpoint.zone,
            self.endpoint.target,
            in_cluster_set=in_cluster,
            in_local_set=in_local,
            reasons=reasons,
            note=note,
            weight=weight,
            slice_source=self.slice_source,
            index=self.index,
        )


def endpoints_of_port(seen: Seen) -> tuple[EndpointExplanation, ...]:
    """Every endpoint in slices that have the port, used ones first, in the order of their declaration."""
    found = list(_explained(seen))
    used = [item for item in found if item.in_cluster_set or item.in_local_set]
    return (*used, *(item for item in found if not (item.in_cluster_set or item.in_local_set)))


def _entries(seen: Seen) -> Iterator[tuple[EndpointSlice, int, Endpoint, str | None, EndpointAddress | None]]:
    """Slice, index, endpoint, its address as far as it is usable, and where it would be sent to."""
    for item in seen.slices:
        if item.address_type != seen.family.value:
            continue
        for port in item.ports:
            if port.name != seen.port.name or port.protocol != seen.port.protocol or not port.port:
                continue
            for index, endpoint in enumerate(item.endpoints):
                address = canonical_address(endpoint.addresses[0]) if endpoint.addresses else None
                if address is None or family_of(address) is not seen.family:
                    yield item, index, endpoint, None, None
                else:
                    yield item, index, endpoint, address, EndpointAddress(address, port.port)


def _explained(seen: Seen) -> Iterator[EndpointExplanation]:
    chosen = _chosen(seen)
    for item, index, endpoint, _address, place in _entries(seen):
        entry = _Entry(endpoint, item.source, index)
        if place is None:
            written = endpoint.addresses[0] if endpoint.addresses else "<none>"
            reason = Reason(ReasonCode.NO_USABLE_ADDRESS, f"{written} is no {seen.family.value} address")
            if not endpoint.addresses:
                reason = Reason(ReasonCode.NO_USABLE_ADDRESS, "it has no address")
            yield entry.explanation(written, None, reasons=(reason,))
            continue
        winner = chosen[place]
        if winner != (id(item), index):
            first = next(other for other in seen.slices if id(other) == winner[0])
            where = "twice in this slice" if first is item else f"in {first.reference} as well"
            reason = Reason(ReasonCode.DUPLICATE, f"listed {where}, and that one counts")
            yield entry.explanation(*place, reasons=(reason,))
            continue
        in_cluster = seen.uses_cluster_set and place in seen.cluster
        in_local = seen.uses_local_set and place in seen.local
        yield entry.explanation(
            *place,
            in_cluster=in_cluster,
            in_local=in_local,
            reasons=tuple(_reasons(seen, endpoint, place)),
            note=_note(seen, place, endpoint, in_cluster=in_cluster, in_local=in_local),
            weight=seen.selection.candidates[place].weight,
        )


def _chosen(seen: Seen) -> dict[EndpointAddress, tuple[int, int]]:
    """Which of several entries for one place counts: the first, unless a later one is local and it is not (S15)."""
    found: dict[EndpointAddress, tuple[int, int]] = {}
    local: set[EndpointAddress] = set()
    for item, index, endpoint, _address, place in _entries(seen):
        if place is None:
            continue
        is_local = endpoint.node_name is not None and endpoint.node_name == seen.node
        if place not in found or (is_local and place not in local):
            found[place] = (id(item), index)
        if is_local:
            local.add(place)
    return found


def _note(seen: Seen, place: EndpointAddress, endpoint: Endpoint, *, in_cluster: bool, in_local: bool) -> str:
    if not (in_cluster or in_local):
        return ""
    notes = []
    if endpoint.ready is False:
        where = "" if in_cluster else " on this node"
        notes.append(f"terminating, serves because no other{where} is ready")
    elif endpoint.terminating is True:
        notes.append("terminating, but ready")
    if seen.selection.weights.get(place) == 0:
        serves = (in_cluster and not seen.cluster_has_weight) or (in_local and not seen.local_has_weight)
        notes.append(
            "weight 0, serves because no other has more" if serves else "drained: weight 0, gets no new clients"
        )
    return "; ".join(notes)


def _reasons(seen: Seen, endpoint: Endpoint, place: EndpointAddress) -> Iterator[Reason]:
    in_cluster, in_local = place in seen.cluster, place in seen.local
    missing_from_cluster = seen.uses_cluster_set and not in_cluster
    missing_from_local = seen.uses_local_set and not in_local
    if endpoint.ready is False and not in_cluster:
        if not (seen.uses_local_set and in_local):
            yield _condition(endpoint)
        return
    if missing_from_cluster:
        yield _hinted_elsewhere(seen, endpoint)
    if missing_from_local:
        # Whatever else serves and is on this node is in the Local set, too.
        where = f"on {endpoint.node_name}" if endpoint.node_name else "it names no node"
        yield Reason(ReasonCode.OTHER_NODE, f"not local: {where}")


def _condition(endpoint: Endpoint) -> Reason:
    if endpoint.terminating is not True:
        return Reason(ReasonCode.NOT_READY, "not ready")
    if endpoint.serving is False:
        return Reason(ReasonCode.TERMINATING, "terminating, serves no more")
    return Reason(ReasonCode.FALLBACK_ONLY, "terminating, would serve only if no other were ready")


def _hinted_elsewhere(seen: Seen, endpoint: Endpoint) -> Reason:
    if seen.selection.topology == "node":
        return Reason(ReasonCode.HINTED_ELSEWHERE, f"hints are for node {_listed(endpoint.node_hints)}")
    return Reason(
        ReasonCode.HINTED_ELSEWHERE, f"hints are for {_listed(endpoint.zone_hints)}, this node is in {seen.zone}"
    )


def hint_sentences(seen: Seen, traffic_distribution: str | None) -> tuple[str, ...]:
    """What became of topology hints (S20); empty where there are none and nobody asked for any."""
    chosen = _chosen(seen)
    ready = [
        endpoint
        for item, index, endpoint, _address, place in _entries(seen)
        if place is not None and endpoint.ready is not False and chosen[place] == (id(item), index)
    ]
    if not any(endpoint.node_hints or endpoint.zone_hints for endpoint in ready):
        if traffic_distribution and ready:
            return (f"trafficDistribution {traffic_distribution} has no effect: no endpoint carries hints",)
        return ()
    if not seen.uses_cluster_set:
        return ("hints are ignored: connections go to endpoints on this node only",)
    topology = seen.selection.topology
    if topology == "node":
        return (f"hints for nodes: only endpoints hinted for {seen.node} are used",)
    sentences = _ignored("node", [endpoint.node_hints for endpoint in ready], seen.node)
    if topology == "zone":
        return (*sentences, f"hints for zones: only endpoints hinted for {seen.zone} are used")
    return (*sentences, *_ignored("zone", [endpoint.zone_hints for endpoint in ready], seen.zone))


def _ignored(what: str, hints: list[tuple[str, ...]], here: str | None) -> Iterator[str]:
    without = sum(not item for item in hints)
    if without == len(hints):
        return
    if not here:
        reason = "this node has no name" if what == "node" else f"this node has no label {ZONE_LABEL}"
    elif without:
        reason = f"{without} of {len(hints)} ready endpoints {'has' if without == 1 else 'have'} none"
    else:
        reason = f"no ready endpoint is hinted for {here}"
    yield f"hints for {what}s are ignored: {reason}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(names)
