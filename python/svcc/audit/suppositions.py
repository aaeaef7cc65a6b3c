"""Findings that only show if the node has addresses that nobody told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from svcc.audit.catalogue import CATALOGUE
from svcc.audit.finding import Finding, FindingKind

__all__ = ["without_suppositions"]

_EXPOSURES: Final = frozenset(
    {
        FindingKind.NODE_PORT_EXPOSED,
        FindingKind.NODE_PORT_BEYOND_ADDRESSES,
        FindingKind.SERVICE_STALE,
        FindingKind.SOURCE_RANGE_BYPASSED,
    }
)
"""What is open that should not be: nearly every node has more addresses than its Node object tells."""

_SHOWN: Final = 5


def without_suppositions(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings, those that rest on addresses nobody told as one that is not decidable.

    Where rules serve less at such addresses than was declared, that is wrong only if the node has them. It is not told
    of a subject that has other findings: they have the same cause.
    """
    findings = tuple(findings)
    supposed = [each for each in findings if _is_supposed(each)]
    plain = [each for each in findings if not _is_supposed(each)]
    subjects = {each.subject for each in plain}
    open_questions = [each for each in supposed if each.subject not in subjects]
    if not open_questions:
        return tuple(plain)
    first = open_questions[0]
    entry = CATALOGUE[FindingKind.NOT_DECIDABLE]
    addresses = sorted({a for each in open_questions if each.witness for a in each.witness.local_addresses})
    told = [each.message for each in open_questions]
    more = (f"and {len(told) - _SHOWN} more",) if len(told) > _SHOWN else ()
    question = Finding(
        FindingKind.NOT_DECIDABLE,
        entry.severity,
        f"if the node has addresses that were not told, such as {addresses[0]}, Services fare otherwise there",
        "addresses of the node that were not told",
        details=(*told[:_SHOWN], *more),
        witness=first.witness,
        rules=first.rules,
        hint="name all addresses of the node: in the status of its Node, or with --local-address",
        regions=sum(each.regions for each in open_questions),
    )
    return (*plain, question)


def _is_supposed(finding: Finding) -> bool:
    return finding.witness is not None and bool(finding.witness.local_addresses) and finding.kind not in _EXPOSURES
