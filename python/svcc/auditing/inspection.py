"""What a dump says by its structure, without following a single packet.

This is the part of an audit that needs no declaration: whose tables these are, and what in them has no effect, leads
nowhere, or gets in another's way. What rules do to packets is for the proof to say.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from attrs import field, frozen

from svcc import _native
from svcc.auditing.finding import Finding, FindingKind, RulePlace
from svcc.auditing.neighbours import neighbour_findings
from svcc.auditing.owners import Owner, TableOwner, table_owners
from svcc.auditing.structure import MOST_PLACES, finding, structure_findings
from svcc.fields import Severity

__all__ = ["CoverageRow", "Inspection", "inspect"]

CoverageRow: TypeAlias = tuple[str, str, str, int | None, str]
"""A rule: the family and name of its table, its chain, its handle if the dump has any, its words."""

_WORST_FIRST = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.INFO: 2}


@frozen
class Inspection:
    """What was found in a dump.

    Attributes:
        owners: whose each table is, in the dump's order.
        findings: the worst first; within a severity by kind, then subject.
        native: the same for Rust, and what else can be asked there.
    """

    owners: tuple[TableOwner, ...]
    findings: tuple[Finding, ...]
    native: _native.Inspection = field(eq=False, repr=False)
    _dead: frozenset[tuple[str, str, str]]
    _shadowed: frozenset[CoverageRow]

    def unreachable(self, rows: Iterable[CoverageRow]) -> tuple[Finding, ...]:
        """Findings about rules that a proof has seen no packet get to, one for each chain.

        Left out are rules that `findings` tell of already, and those of programs: svcc's tables, and what
        kube-proxy's have without any Service, serve every case, and most rulesets have no use for some of it.
        """
        by_chain: dict[tuple[str, str, str], list[CoverageRow]] = {}
        owners = {(each.family, each.table): each.owner for each in self.owners}
        for row in rows:
            owner = owners.get(row[:2])
            fixed = owner is Owner.SVCC or (owner is Owner.KUBE_PROXY and "/" not in row[2])
            if not fixed and row[:3] not in self._dead and row not in self._shadowed:
                by_chain.setdefault(row[:3], []).append(row)
        return tuple(_unreachable(*place, found) for place, found in sorted(by_chain.items()))


def inspect(program: _native.Program) -> Inspection:
    """Look through a dump that has been read; half a second for the 220 000 rules of 10 000 Services of kube-proxy."""
    native = _native.Inspection(program)
    owners = table_owners(native)
    found = [*structure_findings(native, owners), *neighbour_findings(native, owners)]
    found.sort(key=lambda each: (_WORST_FIRST[each.severity], each.kind, each.subject))
    dead = frozenset((owners[table].family, owners[table].table, name) for table, name, *_ in native.dead_chains())
    shadowed = frozenset((owners[row[0]].family, owners[row[0]].table, *row[1:]) for row, _, _ in native.shadowed())
    return Inspection(owners, tuple(found), native, dead, shadowed)


def _unreachable(family: str, table: str, chain: str, rows: list[CoverageRow]) -> Finding:
    more = f" and {len(rows) - 1} more" if len(rows) > 1 else ""
    name = f"chain {chain} of table {family} {table}"
    return finding(
        FindingKind.RULE_UNREACHABLE,
        f"no packet gets to '{rows[0][4]}'{more} in {name}",
        name,
        rules=(RulePlace(*row) for row in rows[:MOST_PLACES]),
    )
