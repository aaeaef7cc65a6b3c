"""The obvious layout, to compare with: a chain for every Service and every endpoint (kube-proxy up to 1.35)."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import Factory, define

from svcc.dataplane.contract import Dataplane, Decision, Frontend, FrontendKind, Masquerade, ServicePortPlan

__all__ = ["chain_per_endpoint"]

_MARK = "jump mark-for-masquerade"
_PODS = "10.128.0.0/9"


@define
class _Layout:
    """What the chains and maps of the table hold."""

    chains: list[str] = Factory(list)
    service_ips: list[str] = Factory(list)
    service_nodeports: list[str] = Factory(list)
    firewall_ips: list[str] = Factory(list)
    cluster_ips: list[str] = Factory(list)


def chain_per_endpoint(dataplane: Dataplane) -> Iterator[str]:
    """An nft script that serves the frontends of the first family, without refusals and affinity."""
    layout = _Layout()
    for number, plan in enumerate(dataplane.families[0].service_ports):
        _add(layout, plan, number)
    yield "table ip chain-per-endpoint {\n"
    yield "chain mark-for-masquerade { meta mark set meta mark | 0x4000; }\n"
    for chain in layout.chains:
        yield f"{chain}\n"
    yield _filled("set cluster-ips { type ipv4_addr;", layout.cluster_ips)
    yield _filled("map firewall-ips { type ipv4_addr . inet_proto . inet_service : verdict;", layout.firewall_ips)
    yield _filled("map service-ips { type ipv4_addr . inet_proto . inet_service : verdict;", layout.service_ips)
    yield _filled("map service-nodeports { type inet_proto . inet_service : verdict;", layout.service_nodeports)
    yield "chain services { ip daddr . meta l4proto . th dport vmap @service-ips;"
    yield " fib daddr type local meta l4proto . th dport vmap @service-nodeports; }\n"
    yield "chain firewall { type filter hook prerouting priority -110;"
    yield " ct state new ip daddr . meta l4proto . th dport vmap @firewall-ips; }\n"
    yield "chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }\n"
    yield "chain nat-output { type nat hook output priority -100; jump services; }\n"
    yield "chain nat-postrouting { type nat hook postrouting priority srcnat; meta mark & 0x4000 != 0 masquerade; }\n"
    yield "}\n"


def _filled(declaration: str, elements: list[str]) -> str:
    return f"{declaration} elements = {{ {', '.join(elements)} }} }}\n" if elements else f"{declaration} }}\n"


def _add(layout: _Layout, plan: ServicePortPlan, number: int) -> None:
    """The chains of a service port, and of each endpoint; local and external ones where a frontend needs them."""
    protocol = plan.name.protocol.value.lower()
    cluster_ip = next(each for each in plan.frontends if each.kind is FrontendKind.CLUSTER_IP)
    layout.cluster_ips.append(str(cluster_ip.address))
    match = f"ip daddr {cluster_ip.address} {protocol} dport {cluster_ip.port} ip saddr != {_PODS} {_MARK};"
    endpoints = {endpoint: index for index, endpoint in enumerate(plan.cluster_endpoints)}
    names = [f"endpoint-{number}-{index}" for index in endpoints.values()]
    layout.chains.append(f"chain service-{number} {{ {match} {_choice(names)} }}")
    for endpoint, index in endpoints.items():
        target = f"meta l4proto {protocol} dnat to {endpoint.address}:{endpoint.port}"
        layout.chains.append(f"chain endpoint-{number}-{index} {{ ip saddr {endpoint.address} {_MARK}; {target}; }}")
    for frontend in plan.frontends:
        _add_frontend(layout, frontend, protocol, number, [endpoints[each] for each in plan.local_endpoints])


def _add_frontend(layout: _Layout, frontend: Frontend, protocol: str, number: int, local: list[int]) -> None:
    if frontend.kind is FrontendKind.CLUSTER_IP:
        layout.service_ips.append(f"{frontend.address} . {protocol} . {frontend.port} : goto service-{number}")
        return
    external = f"external-{number}"
    if not any(chain.startswith(f"chain {external} ") for chain in layout.chains[-3:]):
        if frontend.masquerade is Masquerade.ALWAYS:
            layout.chains.append(f"chain {external} {{ {_MARK}; goto service-{number}; }}")
        else:
            choice = _choice([f"endpoint-{number}-{index}" for index in local])
            if frontend.outside is Decision.LOCAL:
                layout.chains.append(f"chain local-{number} {{ {choice} }}")
            end = f" goto local-{number};" if frontend.outside is Decision.LOCAL else ""
            layout.chains.append(f"chain {external} {{ ip saddr {_PODS} goto service-{number};{end} }}")
    if frontend.address is None:
        layout.service_nodeports.append(f"{protocol} . {frontend.port} : goto {external}")
        return
    layout.service_ips.append(f"{frontend.address} . {protocol} . {frontend.port} : goto {external}")
    if frontend.allowed_sources:
        sources = ", ".join(frontend.allowed_sources)
        layout.chains.append(f"chain firewall-{number} {{ ip saddr != {{ {sources} }} drop; }}")
        layout.firewall_ips.append(f"{frontend.address} . {protocol} . {frontend.port} : goto firewall-{number}")


def _choice(names: list[str]) -> str:
    targets = ", ".join(f"{index} : goto {name}" for index, name in enumerate(names))
    return f"numgen random mod {len(names)} vmap {{ {targets} }};"
