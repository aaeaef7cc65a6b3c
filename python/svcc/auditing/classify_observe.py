"""From a difference to what is wrong: each observation is of one kind, and several may be of one cause."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fractions import Fraction
from typing import Final

from attrs import define

from svcc.addresses import prefix_contains
from svcc.auditing.classify_blame import (
    is_of_service_proxy,
    place_of,
    places_of_choice,
    refusing_step,
    source_step,
    translating_step,
)
from svcc.auditing.classify_declared import Declared, EndpointRole, Owner, frontend_words, service_port_words
from svcc.auditing.classify_endpoints import instead_of_endpoints
from svcc.auditing.classify_fates import Fate, Fates, fates_of, wrong_fates
from svcc.auditing.classify_messages import listed
from svcc.auditing.classify_observation import HasEndpoint, Observation, Observer
from svcc.auditing.difference import Difference
from svcc.auditing.finding import FindingKind, RulePlace
from svcc.trace.evaluator import Outcome
from svcc.trace.notation import place_text
from svcc.trace.packet import Packet

__all__ = ["observe"]

K = FindingKind
_NAME_IN_COMMENT: Final = re.compile(r'"([^"/\s]+/[^"\s]+)" is in ')
_NAME_IN_CHAIN: Final = re.compile(r"(?:service|external|firewall)-[0-9A-Z]{8}-([^/]+/[^/]+)/\w+/(.*)")
_PLACE_OF_REASON: Final = re.compile(r"\(table (\S+ \S+), chain ([^,)]+)")
_HANDLE: Final = re.compile(r", handle \d+")
NO_SERVICE: Final = "traffic of no Service"
UNSERVED_PORTS: Final = "unserved ports of cluster IPs"
UNUSED_ADDRESSES: Final = "unused addresses of service CIDRs"


def observe(
    difference: Difference, declared: Declared, has_endpoint: HasEndpoint | None = None
) -> Iterator[Observation]:
    """What is wrong with the packets of a difference.

    `has_endpoint` tells endpoints that are never chosen from those that the ruleset does not have; without it none is
    taken for one of the first kind.
    """
    yield from _Difference(Observer(difference, declared, has_endpoint)).observations()


@define
class _Difference:
    observer: Observer

    def observations(self) -> Iterator[Observation]:
        difference = self.observer.difference
        expected = fates_of(difference.expected.outcomes, difference.packet)
        found = fates_of(difference.found.outcomes, difference.packet)
        if difference.undecided or any(fate.verdict == "unknown" for fate in found.chances):
            yield from self._undecided()
            return
        owner = self.observer.declared.owner(difference)
        wrong = wrong_fates(expected, found, any_of=difference.any_of)
        if not wrong:
            yield self._alike(owner)
        elif owner is not None and self._is_lost(owner, expected, wrong):
            yield self._lost(owner, expected, wrong)
        elif any(fate.is_translated for fate in expected.chances):
            if owner is None:
                yield self.observer.about(K.BEHAVIOUR_DIFFERS, NO_SERVICE, item=difference.words)
            else:
                yield from instead_of_endpoints(self.observer, owner, expected, found)
        else:
            refusal = next((fate for fate in expected.chances if fate.is_refused), None)
            for fate, share in wrong.items():
                example = found.examples[fate]
                if refusal is not None:
                    yield self._instead_of_refusal(owner, refusal, fate, example, share)
                else:
                    yield self._instead_of_nothing(fate, example, share)

    def _undecided(self) -> Iterator[Observation]:
        """One observation for each reason, under the rule that asks."""
        outcomes = self.observer.difference.found.outcomes
        kind = K.REFUSED_EITHER_WAY if self.observer.difference.refused else K.NOT_DECIDABLE
        reasons = [reason for outcome in outcomes for reason in outcome.reasons]
        for reason in dict.fromkeys(reasons) or ("the reason is not known",):
            place = _PLACE_OF_REASON.search(reason)
            subject = f"table {place[1]} chain {place[2]}" if place else "ruleset"
            family, _, table = place[1].partition(" ") if place else ("", "", "")
            rules = (RulePlace(family, table, place[2]),) if place else ()
            share = sum((outcome.probability for outcome in outcomes if reason in outcome.reasons), Fraction(0))
            owner = self.observer.declared.owner(self.observer.difference)
            cause = _HANDLE.sub("", reason)
            yield self.observer.about(kind, subject, owner, cause=cause, share=share, rules=rules)

    def _alike(self, owner: Owner | None) -> Observation:
        """Both sides send packets to the same places with the same chances, so what differs is what is remembered."""
        if owner is not None and owner.plan.affinity_timeout_seconds is not None:
            return self.observer.of_service(K.AFFINITY_LOST, owner, item=frontend_words(owner))
        subject = service_port_words(owner.plan.name) if owner else NO_SERVICE
        return self.observer.about(K.BEHAVIOUR_DIFFERS, subject, owner, item=self.observer.difference.words)

    def _is_lost(self, owner: Owner, expected: Fates, wrong: Mapping[Fate, Fraction]) -> bool:
        """Whether a client that was there before does not get its endpoint, or a new one gets that of another."""
        difference = self.observer.difference
        if not difference.remembered or difference.any_of or owner.plan.affinity_timeout_seconds is None:
            return False
        if all(fate.is_refused for fate in expected.chances):
            return False
        went = {fate.destination for fate in expected.chances}
        return not any(fate.is_refused for fate in wrong) and (
            len(went) > 1 or any(fate.destination not in went for fate in wrong)
        )

    def _lost(self, owner: Owner, expected: Fates, wrong: Mapping[Fate, Fraction]) -> Observation:
        packet = self.observer.difference.packet
        itself = place_text(packet.destination, packet.destination_port)
        goes = listed(str(fate.destination or fate.destination_choice or itself) for fate in wrong)
        share = sum(wrong.values(), Fraction(0))
        often = "" if share == 1 else f" with a chance of {share}"
        if len(expected.chances) > 1:
            words = f"a new client goes to {goes}{often or ' always'} because another one was there before"
        else:
            (fate,) = expected.chances
            words = f"the next connection of a client of {fate.destination or itself} goes to {goes}{often}"
        return self.observer.of_service(
            K.AFFINITY_LOST, owner, item=frontend_words(owner), words=words, share=share, rules=self._rules(wrong)
        )

    def _rules(self, wrong: Mapping[Fate, Fraction]) -> tuple[RulePlace, ...]:
        found = fates_of(self.observer.difference.found.outcomes, self.observer.difference.packet)
        return places_of_choice(found.examples[next(iter(wrong))])

    def _instead_of_refusal(
        self, owner: Owner | None, refusal: Fate, fate: Fate, example: Outcome, share: Fraction
    ) -> Observation:
        step = refusing_step(example)
        if step is not None and not is_of_service_proxy(step):
            return self.observer.foreign(K.FOREIGN_DROP, step, owner, share)
        if fate.is_translated:
            observation = self._translated(owner, refusal, fate, example, share)
            if observation is not None:
                return observation
        rules = (place_of(step),) if step is not None else places_of_choice(example)
        words = {"drop": "dropped", "reject": "rejected"}.get(fate.verdict, "let through")
        kind = K.NOT_DROPPED if refusal.verdict == "drop" else K.NOT_REJECTED
        if owner is None:
            subject = UNSERVED_PORTS if kind is K.NOT_REJECTED else UNUSED_ADDRESSES
            return self.observer.about(kind, subject, words=words, share=share, rules=rules)
        item = frontend_words(owner)
        return self.observer.of_service(kind, owner, item=item, words=words, share=share, rules=rules)

    def _translated(
        self, owner: Owner | None, refusal: Fate, fate: Fate, example: Outcome, share: Fraction
    ) -> Observation | None:
        """What should be refused is sent somewhere; None if that is an endpoint that others may reach."""
        step = translating_step(example)
        if step is not None and not is_of_service_proxy(step):
            return self.observer.foreign(K.FOREIGN_TRANSLATION, step, owner, share)
        if owner is None:
            return self._stale(fate, example, share)
        if refusal.verdict == "drop" and _is_excluded(owner, self.observer.difference.packet):
            item, rules = frontend_words(owner), places_of_choice(example)
            return self.observer.of_service(K.SOURCE_RANGE_BYPASSED, owner, item=item, share=share, rules=rules)
        if fate.destination is None:
            return None
        is_endpoint = self.observer.declared.role(owner.plan, (), fate.destination) is EndpointRole.LEFT_OUT
        return None if is_endpoint else self.observer.wrong_destination(owner, [], fate, example, share)

    def _instead_of_nothing(self, fate: Fate, example: Outcome, share: Fraction) -> Observation:
        """Packets that no Service should touch."""
        step = refusing_step(example) or translating_step(example) or source_step(example)
        if step is not None and not is_of_service_proxy(step):
            kind = K.FOREIGN_DROP if fate.is_refused else K.FOREIGN_TRANSLATION
            return self.observer.foreign(kind, step, None, share)
        if fate.is_translated:
            return self._stale(fate, example, share)
        rules = (place_of(step),) if step is not None else ()
        kind = K.WRONGLY_REFUSED if fate.is_refused else K.MASQUERADE_WRONG
        words = {"drop": "dropped", "reject": "rejected"}.get(fate.verdict, "")
        return self.observer.about(kind, NO_SERVICE, None, words=words, share=share, rules=rules)

    def _stale(self, fate: Fate, example: Outcome, share: Fraction) -> Observation:
        """A service proxy translates what no frontend is declared for."""
        packet = self.observer.difference.packet
        rules = places_of_choice(example)
        node_port = self.observer.declared.node_port(packet)
        if node_port is not None:
            endpoints = {*node_port.plan.cluster_endpoints, *node_port.plan.local_endpoints}
            if fate.destination in endpoints:
                own = self.observer.declared.is_own_address(self.observer.difference)
                kind = K.NODE_PORT_BEYOND_ADDRESSES if own else K.NODE_PORT_EXPOSED
                # Which address was taken for the node's own says nothing: any other would have done.
                is_assumed = packet.destination in self.observer.difference.local_addresses
                address = "any other address of the node" if is_assumed else packet.destination
                item = f"{address} port {packet.destination_port}/{_protocol(packet)}"
                return self.observer.of_service(kind, node_port, item=item, share=share, rules=rules)
        subject = f"{place_text(packet.destination, packet.destination_port)} {_protocol(packet)}"
        own = self.observer.declared.is_own_address(self.observer.difference)
        if own and not any(packet.destination in place.element for place in rules):
            # One node port, at whichever address of the node it was seen.
            subject = f"node port {packet.destination_port}/{_protocol(packet)}"
        words = _name_in_ruleset(example)
        item = "goes to " + str(fate.destination or fate.destination_choice)
        return self.observer.about(K.SERVICE_STALE, subject, None, item=item, words=words, share=share, rules=rules)


def _is_excluded(owner: Owner, packet: Packet) -> bool:
    """Whether source ranges keep the packet out of the frontend (S40)."""
    sources = owner.frontend.allowed_sources
    return sources is not None and not any(prefix_contains(prefix, packet.source) for prefix in sources)


def _protocol(packet: Packet) -> str:
    return packet.protocol.value if not isinstance(packet.protocol, int) else f"protocol {packet.protocol}"


def _name_in_ruleset(outcome: Outcome) -> str:
    """The Service port that the ruleset itself names on the way, such as ``shop/web:http``; empty if it names none."""
    for step in outcome.steps:
        if found := _NAME_IN_COMMENT.search(step.note):
            return found[1]
        if found := _NAME_IN_CHAIN.fullmatch(step.chain):
            return f"{found[1]}{':' if found[2] else ''}{found[2]}"
    return ""
