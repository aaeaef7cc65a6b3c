"""How the tables of service proxies differ from what they should be: which rule or element is missing, or too much.

A proof shows what packets suffer. Where svcc made the rules, what they should be is known to the letter, and that is
the best there is to blame. Of kube-proxy's rules it is known which chains are never empty.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Final

from attrs import field, frozen

from svcc import _native
from svcc.auditing.classify_declared import Owner as ServiceFrontend
from svcc.auditing.classify_declared import frontend_words
from svcc.auditing.finding import RulePlace
from svcc.auditing.owners import Owner, TableOwner
from svcc.compiler.picks import PICKS
from svcc.compiler.ruleset import build_ruleset
from svcc.dataplane.contract import Dataplane, ServicePortPlan
from svcc.trace.evaluator import Evaluator

__all__ = ["Departure", "Departures", "Topic", "departures_from"]

Topic = str
"""What a rule is for: ``source``, ``refusal``, ``affinity``, ``destination``."""

_Key = tuple[str, ...]
_TOPICS: Final[tuple[tuple[Topic, re.Pattern[str]], ...]] = (
    ("source", re.compile(r"\bmark|masquerad|source-nat|hairpin|pod-cidrs|mixed-addresses|cluster-ips|postrouting")),
    ("refusal", re.compile(r"refuse|reject|\bdrop\b|-check|sources|source-ranged|filter-|cluster-ips|service-cidrs")),
    ("affinity", re.compile(r"sticky|remember|@affinity")),
    ("destination", re.compile(r"services|nodeport|endpoints|picks?\b|turns|nat-prerouting|nat-output|\bdnat\b")),
)
_SETS: Final = frozenset({"cluster-ips", "mixed-addresses", "source-ranged", "allowed-sources", "hairpins"})
_OF_ALL_SERVICES: Final = frozenset({"pod-cidrs", "nodeport-addresses", "nodeport-prefixes", "service-cidrs", PICKS})
_KUBE_PROXY_PROGRAM: Final = (
    *("nat-prerouting", "nat-output", "nat-postrouting", "services", "masquerading", "mark-for-masquerade"),
    *("service-endpoints-check", "nodeport-endpoints-check", "cluster-ips-check", "firewall-check", "reject-chain"),
    *("filter-input", "filter-forward", "filter-output"),
)
"""Chains that always have rules in its nftables mode, in every release that has them (`pkg/proxy/nftables`)."""
_MOST_CHAINS_OF_ANOTHER_LAYOUT: Final = 4
"""A table in which more chains differ is of another version of svcc, and not to be blamed for that."""
_MOST_RULES: Final = 10
"""Of the rules that a chain has too much, so many are told."""


@frozen
class Departure:
    """Something that is not as it was compiled.

    Attributes:
        subject: the chain, set or map: ``table ip svcc chain source-nat``.
        words: what is wrong with it, the same for every dump in which it is wrong.
        place: to blame.
        topics: what it is for.
    """

    family: str
    subject: str
    words: str
    place: RulePlace
    topics: frozenset[Topic]


@frozen
class Departures:
    """Everything that is not as it was compiled.

    Attributes:
        shared: rules, and sets, that are there for all Services.
        of_services: elements and chains by whose they are: a frontend, an endpoint, a Service port.
    """

    shared: tuple[Departure, ...] = ()
    of_services: Mapping[_Key, Sequence[Departure]] = field(factory=dict, repr=False)

    def of(self, plans: Sequence[ServicePortPlan], items: Collection[str] = ()) -> tuple[Departure, ...]:
        """What is about a Service port: its frontends first, then its addresses, then its endpoints.

        If some of its frontends are among the `items` of a finding, it is about these.
        """
        found = [each for plan in plans for key in _keys_of(plan, items) for each in self.of_services.get(key, ())]
        return tuple(dict.fromkeys(found))


def departures_from(
    inspection: _native.Inspection, owners: Sequence[TableOwner], dataplane: Dataplane
) -> Departures | None:
    """What is not as svcc would compile it, and what is empty of kube-proxy's program.

    None of a dump without tables of either.
    """
    present = {owner.owner for owner in owners}
    shared = list(_emptied(inspection, owners)) if Owner.KUBE_PROXY in present else []
    if not present & {Owner.SVCC, Owner.OLDER_SVCC}:
        return Departures(tuple(shared)) if Owner.KUBE_PROXY in present else None
    chains, sets = inspection.departures(Evaluator(build_ruleset(dataplane)).native)
    changed = [row[0] for row in chains]
    foreign = {
        place
        for place, owner in enumerate(owners)
        if owner.owner is Owner.OLDER_SVCC and changed.count(place) > _MOST_CHAINS_OF_ANOTHER_LAYOUT
    }
    of_services: dict[_Key, list[Departure]] = {}

    def sort(key: _Key | None, departure: Departure) -> None:
        if key is None:
            shared.append(departure)
        else:
            of_services.setdefault(key, []).append(departure)

    for table, name, is_there, hook, count, missing, excess in chains:
        # Nothing can lead to a chain that is missing; so of those that only elements lead to, the elements are told.
        is_told = is_there or not ("/" in name or name.startswith("pick-"))
        if table not in foreign and is_told:
            rules = [RulePlace(owners[table].family, owners[table].table, *row[1:]) for row in excess[:_MOST_RULES]]
            for departure in _of_chain(owners[table], name, hook if is_there else "", count, missing, rules):
                sort(("name", name.partition("-")[2].removeprefix("nodeport-")) if "/" in name else None, departure)
    missing_chains = {(table, name) for table, name, is_there, *_ in chains if not is_there}
    missing_data = {
        (table, element.rpartition(" : ")[2]) for table, name, _count, lost, _added in sets for element in lost
    }
    for table, name, count, lost, added in sets:
        if table in foreign:
            continue
        if not count and len(lost) > 1:
            sort(None, _departure(owners[table], name, "holds none of its elements", element=f"{name}: *", lost=True))
            continue
        if name == PICKS:
            # A number that no frontend has does no harm; where it should have one, the frontend is told.
            lost = [each for each in lost if not _is_unasked(table, each, missing_chains, missing_data)]  # noqa: PLW2901
            keys = {each.partition(" : ")[0] for each in lost}
            added = [each for each in added if each.partition(" : ")[0] in keys]  # noqa: PLW2901
        for element, departure in _of_set(owners[table], name, lost, added):
            sort(None if name in _OF_ALL_SERVICES else _key_of(name, element), departure)
    return Departures(tuple(shared), of_services)


def _is_unasked(
    table: int, element: str, missing_chains: Collection[tuple[int, str]], missing_data: Collection[tuple[int, str]]
) -> bool:
    """Whether a number that is missing, like its chain, is one that frontends of the dump do not have."""
    number, _, verdict = element.partition(" : ")
    return (table, verdict.partition(" ")[2]) in missing_chains and (table, number) in missing_data


def _emptied(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Departure]:
    """The chains of kube-proxy's program that have no rules, and its map of Services if that has no elements."""
    chains = "".join(f"chain {name} {{ accept; }}\n" for name in _KUBE_PROXY_PROGRAM)
    tables = (
        f"table {word} kube-proxy {{\nmap service-ips {{ type {address} . inet_proto . inet_service : verdict;\n"
        f"elements = {{ {one} . tcp . 1 : accept, {one} . tcp . 2 : accept }}; }}\n{chains}}}\n"
        for word, address, one in (("ip", "ipv4_addr", "192.0.2.1"), ("ip6", "ipv6_addr", "2001:db8::1"))
    )
    empty, sets = inspection.departures(Evaluator("".join(tables)).native)
    for table, name, is_there, _hook, count, _missing, _excess in empty:
        if is_there and not count:
            yield _departure(owners[table], name, "is empty", chain=name)
    for table, name, elements, _lost, _added in sets:
        if not elements:
            yield _departure(owners[table], name, "holds none of its elements", element=f"{name}: *", lost=True)


