"""What `svcc apply` has done, or would do, for people and as a document."""

from __future__ import annotations

from typing import Any, Final

from svcc.apply.applied import Applied, names_in_words, operations_of, touched_names
from svcc.apply.plan import Plan
from svcc.apply.service_changes import service_port_changes
from svcc.apply.session import Nft
from svcc.cli.output import Talk
from svcc.compiler.compilation import Compilation

__all__ = ["applied_document", "planned_document", "tell_applied", "tell_plan"]

_MOST_LINES: Final = 20
"""Of what changes, so many Service ports are named without -v."""


def tell_plan(talk: Talk, plan: Plan, compilation: Compilation, verb: str) -> None:
    """Say which Service ports change, and how many operations that takes."""
    changes = service_port_changes(plan.transactions, plan.held, compilation.ruleset)
    count = sum(operations_of(plan.transactions).values())
    if not count:
        talk.say("nothing to do: the kernel holds what is wanted")
        return
    shown = changes if talk.verbose else changes[:_MOST_LINES]
    for change in shown:
        talk.say(change.words)
    if len(shown) < len(changes):
        talk.say(f"... and {len(changes) - len(shown)} more (-v shows them)")
    words = ", ".join(f"{kind}: {number}" for kind, number in operations_of(plan.transactions).items())
    what = f"{len(changes)} Service port{'' if len(changes) == 1 else 's'}"
    if not changes:
        what = f"no Service port, but {names_in_words(touched_names(plan.transactions))}"
    talk.say(f"{verb}: {what}, {count} operation{'' if count == 1 else 's'} ({words})")


def tell_applied(talk: Talk, nft: Nft, plan: Plan, applied: Applied, compilation: Compilation) -> None:
    """Say what has been done, and what was refused."""
    done = Plan(plan.held, applied.transactions)
    tell_plan(talk, done, compilation, "changed")
    if applied.is_made_anew:
        talk.say("the tables were made anew: what was there could not be changed")
    for refusal in applied.refused:
        place = f" ({refusal.place})" if refusal.place else ""
        talk.error(f"{refusal.service} was left out: nft refused: {refusal.words}{place}")
    if applied.saved is not None:
        talk.always(f"for a bug report, the script that was refused is kept in {applied.saved}")
    talk.detail(f"{nft.name}, {applied.seconds:.2f} s")


def planned_document(nft: Nft, plan: Plan, compilation: Compilation) -> dict[str, Any]:
    """What would be done, for programs: `transactions` are scripts for ``nft -f``."""
    return {
        **_changed_document(nft, plan, compilation),
        "wouldChange": bool(plan.transactions),
        "transactions": [each.script for each in plan.transactions],
    }


def applied_document(
    nft: Nft, plan: Plan, applied: Applied, compilation: Compilation, *, is_kept: bool | None = None
) -> dict[str, Any]:
    """What was done, for programs; `is_kept` says whether a change was confirmed that had to be."""
    return {
        **_changed_document(nft, Plan(plan.held, applied.transactions), compilation),
        "changed": bool(applied) and is_kept is not False,
        **({} if is_kept is None else {"confirmed": is_kept}),
        "refused": [
            {"namespace": each.service.namespace, "name": each.service.name, "reason": each.words, "place": each.place}
            for each in applied.refused
        ],
        "refusedScript": None if applied.saved is None else str(applied.saved),
        "madeAnew": applied.is_made_anew,
        "seconds": round(applied.seconds, 6),
    }


def _changed_document(nft: Nft, plan: Plan, compilation: Compilation) -> dict[str, Any]:
    changes = service_port_changes(plan.transactions, plan.held, compilation.ruleset)
    return {
        "node": compilation.dataplane.node,
        "nft": nft.name,
        "operations": operations_of(plan.transactions),
        "servicePorts": [
            {
                "name": change.name,
                "change": change.kind,
                "frontends": sorted(change.after or change.before),
                "endpointsGained": len(change.gained),
                "endpointsLost": len(change.lost),
            }
            for change in changes
        ],
    }
