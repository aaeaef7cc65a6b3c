"""The way of a finding's packet through the hooks of the node, and the rule on it that decided."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

from attrs import frozen

from svcc.auditing.finding import Finding, Witness
from svcc.report.audit_words import fates
from svcc.report.trace import outcome_text
from svcc.trace.evaluator import Outcome, Step

__all__ = ["Chain", "Hook", "Passage", "telling", "way"]


@frozen
class Passage:
    """A rule that a packet met, with all it did; without a rule, the policy of the chain.

    Attributes:
        decided: this made the outcome what it is, or is to blame for it where the packet is let through.
    """

    rule: str
    handle: int | None
    notes: tuple[str, ...]
    decided: bool


@frozen
class Chain:
    """A chain on the way, as often as the packet comes by."""

    family: str
    table: str
    name: str
    passages: tuple[Passage, ...]


@frozen
class Hook:
    """A hook on the way where rules did something."""

    name: str
    chains: tuple[Chain, ...]


def telling(finding: Finding) -> Outcome | None:
    """The found outcome that shows what is wrong: one that was not expected, and that a rule to blame leads to."""
    witness = finding.witness
    if witness is None or not witness.found:
        return None
    differing = {fate.text for fate in fates(witness) if fate.difference != "as expected"}
    return max(
        witness.found,
        key=lambda outcome: (
            _blamed(finding, outcome.steps) is not None,
            outcome_text(outcome, witness.packet) in differing,
            bool(outcome.steps),
            outcome.probability,
        ),
    )


def way(finding: Finding, witness: Witness, outcome: Outcome) -> Iterator[Hook]:
    """The way to an outcome, from the first hook to the last."""
    decided = _decisive(finding, outcome) if outcome in witness.found else None
    numbered = list(enumerate(outcome.steps))
    for hook, at_hook in groupby(numbered, key=lambda item: item[1].hook):
        chains = []
        for (family, table, chain), in_chain in groupby(
            at_hook, key=lambda item: (item[1].family, item[1].table, item[1].chain)
        ):
            passages = tuple(
                _passage([step for _number, step in steps], decided in {number for number, _step in steps})
                for steps in (
                    list(group) for _rule, group in groupby(in_chain, key=lambda item: (item[1].handle, item[1].rule))
                )
            )
            chains.append(Chain(family, table, chain, passages))
        yield Hook(hook, tuple(chains))


def _passage(steps: Sequence[Step], decided: bool) -> Passage:  # noqa: FBT001  (an attribute of what is made)
    first = steps[0]
    # A rule says itself what it does with every packet; the notes are for what it did with this one.
    notes = (step.note for step in steps if step.note and not (step.rule and step.rule.endswith(step.note)))
    return Passage(first.rule, first.handle, tuple(dict.fromkeys(notes)), decided)


def _decisive(finding: Finding, outcome: Outcome) -> int | None:
    """The number of the step that decided: the last one for what goes no further, else a rule to blame on the way.

    Where no rule is to blame, the translation decides where a packet goes.
    """
    if not outcome.steps:
        return None
    if outcome.verdict != "accept":
        return len(outcome.steps) - 1
    blamed = _blamed(finding, outcome.steps)
    if blamed is not None:
        return blamed
    translations = (number for number, step in enumerate(outcome.steps) if step.note.startswith(("dnat", "redirect")))
    return next(translations, None)


def _blamed(finding: Finding, steps: Sequence[Step]) -> int | None:
    for place in finding.rules:
        for number, step in reversed(list(enumerate(steps))):
            if (step.family, step.table, step.chain) != (place.family, place.table, place.chain) or not place.rule:
                continue
            if step.rule == place.rule and place.handle in {None, step.handle}:
                return number
    return None