def _of_chain(
    owner: TableOwner, chain: str, hook: str | None, count: int, missing: Sequence[str], excess: Sequence[RulePlace]
) -> Iterator[Departure]:
    """What is wrong with a chain; the `hook` it should have, or nothing, if it is not there."""
    if hook == "":
        yield _departure(owner, chain, "is missing", chain=chain, rule=" ".join(missing), lost=True)
        return
    if hook is not None:
        yield _departure(owner, chain, f"should have {hook}", chain=chain)
    if not count:
        yield _departure(owner, chain, "is empty", chain=chain, rule=" ".join(missing[:1]), lost=True)
        return
    altered = list(zip(missing, excess, strict=True)) if len(missing) == len(excess) else []
    for rule, place in altered:
        words = f"has '{place.rule}' instead of '{rule}'"
        yield _departure(owner, chain, words, chain=chain, rule=rule, place=place)
    if altered:
        return
    for rule in missing:
        yield _departure(owner, chain, f"lacks '{rule}'", chain=chain, rule=rule, lost=True)
    for place in excess:
        yield _departure(owner, chain, f"has '{place.rule}' too much", chain=chain, rule=place.rule, place=place)


def _of_set(
    owner: TableOwner, name: str, missing: Sequence[str], excess: Sequence[str]
) -> Iterator[tuple[str, Departure]]:
    """What is wrong with the elements of a set, with each element; one whose data alone is wrong is told once."""
    now = {element.partition(" : ")[0]: element.partition(" : ")[2] for element in excess}
    for element in missing:
        key, _, data = element.partition(" : ")
        if key in now:
            words = f"leads from {key} to {now.pop(key)} instead of {data}"
            yield element, _departure(owner, name, words, element=f"{name}: {key}")
        else:
            yield element, _departure(owner, name, f"lacks {key}", element=f"{name}: {key}", lost=True)
    for key, data in now.items():
        element = f"{key} : {data}" if data else key
        yield element, _departure(owner, name, f"has {key} too much", element=f"{name}: {key}")


