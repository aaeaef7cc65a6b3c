"""The data: a family's service ports as elements of the maps that the program looks into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence

from svcc.compiler.affinity import StickyPort, endpoint_numbers, sticky_endpoints_map
from svcc.compiler.balancing import Slots, slots_of
from svcc.compiler.layout import LOCAL_SLOTS, priority_text
from svcc.compiler.picks import PICKS, Pick, endpoints_map, pick_element
from svcc.compiler.program import balanced
from svcc.dataplane.contract import (
    Decision,
    FamilyDataplane,
    Frontend,
    FrontendKind,
    Masquerade,
    NodePortAddresses,
    ServicePortName,
    ServicePortPlan,
)
from svcc.model.service import Protocol
from svcc.nft.objects import Data, Key
from svcc.nft.statements import Verdict

__all__ = [
    "Elements",
    "add_picks",
    "add_service_ports",
    "add_surroundings",
    "family_elements",
    "frontend_key",
    "service_port_comment",
]

_SERVED = (Decision.CLUSTER, Decision.LOCAL)
_REFUSALS = {Decision.REJECT: Verdict("goto", "refuse"), Decision.DROP: Verdict("drop")}
_MARKS = {
    Masquerade.ALWAYS: Verdict("jump", "mark-always"),
    Masquerade.UNLESS_POD: Verdict("jump", "mark-unless-pod"),
    Masquerade.NODE_TRAFFIC: Verdict("jump", "mark-node-traffic"),
}
_UNTOUCHED = Verdict("return")


class Elements:
    """The elements of every map and set of a family, how many lead to each pick chain, and their comments."""

    def __init__(self) -> None:
        self.by_set: dict[str, dict[Key, Data | None]] = {}
        self.picks: Counter[Pick] = Counter()
        self.sticky_picks: dict[ServicePortName, set[Pick]] = {}
        self.comments: dict[str, dict[Key, str]] = {}

    def of(self, name: str) -> dict[Key, Data | None]:
        """The elements of the set `name`, to be read or filled."""
        return self.by_set.setdefault(name, {})

    def comment(self, name: str, key: Key, text: str) -> None:
        """Comment an element of the set `name`."""
        self.comments.setdefault(name, {})[key] = text


def family_elements(
    family: FamilyDataplane, sticky: Mapping[ServicePortName, StickyPort], *, big_endian: bool
) -> Elements:
    """All elements of a family, in the order of its service ports."""
    elements = Elements()
    mixed = _mixed_addresses(family)
    elements.of("mixed-addresses").update(((address,), None) for address in mixed)
    add_service_ports(elements, family.service_ports, sticky, mixed, family.node_ports, big_endian=big_endian)
    add_picks(elements, elements.picks)
    elements.of("cluster-ips").update(((address,), None) for address in family.cluster_ips)
    elements.of("hairpins").update(((address, address), None) for address in family.local_endpoint_addresses)
    add_surroundings(elements, family)
    return elements


def add_service_ports(
    elements: Elements,
    plans: Sequence[ServicePortPlan],
    sticky: Mapping[ServicePortName, StickyPort],
    mixed_addresses: Container[str],
    node_ports: NodePortAddresses,
    *,
    big_endian: bool,
) -> None:
    """Add the elements of service ports.

    `mixed_addresses` are the cluster IPs that are external addresses, too; `node_ports` says what serves node ports.
    """
    for plan, by_decision in zip(plans, slots_of(plans), strict=True):
        sticky_port = sticky.get(plan.name)
        for frontend in plan.frontends:
            _add_frontend(elements, plan, frontend, by_decision, sticky_port, mixed_addresses, node_ports)
        if sticky_port:
            _add_sticky_endpoints(elements, sticky_port, big_endian=big_endian)


def add_picks(elements: Elements, picks: Iterable[Pick]) -> None:
    """Add what leads from the numbers of picks to their chains."""
    elements.of(PICKS).update(found for pick in sorted(picks) if (found := pick_element(pick)))


def frontend_key(protocol: Protocol, frontend: Frontend) -> Key:
    """The key of a frontend or, where it has no address, of a node port."""
    word = protocol.value.lower()
    return (word, frontend.port) if frontend.address is None else (word, frontend.address, frontend.port)


def service_port_comment(name: ServicePortName) -> str:
    """What elements of a service port are commented with: ``namespace/service:port``."""
    return f"{name.namespace}/{name.service}:{name.port}".rstrip(":")


def _mixed_addresses(family: FamilyDataplane) -> dict[str, None]:
    """Active cluster IPs that are also VIPs or external IPs, of whichever Service."""
    frontends = (frontend for plan in family.service_ports for frontend in plan.frontends)
    external = {frontend.address for frontend in frontends if frontend.kind is not FrontendKind.CLUSTER_IP}
    return dict.fromkeys(address for address in family.cluster_ips if address in external)


def _add_frontend(
    elements: Elements,
    plan: ServicePortPlan,
    frontend: Frontend,
    slots: Slots,
    sticky: StickyPort | None,
    mixed_addresses: Container[str],
    node_ports: NodePortAddresses,
) -> None:
    protocol = plan.name.protocol.value.lower()
    key = frontend_key(plan.name.protocol, frontend)
    base, maps = ("nodeports", "nodeport") if frontend.address is None else ("services", "frontend")
    # One that is refused is left untouched here and refused by the filter chains (S52). It takes an element where
    # packets would otherwise get to what is not for them: an address may serve node ports, too, and the exact match
    # goes first (S24).
    named = f"refused-{base}"
    is_matched = frontend.inside in _SERVED or (frontend.address is not None and node_ports.serves(frontend.address))
    if is_matched:
        found = _add_destination(elements, base, key, plan, frontend, frontend.inside, slots, sticky)
        named = found if frontend.inside in _SERVED else named
    elements.comment(named, key, service_port_comment(plan.name))
    if frontend.outside is not frontend.inside and (is_matched or frontend.outside in _SERVED):
        _add_destination(elements, f"outside-{base}", key, plan, frontend, frontend.outside, slots, sticky)
    decisions = dict.fromkeys((frontend.inside, frontend.outside))
    served = False
    for decision in decisions:
        if decision not in _SERVED:
            elements.of(f"refused-{base}")[key] = _REFUSALS[decision]
            continue
        served = True
        first = LOCAL_SLOTS if decision is Decision.LOCAL else 0
        endpoints = elements.of(endpoints_map(protocol, by_node_port=base == "nodeports"))
        where = key[1:]
        for slot, endpoint in enumerate(slots[decision], first):
            endpoints[(*where, slot)] = endpoint
    # Cluster IPs that pods reach unmasqueraded have a rule of their own, unless the address serves others, too.
    by_address = frontend.masquerade is Masquerade.UNLESS_POD and frontend.address not in mixed_addresses
    if served and frontend.masquerade is not Masquerade.NEVER and not by_address:
        elements.of(f"masquerade-{maps}s")[key] = _MARKS[frontend.masquerade]
    if served and sticky:
        elements.of(f"remember-{maps}s")[key] = Verdict("goto", sticky.remember_chain)
    if frontend.allowed_sources is not None:
        elements.of("source-ranged")[key] = None
        for prefix in frontend.allowed_sources:
            elements.of("allowed-sources")[(*key, prefix)] = None


def _add_destination(
    elements: Elements,
    base: str,
    key: Key,
    plan: ServicePortPlan,
    frontend: Frontend,
    decision: Decision,
    slots: Slots,
    sticky: StickyPort | None,
) -> str:
    """Add where a frontend leads, to the map `base` or to that of numbers; returns the name of the map it is in."""
    if decision not in _SERVED:
        elements.of(base)[key] = _UNTOUCHED
        return base
    pick = Pick.of(frontend.kind, decision, len(slots[decision]), plan.balancing, plan.name)
    if sticky:
        elements.sticky_picks.setdefault(plan.name, set()).add(pick)
        elements.of(base)[key] = Verdict("goto", sticky.lookup_chain(pick))
        return base
    elements.picks[pick] += 1
    if pick.number is None:
        elements.of(base)[key] = Verdict("goto", pick.chain)
        return base
    elements.of(balanced(base))[key] = (priority_text(pick.number),)
    return balanced(base)


def _add_sticky_endpoints(elements: Elements, sticky: StickyPort, *, big_endian: bool) -> None:
    plan = sticky.plan
    for local, endpoints in ((False, plan.cluster_endpoints), (True, plan.local_endpoints)):
        numbers = endpoint_numbers(endpoints, sticky.seed, big_endian=big_endian)
        for number, endpoint in sorted(zip(numbers, endpoints, strict=True)):
            found = elements.of(sticky_endpoints_map(sticky.protocol))
            found[sticky.sets[local], priority_text(number)] = endpoint


def add_surroundings(elements: Elements, family: FamilyDataplane) -> None:
    """Add what a family says besides its Services."""
    elements.of("service-cidrs").update(((prefix,), None) for prefix in family.service_cidrs)
    elements.of("pod-cidrs").update(((prefix,), None) for prefix in family.pods.source_prefixes)
    elements.of("nodeport-addresses").update(((address,), None) for address in family.node_ports.addresses or ())
    elements.of("nodeport-prefixes").update(((prefix,), None) for prefix in family.node_ports.prefixes)
