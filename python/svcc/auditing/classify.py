"""From differences to findings: one for each cause, however many packets, frontends or Services it touches."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Final

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.classify_declared import CLIENTS, Declared, Owner
from svcc.auditing.classify_messages import Subject, message_of
from svcc.auditing.classify_observation import REACHES_ITSELF, HasEndpoint, Observation
from svcc.auditing.classify_observe import observe
from svcc.auditing.difference import Difference
from svcc.auditing.finding import Finding, FindingKind, Witness
from svcc.auditing.hints import hint_about
from svcc.fields import Severity

__all__ = ["classify", "ordered"]

_RULES_SHOWN: Final = 5
_OF_RULES: Final = frozenset(
    {
        FindingKind.FOREIGN_DROP,
        FindingKind.FOREIGN_MARK,
        FindingKind.FOREIGN_TRANSLATION,
        FindingKind.REFUSED_EITHER_WAY,
        FindingKind.NOT_DECIDABLE,
    }
)
"""Kinds that are about a rule, whatever Services it touches."""
_REFUSALS: Final = frozenset({FindingKind.NOT_REJECTED, FindingKind.NOT_DROPPED, FindingKind.WRONGLY_REFUSED})
_SEVERITIES: Final = tuple(Severity)
_KINDS: Final = tuple(FindingKind)


def classify(
    differences: Iterable[Difference], declared: Declared, has_endpoint: HasEndpoint | None = None
) -> tuple[Finding, ...]:
    """What the differences between the declared and the found behaviour mean, the worst first.

    See `svcc.auditing.classify_observe.observe` for `has_endpoint`.
    """
    observations = [item for difference in differences for item in observe(difference, declared, has_endpoint)]
    groups: dict[tuple[FindingKind, str, str], list[Observation]] = {}
    for item in _without_consequences(observations):
        groups.setdefault((item.kind, item.subject, item.cause), []).append(item)
    return ordered(_finding(group, declared) for group in groups.values())


def ordered(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The worst first; within a severity by kind, in the order of `FindingKind`, then by subject."""
    return tuple(
        sorted(
            findings,
            key=lambda each: (_SEVERITIES.index(each.severity), _KINDS.index(each.kind), each.subject, each.details),
        )
    )


def _without_consequences(observations: Sequence[Observation]) -> Iterable[Observation]:
    """Observations that do not merely follow from a Service that is missing or stale.

    Where nothing knows a frontend, nothing refuses its packets either, and other ports of its address are refused in
    another way or not at all; likewise for an address that is served no more.
    """
    missing = {
        (item.owner.frontend.address, item.owner.frontend.port, item.owner.plan.name)
        for item in observations
        if item.kind is FindingKind.SERVICE_MISSING and item.owner is not None
    }
    addresses = {address for address, _port, _name in missing}
    addresses |= {item.difference.packet.destination for item in observations if item.kind is FindingKind.SERVICE_STALE}
    for item in observations:
        if item.kind in _REFUSALS:
            if item.owner is None:
                if item.difference.packet.destination in addresses:
                    continue
            elif (item.owner.frontend.address, item.owner.frontend.port, item.owner.plan.name) in missing:
                continue
        yield item


def _finding(group: Sequence[Observation], declared: Declared) -> Finding:
    first = group[0]
    owners = list(dict.fromkeys(item.owner for item in group if item.owner is not None))
    items = sorted({item.item for item in group if item.item})
    differences = {id(item.difference): item.difference for item in group}.values()
    shares: dict[int, Fraction] = {}
    for item in group:
        shares[id(item.difference)] = shares.get(id(item.difference), Fraction(0)) + item.share
    share = min(*shares.values(), Fraction(1))
    subject = Subject(
        words=first.subject,
        items=items,
        happens=list(dict.fromkeys(item.words for item in group if item.words)),
        owners=owners,
        is_whole=_are_all_frontends(owners, declared),
        cause=first.cause,
        share=share,
    )
    # Where Services are named, a packet of one of them is shown: best one that needs nothing to be assumed, then one of
    # a client that nothing is remembered of, which may get any endpoint, then one of a protocol that Services have,
    # then one that is wrong most often.
    shown = min(
        group,
        key=lambda item: (
            item.owner is None,
            len(item.difference.local_addresses),
            item.difference.remembered,
            isinstance(item.difference.packet.protocol, int),
            -item.share,
        ),
    ).difference
    is_of_rule = first.kind in _OF_RULES or first.cause == REACHES_ITSELF
    clients = {
        client
        for each in differences
        for client in declared.clients(each.packet, any_source=_is_from_anywhere(each.words))
    }
    places = Counter(place for item in group for place in item.rules)
    return Finding(
        kind=first.kind,
        severity=_severity(first, differences),
        message=message_of(first.kind, subject),
        service_port=None if is_of_rule or not owners else owners[0].plan.name,
        subject=first.subject,
        details=(*([first.cause] if first.cause else []), *items),
        witness=Witness(shown.packet, shown.expected.outcomes, shown.found.outcomes, shown.local_addresses),
        rules=tuple(place for place, _count in places.most_common(_RULES_SHOWN)),
        source=None if is_of_rule or not owners else owners[0].plan.source,
        hint=hint_about(first, shown, declared),
        regions=sum(each.regions for each in differences),
        share=share,
        clients=tuple(client for client in CLIENTS if client in clients),
    )


def _severity(first: Observation, differences: Iterable[Difference]) -> Severity:
    if first.cause == REACHES_ITSELF:
        return Severity.INFO
    return Severity.WARNING if _is_refused_anyhow(first.kind, differences) else CATALOGUE[first.kind].severity


def _is_refused_anyhow(kind: FindingKind, differences: Iterable[Difference]) -> bool:
    """Whether a firewall merely refuses in another way what the node owes a refusal."""
    outcomes = [outcome for each in differences for outcome in each.expected.outcomes]
    return (
        kind is FindingKind.FOREIGN_DROP
        and bool(outcomes)
        and all(outcome.verdict in {"drop", "reject"} for outcome in outcomes)
    )


def _is_from_anywhere(words: str) -> bool:
    """Whether a region, in the words of `Difference.words`, is of packets from any source and interface."""
    return words.startswith("from anywhere") and ", in by " not in words


def _are_all_frontends(owners: Sequence[Owner], declared: Declared) -> bool:
    """Whether owners of one Service port are all its frontends, in both families."""
    names = {owner.plan.name for owner in owners}
    return len(names) == 1 and len(owners) == declared.frontend_counts[names.pop()]
