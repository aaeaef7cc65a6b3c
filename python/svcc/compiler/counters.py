"""Counters of new connections: a table beside the one that serves, which decides nothing.

It sees packets as `services` will: behind the chain that drops sources a Service does not admit, before destinations
are translated. So what is counted for a frontend are the connections that get to it, whether they are served or
refused. Elements come and go with frontends only: endpoints may change as they like, and no counter notices.

A connection is counted once, with its first packet. All packets are ``ct state new`` until one comes back
(nf_conntrack_core.c, `resolve_normal_ct`): retransmitted SYNs, and all that a UDP client sends whom nobody answers. But
only the first packet finds an entry that is not confirmed, which it is once that packet has left the node or reached a
socket. A packet that is dropped or rejected confirms nothing, so each further try is a new connection. A packet over
loopback has been counted by the output hook and brings its entry along. What is not tracked is no connection.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import attrs

from svcc.compiler.elements import frontend_key, service_port_comment
from svcc.compiler.layout import COUNTERS_TABLE, Layout
from svcc.compiler.program import STATE_NEW, node_port_address_sets, on_node_ports, rule
from svcc.dataplane.contract import FamilyDataplane
from svcc.nft.expressions import Constant, Ct, SetReference
from svcc.nft.objects import BaseHook, Chain, Data, Key, Set, Table
from svcc.nft.statements import Match, Verdict

__all__ = ["COUNTED_FRONTENDS", "COUNTED_NODE_PORTS", "counters_table"]

COUNTED_FRONTENDS = "counted-frontends"
COUNTED_NODE_PORTS = "counted-nodeports"

_NOT_CONFIRMED = Match(Ct("status"), Constant("confirmed"), "!")
_PRIORITY = -101
"""Just before destinations are translated, at -100."""


def counters_table(family: FamilyDataplane) -> Table:
    """The table that counts connections to the frontends of a family; of a part of them, where that is given."""
    layout = Layout(family.family)
    frontends: dict[Key, str] = {}
    node_ports: dict[Key, str] = {}
    for plan in family.service_ports:
        for frontend in plan.frontends:
            found = node_ports if frontend.address is None else frontends
            found[frontend_key(plan.name.protocol, frontend)] = service_port_comment(plan.name)
    return Table(
        layout.word,
        COUNTERS_TABLE,
        (
            _counting(Set(COUNTED_FRONTENDS, layout.frontend.parts), frontends),
            _counting(Set(COUNTED_NODE_PORTS, layout.node_port.parts), node_ports),
            *_address_sets(layout, family),
        ),
        _chains(layout, family),
    )


def _address_sets(layout: Layout, family: FamilyDataplane) -> Iterator[Set]:
    """The sets that the rule for node ports looks into, and no others: an audit finds those that nobody asks."""
    node_ports = family.node_ports
    addresses, prefixes = node_port_address_sets(layout)
    if node_ports.addresses is not None:
        yield attrs.evolve(addresses, elements=_members((each,) for each in node_ports.addresses))
    elif node_ports.prefixes:
        yield attrs.evolve(prefixes, elements=_members((each,) for each in node_ports.prefixes))


def _counting(empty: Set, comments: dict[Key, str]) -> Set:
    return attrs.evolve(empty, elements=_members(comments), comments=comments, counter=True)


def _members(keys: Iterable[Key]) -> tuple[tuple[Key, Data | None], ...]:
    return tuple((key, None) for key in keys)


def _chains(layout: Layout, family: FamilyDataplane) -> tuple[Chain, ...]:
    first = rule(STATE_NEW, _NOT_CONFIRMED, Verdict("goto", "count"))
    return (
        Chain("count-prerouting", (first,), BaseHook("filter", "prerouting", _PRIORITY)),
        Chain("count-output", (first,), BaseHook("filter", "output", _PRIORITY)),
        Chain(
            "count",
            (
                # The exact match goes first, as it does where connections are served (S24).
                rule(Match(layout.frontend, SetReference(COUNTED_FRONTENDS)), Verdict("return")),
                rule(*on_node_ports(layout, family), Match(layout.node_port, SetReference(COUNTED_NODE_PORTS))),
            ),
        ),
    )
