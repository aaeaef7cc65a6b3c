"""The program: the chains and rules of a table, which do not depend on the Services.

The settings of the node decide a handful of matches; Services, endpoints, source ranges and affinity are elements of
the maps that the program looks into (`svcc.compiler.elements`). Only few things grow: one pick chain for every distinct
number of slots in use, and a few chains for each service port with session affinity (`svcc.compiler.affinity`) or whose
endpoints take turns.
"""

from __future__ import annotations

from collections.abc import Iterable

from attrs import frozen

from svcc.addresses import IPFamily
from svcc.compiler.layout import HASH_SEED, LOCAL_SLOTS, MARK, PROTOCOL, PROTOCOLS, Layout
from svcc.dataplane.contract import LOOPBACK, Decision, FamilyDataplane, FrontendKind, ServicePortName
from svcc.model.balancing import AT_RANDOM, Balancing, HashKey, LoadBalancing
from svcc.nft.expressions import Binary, Constant, Ct, Jhash, Lookup, Meta, Numgen, Payload, SetReference, concat
from svcc.nft.names import identifier
from svcc.nft.objects import BaseHook, Chain, Rule, Set
from svcc.nft.statements import Assign, Dnat, Masquerade, Match, Reject, Statement, Verdict, VerdictMap

__all__ = [
    "STATE_NEW",
    "Pick",
    "base_chains",
    "endpoints_map",
    "node_port_address_sets",
    "on_node_ports",
    "pick_chain",
    "pick_rule",
    "program_chains",
    "rule",
]

STATE_NEW = Match(Ct("state"), Constant("new"))
TRANSLATED = Match(Ct("status"), Constant("dnat"))


def rule(*statements: Statement) -> Rule:
    """A rule of these statements."""
    return Rule(statements)


@frozen(order=True)
class Pick:
    """How an endpoint is chosen: by which kind of frontend, from which set, of how many slots, and by what.

    `turns_of` is the service port whose endpoints take turns. A rule counts for itself, so that port has a rule, and
    hence a chain, of its own; all other picks are shared.
    """

    by_node_port: bool
    local: bool
    count: int
    hash_key: str = ""
    turns_of: tuple[ServicePortName, ...] = ()

    @classmethod
    def of(
        cls, kind: FrontendKind, decision: Decision, count: int, balancing: Balancing, name: ServicePortName
    ) -> Pick:
        """The pick for a frontend of the service port `name` that leads to `count` slots.

        Where there is but one, there is nothing to choose, and all algorithms are the same.
        """
        if count == 1:
            balancing = AT_RANDOM
        return cls(
            kind is FrontendKind.NODE_PORT,
            decision is Decision.LOCAL,
            count,
            balancing.hash_key or "",
            (name,) if balancing.algorithm is LoadBalancing.ROUND_ROBIN else (),
        )

    @property
    def words(self) -> list[str]:
        """What tells the ways of a service port from each other, for names of chains."""
        return [*(["nodeport"] if self.by_node_port else []), *(["local"] if self.local else [])]

    @property
    def chain(self) -> str:
        """The name of the chain that does it."""
        for name in self.turns_of:
            return identifier(
                "-".join(["turns", *self.words]), name.namespace, name.service, name.protocol.lower(), name.port
            )
        return "-".join(["pick", *self.words, *([f"by-{self.hash_key}"] if self.hash_key else []), str(self.count)])


def pick_rule(layout: Layout, pick: Pick, protocol: str) -> Rule:
    """Choose one of `pick.count` slots for a connection (S23), and go to the endpoint in it."""
    key = concat(Payload(protocol, "dport")) if pick.by_node_port else layout.place_of(protocol)
    slot = _slot(layout, pick, protocol)
    endpoint = Lookup(layout.slot_of(key, slot), endpoints_map(protocol, by_node_port=pick.by_node_port))
    return rule(Match(PROTOCOL, Constant(protocol)), Dnat(layout.word, endpoint))


def _slot(layout: Layout, pick: Pick, protocol: str) -> Numgen | Jhash:
    """The expression that computes the number of a slot."""
    first = LOCAL_SLOTS if pick.local else 0
    if not pick.hash_key:
        return Numgen("inc" if pick.turns_of else "random", pick.count, first)
    client = layout.client_of(protocol) if pick.hash_key == HashKey.FLOW else layout.source
    return Jhash(client, pick.count, HASH_SEED, first)


def endpoints_map(protocol: str, *, by_node_port: bool) -> str:
    """The name of the map with the endpoints of a protocol."""
    return f"{'nodeport-' if by_node_port else ''}endpoints-{protocol}"


def pick_chain(layout: Layout, pick: Pick) -> Chain:
    """The chain of a pick: a rule for each protocol that may get there."""
    protocols = [name.protocol.lower() for name in pick.turns_of] or PROTOCOLS
    return Chain(pick.chain, tuple(pick_rule(layout, pick, protocol) for protocol in protocols))


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
                rule(*not_a_pod, from_outside, VerdictMap(layout.frontend, "outside-services")),
                rule(VerdictMap(layout.frontend, "services")),
                rule(*at_node_ports, Verdict("goto", "nodeports")),
            ),
        ),
        Chain(
            "nodeports",
            (
                rule(VerdictMap(layout.node_port, "masquerade-nodeports")),
                rule(*not_a_pod, from_outside, VerdictMap(layout.node_port, "outside-nodeports")),
                rule(VerdictMap(layout.node_port, "nodeports")),
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
