"""Which rule did it: the steps that translate, mark and refuse a packet, and whether they are a service proxy's."""

from __future__ import annotations

import re
from typing import Final

from svcc.auditing.finding import RulePlace
from svcc.compiler.layout import TABLE
from svcc.trace.evaluator import Outcome, Step

__all__ = [
    "is_of_service_proxy",
    "marking_step",
    "place_of",
    "places_of_choice",
    "refusing_step",
    "source_step",
    "stable_rule",
    "steps_to_refusal",
    "translated_addresses",
    "translating_step",
    "untracking_step",
]

_PROXY_TABLES: Final = frozenset({TABLE, "kube-proxy"})
_PROXY_CHAIN: Final = "KUBE-"
"""What kube-proxy's chains begin with in its iptables mode, in tables that it shares with everybody."""
_FOUND: Final = re.compile(r'(?P<key>.+?)(?: "[^"]*")? is in (?P<set>\S+)')
_COUNTER: Final = re.compile(r'\{"counter":\{[^{}]*\}\}|counter packets \d+ bytes \d+')
_DESTINATION: Final = re.compile(r"dnat to (?:\[(\S+)\]:\d+|([\d.]+|[\da-f:]+$))")
_TRANSLATES: Final = ("dnat to ", "redirect")
_EQUALS: Final = re.compile(r" == (?!0x)")
_UNTRACKED: Final = "its connection is not tracked"
_SOURCES: Final = ("masquerade", "snat to ")


def is_of_service_proxy(step: Step) -> bool:
    """Whether a step is of svcc or kube-proxy (of its nftables mode, or a chain of its iptables mode)."""
    return step.table in _PROXY_TABLES or step.chain.startswith(_PROXY_CHAIN)


def refusing_step(outcome: Outcome) -> Step | None:
    """The rule or policy that drops or rejects; None of outcomes that go on, or without steps."""
    return outcome.steps[-1] if outcome.verdict in {"drop", "reject"} and outcome.steps else None


def steps_to_refusal(outcome: Outcome) -> tuple[Step, ...]:
    """The rule that refuses, and those that led to its chain with what they found, the last first."""
    if not outcome.steps:
        return ()
    found = [outcome.steps[-1]]
    for step in reversed(outcome.steps[:-1]):
        here = found[-1]
        leads_here = step.hook == here.hook and step.note in {f"jump {here.chain}", f"goto {here.chain}"}
        if leads_here or (step.hook, step.chain, step.rule) == (here.hook, here.chain, here.rule):
            found.append(step)
    return tuple(found)


def translating_step(outcome: Outcome) -> Step | None:
    """The rule that gives the destination."""
    return _last(outcome, _TRANSLATES)


def translated_addresses(outcome: Outcome) -> set[str]:
    """The addresses that rules on the way give as destinations, which an outcome that is refused does not tell."""
    notes = (step.note for step in outcome.steps)
    return {found[1] or found[2] for note in notes if (found := _DESTINATION.match(note))}


def source_step(outcome: Outcome) -> Step | None:
    """The rule that changes the source, as masquerading does."""
    return _last(outcome, _SOURCES)


def marking_step(outcome: Outcome) -> Step | None:
    """The last rule of no service proxy that changes the mark, which carries the decision to masquerade (S32)."""
    for step in reversed(outcome.steps):
        if step.note.startswith("mark becomes ") and not is_of_service_proxy(step):
            return step
    return None


def untracking_step(outcome: Outcome) -> Step | None:
    """The rule that keeps conntrack from the packet, so that no rule translates it."""
    return next((step for step in outcome.steps if step.note == _UNTRACKED), None)


def _last(outcome: Outcome, beginnings: tuple[str, ...]) -> Step | None:
    return next((step for step in reversed(outcome.steps) if step.note.startswith(beginnings)), None)


def place_of(step: Step, element: str = "") -> RulePlace:
    """Where a step's rule stands."""
    return RulePlace(step.family, step.table, step.chain, step.handle, step.rule, element)


def places_of_choice(outcome: Outcome) -> tuple[RulePlace, ...]:
    """The rule that translates with the element it found, and the element that led to its chain."""
    step = translating_step(outcome)
    if step is None:
        return ()
    own, others = "", ""
    led_here = step
    for each in outcome.steps:
        if each.hook == step.hook and (found := _FOUND.fullmatch(each.note)):
            element = f"{found['set']}: {found['key']}"
            if (each.chain, each.rule) == (step.chain, step.rule):
                own = element
            elif "map @" in each.rule and (not others or (each.chain, each.rule) != (led_here.chain, led_here.rule)):
                # Of two lookups in a rule the first is by the frontend, and the second by what that one holds.
                others, led_here = element, each
    places = [place_of(step, own)]
    if others:
        places.append(place_of(led_here, others))
    return tuple(places)


def stable_rule(step: Step) -> str:
    """The words of a rule without what changes from dump to dump: counters, and ``==``, which nft's text leaves out."""
    return _EQUALS.sub(" ", _COUNTER.sub("counter", step.rule)) if step.rule else step.note
