"""What people try and what does not answer, with the reason: half of all questions about Services."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from svcc.addresses import IPFamily, canonical_address, canonical_prefix, family_of
from svcc.dataplane.contract import Decision, FamilyDataplane, FrontendKind
from svcc.explanation.contract import Clients, Exposure, ServicePortExplanation, Silence
from svcc.fields import FieldPath, Problem, ProblemKind, Source
from svcc.model.cluster import ClusterSettings
from svcc.model.service import IPMode, Service, ServiceType

__all__ = ["silences_of_a_name", "silences_of_frontends"]

_LOOPBACKS = {IPFamily.IPV4: "127.0.0.1", IPFamily.IPV6: "::1"}
_SERVED = (Decision.CLUSTER, Decision.LOCAL)
_CLIENTS = {Clients.PODS: "pods", Clients.NODE: "this node", Clients.OTHERS: "others"}


def silences_of_a_name(service: Service) -> tuple[Silence, ...]:
    """What there is not to a Service that is a DNS name only (S1)."""
    if service.type is ServiceType.EXTERNAL_NAME:
        why = "ExternalName is a CNAME and nothing else: no ruleset, no ports"
        return (Silence("any address of this Service", "none", why, _at(service, "spec", "externalName")),)
    why = "headless: no ruleset; clients connect to endpoints themselves"
    found = [Silence("any address of this Service", "none", why, _at(service, "spec", "clusterIP"))]
    if any(port.node_port for port in service.ports) or service.external_ips or service.load_balancer_ingress:
        why = "headless Services are served by nobody, whatever else they declare"
        found.append(Silence("its node ports, external IPs and load balancer addresses", "none", why, service.source))
    for index, port in enumerate(service.ports):
        if port.target_port not in (None, 0, "", port.port):
            why = f"endpoints are reached at their own port, targetPort {port.target_port}"
            source = _at(service, "spec", "ports", index, "port")
            found.append(Silence(f"port {port.port} of an endpoint", "none", why, source))
    return tuple(found)


def silences_of_frontends(
    service: Service,
    ports: Sequence[ServicePortExplanation],
    families: Sequence[FamilyDataplane],
    settings: ClusterSettings,
    problems: Iterable[Problem],
) -> tuple[Silence, ...]:
    """What does not answer although the Service has frontends."""
    found: list[Silence] = []
    exact = {
        (plan.name.protocol, frontend.address, frontend.port)
        for family in families
        for plan in family.service_ports
        for frontend in plan.frontends
    }
    for port in ports:
        for exposure in port.exposures:
            # Where an address of the node is a frontend itself, that one answers, and not the node port (S24).
            taken = {address for address in exposure.addresses if (port.protocol, address, exposure.port) in exact}
            found += _refusals(port, exposure, taken if _is(exposure, FrontendKind.NODE_PORT) else set())
            found += _source_ranges(service, exposure)
    found += _taken(problems)
    for family in families:
        of_family = [port for port in ports if port.family is family.family]
        cluster_ip = next(
            (item.addresses[0] for port in of_family for item in port.exposures if _is(item, FrontendKind.CLUSTER_IP)),
            None,
        )
        if cluster_ip is not None:
            found += _around_the_cluster_ip(service, cluster_ip, family)
        found += _around_node_ports(of_family, family)
    found += _addresses_not_served(
        service, [family.family for family in families if _has_ports(ports, family)], settings
    )
    return tuple(dict.fromkeys(found))


def _has_ports(ports: Iterable[ServicePortExplanation], family: FamilyDataplane) -> bool:
    return any(port.family is family.family for port in ports)


def _is(exposure: Exposure, kind: FrontendKind) -> bool:
    return exposure.kind is kind


def _refusals(port: ServicePortExplanation, exposure: Exposure, taken: Collection[str]) -> Iterator[Silence]:
    for route in exposure.routes:
        if route.decision in _SERVED:
            continue
        where = [_place(address, exposure.port) for address in exposure.addresses if address not in taken]
        what = ", ".join(where) or f"node port {exposure.port}"
        if len(exposure.routes) > 1:
            what += f" from {', '.join(_CLIENTS[clients] for clients in route.clients)}"
        if exposure.allowed_sources is not None:
            what += ", source ranges permitting"
        if route.decision is Decision.REJECT:
            yield Silence(what, "rejected", "no endpoint anywhere could serve", exposure.source)
            continue
        policy = "internalTrafficPolicy" if exposure.kind is FrontendKind.CLUSTER_IP else "externalTrafficPolicy"
        count = sum(endpoint.in_cluster_set for endpoint in port.endpoints)
        elsewhere = f"; {count} elsewhere" if count else ""
        yield Silence(
            what, "dropped", f"{policy} is Local, and no endpoint is on this node{elsewhere}", exposure.source
        )


def _source_ranges(service: Service, exposure: Exposure) -> Iterator[Silence]:
    if exposure.allowed_sources is None:
        return
    place = _place(exposure.addresses[0], exposure.port)
    source = _at(service, "spec", "loadBalancerSourceRanges")
    if exposure.allowed_sources:
        why = "loadBalancerSourceRanges binds pods and nodes, too"
        yield Silence(f"{place} from outside {', '.join(exposure.allowed_sources)}", "dropped", why, source)
    else:
        why = "no loadBalancerSourceRanges of the family can be read, so nobody is admitted"
        yield Silence(place, "dropped", why, source)


def _taken(problems: Iterable[Problem]) -> Iterator[Silence]:
    for problem in problems:
        if problem.rule == "cluster/frontend-conflict" and problem.kind is ProblemKind.DUPLICATE:
            yield Silence(f"{problem.path} ({problem.value})", "none", problem.detail, problem.source)


def _around_the_cluster_ip(service: Service, cluster_ip: str, family: FamilyDataplane) -> Iterator[Silence]:
    # Of whichever Service: an address may be shared.
    declared = {
        (plan.name.protocol, frontend.port)
        for plan in family.service_ports
        for frontend in plan.frontends
        if frontend.address == cluster_ip
    }
    for index, port in enumerate(service.ports):
        if port.node_port and (port.protocol, port.node_port) not in declared:
            why = f"a node port is a port of nodes; the cluster IP has {port.port}"
            source = _at(service, "spec", "ports", index, "nodePort")
            yield Silence(_place(cluster_ip, port.node_port), "rejected", why, source)
        target = port.target_port
        if isinstance(target, int) and target and (port.protocol, target) not in declared:
            why = f"targetPort is a port of pods; the cluster IP has {port.port}"
            source = _at(service, "spec", "ports", index, "targetPort")
            yield Silence(_place(cluster_ip, target), "rejected", why, source)
    yield Silence(f"{cluster_ip}, anything else", "rejected", "ports that are not declared, other protocols, and ping")
    yield Silence(
        f"{cluster_ip} from outside the cluster",
        "not routed",
        "no router knows it; a node would serve whoever gets there",
    )


def _around_node_ports(ports: Iterable[ServicePortExplanation], family: FamilyDataplane) -> Iterator[Silence]:
    numbers = [(port, item) for port in ports for item in port.exposures if _is(item, FrontendKind.NODE_PORT)]
    for _port, exposure in numbers:
        place = _place(_LOOPBACKS[family.family], exposure.port)
        yield Silence(place, "not served", "node ports do not answer on loopback", exposure.source)
    if not numbers:
        return
    listed = ", ".join(str(exposure.port) for _port, exposure in numbers)
    what = f"node port {listed} on other addresses of the node"
    if family.node_ports.addresses is not None:
        others = [address for address in family.node_addresses if address not in family.node_ports.addresses]
        shown = f" ({', '.join(others)})" if others else ""
        served = ", ".join(family.node_ports.addresses) or "none at all"
        yield Silence(f"{what}{shown}", "not served", f"node ports answer on the node's primary address: {served}")
    elif family.node_ports.prefixes:
        yield Silence(what, "not served", f"node ports answer on addresses in {', '.join(family.node_ports.prefixes)}")


def _addresses_not_served(
    service: Service, families: Sequence[IPFamily], settings: ClusterSettings
) -> Iterator[Silence]:
    """Addresses that the Service seems to have (S2, S6, S7, S9)."""
    if service.type is ServiceType.LOAD_BALANCER and not service.load_balancer_ingress:
        why = "status.loadBalancer.ingress is empty: no load balancer has given it an address yet"
        yield Silence("a load balancer address", "none", why, _at(service, "spec", "type"))
    for index, ingress in enumerate(service.load_balancer_ingress):
        source = _at(service, "status", "loadBalancer", "ingress", index)
        if not ingress.ip:
            why = "a hostname: the balancer is elsewhere and comes in by a node port"
            yield Silence(ingress.hostname or "a load balancer entry", "not served", why, source)
        elif ingress.ip_mode is IPMode.PROXY:
            why = "ipMode Proxy: packets for it go to the balancer, nodes do not take them over"
            yield Silence(ingress.ip, "not served", why, source)
        else:
            yield from _foreign(ingress.ip, families, source)
    for index, text in enumerate(service.external_ips):
        source = _at(service, "spec", "externalIPs", index)
        if not settings.allow_service_external_ips:
            yield Silence(text, "not served", "external IPs are switched off (--no-allow-service-external-ips)", source)
        else:
            yield from _foreign(text, families, source)
    unreadable = [text for text in service.load_balancer_source_ranges if canonical_prefix(text) is None]
    for text in unreadable:
        source = _at(service, "spec", "loadBalancerSourceRanges")
        yield Silence(f"clients in {text}", "dropped", "that is no range that can be read", source)
    if service.health_check_node_port:
        port = service.health_check_node_port
        why = "svcc makes rules, it runs nothing that listens"
        yield Silence(f"health checks on port {port}", "not served", why, _at(service, "spec", "healthCheckNodePort"))


def _foreign(text: str, families: Sequence[IPFamily], source: Source | None) -> Iterator[Silence]:
    address = canonical_address(text)
    if address is None:
        yield Silence(text, "not served", "that is no IP address", source)
    elif family_of(address) not in families:
        family = family_of(address)
        yield Silence(address, "not served", f"the Service has no {family} cluster IP, so no {family} at all", source)


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _at(service: Service, *steps: str | int) -> Source | None:
    return service.source.at(FieldPath(steps)) if service.source else None
