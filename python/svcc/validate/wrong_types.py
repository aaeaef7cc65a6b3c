"""What else is wrong with an object that has fields of a wrong type.

The server decodes such an object no further than to the first of them. svcc tells all mistakes at once, but none that
may only follow from a field that could not be read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from svcc.fields import Problem
from svcc.validate.findings import Path

__all__ = ["can_be_judged", "independent_problems"]

_DECIDING: Final[Mapping[str, frozenset[Path]]] = {
    "Service": frozenset(
        ("spec", name)
        for name in (
            "type",
            "clusterIP",
            "clusterIPs",
            "ipFamilies",
            "ipFamilyPolicy",
            "sessionAffinity",
            "externalIPs",
            "externalTrafficPolicy",
            "loadBalancerSourceRanges",
        )
    ),
    "EndpointSlice": frozenset({("addressType",)}),
}
"""The fields of each kind that decide what others may hold: where one of them cannot be read, nothing else is told."""

_COMPARING: Final = frozenset(
    {
        "endpoint-slice/hint-duplicate",
        "endpoint-slice/port-name-duplicate",
        "endpoint-slice/weight-of-nobody",
        "service/hashing-without-maglev",
        "service/ingress-ip-mode-without-ip",
        "service/node-port-duplicate",
        "service/port-duplicate",
        "service/port-name-duplicate",
        "service/topology-annotations-differ",
    }
)
"""Rules about several fields of which none decides: any of them may be the one that could not be read."""


def can_be_judged(kind: str, unread: Iterable[Path]) -> bool:
    """Whether rules can be applied to an object of which the fields at the paths `unread` could not be read."""
    deciding = _DECIDING.get(kind)
    if deciding is None:
        return False
    return not any(_is_related(path, field) for path in unread for field in deciding)


def independent_problems(problems: Iterable[Problem], unread: Iterable[Path]) -> Iterator[Problem]:
    """Those of `problems` that are there whatever the fields at the paths `unread` say."""
    paths = tuple(unread)
    for problem in problems:
        steps = problem.path.steps
        if problem.rule not in _COMPARING and not any(_is_related(steps, path) for path in paths):
            yield problem


def _is_related(path: Path, other: Path) -> bool:
    """Whether one path is the other, or leads to it."""
    length = min(len(path), len(other))
    return path[:length] == other[:length]
