"""The frontends of a service port: who gets where, by which map and chain of the ruleset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import evolve, frozen

from svcc.addresses import IPFamily, canonical_address, family_of
from svcc.compiler.elements import frontend_key
from svcc.compiler.picks import PICKS
from svcc.compiler.program import DESTINATIONS, balanced
from svcc.compiler.ruleset import build_ruleset
from svcc.dataplane.contract import (
    Dataplane,
    Decision,
    FamilyDataplane,
    Frontend,
    FrontendKind,
    Masquerade,
    ServicePortPlan,
)
from svcc.explanation.contract import Clients, Exposure, NodeAddressOf, Route
from svcc.fields import FieldPath, Source
from svcc.model.node import Node
from svcc.model.service import Service
from svcc.nft.objects import Data, Key
from svcc.nft.statements import Verdict

__all__ = ["FrontendMaps", "exposures", "frontend_maps", "frontend_source"]

_ORDER = (FrontendKind.LOAD_BALANCER, FrontendKind.NODE_PORT, FrontendKind.CLUSTER_IP, FrontendKind.EXTERNAL_IP)


@frozen
class FrontendMaps:
    """Where the ruleset's maps lead, by map and key."""

    verdicts: Mapping[str, Mapping[Key, Verdict]]

    def holding(self, base: str, key: Key) -> str:
        """The map that holds a frontend: that of numbers, or the verdict map `base` beside it."""
        return balanced(base) if key in self.verdicts.get(balanced(base), {}) else base

    def chain(self, map_name: str, key: Key) -> str:
        """The chain a frontend leads to; empty where its verdict is no chain."""
        verdict = self.verdicts.get(map_name, {}).get(key)
        return verdict.target or "" if verdict else ""


def frontend_maps(dataplane: Dataplane, service: Service) -> dict[IPFamily, FrontendMaps]:
    """The verdicts that the ruleset holds for one Service, by family; behind the number of a pick, that of the pick.

    They are read from a ruleset of this Service alone: maps and chains have the same names in that of all Services.
    """
    families = tuple(
        evolve(
            family,
            service_ports=tuple(plan for plan in family.service_ports if plan.service == service.reference),
        )
        for family in dataplane.families
    )
    ruleset = build_ruleset(evolve(dataplane, families=families))
    found = {}
    for family, table in zip(families, ruleset.tables, strict=True):
        picks: dict[Data | None, Data | None] = dict(next(each for each in table.sets if each.name == PICKS).elements)
        numbered = {balanced(base) for base in DESTINATIONS}
        verdicts = {
            item.name: {
                key: verdict
                for key, data in item.elements
                if isinstance(verdict := picks[data] if item.name in numbered else data, Verdict)
            }
            for item in table.sets
            if item.is_verdict_map or item.name in numbered
        }
        found[family.family] = FrontendMaps(verdicts)
    return found


def exposures(
    service: Service,
    plan: ServicePortPlan,
    index: int,
    family: FamilyDataplane,
    maps: FrontendMaps,
    others: Iterable[Node],
) -> tuple[Exposure, ...]:
    """The frontends of the service port ``spec.ports[index]``, those for the world first."""
    found = [
        Exposure(
            kind=frontend.kind,
            addresses=_addresses(frontend, family),
            port=frontend.port,
            routes=_routes(plan, frontend, family, maps),
            allowed_sources=frontend.allowed_sources,
            every_address=family.node_ports
            if frontend.address is None and family.node_ports.addresses is None
            else None,
            other_nodes=_other_nodes(family, others) if frontend.address is None else (),
            source=frontend_source(service, frontend, index),
        )
        for frontend in plan.frontends
    ]
    return tuple(sorted(found, key=lambda item: _ORDER.index(item.kind)))


def _addresses(frontend: Frontend, family: FamilyDataplane) -> tuple[str, ...]:
    if frontend.address is not None:
        return (frontend.address,)
    if family.node_ports.addresses is not None:
        return family.node_ports.addresses
    return tuple(address for address in family.node_addresses if family.node_ports.serves(address))


def _other_nodes(family: FamilyDataplane, others: Iterable[Node]) -> tuple[NodeAddressOf, ...]:
    """Where the same settings make other nodes answer."""
    found: list[NodeAddressOf] = []
    for node in others:
        if family.node_ports.addresses is not None:
            addresses = [node.primary_address(family.family)]
        else:
            addresses = [
                address
                for entry in node.addresses
                if (address := canonical_address(entry.address))
                and family_of(address) is family.family
                and family.node_ports.serves(address)
            ]
        found += [NodeAddressOf(node.name, address) for address in addresses if address]
    return tuple(found)


def _routes(
    plan: ServicePortPlan, frontend: Frontend, family: FamilyDataplane, maps: FrontendMaps
) -> tuple[Route, ...]:
    kinds = [Clients.PODS, Clients.NODE, Clients.OTHERS] if family.pods else [Clients.NODE, Clients.OTHERS]
    grouped: dict[Route, list[Clients]] = {}
    for clients in kinds:
        grouped.setdefault(_route(plan, frontend, clients, maps), []).append(clients)
    return tuple(evolve(route, clients=tuple(clients)) for route, clients in grouped.items())


def _route(plan: ServicePortPlan, frontend: Frontend, clients: Clients, maps: FrontendMaps) -> Route:
    decision = frontend.outside if clients is Clients.OTHERS else frontend.inside
    base = "nodeports" if frontend.address is None else "services"
    key = frontend_key(plan.name.protocol, frontend)
    served = decision in (Decision.CLUSTER, Decision.LOCAL)
    if not served:
        map_name = f"refused-{base}"
    elif clients is Clients.OTHERS and frontend.outside is not frontend.inside:
        map_name = maps.holding(f"outside-{base}", key)
    else:
        map_name = maps.holding(base, key)
    return Route(
        (), decision, served and _is_masqueraded(frontend.masquerade, clients), map_name, maps.chain(map_name, key)
    )


def _is_masqueraded(masquerade: Masquerade, clients: Clients) -> bool:
    """Whose address is rewritten (S29)."""
    match masquerade:
        case Masquerade.ALWAYS:
            return True
        case Masquerade.NEVER:
            return False
        case Masquerade.UNLESS_POD:
            return clients is not Clients.PODS
        case Masquerade.NODE_TRAFFIC:
            return clients is Clients.NODE


def frontend_source(service: Service, frontend: Frontend, index: int) -> Source | None:
    """Where the address of a frontend was written, or its node port, which is that of ``spec.ports[index]``."""
    if service.source is None:
        return None
    steps: tuple[str | int, ...]
    match frontend.kind:
        case FrontendKind.CLUSTER_IP:
            steps = ("spec", "clusterIP")
            if len(service.cluster_ips) > 1:
                steps = ("spec", "clusterIPs", _index(service.cluster_ips, frontend.address))
        case FrontendKind.LOAD_BALANCER:
            ingress = [item.ip for item in service.load_balancer_ingress]
            steps = ("status", "loadBalancer", "ingress", _index(ingress, frontend.address))
        case FrontendKind.EXTERNAL_IP:
            steps = ("spec", "externalIPs", _index(service.external_ips, frontend.address))
        case FrontendKind.NODE_PORT:
            steps = ("spec", "ports", index, "nodePort")
    return service.source.at(FieldPath(steps))


def _index(texts: Iterable[str], address: str | None) -> int:
    return next((index for index, text in enumerate(texts) if canonical_address(text) == address), 0)
