"""The obvious layout, to compare with: a chain for every Service and every endpoint (kube-proxy up to 1.35)."""

from __future__ import annotations

from collections.abc import Iterator

from svcc.dataplane.contract import Dataplane, Decision, FrontendKind

__all__ = ["chain_per_endpoint"]


def chain_per_endpoint(dataplane: Dataplane) -> Iterator[str]:
    """An nft script that serves the cluster IPs of the first family: only what makes up the bulk of such a ruleset."""
    chains: list[str] = []
    elements: list[str] = []
    for number, plan in enumerate(dataplane.families[0].service_ports):
        protocol = plan.name.protocol.value.lower()
        for frontend in plan.frontends:
            if frontend.kind is not FrontendKind.CLUSTER_IP or frontend.inside is not Decision.CLUSTER:
                continue
            elements.append(f"{frontend.address} . {protocol} . {frontend.port} : goto service-{number}")
            endpoints = plan.cluster_endpoints
            targets = ", ".join(f"{index} : goto endpoint-{number}-{index}" for index in range(len(endpoints)))
            chains.append(
                f"chain service-{number} {{ ip daddr {frontend.address} {protocol} dport {frontend.port}"
                f" ip saddr != 10.128.0.0/9 jump mark-for-masquerade;"
                f" numgen random mod {len(endpoints)} vmap {{ {targets} }}; }}"
            )
            for index, endpoint in enumerate(endpoints):
                chains.append(
                    f"chain endpoint-{number}-{index} {{ ip saddr {endpoint.address} jump mark-for-masquerade;"
                    f" meta l4proto {protocol} dnat to {endpoint.address}:{endpoint.port}; }}"
                )
    yield "table ip chain-per-endpoint {\n"
    yield "chain mark-for-masquerade { meta mark set meta mark | 0x4000; }\n"
    for chain in chains:
        yield f"{chain}\n"
    yield "map service-ips { type ipv4_addr . inet_proto . inet_service : verdict; elements = {\n"
    yield ",\n".join(elements)
    yield "\n} }\n"
    yield "chain services { ip daddr . meta l4proto . th dport vmap @service-ips; }\n"
    yield "chain nat-prerouting { type nat hook prerouting priority dstnat; jump services; }\n"
    yield "chain nat-output { type nat hook output priority -100; jump services; }\n}\n"
