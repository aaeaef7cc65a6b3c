"""One cause, one finding: findings that a rule or element of svcc's own tables explains are told with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from attrs import evolve, frozen

from svcc.addresses import IPFamily
from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.classify import ordered
from svcc.auditing.classify_messages import listed
from svcc.auditing.departures import Departure, Departures, Topic
from svcc.auditing.finding import Finding, FindingKind, RulePlace
from svcc.auditing.owners import TableOwner
from svcc.dataplane.contract import Dataplane, ServicePortPlan
from svcc.select import ServicePortName

__all__ = ["Explained", "explained", "one_owner", "without_proxy"]

K = FindingKind
_TOPICS: Final[dict[FindingKind, Topic]] = {
    K.MASQUERADE_MISSING: "source",
    K.MASQUERADE_WRONG: "source",
    K.HAIRPIN_NOT_MASQUERADED: "source",
    K.NOT_REJECTED: "refusal",
    K.NOT_DROPPED: "refusal",
    K.WRONGLY_REFUSED: "refusal",
    K.SOURCE_RANGE_BYPASSED: "refusal",
    K.AFFINITY_LOST: "affinity",
    K.SERVICE_MISSING: "destination",
    K.SERVICE_STALE: "destination",
    K.ENDPOINT_MISSING: "destination",
    K.ENDPOINT_STALE: "destination",
    K.ENDPOINT_FOREIGN: "destination",
    K.ENDPOINT_NEVER_CHOSEN: "destination",
    K.WRONG_PORT: "destination",
    K.WRONG_DISTRIBUTION: "destination",
    K.NODE_PORT_EXPOSED: "destination",
    K.NODE_PORT_BEYOND_ADDRESSES: "destination",
}
"""What a service proxy's rules are for that such a finding is about; others are about other tables."""
_SHAPES: Final = frozenset({K.CHAIN_DEAD, K.MAP_ELEMENT_DANGLING, K.RULE_SHADOWED})
_MOST_RULES: Final = 5
_MOST_WORDS: Final = 2


@frozen
class Explained:
    """Findings with their causes.

    Attributes:
        findings: about packets.
        shapes: findings about the form of rules, without those that tell of the same causes.
    """

    findings: tuple[Finding, ...]
    shapes: tuple[Finding, ...]


def explained(
    findings: Iterable[Finding], shapes: Iterable[Finding], departures: Departures, dataplane: Dataplane
) -> Explained:
    """The findings, each with the rule or element that is to blame; those of several Services with one cause as one."""
    plans: dict[ServicePortName, list[ServicePortPlan]] = {}
    for family in dataplane.families:
        for plan in family.service_ports:
            plans.setdefault(plan.name, []).append(plan)
    told: list[Finding] = []
    groups: dict[tuple[FindingKind, tuple[Departure, ...]], list[Finding]] = {}
    blamed: set[tuple[str, str]] = set()
    for finding in findings:
        own, shared = _causes(finding, departures, plans)
        blamed |= {(each.place.family, each.place.table) for each in (*own, *shared)}
        if own:
            told.append(_blaming(finding, own))
        elif shared:
            groups.setdefault((finding.kind, shared), []).append(finding)
        else:
            told.append(finding)
    for (_kind, causes), group in groups.items():
        told.append(_blaming(group[0], causes) if len(group) == 1 else _merged(group, causes))
    others = [
        each
        for each in shapes
        if each.kind not in _SHAPES or not all((place.family, place.table) in blamed for place in each.rules)
    ]
    return Explained(ordered(told), tuple(others))


def _causes(
    finding: Finding, departures: Departures, plans: dict[ServicePortName, list[ServicePortPlan]]
) -> tuple[tuple[Departure, ...], tuple[Departure, ...]]:
    """What explains a finding: things of its Service, else what is there for all."""
    topic = _TOPICS.get(finding.kind)
    if topic is None or finding.witness is None:
        return (), ()
    version = IPFamily.IPV6 if ":" in finding.witness.packet.destination else IPFamily.IPV4
    table = "ip6" if version is IPFamily.IPV6 else "ip"
    own = (
        departures.of(plans.get(finding.service_port, []), finding.details) if finding.service_port is not None else ()
    )
    if own := tuple(each for each in own if topic in each.topics):
        return own, ()
    shared = tuple(each for each in departures.shared if each.family == table)
    return (), tuple(each for each in shared if topic in each.topics) or shared


