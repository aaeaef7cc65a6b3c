"""What `svcc apply` has done, or would do, for people and as a document."""

from __future__ import annotations

from typing import Any, Final

from svcc.apply.applied import Applied, operations_of
from svcc.apply.plan import Plan
from svcc.apply.service_changes import service_port_changes
from svcc.apply.session import Nft
from svcc.cli.output import Talk
from svcc.compiler.compilation import Compilation

__all__ = ["applied_document", "tell_applied", "tell_plan"]

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
    talk.say(f"{verb}: {len(changes)} Service port{'' if len(changes) == 1 else 's'}, {count} operations ({words})")


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


def applied_document(nft: Nft, plan: Plan, applied: Applied, compilation: Compilation) -> dict[str, Any]:
    """The same for programs."""
    changes = service_port_changes(applied.transactions, plan.held, compilation.ruleset)
    return {
        "node": compilation.dataplane.node,
        "nft": nft.name,
        "changed": bool(applied),
        "operations": dict(applied.operations),
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
        "refused": [
            {"namespace": each.service.namespace, "name": each.service.name, "reason": each.words, "place": each.place}
            for each in applied.refused
        ],
        "refusedScript": None if applied.saved is None else str(applied.saved),
        "madeAnew": applied.is_made_anew,
        "seconds": round(applied.seconds, 6),
    }
