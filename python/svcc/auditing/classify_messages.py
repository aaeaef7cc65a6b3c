"""The one sentence of a finding, from what was observed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from attrs import frozen

from svcc.auditing.classify_declared import Owner, service_port_words
from svcc.auditing.finding import FindingKind

__all__ = ["Subject", "listed", "message_of"]

_SHOWN: Final = 3
K = FindingKind


@frozen
class Subject:
    """What a message is about.

    Attributes:
        words: the subject of the finding.
        items: what is listed under it, in order.
        happens: what happens to packets, in the order in which it was seen.
        owners: the frontends it happens at.
        is_whole: whether these are all frontends of their Service port.
        cause: the words of a rule, or of a reason.
        share: of the connections, the part it happens to at least.
    """

    words: str
    items: Sequence[str]
    happens: Sequence[str]
    owners: Sequence[Owner]
    is_whole: bool
    cause: str
    share: Fraction


def listed(items: Iterable[str], shown: int = _SHOWN) -> str:
    """The first items and how many more there are."""
    everything = list(items)
    more = len(everything) - shown
    return ", ".join(everything[:shown]) + (f" and {more} more" if more > 0 else "")


def message_of(kind: FindingKind, subject: Subject) -> str:
    """The sentence for a finding of this kind."""
    return _MESSAGES.get(kind, _differs)(subject)


def _at(subject: Subject) -> str:
    return "" if subject.is_whole else f" at {listed(subject.items)}"


def _how(subject: Subject) -> str:
    return " or ".join(subject.happens) or "let through"


def _missing(subject: Subject) -> str:
    what = "it" if subject.is_whole else listed(subject.items)
    part = f" for {subject.share} of new connections" if subject.share < 1 else ""
    return f"{subject.words}: nothing on the node serves {what}{part}"


def _masqueraded(subject: Subject) -> str:
    if subject.cause:
        return f"{subject.cause} are masqueraded here, too: {_services(subject)}"
    return f"{subject.words}: the client's address is lost{_at(subject)}"


def _never(subject: Subject) -> str:
    return f"{subject.words}: the ruleset has {listed(subject.items)}, but no connection ever goes there"


def _distribution(subject: Subject) -> str:
    if subject.cause:
        return f"{subject.words}: connections go to {subject.cause}: {listed(subject.items)}"
    return f"{subject.words}: connections are not spread over the endpoints as declared{_at(subject)}"


def _affinity(subject: Subject) -> str:
    so = f": {subject.happens[0]}" if subject.happens else ""
    return f"{subject.words}: clients do not stay with their endpoint as sessionAffinity asks{_at(subject)}{so}"


def _refusal_owed(refusal: str) -> Callable[[Subject], str]:
    def words(subject: Subject) -> str:
        return f"{subject.words}: what should be {refusal} is {_how(subject)}{_at(subject) if subject.items else ''}"

    return words


def _stale_service(subject: Subject) -> str:
    named = listed(dict.fromkeys(filter(None, subject.happens)))
    known_as = f" (in the ruleset: {named})" if named else ""
    return f"{subject.words}: no Service declares it, yet the node serves it{known_as}: {listed(subject.items)}"


def _services(subject: Subject) -> str:
    names = sorted({service_port_words(owner.plan.name) for owner in subject.owners})
    if not names:
        return "packets of no Service"
    return f"packets of {len(names)} Service port{'s' if len(names) > 1 else ''} ({listed(names)})"


def _foreign(verb: str) -> Callable[[Subject], str]:
    def words(subject: Subject) -> str:
        return f"{subject.words}: a rule of no service proxy {verb} {_services(subject)}: {subject.cause}"

    return words


def _undecided(subject: Subject) -> str:
    return f"{subject.words}: what becomes of {_services(subject)} cannot be decided: {subject.cause}"


def _refused(subject: Subject) -> str:
    return f"{_services(subject)} are refused in any case, with an answer or without one: {subject.cause}"


def _differs(subject: Subject) -> str:
    return f"{subject.words}: packets are treated differently: {listed(subject.items)}"


def _plain(words: str) -> Callable[[Subject], str]:
    return lambda subject: words.format(subject=subject.words, items=listed(subject.items), at=_at(subject))


_MESSAGES: Final[Mapping[FindingKind, Callable[[Subject], str]]] = MappingProxyType(
    {
        K.SERVICE_MISSING: _missing,
        K.ENDPOINT_MISSING: _plain("{subject}: no connection goes to {items}, which should get some"),
        K.ENDPOINT_STALE: _plain("{subject}: connections go to {items}, no usable endpoint of it (any more)"),
        K.ENDPOINT_FOREIGN: _plain("{subject}: connections go to {items}, which is none of its endpoints"),
        K.SERVICE_STALE: _stale_service,
        K.WRONG_PORT: _plain("{subject}: connections go to the wrong port: {items}"),
        K.WRONG_DISTRIBUTION: _distribution,
        K.ENDPOINT_NEVER_CHOSEN: _never,
        K.MASQUERADE_MISSING: _plain(
            "{subject}: connections that must come back through this node keep their source{at}: answers get lost"
        ),
        K.MASQUERADE_WRONG: _masqueraded,
        K.HAIRPIN_NOT_MASQUERADED: _plain("{subject}: an endpoint that reaches itself is not masqueraded{at}"),
        K.NOT_REJECTED: _refusal_owed("rejected"),
        K.NOT_DROPPED: _refusal_owed("dropped"),
        K.WRONGLY_REFUSED: lambda subject: f"{subject.words}: connections are {_how(subject)}{_at(subject)}",
        K.SOURCE_RANGE_BYPASSED: _plain("{subject}: clients outside of its loadBalancerSourceRanges get in at {items}"),
        K.NODE_PORT_EXPOSED: _plain(
            "{subject}: its node port answers on addresses that never serve node ports: {items}"
        ),
        K.NODE_PORT_BEYOND_ADDRESSES: _plain(
            "{subject}: its node port answers on addresses beyond nodePortAddresses: {items}"
        ),
        K.AFFINITY_LOST: _affinity,
        K.FOREIGN_DROP: _foreign("refuses"),
        K.FOREIGN_MARK: _foreign("changes the mark, and with it who is masqueraded, of"),
        K.FOREIGN_TRANSLATION: _foreign("translates"),
        K.REFUSED_EITHER_WAY: _refused,
        K.NOT_DECIDABLE: _undecided,
    }
)
