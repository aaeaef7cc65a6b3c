"""Whether a dump is that of another node: its rules know another's endpoints as local, or another's addresses."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from svcc.addresses import canonical_address
from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.difference import Comparison
from svcc.auditing.finding import Finding, FindingKind
from svcc.model.cluster import Cluster

__all__ = ["with_other_node"]

_ADDRESS: Final = rb"[0-9a-fA-F]*[.:][0-9a-fA-F.:]+"
_WORD: Final = re.compile(rb"(?<![\w.:])" + _ADDRESS + rb"(?![\w.:/])")
_ITSELF: Final = re.compile(
    rb"(?<![\w.:])(" + _ADDRESS + rb") \. \1(?![\w.:/])|\"(" + _ADDRESS + rb")\",\s*\"\2\"(?=\s*\])"
)
"""An endpoint that may reach itself, as svcc lists the local ones: in nft's text, and in its JSON."""


def with_other_node(
    findings: Sequence[Finding],
    document: bytes,
    cluster: Cluster,
    node: str,
    compared_with: Callable[[str], Comparison],
    regions: int,
) -> tuple[Finding, ...]:
    """The findings, and whose rules these are if another node's are more like them.

    If the rules are right on the other node, there is no other cause. `compared_with` proves them against what is
    declared for a node, which is done for one node at most; `regions` is how many differ on this one.
    """
    other = _likely(document, cluster, node)
    if other is None:
        return tuple(findings)
    comparison = compared_with(other)
    theirs = sum(each.regions for each in comparison.differences)
    if comparison.too_large or comparison.untold or 2 * theirs >= regions:
        return tuple(findings)
    entry = CATALOGUE[FindingKind.OTHER_NODE]
    all_right = comparison.is_equal
    how = "there, every packet fares as declared" if all_right else f"there, {theirs} regions of packets fare otherwise"
    found = Finding(
        FindingKind.OTHER_NODE,
        entry.severity,
        f"these look like the rules of node {other}: {how}, here {regions} do not",
        f"rules of node {other}",
        witness=findings[0].witness,
        rules=findings[0].rules,
        hint=entry.hint,
        regions=regions,
    )
    return (found,) if all_right else (found, *findings)


def _likely(document: bytes, cluster: Cluster, node: str) -> str | None:
    """The node of which the dump knows most addresses, if it is not this one and there is but one such."""
    words = {_text(word) for word in set(_WORD.findall(document))}
    local = {_text(pair[0] or pair[1]) for pair in _ITSELF.findall(document)}
    scores: Counter[str] = Counter()
    for each in cluster.nodes:
        scores[each.name] += any(canonical_address(entry.address) in words for entry in each.addresses)
    known = {*scores, node}
    for endpoint_slice in cluster.endpoint_slices:
        for endpoint in endpoint_slice.endpoints:
            if endpoint.node_name in known:
                scores[endpoint.node_name] += any(canonical_address(each) in local for each in endpoint.addresses)
    most = max(scores.values(), default=0)
    best = [name for name, score in scores.items() if score == most]
    return best[0] if most > scores[node] and len(best) == 1 else None


def _text(address: bytes) -> str | None:
    return canonical_address(address.decode("ascii"))