def _blaming(finding: Finding, causes: Sequence[Departure]) -> Finding:
    """A finding with what explains it."""
    return evolve(
        finding,
        message=f"{finding.message} ({_words(causes)})",
        rules=_places(causes, finding),
    )


def _merged(group: Sequence[Finding], causes: tuple[Departure, ...]) -> Finding:
    """Findings of one kind and cause as one."""
    first = min(group, key=lambda each: len(each.witness.local_addresses) if each.witness else 0)
    entry = CATALOGUE[first.kind]
    shares = [each.share for each in group if each.share is not None]
    return evolve(
        first,
        message=f"{_words(causes)}: {entry.title[0].lower()}{entry.title[1:]} at {_subjects(group)}",
        subject=causes[0].subject,
        service_port=None,
        source=None,
        details=tuple(each.words for each in causes),
        rules=_places(causes, first)[: max(len(causes), 1)],
        hint=first.hint if all(each.hint == first.hint for each in group) else entry.hint,
        regions=sum(each.regions for each in group),
        share=min(shares, default=None),
        clients=_clients(group),
    )


def _clients(group: Iterable[Finding]) -> tuple[str, ...]:
    seen = {client for each in group for client in each.clients}
    return tuple(client for client in ("external", "pod", "node") if client in seen)


def _subjects(group: Sequence[Finding]) -> str:
    services = sorted({each.subject for each in group if each.service_port is not None})
    others = sorted({each.subject for each in group if each.service_port is None})
    ports = f"{len(services)} Service port{'s' if len(services) > 1 else ''} ({listed(services)})"
    *most, last = [*([ports] if services else []), *others]
    return f"{', '.join(most)} and {last}" if most else last


def _words(causes: Sequence[Departure]) -> str:
    table = f"table {causes[0].place.family} {causes[0].place.table}: "
    return table + listed([each.words for each in causes], _MOST_WORDS)


def _places(causes: Sequence[Departure], finding: Finding) -> tuple[RulePlace, ...]:
    return tuple(dict.fromkeys((*(each.place for each in causes), *finding.rules)))[:_MOST_RULES]


def without_proxy(findings: Sequence[Finding], owners: Iterable[TableOwner]) -> tuple[Finding, ...]:
    """The findings; where no service proxy has rules at all, what its rules would be for is one of them."""
    if any(owner.translates_services for owner in owners):
        return tuple(findings)
    lost = [each for each in findings if each.kind in _TOPICS]
    if len(lost) <= 1:
        return tuple(findings)
    first = next((each for each in lost if each.kind is K.SERVICE_MISSING), lost[0])
    merged = evolve(
        first,
        message=f"no service proxy has rules on this node, which fails {_subjects(lost)}",
        subject="service proxy",
        service_port=None,
        source=None,
        details=(),
        rules=(),
        hint=CATALOGUE[K.SERVICE_MISSING].hint,
        regions=sum(each.regions for each in lost),
        share=min((each.share for each in lost if each.share is not None), default=None),
        clients=_clients(lost),
    )
    return ordered((merged, *(each for each in findings if each.kind not in _TOPICS)))


def one_owner(
    findings: Sequence[Finding], shapes: Sequence[Finding]
) -> tuple[tuple[Finding, ...], tuple[Finding, ...]]:
    """The same findings, without those about translations by others that are told as frontends with two owners.

    The latter then show the packet.
    """
    rest = list(findings)
    told = []
    for shape in shapes:
        same: list[Finding] = []
        if shape.kind is K.FRONTEND_OWNED_TWICE:
            places = {(place.family, place.table, place.chain, place.rule) for place in shape.rules}
            same = [each for each in rest if each.kind is K.FOREIGN_TRANSLATION and _is_at(each, places)]
            rest = [each for each in rest if each not in same]
        told.append(_showing(shape, same[0]) if same else shape)
    return tuple(rest), tuple(told)


def _showing(shape: Finding, finding: Finding) -> Finding:
    """A finding about rules with the packets of another."""
    return evolve(shape, witness=finding.witness, regions=finding.regions, share=finding.share, clients=finding.clients)


def _is_at(finding: Finding, places: set[tuple[str, str, str, str]]) -> bool:
    return any((place.family, place.table, place.chain, place.rule) in places for place in finding.rules)
