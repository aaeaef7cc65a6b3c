"""What becomes of a packet, as a JSON value for programs (`svcc trace -o json`)."""

from __future__ import annotations

from typing import Any

from svcc.report.trace import outcome_text
from svcc.trace.evaluator import Evaluation, Outcome
from svcc.trace.expectation import destination_of, kind_of, kinds_of, overall_verdict
from svcc.trace.packet import Packet

__all__ = ["outcome_document", "trace_document"]


def trace_document(packet: Packet, evaluation: Evaluation, *, steps: bool = False) -> dict[str, Any]:
    """One value for one packet.

    `verdict` is ``dnat`` where every outcome is a rewritten destination, ``accept`` where the destination is left
    alone, ``drop``, ``reject``, ``unknown`` where any outcome is, and else ``mixed``; then `probabilities` holds the
    share of each. `endpoints` holds the rewritten destinations with their probabilities, which add up to less than 1
    where not every outcome is one; the `address` is null where the kernel chooses it. `reason` names the rule that
    drops or rejects, if the evaluation has steps, and what would have to be known of an unknown outcome.
    """
    verdict = overall_verdict(evaluation)
    document: dict[str, Any] = {"verdict": verdict, "endpoints": _endpoints(packet, evaluation)}
    kinds = kinds_of(evaluation)
    if len(kinds) > 1:
        document["probabilities"] = {kind: float(share) for kind, share in kinds.items()}
    rejections = {outcome.reject_with for outcome in evaluation.outcomes if outcome.verdict == "reject"}
    document["reject_with"] = ", ".join(sorted(filter(None, rejections))) or None
    reasons = dict.fromkeys(
        reason for outcome in evaluation.outcomes for reason in (*outcome.reasons, *_refusal(outcome))
    )
    document["reason"] = "; ".join(reasons) or None
    untouched = [outcome for outcome in evaluation.outcomes if kind_of(outcome) == "accept"]
    if any(outcome.masquerade or outcome.source or outcome.source_choice for outcome in untouched):
        document["masquerade"] = True
    if steps:
        document["outcomes"] = [outcome_document(packet, outcome) for outcome in evaluation.outcomes]
    return document


def _refusal(outcome: Outcome) -> list[str]:
    """The rule that drops or rejects, if the steps are known."""
    if outcome.verdict not in {"drop", "reject"} or not outcome.steps:
        return []
    step = outcome.steps[-1]
    return [f"`{step.rule or step.note}` (table {step.family} {step.table}, chain {step.chain})"]


def _endpoints(packet: Packet, evaluation: Evaluation) -> list[dict[str, Any]]:
    shares: dict[tuple[str | None, int | None, bool], Any] = {}
    for outcome in evaluation.outcomes:
        if kind_of(outcome) == "dnat":
            key = (*destination_of(outcome, packet), outcome.masquerade)
            shares[key] = shares.get(key, 0) + outcome.probability
    return [
        {"address": address, "port": port, "probability": float(share), "masquerade": masquerade}
        for (address, port, masquerade), share in shares.items()
    ]


def outcome_document(packet: Packet, outcome: Outcome) -> dict[str, Any]:
    """One of the outcomes of a packet, with its way if it is known."""
    return {
        "verdict": kind_of(outcome),
        "text": outcome_text(outcome, packet),
        "probability": float(outcome.probability),
        "share": str(outcome.probability),
        "address": outcome.address,
        "port": outcome.port,
        "masquerade": outcome.masquerade,
        "source": outcome.source,
        "destinationChoice": outcome.destination_choice,
        "sourceChoice": outcome.source_choice,
        "mark": outcome.mark,
        "reasons": list(outcome.reasons),
        "steps": [
            {
                "hook": step.hook,
                "family": step.family,
                "table": step.table,
                "chain": step.chain,
                "handle": step.handle,
                "rule": step.rule,
                "note": step.note,
            }
            for step in outcome.steps
        ],
    }
