"""Findings that only show if the node has addresses that nobody told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.classify_declared import Declared
from svcc.auditing.finding import Finding, FindingKind

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

_NODE_PORTS: Final = frozenset({FindingKind.NODE_PORT_EXPOSED, FindingKind.NODE_PORT_BEYOND_ADDRESSES})
_SHOWN: Final = 5


def without_suppositions(findings: Iterable[Finding], declared: Declared | None = None) -> tuple[Finding, ...]:
    """The findings, those that rest on addresses nobody told as one that is not decidable.

    Where rules serve less at such addresses than was declared, that is wrong only if the node has them. It is not told
    of a subject that has other findings: they have the same cause. Where the node's addresses are not `declared` at
    all, rules that serve node ports at some address are no more wrong than others.
    """
    findings = tuple(findings)
    supposed = [each for each in findings if _is_supposed(each) or _is_at_an_unknown_address(each, declared)]
    plain = [each for each in findings if each not in supposed]
    subjects = {each.subject for each in plain}
    open_questions = [each for each in supposed if each.subject not in subjects]
    if not open_questions:
        return tuple(plain)
    first = open_questions[0]
    entry = CATALOGUE[FindingKind.NOT_DECIDABLE]
    addresses = sorted({a for each in open_questions if each.witness for a in each.witness.local_addresses})
    told = [each.message for each in open_questions]
    if addresses and not (declared and all(_is_unknown(each, declared) for each in open_questions)):
        message = f"if the node has addresses that were not told, such as {addresses[0]}, Services fare otherwise there"
    else:
        message = "the node's addresses were not told, so nobody knows whether node ports are served at the right ones"
    more = (f"and {len(told) - _SHOWN} more",) if len(told) > _SHOWN else ()
    question = Finding(
        FindingKind.NOT_DECIDABLE,
        entry.severity,
        message,
        "addresses of the node that were not told",
        details=(*told[:_SHOWN], *more),
        witness=first.witness,
        rules=first.rules,
        hint="name all addresses of the node: in the status of its Node, or with --local-address",
        regions=sum(each.regions for each in open_questions),
    )
    return (*plain, question)


def _is_at_an_unknown_address(finding: Finding, declared: Declared | None) -> bool:
    """Whether node ports answer at addresses that may well be the node's; those of loopback are known to be."""
    if declared is None or finding.witness is None or finding.kind not in _NODE_PORTS:
        return False
    loopback = tuple(f"{address} port" for address in ("127.0.0.1", "::1"))
    return _is_unknown(finding, declared) and not any(each.startswith(loopback) for each in finding.details)


def _is_unknown(finding: Finding, declared: Declared) -> bool:
    """Whether no address of the node is declared in the family of a finding."""
    return finding.witness is not None and not declared.family(finding.witness.packet).node_addresses


def _is_supposed(finding: Finding) -> bool:
    return finding.witness is not None and bool(finding.witness.local_addresses) and finding.kind not in _EXPOSURES
