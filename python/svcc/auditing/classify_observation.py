"""What is observed of a difference: of one kind each, and of one cause several may be."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Final

from attrs import frozen

from svcc.auditing.classify_blame import is_of_service_proxy, place_of, places_of_choice, stable_rule, translating_step
from svcc.auditing.classify_declared import Declared, EndpointRole, Owner, service_port_words
from svcc.auditing.classify_fates import Fate
from svcc.auditing.difference import Difference
from svcc.auditing.finding import FindingKind, RulePlace
from svcc.select import EndpointAddress
from svcc.trace.evaluator import Outcome, Step

__all__ = ["LEFT_OUT", "REACHES_ITSELF", "REMOTE_ENDPOINTS", "HasEndpoint", "Observation", "Observer"]

HasEndpoint = Callable[[Owner, EndpointAddress], bool]
"""Whether the ruleset has an endpoint among those of a frontend, reached or not."""

K = FindingKind
LEFT_OUT: Final = "endpoints that policies or topology leave out"
REACHES_ITSELF: Final = "endpoints of other nodes that reach themselves by a Service"
"""The cause of differences that no packet shows in practice: the endpoint's own node has translated it before."""
REMOTE_ENDPOINTS: Final = "endpoints of other nodes"
_KIND_OF_ROLE: Final = {
    EndpointRole.LEFT_OUT: K.WRONG_DISTRIBUTION,
    EndpointRole.OTHER_PORT: K.WRONG_PORT,
    EndpointRole.NOT_READY: K.ENDPOINT_STALE,
    EndpointRole.GONE: K.ENDPOINT_STALE,
    EndpointRole.OTHER_SERVICE: K.ENDPOINT_FOREIGN,
    EndpointRole.NO_POD: K.ENDPOINT_FOREIGN,
}


@frozen
class Observation:
    """Something wrong with the packets of one difference.

    Attributes:
        cause: what tells findings of one kind and subject apart, such as the words of a rule.
        item: what the finding lists for it: a frontend, an endpoint.
        words: what happens, for the message.
        share: of the packets, the part it happens to.
    """

    kind: FindingKind
    subject: str
    difference: Difference
    owner: Owner | None = None
    cause: str = ""
    item: str = ""
    words: str = ""
    share: Fraction = Fraction(1)
    rules: tuple[RulePlace, ...] = ()


@frozen
class Observer:
    """Makes the observations of one difference.

    Attributes:
        has_endpoint: None where nobody knows what the ruleset has beside what packets meet.
    """

    difference: Difference
    declared: Declared
    has_endpoint: HasEndpoint | None = None

    def about(
        self,
        kind: FindingKind,
        subject: str,
        owner: Owner | None = None,
        *,
        cause: str = "",
        item: str = "",
        words: str = "",
        share: Fraction = Fraction(1),
        rules: tuple[RulePlace, ...] = (),
    ) -> Observation:
        """An observation about anything."""
        return Observation(kind, subject, self.difference, owner, cause, item, words, share, rules)

    def of_service(
        self,
        kind: FindingKind,
        owner: Owner,
        *,
        item: str,
        cause: str = "",
        words: str = "",
        share: Fraction = Fraction(1),
        rules: tuple[RulePlace, ...] = (),
    ) -> Observation:
        """One about a Service port."""
        subject = service_port_words(owner.plan.name)
        return self.about(kind, subject, owner, cause=cause, item=item, words=words, share=share, rules=rules)

    def foreign(self, kind: FindingKind, step: Step, owner: Owner | None, share: Fraction) -> Observation:
        """One about a rule of no service proxy, whatever Services it does it to."""
        subject = f"table {step.family} {step.table} chain {step.chain}"
        rules = (place_of(step),)
        return self.about(kind, subject, owner, cause=stable_rule(step), words=step.note, share=share, rules=rules)

    def wrong_destination(
        self, owner: Owner, right: list[EndpointAddress], fate: Fate, example: Outcome, share: Fraction
    ) -> Observation:
        """A connection of a Service goes to where it should not; `right` is where it should go."""
        step = translating_step(example)
        if step is not None and not is_of_service_proxy(step):
            return self.foreign(K.FOREIGN_TRANSLATION, step, owner, share)
        rules = places_of_choice(example)
        if fate.destination is None:
            item = fate.destination_choice or ""
            return self.of_service(K.ENDPOINT_FOREIGN, owner, item=item, share=share, rules=rules)
        role = self.declared.role(owner.plan, right, fate.destination)
        cause = LEFT_OUT if role is EndpointRole.LEFT_OUT else ""
        others = self.declared.services_at(fate.destination.address) if role is EndpointRole.OTHER_SERVICE else ()
        item = f"{fate.destination} of {', '.join(others)}" if others else str(fate.destination)
        return self.of_service(
            _KIND_OF_ROLE[role], owner, cause=cause, item=item, words=role.value, share=share, rules=rules
        )