def _departure(
    owner: TableOwner,
    name: str,
    words: str,
    *,
    chain: str = "",
    rule: str = "",
    element: str = "",
    place: RulePlace | None = None,
    lost: bool = False,
) -> Departure:
    is_set = name in _SETS or (name in _OF_ALL_SERVICES and name != PICKS)
    sort = "chain" if chain else "set" if is_set else "map"
    place = place or RulePlace(owner.family, owner.table, chain, None, rule if lost else "", element, is_missing=lost)
    about = f"{name} {rule}"
    topics = frozenset(topic for topic, pattern in _TOPICS if pattern.search(about))
    return Departure(owner.family, f"{owner.name} {sort} {name}", f"{sort} {name} {words}", place, topics)


def _key_of(name: str, element: str) -> _Key:
    """Whose an element of a set of this name is."""
    key, _, data = element.partition(" : ")
    parts = key.split(" . ")
    if name.startswith("nodeport-endpoints-"):
        return "", parts[0]
    if name.startswith("sticky-endpoints-"):
        return (data.partition(" . ")[0],)
    if name.startswith("endpoints-"):
        return tuple(parts[:2])
    if name in {"hairpins", "cluster-ips", "mixed-addresses"}:
        return (parts[0],)
    return ("", parts[-1]) if name.endswith("nodeports") else tuple(parts[1:3])


def _keys_of(plan: ServicePortPlan, items: Collection[str]) -> Iterator[_Key]:
    name = plan.name
    named = [each for each in plan.frontends if frontend_words(ServiceFrontend(plan, each)) in items]
    frontends = named or plan.frontends
    yield "name", f"{name.namespace}/{name.service}/{name.protocol.value.lower()}/{name.port}"
    for frontend in frontends:
        yield frontend.address or "", str(frontend.port)
    for frontend in frontends:
        if frontend.address is not None:
            yield (frontend.address,)
    for endpoint in dict.fromkeys((*plan.cluster_endpoints, *plan.local_endpoints)):
        yield (endpoint.address,)
