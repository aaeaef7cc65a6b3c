"""How an endpoint is picked: the chains that many Services share, and the numbers by which frontends name them.

A frontend could lead to its pick chain by a verdict. But the kernel looks at every verdict of a table again whenever
one is added that goes to a chain (net/netfilter/nf_tables_api.c, `nft_table_validate`), so such a change would take the
longer the more Services there are. So the maps of frontends hold numbers, which are data, and only `PICKS` has
verdicts: as many as there are picks. A number travels from the one lookup to the other in the packet's priority, as
those of session affinity do (`svcc.compiler.affinity`).
"""

from __future__ import annotations

import re

from attrs import frozen

from svcc.compiler.layout import HASH_SEED, LOCAL_SLOTS, PRIORITY, PROTOCOL, PROTOCOLS, Layout, priority_text
from svcc.dataplane.contract import Decision, FrontendKind, ServicePortName
from svcc.model.balancing import AT_RANDOM, Balancing, HashKey, LoadBalancing
from svcc.nft.expressions import Constant, Jhash, Lookup, Numgen, Payload, concat
from svcc.nft.names import identifier
from svcc.nft.objects import Chain, Data, Key, Rule
from svcc.nft.statements import Assign, Dnat, Match, Statement, Verdict

__all__ = ["PICKS", "Pick", "endpoints_map", "pick_chain", "pick_element", "pick_of", "pick_rule"]

PICKS = "picks"
"""The map from the number of a pick to its chain."""

_SHARED_CHAIN = re.compile(rf"pick(-nodeport)?(-local)?(?:-by-({'|'.join(HashKey)}))?-([1-9]\d{{0,8}})")
_HASH_KEYS = ("", *HashKey)
"""Their order is that of the numbers in tables that nodes have; new ones come last, and there may be four."""


@frozen(order=True)
class Pick:
    """How an endpoint is chosen: by which kind of frontend, from which set, of how many slots, and by what.

    `turns_of` is the service port whose endpoints take turns. A rule counts for itself, so that port has a rule, and
    hence a chain, of its own; all other picks are shared, and go by a number.
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
    def number(self) -> int | None:
        """What the maps of frontends call a pick that is shared; None where it is not.

        The number of slots, and in the highest four bits how they are chosen: by node port, from the Local set, and by
        which key a client is hashed. So it tells all of the pick, on every node and whatever other picks there are, and
        it is never one of the two that nft has words for (``none`` is 0, ``root`` has all bits). No node has memory for
        the slots that would not fit into the other 28 bits.
        """
        if self.turns_of:
            return None
        kind = self.by_node_port | self.local << 1 | _HASH_KEYS.index(self.hash_key) << 2
        return kind << 28 | self.count

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


def pick_of(chain: str) -> Pick | None:
    """The pick that a chain of this name does, if it is a shared one."""
    found = _SHARED_CHAIN.fullmatch(chain)
    return Pick(bool(found[1]), bool(found[2]), int(found[4]), found[3] or "") if found else None


def pick_rule(layout: Layout, pick: Pick, protocol: str, *first: Statement) -> Rule:
    """Choose one of `pick.count` slots for a connection (S23), and go to the endpoint in it; `first` comes before."""
    key = concat(Payload(protocol, "dport")) if pick.by_node_port else layout.place_of(protocol)
    slot = _slot(layout, pick, protocol)
    endpoint = Lookup(layout.slot_of(key, slot), endpoints_map(protocol, by_node_port=pick.by_node_port))
    return Rule((Match(PROTOCOL, Constant(protocol)), *first, Dnat(layout.word, endpoint)))


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
    """The chain of a pick: a rule for each protocol that may get there.

    The number that led to a shared one does not leave the node: the packet's priority is what it is by default.
    """
    protocols = [name.protocol.lower() for name in pick.turns_of] or PROTOCOLS
    first = () if pick.number is None else (Assign(PRIORITY, Constant("none")),)
    return Chain(pick.chain, tuple(pick_rule(layout, pick, protocol, *first) for protocol in protocols))


def pick_element(pick: Pick) -> tuple[Key, Data] | None:
    """The element of `PICKS` for a pick, if it is shared."""
    return None if pick.number is None else ((priority_text(pick.number),), Verdict("goto", pick.chain))
