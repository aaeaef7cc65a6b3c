"""Which addresses and ports a node answers on, and for which service port: S1 to S9, S41 and S45."""

from __future__ import annotations

import enum
from datetime import UTC, datetime

from attrs import frozen

from svcc.addresses import IPFamily, canonical_address, canonical_prefix, family_of
from svcc.model.cluster import Cluster, ClusterSettings
from svcc.model.service import HEADLESS, IPMode, Protocol, Service, ServicePort, ServiceType, TrafficPolicy
from tests.oracle.endpoints import PROXY_NAME_LABEL


class Kind(enum.Enum):
    """The kinds of frontend, the strongest claim within one Service first."""

    CLUSTER_IP = "ClusterIP"
    VIP = "load balancer VIP"
    EXTERNAL_IP = "externalIP"
    NODE_PORT = "NodePort"


@frozen
class Frontend:
    """A service port as reached in one way."""

    kind: Kind
    service: Service
    port: ServicePort


def handled_services(cluster: Cluster, settings: ClusterSettings, family: IPFamily) -> list[Service]:
    """The Services handled in a family, oldest first: S1, S2 and S5, in the order in which claims win (S45)."""
    handled = [
        service
        for service in cluster.services
        if is_ours(service, settings) and is_routed(service) and cluster_ip(service, family) is not None
    ]
    return sorted(handled, key=age)


def is_ours(service: Service, settings: ClusterSettings) -> bool:
    """S5: Services with the proxy-name label belong to another proxy, unless it is the name we were given."""
    if settings.service_proxy_name:
        return service.labels.get(PROXY_NAME_LABEL) == settings.service_proxy_name
    return PROXY_NAME_LABEL not in service.labels


def is_routed(service: Service) -> bool:
    """S1: skipped whole when `clusterIP` is empty or None, or when the type is ExternalName."""
    if service.type is ServiceType.EXTERNAL_NAME:
        return False
    return bool(service.cluster_ips) and service.cluster_ips[0] not in {"", HEADLESS}


def cluster_ip(service: Service, family: IPFamily) -> str | None:
    """S2: `clusterIPs[i]` where `ipFamilies[i]` is the family; without ipFamilies, the one whose family fits.

    Decided: an address that does not parse, or is not of the family that ipFamilies gives it, is none. A server always
    stores ipFamilies, derived from the addresses; where they are missing nobody has done so yet, and so do we.
    """
    if service.ip_families:
        candidates = [
            text
            for text, its_family in zip(service.cluster_ips, service.ip_families, strict=False)
            if its_family is family
        ]
    else:
        candidates = list(service.cluster_ips)
    addresses = of_family(candidates, family)
    return addresses[0] if addresses else None


def of_family(texts: list[str] | tuple[str, ...], family: IPFamily) -> list[str]:
    """S6: the canonical addresses among `texts` that are of the family; what does not parse is skipped."""
    addresses = [canonical_address(text) for text in texts]
    return [address for address in addresses if address is not None and family_of(address) is family]


def vips(service: Service, family: IPFamily) -> list[str]:
    """S7: ingress entries with an `ip` and the mode VIP, whatever the type of the Service."""
    return of_family(
        [entry.ip for entry in service.load_balancer_ingress if entry.ip and entry.ip_mode is IPMode.VIP], family
    )


def external_ips(service: Service, settings: ClusterSettings, family: IPFamily) -> list[str]:
    """S6 and S9: the externalIPs of the family, if they are served at all."""
    return of_family(service.external_ips, family) if settings.allow_service_external_ips else []


def source_ranges(service: Service, family: IPFamily) -> list[str]:
    """S6: the source ranges of the family, canonical; those that do not parse are skipped.

    S4: the annotation of the same meaning is not read.
    """
    ranges = [canonical_prefix(text) for text in service.load_balancer_source_ranges]
    return [each for each in ranges if each is not None and family_of(each) is family]


