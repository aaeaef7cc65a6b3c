"""The audits that are put to the test, each as one function from a base and a ruleset to an answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from attrs import frozen

from svcc.auditing.audit import audit
from svcc.auditing.finding import FindingKind, Verdict
from svcc.auditing.verdict import is_at_least
from svcc.fields import Severity
from svcc.trace.packet import Packet
from tests.mutation.document import Document
from tests.mutation.truth import Effect, Judge
from tests.oracle.evaluator import traced


@frozen
class Shows:
    """A packet that is said to show what is wrong.

    Attributes:
        also_local: what must be the node's own address for it, beside those that are known.
    """

    packet: Packet
    also_local: tuple[str, ...] = ()


@frozen
class Answer:
    """What an audit says of a ruleset.

    Attributes:
        verdict: that of the audit; `PROVED`, too, if all it finds is about rules that no packet meets.
        shape: it finds something of that kind, worse than a remark.
        words: for people who want to know why.
    """

    verdict: Verdict
    witnesses: tuple[Shows, ...] = ()
    words: tuple[str, ...] = ()
    shape: bool = False


Audit: TypeAlias = Callable[[Judge, Document], Answer]


def exhaustive(judge: Judge, document: Document) -> Answer:
    """An audit that looks at all packets of the universe, one by one."""
    truth = judge.truth(document)
    if truth.effect is Effect.EQUIVALENT:
        return Answer(Verdict.PROVED)
    if truth.effect is Effect.UNKNOWN or truth.shown is None:
        return Answer(Verdict.NOT_PROVED)
    return Answer(Verdict.FINDINGS, (Shows(traced(truth.shown.packet)),), (str(truth.shown),))


SHAPE_ALONE = frozenset(
    {
        FindingKind.CHAIN_DEAD,
        FindingKind.FOREIGN_MARK,
        FindingKind.MAP_ELEMENT_DANGLING,
        FindingKind.OLDER_SVCC,
        FindingKind.RULE_SHADOWED,
        FindingKind.RULE_UNREACHABLE,
    }
)
"""Findings about rules; without a witness, they may be right while every packet fares as was declared."""


def proving(judge: Judge, document: Document) -> Answer:
    """Svcc's audit."""
    base = judge.base
    report = audit(document.text, base.cluster, node=base.node, settings=base.settings)
    words = tuple(f"{each.kind}: {each.message}" for each in report.findings)
    told = [each for each in report.findings if is_at_least(each, Severity.WARNING)]
    of_packets = [each for each in told if each.kind not in SHAPE_ALONE or each.witness is not None]
    decided = [each for each in of_packets if each.kind is not FindingKind.NOT_DECIDABLE]
    shows = [Shows(each.witness.packet, each.witness.local_addresses) for each in decided if each.witness is not None]
    if decided:
        verdict = Verdict.FINDINGS
    else:
        open_ends = any(each.kind is FindingKind.NOT_DECIDABLE for each in report.findings)
        verdict = Verdict.NOT_PROVED if open_ends else Verdict.PROVED
    return Answer(verdict, tuple(shows), words, shape=len(of_packets) < len(told))


AUDITS: dict[str, Audit] = {"exhaustive": exhaustive, "svcc": proving}
"""By their names: one that looks at every packet, to test the tests with, and svcc's."""
