"""What each kind of finding is called, how bad it is, and what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from attrs import frozen

from svcc.audit.finding import FindingKind
from svcc.fields import Severity

__all__ = ["CATALOGUE", "Entry"]


@frozen
class Entry:
    """A kind of finding.

    Attributes:
        title: a few words, the same for every finding of the kind.
        explanation: what it means for users, a sentence or two, with its source (S-number, CVE, issue of Kubernetes).
        hint: what to do where a finding has nothing better to say.
    """

    kind: FindingKind
    severity: Severity
    title: str
    explanation: str
    hint: str


def _entries(*rows: tuple[FindingKind, Severity, str, str, str]) -> Mapping[FindingKind, Entry]:
    return MappingProxyType({row[0]: Entry(*row) for row in rows})


K = FindingKind
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
_RELOAD = "load the ruleset again: svcc compile … | nft -f -"

CATALOGUE = _entries(
    (
        K.SERVICE_MISSING,
        ERROR,
        "Service missing",
        "Nothing on the node serves a declared frontend.",
        _RELOAD,
    ),
)
