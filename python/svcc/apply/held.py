"""What the kernel holds of svcc's tables, as nft objects that a transaction can start from.

A chain whose rules are those of the chain that is wanted becomes that chain. Of any other it is only known that it is
another one, so it is flushed and written anew; nobody needs to understand what somebody wrote there.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs
from attrs import field, frozen

from svcc.addresses import IPFamily
from svcc.apply.held_elements import FOREIGN_COMMENT, HeldElement, elements_of
from svcc.apply.held_rules import common_rules
from svcc.apply.session import Nft, TableReader
from svcc.compiler.layout import COUNTERS_TABLE, TABLE, Layout
from svcc.compiler.picks import pick_chain, pick_of
from svcc.nft.commands import DeleteObject, TableName
from svcc.nft.expressions import Constant, Expression, Meta, Numgen, Payload
from svcc.nft.names import comment_text
from svcc.nft.objects import BaseHook, Chain, Rule, Ruleset, Set, Table
from svcc.nft.statements import Verdict

__all__ = ["TABLES", "UNKNOWN_RULES", "Held", "HeldTable", "held_tables"]

TABLES: Final = tuple(TableName(family, name) for name in (TABLE, COUNTERS_TABLE) for family in ("ip", "ip6"))
"""All that svcc owns in a node's kernel."""

_OF_A_TABLE: Final = frozenset({"family", "name", "handle"})
_OF_A_CHAIN: Final = frozenset({"family", "table", "name", "handle", "type", "hook", "prio", "policy"})
_OF_A_SET: Final = frozenset({"family", "table", "name", "handle", "type", "map", "flags", "size", "timeout", "elem"})
_OF_A_COUNTING_SET: Final = _OF_A_SET | {"stmt"}
_COUNTERS: Final = [{"counter": None}]
UNKNOWN_RULES: Final = (Rule((Verdict("queue"),)),)
"""Stands for rules that are not as compiled; svcc queues nothing, so it equals none of its rules."""
_UNKNOWN_TYPE: Final = (Constant("unknown"),)
"""Stands for the key of a set that is declared as svcc declares none."""


@frozen
class HeldTable:
    """A table that the kernel holds.

    Attributes:
        table: its chains, sets and elements; see the module's docstring.
        objects: commands that delete what svcc never makes.
        is_usable: whether it can be changed into what is wanted; else it must be deleted and made anew. A dormant
            table is not, nor one that has a comment.
        records: what packets have written into dynamic maps that are wanted with the same keys and data, by the
            map's name.
    """

    table: Table
    objects: tuple[DeleteObject, ...] = ()
    is_usable: bool = True
    records: dict[str, tuple[HeldElement, ...]] = field(factory=dict, repr=False)


@frozen
class Held:
    """The tables of svcc that there are."""

    tables: tuple[HeldTable, ...] = ()

    @property
    def ruleset(self) -> Ruleset:
        """The tables as a transaction takes them."""
        return Ruleset(tuple(held.table for held in self.tables))

    @property
    def objects(self) -> tuple[DeleteObject, ...]:
        """What svcc never makes, to be deleted."""
        return tuple(command for held in self.tables for command in held.objects)


def held_tables(nft: Nft, wanted: Ruleset) -> Held:
    """Read svcc's tables from the kernel; `wanted` says what chains and sets should look like.

    Raises:
        NftError: they cannot be listed.
    """
    by_name = {TableName(table.family, table.name): table for table in wanted.tables}
    found = []
    read = nft.read_table if isinstance(nft, TableReader) else nft.list_table
    for name in TABLES:
        listed = read(name.family, name.name)
        if listed is not None:
            found.append(_table(name, listed, by_name.get(name, Table(name.family, name.name, (), ()))))
    return Held(tuple(found))


def _table(name: TableName, listed: Iterable[dict[str, Any]], wanted: Table) -> HeldTable:
    wanted_sets = {item.name: item for item in wanted.sets}
    wanted_chains = {chain.name: chain for chain in wanted.chains}
    sets: list[Set] = []
    records: dict[str, tuple[HeldElement, ...]] = {}
    chains: list[dict[str, Any]] = []
    rules: dict[str, list[dict[str, Any]]] = {}
    objects: list[DeleteObject] = []
    is_usable = True
    for item in listed:
        for kind, body in item.items():
            match kind:
                case "metainfo":
                    pass
                case "table":
                    is_usable = body.keys() <= _OF_A_TABLE
                case "set" | "map":
                    held, elements = _set(name, body, wanted_sets.get(body["name"]))
                    sets.append(held)
                    if elements:
                        records[held.name] = elements
                case "chain":
                    chains.append(body)
                case "rule":
                    rules.setdefault(body["chain"], []).append(body)
                case _:
                    objects.append(DeleteObject(name, kind, body["name"]))
    # In the order that is wanted, so that equal rulesets are equal.
    places = {key: place for place, key in enumerate((*wanted_sets, *wanted_chains))}
    sets.sort(key=lambda each: places.get(each.name, len(places)))
    found = [
        _chain(body, rules.get(body["name"], ()), wanted_chains.get(body["name"]) or _spare_chain(name, body["name"]))
        for body in chains
    ]
    found.sort(key=lambda each: places.get(each.name, len(places)))
    return HeldTable(Table(name.family, name.name, tuple(sets), tuple(found)), tuple(objects), is_usable, records)