def has_unreadable_source_range(service: Service) -> bool:
    """S6: whether a source range was skipped because it does not parse."""
    return any(canonical_prefix(text) is None for text in service.load_balancer_source_ranges)


def is_external_policy_local(service: Service) -> bool:
    """S8: eTP Local takes effect only with type NodePort or LoadBalancer, or with externalIPs.

    Decided: externalIPs count as written, also those of the other family and those the switch of S9 turns off.
    """
    has_external_frontends = service.type in {ServiceType.NODE_PORT, ServiceType.LOAD_BALANCER} or bool(
        service.external_ips
    )
    return service.external_traffic_policy is TrafficPolicy.LOCAL and has_external_frontends


def is_internal_policy_local(service: Service) -> bool:
    """S8: iTP Local takes effect whenever set."""
    return service.internal_traffic_policy is TrafficPolicy.LOCAL


def ip_frontends(
    cluster: Cluster, settings: ClusterSettings, family: IPFamily
) -> dict[tuple[str, Protocol, int], Frontend]:
    """S24 (2): the frontends with an address, by (address, protocol, port).

    S45, one frontend at a time: of two Services the older has it, and the loser keeps its others. Decided: that holds
    whatever kinds of claim they make; within one Service ClusterIP wins over VIP, and VIP over externalIP (so that
    source ranges still apply, S40).
    """
    frontends: dict[tuple[str, Protocol, int], Frontend] = {}
    for service in handled_services(cluster, settings, family):
        its_cluster_ip = cluster_ip(service, family)
        claims = [
            (Kind.CLUSTER_IP, [its_cluster_ip] if its_cluster_ip is not None else []),
            (Kind.VIP, vips(service, family)),
            (Kind.EXTERNAL_IP, external_ips(service, settings, family)),
        ]
        for kind, addresses in claims:
            for address in addresses:
                for port in service.ports:
                    frontends.setdefault((address, port.protocol, port.port), Frontend(kind, service, port))
    return frontends


def node_ports(cluster: Cluster, settings: ClusterSettings, family: IPFamily) -> dict[tuple[Protocol, int], Frontend]:
    """S24 (3): the node ports, by (protocol, port); whatever the type (S7). Of two Services the older has it (S45).

    Decided: of two ports of one Service with the same node port and protocol the first has it.
    """
    frontends: dict[tuple[Protocol, int], Frontend] = {}
    for service in handled_services(cluster, settings, family):
        for port in service.ports:
            if port.node_port != 0:
                frontends.setdefault((port.protocol, port.node_port), Frontend(Kind.NODE_PORT, service, port))
    return frontends


def active_cluster_ips(cluster: Cluster, settings: ClusterSettings, family: IPFamily) -> set[str]:
    """S38: the ClusterIPs of all Services handled in this family, those without endpoints too."""
    addresses = {cluster_ip(service, family) for service in handled_services(cluster, settings, family)}
    return {address for address in addresses if address is not None}


def service_prefixes(cluster: Cluster, settings: ClusterSettings, family: IPFamily) -> list[str]:
    """S39: the ranges of the family from all ServiceCIDR objects and from the settings."""
    texts = [*settings.service_cidrs, *(text for each in cluster.service_cidrs for text in each.cidrs)]
    prefixes = [canonical_prefix(text) for text in texts]
    return [each for each in prefixes if each is not None and family_of(each) is family]


def age(service: Service) -> tuple[bool, datetime, str, str]:
    """S45: a sort key that puts the oldest Service first.

    Decided: Services without a creation timestamp (or with one that does not parse) are younger than all with one;
    ties go by namespace, then name.
    """
    created = created_at(service)
    youngest = datetime.max.replace(tzinfo=UTC)
    return (created is None, created or youngest, service.namespace, service.name)


def created_at(service: Service) -> datetime | None:
    """The instant of RFC 3339 text, or None; text without an offset is read as UTC."""
    try:
        created = datetime.fromisoformat(service.creation_timestamp or "")
    except ValueError:
        return None
    return created if created.tzinfo is not None else created.replace(tzinfo=UTC)
