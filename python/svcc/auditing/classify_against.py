"""Two rulesets compared with each other: what the second does otherwise than the first, one finding for a cause."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Final

from svcc.auditing.catalogue import CATALOGUE
from svcc.auditing.classify import ordered
from svcc.auditing.classify_blame import is_of_service_proxy, place_of, refusing_step, stable_rule, translating_step
from svcc.auditing.classify_fates import Fate, fates_of
from svcc.auditing.classify_messages import listed
from svcc.auditing.difference import Difference
from svcc.auditing.finding import Finding, FindingKind, RulePlace, Witness
from svcc.auditing.hints import undecided_hint
from svcc.trace.evaluator import Outcome, Step
from svcc.trace.notation import place_text, protocol_text
from svcc.trace.packet import Packet

__all__ = ["classify_against"]

K = FindingKind
_NOBODYS: Final = tuple(map(ipaddress.ip_network, ("0.0.0.0/8", "224.0.0.0/3", "::/128", "ff00::/8")))
"""This host, groups of hosts, and what is reserved (RFC 1122, section 3.2.1.3; RFC 4291, section 2)."""


def classify_against(differences: Iterable[Difference]) -> tuple[Finding, ...]:
    """What packets the two rulesets treat differently, by destination.

    Packets that a rule of no service proxy refuses or translates on one side alone are one finding for that rule,
    whatever their destinations; so are those that neither side sends anywhere else, such as packets to ports that no
    Service has, for what becomes of them.
    """
    groups: dict[tuple[FindingKind, str, str], list[Difference]] = {}
    for difference in differences:
        groups.setdefault(_cause(difference), []).append(difference)
    return ordered(_finding(*cause, group) for cause, group in groups.items())


def _cause(difference: Difference) -> tuple[FindingKind, str, str]:
    packet = difference.packet
    expected, found = difference.expected.outcomes, difference.found.outcomes
    if difference.undecided or any(outcome.verdict == "unknown" for outcome in (*expected, *found)):
        reasons = [reason for outcome in (*found, *expected) for reason in outcome.reasons]
        return K.NOT_DECIDABLE, "ruleset", reasons[0] if reasons else "the reason is not known"
    for step in _decisive(found, expected):
        if not is_of_service_proxy(step):
            return K.BEHAVIOUR_DIFFERS, f"table {step.family} {step.table} chain {step.chain}", stable_rule(step)
    if not _is_delivered(difference):
        then, now = (_words(outcomes, packet) for outcomes in (expected, found))
        return K.BEHAVIOUR_DIFFERS, f"packets that {now}", f"by the other ruleset they {then}"
    place = place_text(packet.destination, packet.destination_port)
    return K.BEHAVIOUR_DIFFERS, f"{place} {protocol_text(packet)}", ""


def _is_delivered(difference: Difference) -> bool:
    """Whether either ruleset sends packets on to somewhere else; where neither does, their destinations tell little."""
    sides = (difference.expected, difference.found)
    return any(fate.is_translated for side in sides for fate in fates_of(side.outcomes, difference.packet).chances)


def _decisive(found: Sequence[Outcome], expected: Sequence[Outcome]) -> Iterator[Step]:
    """The rules that refuse or translate on one side only, those of the second ruleset first."""
    for outcomes, others in ((found, expected), (expected, found)):
        known = {_identity(step) for outcome in others for step in outcome.steps}
        for outcome in outcomes:
            for step in (refusing_step(outcome), translating_step(outcome)):
                if step is not None and _identity(step) not in known:
                    yield step


def _identity(step: Step) -> tuple[str, str, str, str]:
    return step.family, step.table, step.chain, step.rule


def _finding(kind: FindingKind, subject: str, cause: str, group: Sequence[Difference]) -> Finding:
    shares = [_share(difference) for difference in group]
    shown = min(group, key=_oddity)
    packet = shown.packet
    then, now = (_words(side.outcomes, packet) for side in (shown.expected, shown.found))
    destinations = dict.fromkeys(place_text(each.packet.destination, each.packet.destination_port) for each in group)
    what = f"packets to {listed(destinations)}"
    if kind is K.NOT_DECIDABLE:
        message = f"{subject}: whether {what} are treated alike cannot be decided: {cause}"
    else:
        message = f"{subject}: {what} {now}; by the other ruleset they {then}"
    steps = dict.fromkeys(place_of(step) for step in _decisive(shown.found.outcomes, shown.expected.outcomes))
    entry = CATALOGUE[kind]
    return Finding(
        kind=kind,
        severity=entry.severity,
        message=message,
        subject=subject,
        details=(cause,) if cause else (),
        witness=Witness(packet, shown.expected.outcomes, shown.found.outcomes, shown.local_addresses),
        rules=_most(steps),
        hint=undecided_hint(cause) if kind is K.NOT_DECIDABLE else entry.hint,
        regions=sum(each.regions for each in group),
        share=min(shares),
        clients=tuple(
            client
            for client, hook in (("external", "prerouting"), ("pod", "prerouting"), ("node", "output"))
            if any(each.packet.hook == hook for each in group)
        ),
    )


def _oddity(difference: Difference) -> tuple[bool, bool, bool, int]:
    """How hard a packet is to believe; the least is shown.

    Plain is the first packet of a connection, between addresses that packets have, of a protocol that Services have,
    where no address must be supposed to be the node's.
    """
    packet = difference.packet
    source, destination = map(ipaddress.ip_address, (packet.source, packet.destination))
    # Packets of the loopback network stay in it, and no interface brings them (RFC 1122, section 3.2.1.3).
    leaves = source.is_loopback != destination.is_loopback
    is_martian = leaves or (source.is_loopback and packet.hook == "prerouting")
    return (
        packet.state != "new",
        is_martian or any(destination in network for network in _NOBODYS),
        isinstance(packet.protocol, int),
        len(difference.local_addresses),
    )


def _most(places: Iterable[RulePlace]) -> tuple[RulePlace, ...]:
    return tuple(places)[:5]


def _share(difference: Difference) -> Fraction:
    found = fates_of(difference.found.outcomes, difference.packet)
    return sum(found.excess(fates_of(difference.expected.outcomes, difference.packet)).values(), Fraction(0))


def _words(outcomes: Iterable[Outcome], packet: Packet) -> str:
    """What becomes of packets, in a few words."""
    return " or ".join(dict.fromkeys(_fate_words(fate) for fate in fates_of(outcomes, packet).chances))


def _fate_words(fate: Fate) -> str:
    if fate.verdict == "unknown":
        return "fare nobody knows how"
    if fate.is_refused:
        return "are dropped" if fate.verdict == "drop" else "are rejected"
    source = ", masqueraded" if fate.source == "masquerade" else f", from {fate.source}" if fate.source else ""
    place = "on untouched" if fate.is_untouched else f"to {fate.destination or fate.destination_choice}"
    return f"go {place}{source}"
