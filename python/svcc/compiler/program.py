"""The program: the chains and rules of a table, which do not depend on the Services.

The settings of the node decide a handful of matches; Services, endpoints, source ranges and affinity are elements of
the maps that the program looks into (`svcc.compiler.elements`). Only few things grow: one pick chain for every distinct
number of slots in use (`svcc.compiler.picks`), and a few chains for each service port with session affinity
(`svcc.compiler.affinity`) or whose endpoints take turns.
"""

from __future__ import annotations

from collections.abc import Iterable

from svcc.addresses import IPFamily
from svcc.compiler.layout import MARK, PRIORITY, PROTOCOL, Layout
from svcc.compiler.picks import PICKS
from svcc.dataplane.contract import LOOPBACK, FamilyDataplane
from svcc.nft.expressions import Binary, Concat, Constant, Ct, Lookup, Meta, SetReference, concat
from svcc.nft.objects import BaseHook, Chain, Rule, Set
from svcc.nft.statements import Assign, Masquerade, Match, Reject, Statement, Verdict, VerdictMap

__all__ = [
    "DESTINATIONS",
    "STATE_NEW",
    "balanced",
    "base_chains",
    "node_port_address_sets",
    "on_node_ports",
    "program_chains",
    "rule",
]

STATE_NEW = Match(Ct("state"), Constant("new"))
TRANSLATED = Match(Ct("status"), Constant("dnat"))

DESTINATIONS = ("services", "outside-services", "nodeports", "outside-nodeports")
"""The verdict maps of frontends; beside each there is one of numbers, see `balanced`."""


def rule(*statements: Statement) -> Rule:
    """A rule of these statements."""
    return Rule(statements)


def base_chains() -> tuple[Chain, ...]:
    """Where svcc hooks into the kernel (S52): nothing else of the host is touched."""

    def new(target: str) -> Rule:
        return rule(STATE_NEW, Verdict("jump", target))

    def always(target: str) -> Rule:
        return rule(Verdict("jump", target))

    return (
        Chain("filter-prerouting", (new("check-sources"),), BaseHook("filter", "prerouting", -110)),
        Chain("filter-output-sources", (new("check-sources"),), BaseHook("filter", "output", -110)),
        Chain("nat-prerouting", (always("services"),), BaseHook("nat", "prerouting", -100)),
        Chain("nat-output", (always("services"),), BaseHook("nat", "output", -100)),
        Chain(
            "filter-input",
            (new("refuse-frontends"), new("refuse-nodeports")),
            BaseHook("filter", "input", 0),
        ),
        Chain(
            "filter-forward",
            (new("refuse-frontends"), new("refuse-cluster-ips")),
            BaseHook("filter", "forward", 0),
        ),
        Chain(
            "filter-output",
            (new("refuse-frontends"), new("refuse-cluster-ips")),
            BaseHook("filter", "output", 0),
        ),
        Chain("nat-input", (rule(TRANSLATED, Verdict("jump", "remember")),), BaseHook("nat", "input", 100)),
        Chain(
            "nat-postrouting",
            (
                rule(TRANSLATED, Verdict("jump", "remember")),
                rule(TRANSLATED, Verdict("jump", "source-nat")),
            ),
            BaseHook("nat", "postrouting", 100),
        ),
    )


