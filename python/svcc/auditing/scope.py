"""What a verdict rests on, and what it says nothing about, in sentences that are printed with it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from svcc.auditing.finding import Scope
from svcc.dataplane.contract import Dataplane, FamilyDataplane

__all__ = ["NOT_COVERED", "scope_of", "scope_of_two"]

_MOST_ADDRESSES: Final = 8

NOT_COVERED: Final = (
    "Connections that are open already: conntrack keeps them where they are, whatever the rules say; UDP above all.",
    "Datapaths beside nftables: eBPF and XDP (Cilium), IPVS, iptables-legacy, bridge and netdev tables, flowtables.",
    "Rules in other network namespaces, such as those of pods.",
    "What no dump holds: routes, interfaces, sysctls such as ip_forward and rp_filter, the network between nodes.",
    "Whether endpoints answer, and what other nodes do with a packet.",
)
_REMEMBERED: Final = (
    "Session affinity: for all clients it is proved that first connections are remembered for the declared time, that"
    " records lead to usable endpoints only, and that some record leads to each. That a client's next connection asks"
    " for what its first one wrote was tried at every frontend, for every endpoint, with a client of each kind (a pod,"
    " one from outside, the node), not with every address."
)
_NOT_OWN: Final = "Addresses that Services have or may get are none of the node's, but for those that are named here."
_NO_MARK: Final = "Packets bear no mark when they come to the node, nor when the node sends them."
_NOTHING_REMEMBERED: Final = "Neither ruleset remembers any client yet: session affinity is not compared beyond that."
_ANY_OTHER: Final = "any other may be one, unless rules send packets to it."
_ANY_BUT_SERVICES: Final = "any other may be one, unless it is a Service's or rules send packets to it."
_WHOLE: Final = "The dump is complete, and the rules have not changed since."


def scope_of(dataplane: Dataplane, *, regions: int, notes: Iterable[str] = (), more: Iterable[str] = ()) -> Scope:
    """The scope of an audit against what was declared; `more` are further assumptions."""
    assumptions = [
        "The manifests are all that is declared: what they lack counts as not declared.",
        _own_addresses((a for family in dataplane.families for a in family.node_addresses), _ANY_BUT_SERVICES),
        _NOT_OWN,
        *_pods(dataplane.families),
        _NO_MARK,
        _WHOLE,
        *_affinity(dataplane.families),
        *more,
    ]
    return Scope(regions, tuple(assumptions), NOT_COVERED, tuple(notes))


def scope_of_two(
    local_addresses: Iterable[str], *, regions: int, notes: Iterable[str] = (), more: Iterable[str] = ()
) -> Scope:
    """The scope of a comparison of two rulesets."""
    assumptions = (_own_addresses(local_addresses, _ANY_OTHER), _NO_MARK, _NOTHING_REMEMBERED, _WHOLE, *more)
    return Scope(regions, assumptions, NOT_COVERED, tuple(notes))


def _own_addresses(addresses: Iterable[str], others: str) -> str:
    known = list(dict.fromkeys(addresses))
    if not known:
        return f"None of the node's own addresses is known but those of the loopback interface; {others}"
    shown = ", ".join(known[:_MOST_ADDRESSES])
    more = len(known) - _MOST_ADDRESSES
    return (
        f"The node's own addresses are {shown}{f' and {more} more' if more > 0 else ''}, and those of the loopback"
        f" interface; {others}"
    )


def _affinity(families: Iterable[FamilyDataplane]) -> Iterator[str]:
    plans = [plan for family in families for plan in family.service_ports]
    if any(plan.affinity_timeout_seconds is not None for plan in plans):
        yield _REMEMBERED


def _pods(families: Iterable[FamilyDataplane]) -> Iterator[str]:
    told = set()
    for family in families:
        pods = family.pods
        if pods.source_prefixes:
            words = f"{family.family.value} packets from {', '.join(pods.source_prefixes)} are pods', all others not."
        elif pods.interface or pods.interface_prefix:
            name = pods.interface or f"{pods.interface_prefix}*"
            words = f"Packets that come in by the interface {name} are pods', all others not."
        elif family.service_ports:
            words = f"Nothing tells {family.family.value} packets of pods from those of other clients."
        else:
            continue
        if words not in told:
            told.add(words)
            yield words
