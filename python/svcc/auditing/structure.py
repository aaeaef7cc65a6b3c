"""What is wrong inside a table, seen by its structure: dead chains, elements that lead nowhere, rules nobody meets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from svcc import _native
from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.finding import Finding, FindingKind, RulePlace
from svcc.auditing.owners import Owner, TableOwner, empty_tables
from svcc.fields import Severity

__all__ = ["MOST_PLACES", "PlaceRow", "finding", "place", "structure_findings"]

PlaceRow = tuple[int, str, int | None, str]
"""A rule as the native inspection names it: the number of its table, chain, handle, words."""

_RELOAD = CATALOGUE[FindingKind.SERVICE_MISSING].hint

MOST_PLACES = 10
"""So many rules, chains or elements a finding names; the others are like them."""

_WITHOUT_REFERENCES = {
    Owner.SVCC: frozenset({"mark-always", "mark-unless-pod", "mark-node-traffic"}),
    Owner.KUBE_PROXY: frozenset({"mark-for-masquerade", "reject-chain"}),
}
"""Chains of proxies that only elements lead to, so that some rulesets have no use for them."""

_LAYOUT_UNKNOWN = frozenset({Owner.UNKNOWN, Owner.NFTLB})
"""Whose habits nobody here knows, so that what has no effect is worth a word; other versions of svcc have their own."""


def finding(
    kind: FindingKind,
    message: str,
    subject: str,
    *,
    severity: Severity | None = None,
    details: Iterable[str] = (),
    rules: Iterable[RulePlace] = (),
    hint: str = "",
) -> Finding:
    """A finding about rules alone, as bad and with the hint that its kind has unless said otherwise."""
    entry = CATALOGUE[kind]
    return Finding(
        kind,
        severity or entry.severity,
        message,
        subject,
        details=tuple(details),
        rules=tuple(rules),
        hint=hint or entry.hint,
    )


def place(owners: Sequence[TableOwner], row: PlaceRow, element: str = "") -> RulePlace:
    """A rule, or the element of a map that it looks into."""
    table, chain, handle, rule = row
    return RulePlace(owners[table].family, owners[table].table, chain, handle, rule, element)


def _some(names: Sequence[str]) -> str:
    """The first names in words, and that there are more."""
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"


def structure_findings(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    """Everything that concerns one table alone."""
    yield from _dormancy(owners)
    yield from _dead_chains(inspection, owners)
    yield from _unused_sets(inspection, owners)
    yield from _hollow_elements(inspection, owners)
    yield from _unselectable_elements(inspection, owners)
    yield from _shadowed_rules(inspection, owners)
    yield from _untracked(inspection, owners)
    yield from _seedless_hashes(inspection, owners)
    yield from _not_understood(inspection, owners)


def _dormancy(owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for owner in owners:
        rules = [RulePlace(owner.family, owner.table)]
        if owner.dormant is None and owner.base_chains:
            message = f"whether {owner.name} is dormant cannot be told from this dump, so its rules may run or not"
            hint = "list the ruleset as text, or with nft 1.1.0 or later"
            yield finding(FindingKind.NOT_DECIDABLE, message, f"{owner.name} flags", rules=rules, hint=hint)
        elif owner.dormant and owner.translates_services:
            message = f"{owner.name} is dormant: none of its chains runs, so nothing in it serves anybody"
            hint = f"wake it up: nft add {owner.name} '{{ flags ; }}', or load the ruleset again"
            yield finding(
                FindingKind.CHAIN_DEAD, message, owner.name, severity=Severity.WARNING, rules=rules, hint=hint
            )


def _dead_chains(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for table, rows in groupby(inspection.dead_chains(), key=lambda row: row[0]):
        owner = owners[table]
        known = _WITHOUT_REFERENCES.get(owner.owner, frozenset())
        if not known and owner.owner not in _LAYOUT_UNKNOWN:
            continue
        dead = [(name, rules, from_dead) for _, name, rules, from_dead in rows if name not in known]
        empty = [name for name, rules, _ in dead if not rules]
        filled = [name for name, rules, from_dead in dead if rules and not from_dead]
        # A circle of chains that lead to each other has no first one.
        filled = filled or [name for name, rules, _ in dead if rules]
        program = [name for name in filled if known and "/" not in name and not name.startswith("pick-")]
        if program:
            message = f"nothing leads to {_some(program)} in {owner.name}, which every packet should meet"
            subject = f"{owner.name} program"
            yield _dead(owner, message, subject, program, severity=Severity.WARNING, hint=_RELOAD)
        others = [name for name in filled if name not in program]
        if others:
            message = f"nothing leads to {_count(len(others), 'chain')} with rules in {owner.name}: {_some(others)}"
            yield _dead(owner, message, f"{owner.name} chains with rules", others)
        if empty:
            message = f"{_count(len(empty), 'empty chain')} in {owner.name} that nothing leads to: {_some(empty)}"
            yield _dead(owner, message, f"{owner.name} empty chains", empty)


def _dead(
    owner: TableOwner,
    message: str,
    subject: str,
    chains: Sequence[str],
    *,
    severity: Severity | None = None,
    hint: str = "",
) -> Finding:
    places = (RulePlace(owner.family, owner.table, name) for name in chains[:MOST_PLACES])
    return finding(FindingKind.CHAIN_DEAD, message, subject, severity=severity, rules=places, hint=hint)


def _unused_sets(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for table, rows in groupby(inspection.unused_sets(), key=lambda row: row[0]):
        owner = owners[table]
        match owner.owner:
            case Owner.SVCC:
                # The sets of svcc are there whether anything needs them or not.
                declared = {each.name for each in empty_tables()[owner.family].sets}
                names = [name for _, name in rows if name not in declared]
            case Owner.KUBE_PROXY:
                names = [name for _, name in rows if "/" in name]
            case _ if owner.owner in _LAYOUT_UNKNOWN:
                names = [name for _, name in rows]
            case _:
                continue
        if names:
            what = "a set or map" if len(names) == 1 else f"{len(names)} sets and maps"
            message = f"no rule asks {what} of {owner.name}: {_some(names)}"
            places = (RulePlace(owner.family, owner.table, element=f"{name}: *") for name in names[:MOST_PLACES])
            yield finding(FindingKind.CHAIN_DEAD, message, f"{owner.name} unused sets", rules=places)


def _hollow_elements(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for table, rule, element, count, chain, missing in inspection.hollow():
        owner = owners[table]
        if not missing and not owner.translates_services and owner.owner is not Owner.UNKNOWN:
            continue
        served = owner.translates_services or missing
        at = place(owners, rule, element) if rule else RulePlace(owner.family, owner.table, element=element)
        more = f" (and {_count(count - 1, 'more element')})" if count > 1 else ""
        what = "is missing in the dump" if missing else "has no rules"
        where = f"chain {at.chain} of {owner.name}" if at.chain else owner.name
        message = f"{element}{more} in {where} leads to {chain}, which {what}"
        subject = f"{owner.name} {element} to {_without_hash(chain)}"
        severity = None if served else Severity.INFO
        yield finding(FindingKind.MAP_ELEMENT_DANGLING, message, subject, severity=severity, rules=[at])


def _without_hash(chain: str) -> str:
    """The name of a chain of kube-proxy without the hash in it: ``service-KHN6ECMT-shop/web/tcp/http``."""
    kind, _, rest = chain.partition("-")
    digest, _, name = rest.partition("-")
    return f"{kind}-{name}" if "/" in name and len(digest) == 8 and digest.isupper() else chain


def _unselectable_elements(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for table, element, count, served in inspection.unselectable():
        owner = owners[table]
        if owner.owner is Owner.OLDER_SVCC:
            continue  # The same names may have meant something else.
        name = element.partition(":")[0]
        more = f" (and {count - 1} more of the same frontend)" if count > 1 else ""
        why = "no rule ever draws its slot" if served else "its frontend is none that the table serves"
        message = f"no packet can meet {element}{more} in {owner.name}: {why}"
        at = RulePlace(owner.family, owner.table, element=element)
        subject = f"{owner.name} {name} {element.partition(': ')[2]}"
        yield finding(FindingKind.MAP_ELEMENT_DANGLING, message, subject, rules=[at])


def _shadowed_rules(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    by_front: dict[PlaceRow, list[tuple[PlaceRow, bool]]] = {}
    for row, by, differs in inspection.shadowed():
        by_front.setdefault(by, []).append((row, differs))
    for by, rows in by_front.items():
        owner = owners[by[0]]
        differing = [row for row, differs in rows if differs]
        first = (differing or [row for row, _ in rows])[0]
        act = "would act differently" if differing else "would do the same"
        others = f" and {_count(len(rows) - 1, 'other rule')}" if len(rows) > 1 else ""
        message = (
            f"'{first[3]}'{others} in chain {by[1]} of {owner.name} is never met, because '{by[3]}' stands before it; "
            f"it {act}"
        )
        places = [place(owners, row) for row, _ in sorted(rows, key=lambda item: not item[1])[:MOST_PLACES]]
        # Handles are no part of what a finding is about, and chains of kube-proxy have hashes in their names.
        subject = f"{owner.name} chain {_without_hash(by[1])} rule {by[3]}"
        severity = Severity.WARNING if differing and owner.translates_services else None
        yield finding(
            FindingKind.RULE_SHADOWED, message, subject, severity=severity, rules=[*places, place(owners, by)]
        )


def _untracked(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for table, rows in groupby(inspection.untracked(), key=lambda row: row[0]):
        owner, names = owners[table], [name for _, name in rows]
        message = (
            f"{_some(names)} of {owner.name} never run{'s' if len(names) == 1 else ''}, because nothing in the dump "
            "has connections tracked"
        )
        places = (RulePlace(owner.family, owner.table, name) for name in names)
        hint = "if the dump is of one table only, list all; else any rule that asks 'ct state' starts tracking"
        severity = Severity.WARNING if owner.translates_services else None
        subject = f"{owner.name} address translation"
        yield finding(FindingKind.RULE_UNREACHABLE, message, subject, severity=severity, rules=places, hint=hint)


def _seedless_hashes(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for table, rows in groupby(inspection.seedless(), key=lambda row: row[0]):
        found, owner = list(rows), owners[table]
        message = (
            f"{_count(len(found), 'rule')} of {owner.name} hash{'es' if len(found) == 1 else ''} without a seed: the "
            "kernel draws one when they are loaded, so clients move whenever that happens, and no dump tells where to"
        )
        places = (place(owners, row) for row in found[:MOST_PLACES])
        hint = "name a seed: jhash ... seed 0x1"
        yield finding(
            FindingKind.NOT_DECIDABLE, message, f"{owner.name} hashes", severity=Severity.INFO, rules=places, hint=hint
        )


def _not_understood(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    """Rules of proxies that an old nft has printed in a way that nobody can read."""
    version = inspection.nft_version()
    numbers = [int(part) if part.isdigit() else 0 for part in (version or "9").split(".")[:2]]
    if version is None or numbers >= [1, 1]:
        return
    for table, rows in groupby(inspection.opaque(), key=lambda row: row[0]):
        found, owner = list(rows), owners[table]
        message = (
            f"nft {version} printed {_count(len(found), 'rule')} of {owner.name} so that nobody can tell what "
            f"{'it does' if len(found) == 1 else 'they do'}"
        )
        places = (place(owners, row) for row in found[:MOST_PLACES])
        hint = "list the ruleset with nft 1.1.0 or later, or as text: nft list ruleset"
        yield finding(FindingKind.NOT_DECIDABLE, message, f"{owner.name} listing", rules=places, hint=hint)