def program_chains(
    layout: Layout, family: FamilyDataplane, masquerade_bit: int, protocols: Iterable[str]
) -> tuple[Chain, ...]:
    """The chains behind the hooks; `protocols` are those that have service ports with session affinity."""
    not_a_pod = _not_a_pod(layout, family)
    at_node_ports = on_node_ports(layout, family)
    mark = Constant(f"{1 << masquerade_bit:#x}")
    set_mark = Assign(MARK, Binary("|", MARK, mark))
    # All frontends of a cluster IP are alike, so one rule does for them; addresses with others, too, go by frontend.
    own = (
        Match(layout.destination, SetReference("cluster-ips")),
        Match(layout.destination, SetReference("mixed-addresses"), "!="),
    )
    cluster_ips_from_elsewhere = (rule(*not_a_pod, *own, set_mark),) if not_a_pod else ()
    from_node = Match(layout.source_type, Constant("local"))
    from_outside = Match(layout.source_type, Constant("local"), "!=")
    return (
        Chain(
            "check-sources",
            (
                rule(
                    Match(layout.frontend, SetReference("source-ranged")),
                    Match(layout.slot_of(layout.frontend, layout.source), SetReference("allowed-sources"), "!="),
                    Verdict("drop"),
                ),
            ),
        ),
        Chain(
            "services",
            (
                *cluster_ips_from_elsewhere,
                rule(VerdictMap(layout.frontend, "masquerade-frontends")),
                *_destination_rules(layout.frontend, "outside-services", *not_a_pod, from_outside),
                *_destination_rules(layout.frontend, "services"),
                rule(*at_node_ports, Verdict("goto", "nodeports")),
            ),
        ),
        Chain(
            "nodeports",
            (
                rule(VerdictMap(layout.node_port, "masquerade-nodeports")),
                *_destination_rules(layout.node_port, "outside-nodeports", *not_a_pod, from_outside),
                *_destination_rules(layout.node_port, "nodeports"),
            ),
        ),
        Chain("mark-always", (rule(set_mark),)),
        Chain("mark-unless-pod", (rule(*not_a_pod, set_mark),)),
        Chain("mark-node-traffic", (rule(*not_a_pod, from_node, set_mark),)),
        Chain("refuse-frontends", (rule(VerdictMap(layout.frontend, "refused-services")),)),
        Chain("refuse-nodeports", (rule(*at_node_ports, VerdictMap(layout.node_port, "refused-nodeports")),)),
        Chain(
            "refuse-cluster-ips",
            (
                rule(Match(layout.destination, SetReference("cluster-ips")), Verdict("goto", "refuse")),
                rule(Match(layout.destination, SetReference("service-cidrs")), Verdict("drop")),
            ),
        ),
        Chain("refuse", (rule(Reject(layout.word)),)),
        Chain("remember", _remember_rules(layout, protocols)),
        Chain(
            "source-nat",
            (
                rule(
                    Match(Binary("&", MARK, mark), mark),
                    # Cleared first: packets come back through tunnels with their mark (S32).
                    Assign(MARK, Binary("^", MARK, mark)),
                    Masquerade(),
                ),
                rule(Match(concat(layout.source, layout.destination), SetReference("hairpins")), Masquerade()),
            ),
        ),
    )


def balanced(base: str) -> str:
    """The name of the map of numbers beside one of `DESTINATIONS`: its frontends are those that share a pick."""
    return f"balanced-{base}"


def _destination_rules(key: Concat, base: str, *conditions: Match) -> tuple[Rule, ...]:
    """Go where a frontend leads: by the number of its pick, else by its verdict.

    A miss of the first lookup ends that rule, so a priority that somebody else has set is never taken for a number.
    The order matters to packets that are under way while a frontend changes from the first map to the second.
    """
    return (
        rule(*conditions, Assign(PRIORITY, Lookup(key, balanced(base))), VerdictMap(PRIORITY, PICKS)),
        rule(*conditions, VerdictMap(key, base)),
    )


def _remember_rules(layout: Layout, protocols: Iterable[str]) -> tuple[Rule, ...]:
    """Find the service port a connection came in by; ``ct original proto-dst`` needs the protocol in its own rule."""
    keys = ((layout.original_frontend, "remember-frontends"), (layout.original_node_port, "remember-nodeports"))
    return tuple(
        rule(Match(PROTOCOL, Constant(protocol)), VerdictMap(key, name))
        for key, name in keys
        for protocol in sorted(protocols)
    )


def _not_a_pod(layout: Layout, family: FamilyDataplane) -> tuple[Match, ...]:
    """What is no pod traffic (S44); without a detector nothing is."""
    pods = family.pods
    if pods.source_prefixes:
        return (Match(layout.source, SetReference("pod-cidrs"), "!="),)
    # iifname, not iif: the interface may not exist yet. In the output hook the name is empty and matches no pod.
    if pods.interface:
        return (Match(Meta("iifname"), Constant(pods.interface, quoted=True), "!="),)
    if pods.interface_prefix:
        return (Match(Meta("iifname"), Constant(f"{pods.interface_prefix}*", quoted=True), "!="),)
    return ()


def node_port_address_sets(layout: Layout) -> tuple[Set, ...]:
    """The sets that `on_node_ports` looks into, without elements; a table needs its own."""
    address = (layout.destination,)
    return Set("nodeport-addresses", address), Set("nodeport-prefixes", address, interval=True)


def on_node_ports(layout: Layout, family: FamilyDataplane) -> tuple[Match, ...]:
    """The destination serves node ports (S42); loopback never does (S43)."""
    node_ports = family.node_ports
    if node_ports.addresses is not None:
        return (Match(layout.destination, SetReference("nodeport-addresses")),)
    matches = [Match(layout.destination_type, Constant("local"))]
    if node_ports.prefixes:
        matches.insert(0, Match(layout.destination, SetReference("nodeport-prefixes")))
    loopback = LOOPBACK[family.family] if family.family is IPFamily.IPV4 else "::1"
    return (*matches, Match(layout.destination, Constant(loopback), "!="))
