"""The ruleset of a dataplane: one table a family, program and data together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from svcc.addresses import IPFamily
from svcc.compiler.affinity import (
    AFFINITY_RECORDS,
    LONGEST_TIMEOUT_SECONDS,
    StickyPort,
    lookup_chain,
    remember_chain,
    sticky_endpoints_map,
    sticky_ports,
)
from svcc.compiler.counters import counters_table
from svcc.compiler.elements import Elements, family_elements
from svcc.compiler.layout import PRIORITY, PROTOCOLS, SLOT, TABLE, Layout
from svcc.compiler.picks import PICKS, endpoints_map, pick_chain
from svcc.compiler.program import balanced, base_chains, node_port_address_sets, program_chains
from svcc.dataplane.contract import Dataplane, FamilyDataplane, ServicePortName
from svcc.nft.expressions import Concat, Expression, Payload, concat
from svcc.nft.objects import Chain, Ruleset, Set, Table

__all__ = ["build_ruleset", "declared_sets", "filled", "sticky_chains"]


def build_ruleset(dataplane: Dataplane, *, service_counters: bool = False) -> Ruleset:
    """Render a dataplane; the same dataplane always gives the same ruleset.

    With `service_counters` each family has a second table, which counts connections and does nothing else.
    """
    tables = tuple(_table(family, dataplane) for family in dataplane.families)
    return Ruleset((*tables, *map(counters_table, dataplane.families)) if service_counters else tables)


def _table(family: FamilyDataplane, dataplane: Dataplane) -> Table:
    layout = Layout(family.family)
    sticky = sticky_ports(family.service_ports, big_endian=dataplane.big_endian)
    elements = family_elements(family, sticky, big_endian=dataplane.big_endian)
    protocols = {name.protocol.value.lower() for name in sticky}
    chains = (
        *base_chains(),
        *program_chains(layout, family, dataplane.masquerade_bit, protocols),
        *(pick_chain(layout, pick) for pick in sorted(elements.picks)),
        *sticky_chains(layout, sticky, elements),
    )
    sets = tuple(filled(item, elements) for item in declared_sets(layout))
    return Table(layout.word, TABLE, sets, chains)


def sticky_chains(layout: Layout, sticky: Mapping[ServicePortName, StickyPort], elements: Elements) -> list[Chain]:
    """The chains of service ports with affinity, whose elements these are."""
    chains: list[Chain] = []
    for name, port in sticky.items():
        chains += [lookup_chain(layout, port, pick) for pick in sorted(elements.sticky_picks.get(name, ()))]
        chains.append(remember_chain(layout, port))
    return chains


def declared_sets(layout: Layout) -> tuple[Set, ...]:
    """Every set and map without elements: a table's shape depends on nothing but svcc's version."""
    address, frontend, node_port = layout.destination, layout.frontend, layout.node_port
    return (
        *_destinations("services", frontend),
        *_destinations("outside-services", frontend),
        Set(PICKS, (PRIORITY,), is_verdict_map=True),
        Set("masquerade-frontends", frontend.parts, is_verdict_map=True),
        Set("refused-services", frontend.parts, is_verdict_map=True),
        *_endpoints(layout, by_node_port=False),
        *_destinations("nodeports", node_port),
        *_destinations("outside-nodeports", node_port),
        Set("masquerade-nodeports", node_port.parts, is_verdict_map=True),
        Set("refused-nodeports", node_port.parts, is_verdict_map=True),
        *_endpoints(layout, by_node_port=True),
        *node_port_address_sets(layout),
        Set("cluster-ips", (address,)),
        Set("mixed-addresses", (address,)),
        Set("service-cidrs", (address,), interval=True),
        Set("pod-cidrs", (layout.source,), interval=True),
        Set("source-ranged", frontend.parts),
        Set("allowed-sources", (*frontend.parts, layout.source), interval=True),
        Set("hairpins", (layout.source, address)),
        *_sticky_endpoints(layout),
        Set("remember-frontends", frontend.parts, is_verdict_map=True),
        Set("remember-nodeports", node_port.parts, is_verdict_map=True),
        Set(
            "affinity",
            _client_key(layout),
            data=(PRIORITY,),
            dynamic=True,
            size=AFFINITY_RECORDS,
            timeout_seconds=LONGEST_TIMEOUT_SECONDS,
        ),
    )


def _destinations(base: str, key: Concat) -> tuple[Set, Set]:
    return Set(balanced(base), key.parts, data=(PRIORITY,)), Set(base, key.parts, is_verdict_map=True)


def _endpoints(layout: Layout, *, by_node_port: bool) -> Iterator[Set]:
    for protocol in PROTOCOLS:
        key = concat(Payload(protocol, "dport")) if by_node_port else layout.place_of(protocol)
        name, data = endpoints_map(protocol, by_node_port=by_node_port), layout.place_of(protocol)
        yield Set(name, layout.slot_of(key, SLOT).parts, data=data.parts)


def _sticky_endpoints(layout: Layout) -> Iterator[Set]:
    for protocol in PROTOCOLS:
        yield Set(sticky_endpoints_map(protocol), (SLOT, PRIORITY), data=layout.place_of(protocol).parts)


def _client_key(layout: Layout) -> tuple[Expression, ...]:
    return (layout.source, SLOT) if layout.family is IPFamily.IPV4 else (layout.source,)


def filled(empty: Set, elements: Elements) -> Set:
    """A set that is declared so, with its elements."""
    found = elements.by_set.get(empty.name)
    if not found:
        return empty
    return Set(
        empty.name,
        empty.key,
        tuple(found.items()),
        empty.data,
        empty.is_verdict_map,
        empty.interval,
        comments=elements.comments.get(empty.name, {}),
    )
