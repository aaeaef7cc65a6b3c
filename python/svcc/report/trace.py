"""What becomes of a packet, as text for people."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from fractions import Fraction
from itertools import groupby

from svcc.fields import printable
from svcc.report.causes import Cause, Causes
from svcc.report.tables import table
from svcc.trace.evaluator import Evaluation, Outcome, Step
from svcc.trace.expectation import destination_of, kind_of
from svcc.trace.notation import place_text, protocol_text
from svcc.trace.packet import Packet

__all__ = ["outcome_text", "packet_text", "percentage", "trace_lines", "trace_summary"]

_WORDS = {"drop": "dropped", "unknown": "unknown"}


def percentage(share: Fraction) -> str:
    """A share as a percentage: exact where two digits behind the point are, else rounded, with the fraction.

    >>> percentage(Fraction(1, 4)), percentage(Fraction(1, 3))
    ('25%', '33.33% (1/3)')
    """
    percent = share * 100
    if (percent * 100).denominator == 1:
        return f"{float(percent):.10g}%"
    return f"{float(percent):.2f}% ({share})"


def packet_text(packet: Packet) -> str:
    """A packet in people's notation."""
    source = place_text(packet.source, packet.source_port)
    return f"{protocol_text(packet)} {source} > {place_text(packet.destination, packet.destination_port)}"


def outcome_text(outcome: Outcome, packet: Packet) -> str:
    """What becomes of a packet, in a few words."""
    kind = kind_of(outcome)
    if kind == "reject":
        return f"rejected with {outcome.reject_with}" if outcome.reject_with else "rejected"
    if kind not in ("dnat", "accept"):
        return _WORDS[kind]
    address, port = destination_of(outcome, packet)
    place = place_text(address, port) if address else f"one of {outcome.destination_choice}"
    if outcome.masquerade:
        client = ", masqueraded"
    elif outcome.source or outcome.source_choice:
        client = f", from {outcome.source or outcome.source_choice}"
    else:
        client = ", client address kept" if kind == "dnat" else ""
    return f"goes to {place}{client}" if kind == "dnat" else f"untouched, goes to {place}{client}"


def trace_summary(packet: Packet, evaluation: Evaluation) -> str:
    """A packet and its outcomes on one line, with its end."""
    outcomes = (f"{percentage(item.probability)} {outcome_text(item, packet)}" for item in evaluation.outcomes)
    return f"{printable(packet_text(packet))}: {'; '.join(outcomes)}\n"


def trace_lines(packet: Packet, evaluation: Evaluation, causes: Causes | None) -> Iterator[str]:
    """The report, line by line, each with its end: the outcomes, then the way to them step by step.

    Outcomes whose steps differ in what a map held only are shown once.
    """
    for line in _lines(packet, evaluation, causes):
        yield f"{printable(line)}\n"


def _lines(packet: Packet, evaluation: Evaluation, causes: Causes | None) -> Iterator[str]:
    way = "sent by the node itself" if packet.hook == "output" else "arriving at the node"
    interface = f" by {packet.input_interface}" if packet.input_interface else ""
    yield f"{packet_text(packet)}, {way}{interface}"
    service = causes.service(packet) if causes else None
    if service is not None:
        yield f"  {service}"
    yield ""
    yield from table(
        ["CHANCE", "OUTCOME", "ENDPOINT", "WHY NOT KNOWN"], (_row(packet, item, causes) for item in evaluation.outcomes)
    )
    for number, (_rules, alike) in enumerate(groupby(evaluation.outcomes, key=_rules_of)):
        outcomes = list(alike)
        yield ""
        more = f", and {len(outcomes) - 1} more alike" if len(outcomes) > 1 else ""
        heading = "WAY TO" if not number else "OTHER WAY TO"
        yield f"{heading} {_title(outcomes[0], packet)}{more}"
        yield from _way(packet, outcomes[0], causes)


def _title(outcome: Outcome, packet: Packet) -> str:
    return outcome_text(outcome, packet).removeprefix("goes to ")


def _row(packet: Packet, outcome: Outcome, causes: Causes | None) -> tuple[str, str, str, str]:
    endpoint = causes.endpoint(packet, outcome) if causes else None
    return (
        percentage(outcome.probability),
        outcome_text(outcome, packet),
        str(endpoint or ""),
        "; ".join(outcome.reasons),
    )


def _rules_of(outcome: Outcome) -> tuple[tuple[str, str, str, str, str], ...]:
    return tuple((step.hook, step.family, step.table, step.chain, step.rule) for step in outcome.steps)


def _way(packet: Packet, outcome: Outcome, causes: Causes | None) -> Iterator[str]:
    tables = {(step.family, step.table) for step in outcome.steps}
    place = ""
    for _rule, group in groupby(
        outcome.steps, key=lambda step: (step.hook, step.family, step.table, step.chain, step.rule)
    ):
        steps = list(group)
        here = f"{steps[0].hook}: {_chain(steps[0], tables)}"
        if here != place:
            yield f"  {here}"
            place = here
        if steps[0].rule:
            yield f"    {steps[0].rule}"
        told: Cause | None = None
        for step in steps:
            cause = causes.of_step(packet, outcome, step) if causes else None
            # A rule says itself what it does with every packet; the note is for what it did with this one.
            note = "" if step.rule.endswith(step.note) else step.note
            if note:
                yield f"      {note}" + (f"  <- {cause}" if cause and cause != told else "")
            elif cause and cause != told:
                yield f"      <- {cause}"
            told = cause or told


def _chain(step: Step, tables: Collection[tuple[str, str]]) -> str:
    return step.chain if len(tables) == 1 else f"{step.family} {step.table} {step.chain}"
