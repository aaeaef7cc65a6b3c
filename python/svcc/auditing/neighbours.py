"""Who else is on the node: other service proxies, other owners of a frontend, other users of the mark."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from svcc import _native
from svcc.auditing.finding import Finding, FindingKind, RulePlace
from svcc.auditing.owners import Owner, TableOwner, Tenant
from svcc.auditing.structure import MOST_PLACES, PlaceRow, finding, place
from svcc.fields import Severity

__all__ = ["neighbour_findings"]

_PROXIES = {
    Owner.SVCC: "svcc",
    Owner.OLDER_SVCC: "svcc",
    Owner.KUBE_PROXY: "kube-proxy in nftables mode",
    Owner.NFTLB: "nftlb",
}
"""The proxies with tables of their own; those named first are taken for the ones that should be here."""

_MOST_FRONTENDS = 20


def neighbour_findings(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    """Everything that concerns several tables."""
    yield from _older_svcc(owners)
    yield from _other_proxies(owners)
    yield from _other_modes(owners)
    yield from _shared_frontends(inspection, owners)
    yield from _ties(inspection, owners)
    yield from _marks(inspection, owners)


def _older_svcc(owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for owner in owners:
        if owner.owner is Owner.OLDER_SVCC:
            message = f"{owner.name} is not laid out as this version of svcc does it"
            yield finding(FindingKind.OLDER_SVCC, message, owner.name, rules=[RulePlace(owner.family, owner.table)])


def _other_proxies(owners: Sequence[TableOwner]) -> Iterator[Finding]:
    by_proxy: dict[str, list[TableOwner]] = {
        proxy: [owner for owner in owners if _PROXIES.get(owner.owner) == proxy] for proxy in _PROXIES.values()
    }
    present = [(proxy, tables) for proxy, tables in by_proxy.items() if tables]
    for proxy, tables in present[1:]:
        here = present[0][0]
        names = " and ".join(table.name for table in tables)
        hooked = any(table.base_chains and table.dormant is not True for table in tables)
        layout = next((f" (of Kubernetes {table.layout})" for table in tables if table.layout), "")
        does = "act on the same packets" if hooked else "have no hooks, so that no packet meets them"
        message = f"{proxy}{layout} has left {names} beside the rules of {here}; they {does}"
        yield finding(
            FindingKind.OTHER_PROXY_LEFTOVERS,
            message,
            f"{proxy} beside {here}",
            severity=None if hooked else Severity.INFO,
            rules=(RulePlace(table.family, table.table) for table in tables),
            hint=" ".join(f"nft delete {table.name};" for table in tables).rstrip(";")
            + f", once {proxy} is stopped; or remove {here}, if that is the one to go",
        )


def _other_modes(owners: Sequence[TableOwner]) -> Iterator[Finding]:
    """Chains of kube-proxy's older modes; where no other proxy is here they are the proxy, and no leftovers."""
    here = next((_PROXIES[owner.owner] for proxy in _PROXIES for owner in owners if owner.owner is proxy), None)
    found: list[tuple[TableOwner, Tenant]] = [
        (owner, tenant) for owner in owners for tenant in owner.tenants if tenant.owner is Owner.KUBE_PROXY_IPTABLES
    ]
    if here is None or not found:
        return
    names = " and ".join(owner.name for owner, _ in found)
    chains, rules = (sum(each) for each in zip(*((tenant.chains, tenant.rules) for _, tenant in found), strict=True))
    hooked = any(tenant.hooked and owner.dormant is not True for owner, tenant in found)
    if hooked:
        does, severity = "packets still meet them", None
    elif rules:
        does, severity = "nothing leads to them", Severity.INFO
    else:
        does, severity = "all are empty, which is harmless", Severity.INFO
    message = f"{chains} chains of kube-proxy's iptables or ipvs mode are left in {names} beside {here}; {does}"
    yield finding(
        FindingKind.OTHER_PROXY_LEFTOVERS,
        message,
        f"kube-proxy in iptables mode beside {here}",
        severity=severity,
        rules=(RulePlace(owner.family, owner.table, tenant.first) for owner, tenant in found),
        hint="run kube-proxy --cleanup in the mode that is no longer used, or restart the node",
    )


def _shared_frontends(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for (one, other), first, claims, count in inspection.shared_frontends():
        tables = (owners[one], owners[other])
        names = " and ".join(table.name for table in tables)
        what = claims[0][0] if count == 1 else f"{count} frontends, such as {claims[0][0]},"
        message = f"{what} {'is' if count == 1 else 'are'} translated by {names}; {_winner(owners, first)}"
        named = claims[:_MOST_FRONTENDS]
        details = [_claim_words(frontend, here[2] or there[2]) for frontend, here, there in named]
        rules = [place(owners, row, element) for claim in claims[:MOST_PLACES] for row, element, _ in claim[1:]]
        proxies = any(table.translates_services for table in tables)
        yield finding(
            FindingKind.FRONTEND_OWNED_TWICE,
            message,
            names,
            severity=None if proxies else Severity.INFO,
            details=details,
            rules=dict.fromkeys(rules),
        )


def _claim_words(frontend: str, comment: str) -> str:
    return f"{frontend} ({comment})" if comment else frontend


def _winner(owners: Sequence[TableOwner], first: Sequence[tuple[str, int | None]]) -> str:
    """Which table comes first, for all hooks or for each."""
    winners = {table for _, table in first}
    if len(winners) == 1:
        return _first(owners, next(iter(winners)))
    return ", ".join(f"in {hook} {_first(owners, table)}" for hook, table in first)


def _first(owners: Sequence[TableOwner], table: int | None) -> str:
    if table is None:
        return "nobody can tell which comes first, because both hook in at one priority and the last loaded wins"
    return f"{owners[table].name} comes first and wins"


def _ties(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    for table, row, hook in inspection.ties():
        proxy, other = owners[table], owners[row[0]]
        message = (
            f"{other.name} translates destinations in {hook} at the priority of {proxy.name}, and which comes first "
            "cannot be told"
        )
        yield finding(
            FindingKind.FOREIGN_TRANSLATION,
            message,
            f"{other.name} beside {proxy.name}",
            severity=Severity.INFO,
            rules=[place(owners, row)],
            hint="give one of the two chains another priority, if their rules can meet one packet",
        )


_EFFECTS: Mapping[str, tuple[str, Severity | None]] = {
    "sets": ("sets bits {bits} of the mark, by which Services are masqueraded", None),
    "may set": ("may set bits {bits} of the mark, by which Services are masqueraded", Severity.INFO),
    "clears": ("clears bits {bits} of the mark, so that Services are not masqueraded that should be", None),
    "reads": ("asks for bits {bits} of the mark, which Services use for masquerading", Severity.INFO),
}


def _marks(inspection: _native.Inspection, owners: Sequence[TableOwner]) -> Iterator[Finding]:
    by_effect: dict[tuple[int, str, int], list[PlaceRow]] = {}
    for row, effect, bits in inspection.marks():
        by_effect.setdefault((row[0], effect, bits), []).append(row)
    for (table, found, bits), rows in by_effect.items():
        words, severity = _EFFECTS[found]
        owner = owners[table]
        many = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
        message = f"'{rows[0][3]}'{many} in {owner.name} {words.format(bits=f'{bits:#x}')}"
        yield finding(
            FindingKind.FOREIGN_MARK,
            message,
            f"{owner.name} {found} {bits:#x}",
            severity=severity,
            rules=(place(owners, row) for row in rows[:MOST_PLACES]),
        )
