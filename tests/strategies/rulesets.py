"""Random valid rulesets of the language that ordinary hosts use, and the packets that are interesting to them.

A ruleset has one to three tables of any family with base chains at all hooks, regular chains below them, and named sets
and maps. What is left out, since it has no answer that a listing tells: two base chains of one hook at one priority
(the one registered last runs first), and overlapping entries of concatenated interval sets (the first inserted wins).
Every base chain lets answers through first, so that a refusal always reaches whoever is refused: the reset that answers
a connection's first packet even runs through `nat` chains that this packet has not come to. Nothing is refused before
connections are tracked, where answers cannot be told; and nothing but UDP is left untracked. And connections are always
tracked, since a `nat` chain runs only if some rule of the namespace asks for that.
"""

from __future__ import annotations

from typing import Literal

from attrs import evolve, frozen
from hypothesis import strategies as st

from tests.strategies.plan import one_of, rarely
from tests.strategies.ruleset_keys import Known, drawn_set, drawn_value_map, drawn_verdict_map, version_of_family
from tests.strategies.ruleset_matches import Group, Surroundings
from tests.strategies.ruleset_packets import packets_for
from tests.strategies.ruleset_rules import drawn_rule
from tests.strategies.ruleset_values import Base, Chain, Constant, Piece, Rule, Ruleset, Table

__all__ = ["packets_for", "rulesets"]

_LONGEST_CHAIN = 4
_DEEPEST = 5
"""Regular chains of a group; each goes to later ones only, so that no way is longer."""

_ANSWERS = Rule((Piece("ct state established,related accept"),))
_UNTRACKED_ANSWERS = Rule((Piece("meta l4proto { icmp, ipv6-icmp } accept"),))
_TRACKING = Table(
    "inet",
    "tracking",
    (),
    (Chain("watch", (Rule((Piece("ct state invalid counter"),)),), Base("filter", "prerouting", -160)),),
)


@frozen
class _Place:
    kind: Literal["filter", "nat", "route"]
    hook: Literal["prerouting", "input", "forward", "output", "postrouting"]
    group: Group
    priorities: tuple[int, ...]


_PLACES = (
    _Place("nat", "prerouting", "dnat", (-100, -99, -50, -150)),
    _Place("nat", "output", "dnat", (-100, -99, -50, -150)),
    _Place("nat", "postrouting", "snat", (100, 99, 50, 150)),
    _Place("filter", "prerouting", "filter", (-110, -90, 0, -149)),
    _Place("filter", "input", "filter", (0, -10, 10, -110, 120)),
    _Place("filter", "forward", "filter", (0, -10, 10, -110)),
    _Place("filter", "output", "filter", (0, -110, -90, 10)),
    _Place("filter", "postrouting", "post", (0, 90, 110, -10)),
    _Place("route", "output", "filter", (-149, -20)),
    _Place("nat", "input", "snat-input", (100, 99)),
    # Before tracking: a refusal here would be an answer that belongs to no connection, so nothing is refused.
    _Place("filter", "prerouting", "post", (-300,)),
    _Place("filter", "output", "post", (-300,)),
)
_WEIGHTED = (*_PLACES[:3] * 3, *_PLACES[3:7] * 2, *_PLACES[7:])


@st.composite
def rulesets(draw: st.DrawFn) -> Ruleset:
    """A ruleset that nft loads."""
    taken: set[tuple[str, int]] = set()
    tables = [_table(draw, number, taken) for number in range(one_of(draw, (1, 2, 2, 3)))]
    ruleset = Ruleset((*tables, _TRACKING))
    return _answering(ruleset) if "notrack" in ruleset.text else ruleset


def _answering(ruleset: Ruleset) -> Ruleset:
    """The ruleset, letting through refusals of what is not tracked, which belong to no connection."""
    return Ruleset(tuple(evolve(table, chains=tuple(map(_answering_chain, table.chains))) for table in ruleset.tables))


def _answering_chain(chain: Chain) -> Chain:
    if _ANSWERS not in chain.rules:
        return chain
    return evolve(chain, rules=(_UNTRACKED_ANSWERS, *chain.rules))


def _table(draw: st.DrawFn, number: int, taken: set[tuple[str, int]]) -> Table:
    family: Literal["ip", "ip6", "inet"] = one_of(draw, ("ip", "inet", "ip6"))
    bases: list[tuple[Base, Group]] = []
    for _ in range(one_of(draw, (1, 2, 3, 4))):
        place = one_of(draw, _WEIGHTED)
        priority = one_of(draw, place.priorities)
        if (place.hook, priority) in taken:
            continue
        taken.add((place.hook, priority))
        policy: Literal["accept", "drop"] = rarely(draw, "accept", "drop")
        bases.append((Base(place.kind, place.hook, priority, policy), place.group))
    groups = list(dict.fromkeys(group for _base, group in bases))
    chains = {group: _names(draw, group) for group in groups}
    known = _collections(draw, family, chains)
    written = [
        Chain(
            f"{base.kind}-{base.hook}-{index}",
            _rules(draw, base, Surroundings(family, group, known, chains[group])),
            base,
        )
        for index, (base, group) in enumerate(bases)
    ]
    for group, names in chains.items():
        for index, name in enumerate(names):
            # A verdict map may lead to any chain of the group, so that only base chains can look one up without a loop.
            usable = tuple(each for each in known if each.data != "verdict")
            around = Surroundings(family, group, usable, names[index + 1 :])
            written.append(Chain(name, _rules(draw, None, around)))
    return Table(family, f"t{number}", tuple(each.collection for each in known), tuple(written))


def _names(draw: st.DrawFn, group: Group) -> tuple[str, ...]:
    return tuple(f"{group}-{letter}" for letter in "abcde"[: one_of(draw, range(_DEEPEST + 1))])


def _rules(draw: st.DrawFn, base: Base | None, around: Surroundings) -> tuple[Rule, ...]:
    rules = [drawn_rule(draw, around) for _ in range(one_of(draw, (2, 1, 3, _LONGEST_CHAIN)))]
    if base is None:
        return tuple(rules)
    if base.kind != "nat" and base.hook in {"prerouting", "output"} and rarely(draw, False, True):
        udp = (Piece("meta l4proto udp", (Constant("protocol", "udp"),)), Piece("notrack"))
        rules.insert(0, Rule(udp))
    return (_ANSWERS, *rules)


def _collections(draw: st.DrawFn, family: str, chains: dict[Group, tuple[str, ...]]) -> tuple[Known, ...]:
    found: list[Known] = []
    for number in range(one_of(draw, (0, 1, 2, 3, 4))):
        version = one_of(draw, (4, 6)) if family == "inet" else version_of_family(family)
        kind = one_of(draw, ("set", "value map", "verdict map"))
        if kind == "set":
            found.append(drawn_set(draw, f"set-{number}", version))
        elif kind == "value map":
            found.append(drawn_value_map(draw, f"map-{number}", version))
        elif chains:
            group = one_of(draw, list(chains))
            verdicts = (*(f"{verb} {name}" for name in chains[group] for verb in ("goto", "jump")), "accept", "drop")
            found.append(drawn_verdict_map(draw, f"vmap-{number}", version, group, verdicts))
    return tuple(found)
