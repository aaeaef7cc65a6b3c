"""EndpointSlices that give a Service nothing although somebody might think so, each with the reason (S5, S10, S12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from svcc.addresses import IPFamily
from svcc.explanation.contract import Reason, ReasonCode, SliceExplanation
from svcc.model.cluster import Cluster
from svcc.model.endpoints import SERVICE_NAME_LABEL, EndpointPort, EndpointSlice
from svcc.model.service import Service, ServicePort
from svcc.select import PROXY_NAME_LABEL

__all__ = ["labelled_slices", "no_endpoints_sentence", "unused_slices"]

_HEADLESS_LABEL = "service.kubernetes.io/headless"


def labelled_slices(cluster: Cluster, service: Service) -> list[EndpointSlice]:
    """The slices whose label names the Service, by name."""
    found = [
        item
        for item in cluster.endpoint_slices
        if (item.namespace, item.service_name) == (service.namespace, service.name)
    ]
    return sorted(found, key=lambda item: item.name)


def unused_slices(
    cluster: Cluster, service: Service, families: Sequence[IPFamily], service_proxy_name: str
) -> tuple[SliceExplanation, ...]:
    """Slices of the Service that serve none of its ports, and slices that only look like its own."""
    found = []
    for item in labelled_slices(cluster, service):
        reasons = tuple(_reasons(item, service, families, service_proxy_name))
        if reasons:
            found.append(SliceExplanation(item.reference, len(item.endpoints), reasons, item.source))
    names = {(other.namespace, other.name) for other in cluster.services}
    for item in cluster.endpoint_slices:
        reason = _resemblance(item, service, names)
        if reason:
            found.append(SliceExplanation(item.reference, len(item.endpoints), (reason,), item.source))
    return tuple(found)


def no_endpoints_sentence(cluster: Cluster, service: Service) -> str:
    """Why there is no endpoint at all, usable or not; empty where there is one."""
    own = labelled_slices(cluster, service)
    if any(item.endpoints for item in own):
        return ""
    if own:
        detail = "its EndpointSlices are empty"
    else:
        detail = f"no EndpointSlice in namespace {service.namespace} has the label {SERVICE_NAME_LABEL}={service.name}"
    if service.selector:
        selector = ",".join(f"{key}={value}" for key, value in sorted(service.selector.items()))
        missing = "" if own else ", or the slices are not among the manifests"
        return f"{detail}: no pod has the labels {selector}{missing}"
    return f"{detail}: the Service has no selector, so its slices are to be written by hand"


def _reasons(
    item: EndpointSlice, service: Service, families: Sequence[IPFamily], service_proxy_name: str
) -> Iterator[Reason]:
    proxy = item.labels.get(PROXY_NAME_LABEL)
    if _HEADLESS_LABEL in item.labels and not service.is_headless:
        yield Reason(ReasonCode.HEADLESS_LABEL, f"it has the label {_HEADLESS_LABEL}, such slices are not read")
    elif proxy is not None and (not service_proxy_name or proxy != service_proxy_name):
        yield Reason(
            ReasonCode.OTHER_PROXY, f'it belongs to the service proxy "{proxy}" by its label {PROXY_NAME_LABEL}'
        )
    elif item.address_type not in (IPFamily.IPV4, IPFamily.IPV6):
        yield Reason(ReasonCode.ADDRESS_TYPE, f"addressType {item.address_type}: only IPv4 and IPv6 are read")
    elif not service.is_headless and IPFamily(item.address_type) not in families:
        yield Reason(
            ReasonCode.ADDRESS_TYPE,
            f"addressType {item.address_type}, but the Service has no {item.address_type} cluster IP",
        )
    elif not service.is_headless:
        for port in service.ports:
            if not any(_serves(candidate, port) for candidate in item.ports):
                yield Reason(ReasonCode.PORT_MISMATCH, _mismatch(item.ports, port))


def _serves(candidate: EndpointPort, port: ServicePort) -> bool:
    return candidate.name == port.name and candidate.protocol == port.protocol and bool(candidate.port)


def _mismatch(ports: Iterable[EndpointPort], wanted: ServicePort) -> str:
    name = f'"{wanted.name}"' if wanted.name else "without a name"
    sentence = f"it has no port {name} for {wanted.protocol}"
    has = [f"{_named(port.name)} {port.protocol} {port.port or '<none>'}" for port in ports]
    return f"{sentence}, only {', '.join(has)}" if has else f"{sentence}, and no ports at all"


def _named(name: str | None) -> str:
    return f'"{name}"' if name else "(unnamed)"


def _resemblance(item: EndpointSlice, service: Service, names: set[tuple[str, str]]) -> Reason | None:
    """Why a slice that looks like one of the Service's is none; None where it does not even look like one."""
    if item.service_name == service.name:
        if item.namespace == service.namespace or (item.namespace, service.name) in names:
            return None
        return Reason(
            ReasonCode.OTHER_NAMESPACE, f"it is in namespace {item.namespace}, where there is no such Service"
        )
    if item.namespace != service.namespace or not (
        item.name == service.name or item.name.startswith(f"{service.name}-")
    ):
        return None
    if not item.service_name:
        return Reason(ReasonCode.LABEL_MISSING, f"it has no label {SERVICE_NAME_LABEL}, so it belongs to no Service")
    if (item.namespace, item.service_name) in names:
        return None
    return Reason(
        ReasonCode.LABEL_OF_ANOTHER,
        f'its label {SERVICE_NAME_LABEL} says "{item.service_name}", and there is no such Service',
    )
