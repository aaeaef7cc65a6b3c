"""Packets that endpoints of a Service should get: who gets them instead, from which source, or why nobody does."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction

from attrs import define, field

from svcc.auditing.classify_blame import (
    is_of_service_proxy,
    marking_step,
    place_of,
    places_of_choice,
    refusing_step,
    source_step,
    steps_to_refusal,
    translated_addresses,
    translating_step,
    untracking_step,
)
from svcc.auditing.classify_declared import Owner, frontend_words
from svcc.auditing.classify_fates import Fate, Fates, wrong_fates
from svcc.auditing.classify_observation import REACHES_ITSELF, REMOTE_ENDPOINTS, Observation, Observer
from svcc.auditing.finding import FindingKind, RulePlace
from svcc.model.balancing import LoadBalancing
from svcc.select import EndpointAddress
from svcc.trace.evaluator import Outcome

__all__ = ["instead_of_endpoints"]

K = FindingKind


def instead_of_endpoints(observer: Observer, owner: Owner, expected: Fates, found: Fates) -> Iterator[Observation]:
    """What is wrong where packets should go to endpoints, some of them at least, and do not do so."""
    yield from _Deliveries(observer, owner, expected, found).observations()


@define
class _Deliveries:
    """Deliveries that were declared, and what was found.

    Attributes:
        unserved: the share of packets that nothing serves, while others of the same region are served.
        accounted: addresses of endpoints that get nothing for a reason that was told.
    """

    observer: Observer
    owner: Owner
    expected: Fates
    found: Fates
    unserved: Fraction = Fraction(0)
    accounted: set[str] = field(factory=set)

    def observations(self) -> Iterator[Observation]:
        any_of = self.observer.difference.any_of
        wrong = wrong_fates(self.expected, self.found, any_of=any_of)
        told = [observation for fate, share in wrong.items() for observation in self._of_fate(fate, share)]
        lacking = [
            endpoint
            for endpoint in self.expected.destinations
            if not any_of and endpoint not in self.found.destinations and endpoint.address not in self.accounted
        ]
        served = next((self.found.examples[fate] for fate in self.found.chances if fate.is_translated), None)
        rules = places_of_choice(served) if served is not None else ()
        if served is not None and not self._are_all_led_away():
            told += self._lacking(lacking, rules)
        yield from told
        item = frontend_words(self.owner)
        if self.unserved and not lacking:
            yield self.observer.of_service(K.SERVICE_MISSING, self.owner, item=item, share=self.unserved)
        elif not told:
            share = sum(wrong.values(), Fraction(0))
            yield self.observer.of_service(K.WRONG_DISTRIBUTION, self.owner, item=item, share=share, rules=rules)

    def _of_fate(self, fate: Fate, share: Fraction) -> Iterator[Observation]:
        """What is wrong with a fate that is found more often than it should be; nothing, if only that is wrong."""
        right = self.expected.destinations
        example = self.found.examples[fate]
        if fate.is_refused or fate.is_untouched:
            observation = self._unserved(fate, example, share)
            if observation.kind is K.SERVICE_MISSING and any(each in right for each in self.found.destinations):
                self.unserved += share
                return
            self.accounted |= translated_addresses(example)
            yield observation
        elif fate.destination in right:
            if fate not in self.expected.chances:
                yield self._wrong_source(right[fate.destination][0], fate, example, share)
        elif fate.destination not in self._allowed():
            observation = self.observer.wrong_destination(self.owner, list(right), fate, example, share)
            if observation.kind is K.WRONG_PORT and fate.destination is not None:
                self.accounted.add(fate.destination.address)
            yield observation

    def _are_all_led_away(self) -> bool:
        """Whether rules of no service proxy translate whatever is served, which hides what the proxy would do."""
        served = [self.found.examples[fate] for fate in self.found.chances if fate.is_translated]
        steps = [translating_step(outcome) for outcome in served]
        return all(step is not None and not is_of_service_proxy(step) for step in steps)

    def _allowed(self) -> set[EndpointAddress | None]:
        """All endpoints that connections of the frontend may go to, where hashes leave few for each client."""
        right = set(self.expected.destinations)
        decisions = dict.fromkeys((self.owner.frontend.inside, self.owner.frontend.outside))
        sets: list[set[EndpointAddress | None]] = [set(self.owner.plan.endpoints(decision)) for decision in decisions]
        return min((each for each in sets if each >= right), key=len, default=set())

    def _lacking(self, endpoints: list[EndpointAddress], rules: tuple[RulePlace, ...]) -> Iterator[Observation]:
        """Endpoints that get none of the connections they should."""
        hashed = self.owner.plan.balancing.algorithm is LoadBalancing.MAGLEV
        for endpoint in endpoints:
            if self.observer.has_endpoint is None:
                is_there = hashed and not self.unserved
            else:
                is_there = self.observer.has_endpoint(self.owner, endpoint)
            if is_there and hashed:
                continue  # other clients may well get it
            kind = K.ENDPOINT_NEVER_CHOSEN if is_there else K.ENDPOINT_MISSING
            share = sum((self.expected.chances[fate] for fate in self.expected.destinations[endpoint]), Fraction(0))
            yield self.observer.of_service(kind, self.owner, item=str(endpoint), share=share, rules=rules)

    def _unserved(self, fate: Fate, example: Outcome, share: Fraction) -> Observation:
        """A packet that an endpoint should get is refused, or goes on to an address where nobody is."""
        item = frontend_words(self.owner)
        step = refusing_step(example)
        if step is not None and not is_of_service_proxy(step):
            return self.observer.foreign(K.FOREIGN_DROP, step, self.owner, share)
        blamed = step or untracking_step(example)
        rules = (place_of(blamed),) if blamed is not None else ()
        knows = step is None or translating_step(example) is not None
        if fate.is_refused and (knows or _names(self.owner, example)):
            words = "dropped" if fate.verdict == "drop" else "rejected"
            return self.observer.of_service(
                K.WRONGLY_REFUSED, self.owner, item=item, words=words, share=share, rules=rules
            )
        return self.observer.of_service(K.SERVICE_MISSING, self.owner, item=item, share=share, rules=rules)

    def _wrong_source(self, right: Fate, fate: Fate, example: Outcome, share: Fraction) -> Observation:
        """The right endpoint gets the connection, from a source that is not right."""
        mark = marking_step(example)
        if mark is not None:
            return self.observer.foreign(K.FOREIGN_MARK, mark, self.owner, share)
        step = source_step(example)
        if step is not None and not is_of_service_proxy(step):
            return self.observer.foreign(K.FOREIGN_TRANSLATION, step, self.owner, share)
        item = frontend_words(self.owner)
        packet = self.observer.difference.packet
        is_hairpin = fate.destination is not None and fate.destination.address == packet.source
        if right.source and not fate.source:
            kind = K.HAIRPIN_NOT_MASQUERADED if is_hairpin else K.MASQUERADE_MISSING
            return self.observer.of_service(kind, self.owner, item=item, share=share, rules=places_of_choice(example))
        rules = (place_of(step),) if step is not None else ()
        if is_hairpin and fate.source == "masquerade" and not right.source:
            # Only local endpoints are owed it, so this one is on another node, as kube-proxy up to 1.35 does it.
            return self.observer.about(
                K.MASQUERADE_WRONG, REMOTE_ENDPOINTS, self.owner, cause=REACHES_ITSELF, share=share, rules=rules
            )
        return self.observer.of_service(K.MASQUERADE_WRONG, self.owner, item=item, share=share, rules=rules)


def _names(owner: Owner, outcome: Outcome) -> bool:
    """Whether what led to the refusal is about this frontend, not about its address or about all Services."""
    port = re.compile(rf"(?<![\w.:]){owner.frontend.port}(?![\w.:])")
    address = owner.frontend.address
    place = re.compile(rf"(?<![\w.:]){re.escape(address)}(?![\w.:])") if address else None
    return any(
        port.search(text) and (place is None or place.search(text))
        for step in steps_to_refusal(outcome)
        for text in (step.note, step.rule)
    )