def _spare_chain(table: TableName, name: str) -> Chain | None:
    """A pick chain that nobody needs now, as it would be: whoever keeps them need not make them anew."""
    pick = pick_of(name)
    if pick is None or table.name != TABLE:
        return None
    return pick_chain(Layout(IPFamily.IPV4 if table.family == "ip" else IPFamily.IPV6), pick)


def _chain(body: dict[str, Any], rules: Sequence[dict[str, Any]], wanted: Chain | None) -> Chain:
    hook = None
    if "hook" in body:
        hook = BaseHook(body.get("type", ""), body["hook"], body.get("prio", 0))
    if not body.keys() <= _OF_A_CHAIN or body.get("policy", "accept") != "accept":
        # A chain by this name that cannot be turned into ours, only replaced.
        hook = BaseHook("another", body.get("hook", ""), body.get("prio", 0))
    if wanted is not None and (common := common_rules(rules, wanted.rules)) == len(rules):
        is_whole = common == len(wanted.rules) and hook == wanted.hook
        return wanted if is_whole else Chain(wanted.name, wanted.rules[:common], hook)
    return Chain(body["name"], UNKNOWN_RULES if rules else (), hook)


def _set(name: TableName, body: dict[str, Any], wanted: Set | None) -> tuple[Set, tuple[HeldElement, ...]]:
    types = _types(body.get("type"))
    has_counters = wanted is not None and wanted.counter
    elements = tuple(elements_of(body, types, 32 if name.family == "ip" else 128, with_counters=has_counters))
    flags = set(_listed(body.get("flags", [])))
    if wanted is not None and wanted.is_map != ("map" in body):
        wanted = None
    is_of_type = False
    if wanted is not None:
        data_types = ("verdict",) if wanted.is_verdict_map else tuple(map(_type_of, wanted.data))
        is_of_type = types == tuple(map(_type_of, wanted.key)) and _data_types(body) == data_types
        alike = (
            is_of_type
            and body.keys() <= (_OF_A_COUNTING_SET if has_counters else _OF_A_SET)
            # nft before 1.0.6 does not tell that a set counts.
            and body.get("stmt", _COUNTERS) == _COUNTERS
            # nft before 1.0.9 does not tell that a set is dynamic.
            and flags - {"dynamic"} == _flags(wanted)
            and body.get("size") == wanted.size
            and body.get("timeout") == wanted.timeout_seconds
        )
        declared = attrs.evolve(wanted, elements=(), comments={})
        if not alike:
            declared = attrs.evolve(declared, key=_UNKNOWN_TYPE)
    else:
        is_verdict_map = body.get("map") == "verdict"
        data = _UNKNOWN_TYPE if "map" in body and not is_verdict_map else ()
        declared = Set(body["name"], _UNKNOWN_TYPE, data=data, is_verdict_map=is_verdict_map)
        declared = attrs.evolve(declared, dynamic="timeout" in flags)
    pairs = tuple((element.key, element.data) for element in elements)
    if declared.dynamic:
        return attrs.evolve(declared, elements=pairs), elements if is_of_type and "timeout" in flags else ()
    given = wanted.comments if wanted is not None else {}
    comments = {}
    for element in elements:
        if element.comment:
            # The kernel has what comments are cut to; where it is that, it is the same comment.
            full = given.get(element.key, "")
            same = element.comment != FOREIGN_COMMENT and comment_text(full) == element.comment
            comments[element.key] = full if same else element.comment
    return attrs.evolve(declared, elements=pairs, comments=comments), ()


def _flags(item: Set) -> set[str]:
    return {flag for flag, wanted in (("interval", item.interval), ("timeout", item.dynamic)) if wanted}


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _data_types(body: dict[str, Any]) -> tuple[str, ...]:
    found = body.get("map")
    if found is None:
        return ()
    return tuple(found.split(" . ")) if isinstance(found, str) else _types(found)


def _types(listed: Any) -> tuple[str, ...]:
    """The types of the parts of a key, whichever way a version of nft writes them."""
    if isinstance(listed, dict) and "typeof" in listed:
        declared = listed["typeof"]
        parts = declared["concat"] if isinstance(declared, dict) and "concat" in declared else [declared]
        return tuple(map(_type_of_json, parts))
    return tuple(map(str, _listed(listed)))


def _type_of_json(expression: Any) -> str:
    if isinstance(expression, dict) and len(expression) == 1:
        [(kind, body)] = expression.items()
        match kind:
            case "payload":
                return _type_of(Payload(str(body.get("protocol")), str(body.get("field"))))
            case "meta":
                return _type_of(Meta(str(body.get("key"))))
            case "numgen":
                return "integer"
    return "unknown"


def _type_of(expression: Expression) -> str:
    match expression:
        case Payload(protocol, "saddr" | "daddr"):
            return "ipv4_addr" if protocol == "ip" else "ipv6_addr"
        case Payload(_, "sport" | "dport"):
            return "inet_service"
        case Meta("l4proto"):
            return "inet_proto"
        case Meta("priority"):
            return "classid"
        case Numgen():
            return "integer"
    return "unknown"
