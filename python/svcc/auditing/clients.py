"""Who sees a finding: its packet is sent again, as a pod, a client from outside and the node itself would send it.

A proof tells of regions, and shows one packet for many that fare alike; whose the others are, it does not tell.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Final

from attrs import evolve

from svcc.addresses import IPFamily, family_of
from svcc.auditing.classify_declared import CLIENTS, Declared
from svcc.auditing.classify_observation import HasEndpoint
from svcc.auditing.classify_observe import observe
from svcc.auditing.declaration import Demand, FamilyDeclaration
from svcc.auditing.difference import Difference, Side
from svcc.auditing.finding import Finding
from svcc.dataplane.contract import FamilyDataplane
from svcc.trace.evaluator import Evaluator, Outcome
from svcc.trace.packet import Packet

__all__ = ["with_clients"]

_MOST: Final = 500
"""Findings that are looked at."""
_OUTSIDE: Final = {IPFamily.IPV4: "198.51.100.7", IPFamily.IPV6: "2001:db8::7"}
_CLIENT_PORT: Final = 40000
_POD: Final = 9
"""The place, in a range of pods, of the address that a pod has here."""


def with_clients(
    findings: Sequence[Finding],
    evaluator: Evaluator,
    declared: Declared,
    declarations: Iterable[FamilyDeclaration],
    has_endpoint: HasEndpoint | None = None,
) -> tuple[Finding, ...]:
    """The findings, each with all clients who see it.

    Findings without a packet stay as they are, and those whose packet needs another local address.
    """
    by_family = {declaration.family: declaration for declaration in declarations}
    asked = [(place, packet) for place, finding in enumerate(findings[:_MOST]) for packet in _others(finding, declared)]
    found: dict[int, set[str]] = {}
    for family, declaration in by_family.items():
        mine = [(place, packet) for place, packet in asked if family_of(packet.destination) is family]
        packets = [packet for _, packet in mine]
        demands = declaration.demands(packets, local_addresses=declaration.node_addresses) if packets else []
        for (place, packet), chances in zip(mine, demands, strict=True):
            if _is_seen(findings[place], _difference(packet, chances, evaluator), declared, has_endpoint):
                found.setdefault(place, set()).update(declared.clients(packet))
    return tuple(_seen_by(finding, found.get(place, set())) for place, finding in enumerate(findings))


def _seen_by(finding: Finding, clients: set[str]) -> Finding:
    everybody = clients | set(finding.clients)
    return evolve(finding, clients=tuple(client for client in CLIENTS if client in everybody))


def _others(finding: Finding, declared: Declared) -> Iterator[Packet]:
    """The packet of a finding from those of whom it is not known that they see it."""
    witness = finding.witness
    if witness is None or witness.local_addresses:
        return
    family = declared.family(witness.packet)
    for client in CLIENTS:
        if client not in finding.clients and (packet := _sent_by(client, witness.packet, family)) is not None:
            yield packet


def _sent_by(client: str, packet: Packet, family: FamilyDataplane) -> Packet | None:
    """The packet as a client would send it; None where it cannot, or nobody knows its address."""
    if packet.source_port is None and packet.destination_port is not None:
        packet = evolve(packet, source_port=_CLIENT_PORT)
    if client == "node":
        own = next((address for address in family.node_addresses if address != packet.destination), None)
        return evolve(packet, hook="output", source=own, input_interface=None) if own is not None else None
    arriving = evolve(packet, hook="prerouting", source=_OUTSIDE[family.family], input_interface=None)
    if client == "external" or not family.pods:
        return arriving
    if family.pods.source_prefixes:
        range_of_pods = ipaddress.ip_network(family.pods.source_prefixes[0])
        place = min(_POD, range_of_pods.num_addresses - 1)
        return evolve(arriving, source=str(range_of_pods[place]))
    return evolve(arriving, input_interface=family.pods.interface or f"{family.pods.interface_prefix}0"[:15])


def _difference(packet: Packet, chances: Mapping[Demand, Fraction], evaluator: Evaluator) -> Difference:
    expected: list[Outcome] = []
    any_of = False
    for demand, chance in chances.items():
        if demand.wanted in {"drop", "reject"}:
            expected.append(Outcome(chance, demand.wanted))
        any_of |= demand.wanted == "remembered"
        for (address, port), masquerade in demand.deliveries:
            expected.append(Outcome(chance / len(demand.deliveries), "accept", address, port, masquerade))
    return Difference(
        packet=packet,
        frontend=max((demand.frontend for demand in chances), default=-1),
        expected=Side(tuple(expected)),
        found=Side(evaluator.evaluate(packet).outcomes),
        undecided=False,
        regions=1,
        words="",
        any_of=any_of,
    )


def _is_seen(finding: Finding, difference: Difference, declared: Declared, has_endpoint: HasEndpoint | None) -> bool:
    """Whether the same is wrong with another packet."""
    expected = {_without_chance(each) for each in difference.expected.outcomes}
    if expected == {_without_chance(each) for each in difference.found.outcomes}:
        return False
    same = (finding.kind, finding.subject)
    return any((each.kind, each.subject) == same for each in observe(difference, declared, has_endpoint))


def _without_chance(outcome: Outcome) -> tuple[object, ...]:
    return outcome.verdict, outcome.address, outcome.port, outcome.masquerade, outcome.probability
