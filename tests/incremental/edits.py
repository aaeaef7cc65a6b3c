"""Edits of a cluster that is there: small ones, as people and controllers make them, one or many at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TypeVar

from attrs import evolve, frozen
from hypothesis import strategies as st

from svcc.addresses import IPFamily
from svcc.fields import ObjectReference
from svcc.incremental.contract import Change
from svcc.model.cluster import Cluster, ClusterObject
from svcc.model.endpoints import Endpoint, EndpointPort, EndpointSlice
from svcc.model.node import ZONE_LABEL, Node, NodeAddress, ServiceCIDR
from svcc.model.service import Protocol, Service, ServicePort
from tests.incremental.histories import objects_of
from tests.strategies import CLUSTER_IPS, NODE, OTHER_NODES, OTHER_ZONE, UNALLOCATED_IPS, ZONE, clusters
from tests.strategies.objects import SERVICE_CIDRS
from tests.strategies.plan import one_of

Objects = Mapping[ObjectReference, ClusterObject]
Item = TypeVar("Item", Service, EndpointSlice)
Port = TypeVar("Port", ServicePort, EndpointPort)

_FIELDS: Sequence[Sequence[str]] = (
    ("ports",),
    ("session_affinity",),
    ("external_traffic_policy",),
    ("internal_traffic_policy",),
    ("annotations",),
    ("load_balancer_source_ranges",),
    ("external_ips",),
    ("load_balancer_ingress",),
    ("type", "load_balancer_ingress"),
    ("cluster_ips", "ip_families"),
    ("creation_timestamp",),
    ("labels",),
)
"""Fields of a Service that change together."""
_TIMEOUTS = (10_800, 3600)
_CONDITIONS = ((True, True, False), (False, False, False), (False, True, True), (False, False, True))
_BALANCING = "svcc.dev/load-balancing"
_LIGHT = {_BALANCING: "maglev", "svcc.dev/table-size": "251"}
_NOBODY = frozenset(address for family in IPFamily for address in (CLUSTER_IPS[family][0], UNALLOCATED_IPS[family]))
_ZONES: Sequence[Mapping[str, str]] = ({ZONE_LABEL: ZONE}, {ZONE_LABEL: OTHER_ZONE}, {})


@frozen
class Material:
    """Objects that edits are made of: Services and slices of several clusters, in which frontends are shared."""

    services: Sequence[Service]
    slices: Sequence[EndpointSlice]

    @property
    def endpoints(self) -> Mapping[str, Sequence[Endpoint]]:
        found: dict[str, list[Endpoint]] = {}
        for item in self.slices:
            found.setdefault(item.address_type, []).extend(item.endpoints)
        return found


@st.composite
def beginnings(draw: st.DrawFn) -> tuple[Cluster, Material]:
    """A cluster to begin with, and what it may become: with tables of few slots, and endpoints that may answer."""
    clusters_drawn = [_light(draw(clusters())) for _ in range(2)]
    services = [item for cluster in clusters_drawn for item in cluster.services]
    slices = [item for cluster in clusters_drawn for item in cluster.endpoint_slices]
    return clusters_drawn[0], Material(services, slices)


def _light(cluster: Cluster) -> Cluster:
    services = [
        evolve(
            item,
            annotations=(_LIGHT if item.name == "cache" else {}) if _is_hashed(item) else item.annotations,
            ports=[_spoken(item.name, port) for port in item.ports],
        )
        for item in cluster.services
    ]
    slices = [
        evolve(
            item,
            endpoints=[
                evolve(each, weight=min(each.weight, 7) if each.weight else each.weight)
                for each in item.endpoints
                if not _NOBODY & {*each.addresses}
            ],
            ports=[_spoken(item.service_name, port) for port in item.ports],
            annotations={name: text.replace("100", "") for name, text in item.annotations.items()},
        )
        for item in cluster.endpoint_slices
    ]
    return evolve(cluster, services=services, endpoint_slices=slices)


def _is_hashed(service: Service) -> bool:
    return service.annotations.get(_BALANCING) == "maglev"


def _spoken(service: str | None, port: Port) -> Port:
    """Databases speak UDP: otherwise there would be too little of it."""
    is_odd = service == "db" and port.protocol is Protocol.TCP and port.name in {"", "http"}
    return evolve(port, protocol=Protocol.UDP) if is_odd else port


def draw_batch(draw: st.DrawFn, objects: Objects, material: Material, counts: Sequence[int]) -> list[Change]:
    """One of `counts` edits that come at once; where several are of one object, they build on each other."""
    now = dict(objects)
    touched: dict[ObjectReference, None] = {}
    for _ in range(one_of(draw, counts)):
        edit = one_of(draw, _EDITS)
        changed = edit(draw, now, material)
        if isinstance(changed, ObjectReference):
            now.pop(changed)
            touched[changed] = None
        elif changed is not None:
            now[changed.reference] = changed
            touched[changed.reference] = None
    return [Change(reference, now.get(reference)) for reference in touched]


_Edit = Callable[[st.DrawFn, Objects, Material], ClusterObject | ObjectReference | None]
"""What an object is from now on, or which one is gone; None where there is nothing of the kind."""


def _all(objects: Objects, kind: type[Item]) -> list[Item]:
    return [item for item in objects.values() if isinstance(item, kind)]


def _pick(draw: st.DrawFn, items: Iterable[Item]) -> Item | None:
    pool = list(items)
    return one_of(draw, pool) if pool else None


def _put_service(draw: st.DrawFn, objects: Objects, material: Material) -> Service | None:
    return _pick(draw, (item for item in material.services if objects.get(item.reference) != item))


def _edit_service(draw: st.DrawFn, objects: Objects, material: Material) -> Service | None:
    """Some fields become those of another Service in which they differ."""
    service = _pick(draw, _all(objects, Service))
    if service is None:
        return None
    fields = one_of(draw, _FIELDS)
    if fields == ("session_affinity",):
        service = evolve(service, session_affinity_timeout_seconds=one_of(draw, _TIMEOUTS))
    edited = (evolve(service, **{name: getattr(item, name) for name in fields}) for item in material.services)
    return _pick(draw, (item for item in edited if item != service))


def _remove_service(draw: st.DrawFn, objects: Objects, _material: Material) -> ObjectReference | None:
    service = _pick(draw, _all(objects, Service))
    return service.reference if service is not None else None


def _put_slice(draw: st.DrawFn, objects: Objects, material: Material) -> EndpointSlice | None:
    return _pick(draw, (item for item in material.slices if objects.get(item.reference) != item))


def _serving_slice(draw: st.DrawFn, objects: Objects) -> EndpointSlice | None:
    """A slice that has endpoints for a port of a Service, or else any."""
    found = _all(objects, EndpointSlice)
    return _pick(draw, [item for item in found if _serves(item, objects)] or found)


def _serves(item: EndpointSlice, objects: Objects) -> bool:
    service = objects.get(ObjectReference("Service", item.service_name or "", item.namespace))
    return (
        isinstance(service, Service)
        and item.address_type in (service.ip_families or tuple(IPFamily))
        and item.labels == service.labels
        and bool(
            {(port.name, port.protocol) for port in service.ports} & {(port.name, port.protocol) for port in item.ports}
        )
    )


def _remove_slice(draw: st.DrawFn, objects: Objects, _material: Material) -> ObjectReference | None:
    found = _pick(draw, _all(objects, EndpointSlice))
    return found.reference if found is not None else None


def _edit_endpoints(draw: st.DrawFn, objects: Objects, material: Material) -> EndpointSlice | None:
    """One endpoint comes, goes, is replaced, is ready or not, or all are gone."""
    found = _serving_slice(draw, objects)
    if found is None:
        return None
    endpoints = list(found.endpoints)
    pool = [item for item in material.endpoints.get(found.address_type, ()) if item.addresses and item not in endpoints]
    what = one_of(draw, ("replace", "add", "remove", "condition", "add", "replace", "condition", "empty"))
    if what == "add" or not endpoints:
        endpoints += [one_of(draw, pool)] if pool else []
    elif what == "empty":
        endpoints = []
    else:
        index = one_of(draw, range(len(endpoints)))
        endpoint = endpoints[index]
        if what == "remove" or (what == "replace" and not pool):
            del endpoints[index]
        elif what == "replace":
            endpoints[index] = one_of(draw, pool)
        else:
            now = endpoint.ready, endpoint.serving, endpoint.terminating
            ready, serving, terminating = one_of(draw, [each for each in _CONDITIONS if each != now])
            endpoints[index] = evolve(endpoint, ready=ready, serving=serving, terminating=terminating)
    return evolve(found, endpoints=endpoints)


def _edit_slice(draw: st.DrawFn, objects: Objects, material: Material) -> EndpointSlice | None:
    """The endpoints of another slice, with their hints, other ports, or other weights."""
    found = _serving_slice(draw, objects)
    if found is None:
        return None
    name = one_of(draw, ("endpoints", "ports", "annotations"))
    others = (item for item in material.slices if item.address_type == found.address_type)
    return _pick(draw, (each for item in others if (each := evolve(found, **{name: getattr(item, name)})) != found))


def _edit_node(draw: st.DrawFn, objects: Objects, _material: Material) -> Node | None:
    node = objects.get(ObjectReference("Node", NODE))
    if not isinstance(node, Node):
        return Node(NODE, labels=one_of(draw, _ZONES))
    what = one_of(draw, ("heartbeat", "heartbeat", "zone", "address"))
    if what == "heartbeat":
        return evolve(node, annotations={"heartbeat": str(draw(st.integers(0, 9)))})
    if what == "zone":
        return evolve(node, labels=one_of(draw, _ZONES))
    more = NodeAddress("192.168.1.77", "ExternalIP")
    others = [item for item in node.addresses if item != more]
    return evolve(node, addresses=others if more in node.addresses else [*others, more])


def _edit_other_node(draw: st.DrawFn, _objects: Objects, _material: Material) -> Node:
    return Node(OTHER_NODES[0], addresses=[NodeAddress("192.168.0.11")], labels=one_of(draw, _ZONES))


def _remove_node(draw: st.DrawFn, objects: Objects, _material: Material) -> ObjectReference | None:
    reference = ObjectReference("Node", one_of(draw, (NODE, OTHER_NODES[0])))
    return reference if reference in objects else None


def _edit_service_cidr(draw: st.DrawFn, objects: Objects, _material: Material) -> ServiceCIDR | ObjectReference:
    cidrs = one_of(draw, SERVICE_CIDRS)
    reference = ObjectReference("ServiceCIDR", "kubernetes")
    return ServiceCIDR("kubernetes", cidrs=cidrs) if cidrs or reference not in objects else reference


_EDITS: Sequence[_Edit] = (
    _edit_endpoints,
    _edit_endpoints,
    _edit_endpoints,
    _edit_endpoints,
    _edit_service,
    _edit_service,
    _edit_service,
    _put_service,
    _put_service,
    _remove_service,
    _put_slice,
    _put_slice,
    _remove_slice,
    _edit_slice,
    _edit_node,
    _edit_other_node,
    _remove_node,
    _edit_service_cidr,
)


def held_by(cluster: Cluster) -> dict[ObjectReference, ClusterObject]:
    """The objects of a cluster by what refers to them."""
    return {item.reference: item for item in objects_of(cluster)}
