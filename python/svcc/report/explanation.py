"""An explanation as text for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction

from svcc.dataplane.contract import Decision, FrontendKind, NodePortAddresses
from svcc.explanation.contract import (
    Clients,
    EndpointExplanation,
    Explanation,
    Exposure,
    Route,
    ServicePortExplanation,
)
from svcc.fields import Severity, Source, printable
from svcc.model.balancing import Balancing, HashKey, LoadBalancing
from svcc.model.service import ServiceType
from svcc.report.tables import table

__all__ = ["explanation_lines"]

_KINDS = {
    FrontendKind.LOAD_BALANCER: "LoadBalancer",
    FrontendKind.NODE_PORT: "NodePort",
    FrontendKind.CLUSTER_IP: "ClusterIP",
    FrontendKind.EXTERNAL_IP: "ExternalIP",
}
_CLIENTS = {Clients.PODS: "pods", Clients.NODE: "this node", Clients.OTHERS: "others"}
_FEW = 10


def explanation_lines(explanation: Explanation, *, everything: bool = False) -> Iterator[str]:
    """The report, line by line, each with its end; long lists are cut short unless `everything` is wanted."""
    sections = (
        _heading(explanation),
        _problems(explanation),
        _names(explanation, everything=everything),
        *(_port(explanation, port, everything=everything) for port in explanation.ports),
        _no_endpoints(explanation),
        _slices(explanation),
        _silences(explanation),
    )
    first = True
    for section in sections:
        for number, line in enumerate(section):
            if number == 0 and not first:
                yield "\n"
            yield f"{printable(line)}\n"
            first = False


def _heading(explanation: Explanation) -> Iterator[str]:
    service = explanation.declared
    where = f"  ({explanation.source})" if explanation.source else ""
    if service is None:
        yield f"{explanation.service}: left out of the ruleset, for it has errors{where}"
        return
    yield f"{explanation.service}: {'headless' if service.is_headless else service.type.value}{where}"
    if service.is_headless or service.type is ServiceType.EXTERNAL_NAME:
        return
    node = explanation.node or "a nameless node"
    zone = f" in {explanation.zone}" if explanation.zone else ""
    yield f"Seen from {node}{zone}; {_pods(explanation)}"
    policies = [
        *([f"externalTrafficPolicy {service.external_traffic_policy}"] if _has_external(explanation) else []),
        f"internalTrafficPolicy {service.internal_traffic_policy}",
    ]
    yield ", ".join(policies)


def _has_external(explanation: Explanation) -> bool:
    exposures = (exposure for port in explanation.ports for exposure in port.exposures)
    return any(exposure.kind is not FrontendKind.CLUSTER_IP for exposure in exposures)


def _pods(explanation: Explanation) -> str:
    families = {port.family for port in explanation.ports}
    prefixes: list[str] = []
    unknown: list[str] = []
    for family, detector in explanation.pods:
        if family not in families:
            continue
        if detector.interface or detector.interface_prefix:
            star = "*" if detector.interface_prefix else ""
            return f"pods are what comes in by interface {detector.interface or detector.interface_prefix}{star}"
        prefixes += detector.source_prefixes
        unknown += [] if detector else [family.value]
    if not prefixes:
        return "pods are not told from other clients (see --cluster-cidr)"
    rest = f"; {', '.join(unknown)} pods are not told from other clients" if unknown else ""
    return f"pods are {', '.join(prefixes)}{rest}"


def _problems(explanation: Explanation) -> Iterator[str]:
    # Notices say what the rest of the report says anyway.
    found = [problem for problem in explanation.problems if problem.severity is not Severity.INFO]
    if found:
        yield "PROBLEMS"
    for problem in found:
        yield str(problem)


def _names(explanation: Explanation, *, everything: bool) -> Iterator[str]:
    records = explanation.names if everything else explanation.names[:_FEW]
    rows = [(record.name, record.type, _cut(record.values, everything=everything), record.note) for record in records]
    yield from table(["DNS NAME", "TYPE", "ANSWER", "NOTE"], rows)
    if len(records) < len(explanation.names):
        yield f"... and {len(explanation.names) - len(records)} names more (-v)"
    if explanation.names and explanation.short_names:
        grouped: dict[str, list[str]] = {}
        for name, where in explanation.short_names:
            grouped.setdefault(where, []).append(name)
        yield "from pods also " + ", ".join(f"{' and '.join(names)} {where}" for where, names in grouped.items())


def _port(explanation: Explanation, port: ServicePortExplanation, *, everything: bool) -> Iterator[str]:
    yield _port_heading(explanation, port)
    yield from table(
        ["KIND", "ADDRESS", "FROM", "GOES TO", "CLIENT ADDRESS", "VIA"],
        (row for exposure in port.exposures for row in _exposure(port, exposure)),
        indent="  ",
    )
    for exposure in port.exposures:
        if exposure.other_nodes:
            found = [f"{_place(item.address, exposure.port)} ({item.node})" for item in exposure.other_nodes]
            yield f"  node port on other nodes: {_cut(found, everything=everything)}"
    if port.balancing.algorithm is not LoadBalancing.RANDOM:
        new = "" if port.affinity_timeout_seconds is None else "new "
        yield f"  load balancing: {_balancing(port.balancing, new)}"
    if port.affinity_timeout_seconds is not None:
        seconds = port.affinity_timeout_seconds
        yield f"  session affinity: a client stays with its endpoint until {seconds} s without a new connection"
    used = [endpoint for endpoint in port.endpoints if endpoint.in_cluster_set or endpoint.in_local_set]
    if port.exposures and any((endpoint.node or "") == explanation.node for endpoint in used):
        yield "  an endpoint that is sent to itself is masqueraded in any case"
    for sentence in port.hints:
        yield f"  {sentence}"
    yield from _endpoints(port, is_headless=not port.exposures, everything=everything)


def _balancing(balancing: Balancing, new: str) -> str:
    match balancing.hash_key:
        case None:
            return f"round-robin, endpoints take turns for {new}connections"
        case HashKey.SOURCE_ADDRESS:
            return f"maglev by source-address, a {new}client's address decides about its endpoint"
        case HashKey.FLOW:
            return f"maglev by flow, a {new}client's address and port decide about the endpoint"


def _port_heading(explanation: Explanation, port: ServicePortExplanation) -> str:
    if not port.port:
        return f"ENDPOINTS, {port.family}"
    name = f"{port.name} " if port.name else ""
    target = f", targetPort {port.target_port}" if port.target_port not in (None, 0, "", port.port) else ""
    family = f", {port.family}" if len({item.family for item in explanation.ports}) > 1 else ""
    return f"PORT {name}{port.port}/{port.protocol}{target}{family}" + (f"  ({port.source})" if port.source else "")


def _exposure(port: ServicePortExplanation, exposure: Exposure) -> Iterator[tuple[str, ...]]:
    places = [_place(address, exposure.port) for address in exposure.addresses]
    if exposure.every_address is not None:
        places.append(_every(exposure.every_address, exposure.port))
    places = places or [f"no address:{exposure.port}"]
    if exposure.allowed_sources is not None:
        places.append(f"only for {', '.join(exposure.allowed_sources) or 'nobody'}")
    kinds = [_KINDS[exposure.kind]]
    for number in range(max(len(places), len(exposure.routes))):
        route = exposure.routes[number] if number < len(exposure.routes) else None
        yield (
            kinds[number] if number < len(kinds) else "",
            places[number] if number < len(places) else "",
            *(_route(port, route, alone=len(exposure.routes) == 1) if route else ("", "", "", "")),
        )


def _every(addresses: NodePortAddresses, port: int) -> str:
    if addresses.prefixes:
        return f"local addresses in {', '.join(addresses.prefixes)}, port {port}"
    return f"every local address but loopback, port {port}"


def _route(port: ServicePortExplanation, route: Route, *, alone: bool) -> tuple[str, str, str, str]:
    clients = "anyone" if alone else ", ".join(_CLIENTS[item] for item in route.clients)
    via = f"{route.map_name} > {route.chain}" if route.chain else route.map_name
    match route.decision:
        case Decision.CLUSTER:
            target = _counted(sum(endpoint.in_cluster_set for endpoint in port.endpoints), "endpoint")
        case Decision.LOCAL:
            count = _counted(sum(endpoint.in_local_set for endpoint in port.endpoints), "endpoint")
            target = f"{count} on this node"
        case Decision.REJECT:
            return clients, "nobody: rejected", "", via
        case Decision.DROP:
            return clients, "nobody: dropped", "", via
    return clients, target, "masqueraded" if route.masqueraded else "kept", via


def _endpoints(port: ServicePortExplanation, *, is_headless: bool, everything: bool) -> Iterator[str]:
    used = [item for item in port.endpoints if item.in_cluster_set or item.in_local_set]
    unused = [item for item in port.endpoints if not (item.in_cluster_set or item.in_local_set)]
    shown = port.endpoints if everything else (*used[:_FEW], *unused[:_FEW])
    clusters = _weights([item for item in used if item.in_cluster_set])
    locals_ = _weights([item for item in used if item.in_local_set])
    has_weights = any(item.weight != 1 for item in used)
    both = port.cluster_set_used and port.local_set_used
    chance = "CHANCE" if not both else "OF ALL"
    rows = []
    for item in shown:
        in_cluster = _chance(item, clusters) if item.in_cluster_set else "-"
        in_local = _chance(item, locals_) if item.in_local_set else "-"
        if is_headless:
            chances = ("yes" if item.in_cluster_set else "no", "")
        else:
            chances = (in_cluster if port.cluster_set_used else "", in_local if port.local_set_used else "")
        rows.append(
            (
                _endpoint_place(item),
                str(item.weight) if has_weights else "",
                *chances,
                item.node or "<none>",
                *_who(item),
                _why(item),
                _where(item.source),
            )
        )
    header = ["ENDPOINT", "WEIGHT", "IN DNS" if is_headless else chance, "OF LOCAL" if both else "CHANCE"]
    yield from table([*header, "NODE", "ZONE", "POD", "NOTE", "DECLARED"], rows, indent="  ")
    if len(shown) < len(port.endpoints):
        missing_used, missing = max(len(used) - _FEW, 0), max(len(unused) - _FEW, 0)
        yield f"  ... and {missing_used} used and {missing} unused endpoints more (-v)"


def _weights(items: Sequence[EndpointExplanation]) -> tuple[int, int]:
    """How many endpoints a set has, and the sum of their weights."""
    return len(items), sum(item.weight for item in items)


def _chance(item: EndpointExplanation, weights: tuple[int, int]) -> str:
    """Its share of a set; where all weights are 0, all are alike."""
    count, total = weights
    share = Fraction(item.weight, total) if total else Fraction(1, count)
    return f"{share.numerator}/{share.denominator}" if share else "0"


def _endpoint_place(item: EndpointExplanation) -> str:
    return _place(item.address, item.port) if item.port else item.address


def _who(item: EndpointExplanation) -> tuple[str, str]:
    return item.zone or "", item.target.name if item.target else ""


def _why(item: EndpointExplanation) -> str:
    return "; ".join(filter(None, [item.note, *(reason.text for reason in item.reasons)]))


def _no_endpoints(explanation: Explanation) -> Iterator[str]:
    if explanation.no_endpoints:
        yield f"NO ENDPOINTS: {explanation.no_endpoints}"


def _slices(explanation: Explanation) -> Iterator[str]:
    rows = [
        (item.slice.name, str(item.endpoints), "; ".join(reason.text for reason in item.reasons), _where(item.source))
        for item in explanation.slices
    ]
    yield from table(["SLICE NOT USED", "ENDPOINTS", "WHY", "DECLARED"], rows)


def _silences(explanation: Explanation) -> Iterator[str]:
    rows = [(item.what, item.outcome, item.why, _where(item.source)) for item in explanation.silences]
    yield from table(["DOES NOT ANSWER", "OUTCOME", "WHY", "DECLARED"], rows)


def _where(source: Source | None) -> str:
    return str(source) if source else ""


def _place(address: str, port: int) -> str:
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _cut(items: Sequence[str] | Iterable[str], *, everything: bool) -> str:
    listed = list(items)
    if everything or len(listed) <= _FEW:
        return ", ".join(listed)
    return ", ".join([*listed[:_FEW], f"and {len(listed) - _FEW} more"])
