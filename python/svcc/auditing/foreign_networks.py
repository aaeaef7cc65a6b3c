"""Findings about networks of other containers and virtual machines, which are none of the cluster's."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.finding import Finding, FindingKind

__all__ = ["foreign_networks"]

_SHOWN: Final = 5


def foreign_networks(asides: Sequence[Finding], plain: Iterable[Finding]) -> tuple[Finding, ...]:
    """What was found of packets of such networks (`svcc.auditing.difference.Difference.aside`), as one for information.

    What is told of the cluster's own packets, too, has the same cause there and is left out.
    """
    told = {(each.kind, each.subject) for each in plain}
    left = [each for each in asides if (each.kind, each.subject) not in told]
    if not left:
        return ()
    entry = CATALOGUE[FindingKind.FOREIGN_NETWORK]
    messages = [each.message for each in left]
    more = (f"and {len(messages) - _SHOWN} more",) if len(messages) > _SHOWN else ()
    rules = dict.fromkeys(rule for each in left for rule in each.rules)
    finding = Finding(
        entry.kind,
        entry.severity,
        "Services fare otherwise with networks of other containers or virtual machines on the node, which hold no pods",
        "networks of other containers and virtual machines",
        details=(*messages[:_SHOWN], *more),
        witness=left[0].witness,
        rules=tuple(rules)[:_SHOWN],
        hint=entry.hint,
        regions=sum(each.regions for each in left),
    )
    return (finding,)
